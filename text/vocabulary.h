// Word vocabularies: from tokens to ids and back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/string_table.h"

namespace roux::text {

/// How often each distinct token was met.
class TokenCounts {
 public:
  void add(std::string_view token, int64_t count = 1) { add(token, fnv1a(token), count); }
  /// The same for callers that have `fnv1a(token)` already.
  void add(std::string_view token, uint64_t hash, int64_t count);

  /// The distinct tokens in the order they were first met.
  const StringTable& tokens() const { return tokens_; }
  /// How often token `number` of `tokens()` was met; throws unless 0 <= number < tokens().size().
  int64_t count(int32_t number) const;

  /// The tokens met at least `min_count` times: the most frequent first, equals in the order they were first met.
  std::vector<int32_t> by_count(int64_t min_count) const;

 private:
  StringTable tokens_;
  std::vector<int64_t> counts_;
};

/// Tokens with ids: `<pad>` 0, `<unk>` 1, then the tokens that were counted, the most frequent first and equals in the
/// order they were first met. That order is stable, and the rows of a table that are used most lie together in memory.
class Vocabulary {
 public:
  static constexpr int32_t pad = 0;
  static constexpr int32_t unk = 1;

  /// `<pad>` and `<unk>` alone.
  Vocabulary();
  /// The tokens counted at least `min_count` times. A counted token that reads `<pad>` or `<unk>` is that special
  /// token. Throws if min_count < 1.
  explicit Vocabulary(const TokenCounts& counts, int64_t min_count = 1);

  /// The id of a token; `unk` for one that is not there.
  int32_t id(std::string_view token) const {
    const int32_t number = tokens_.find(token);
    return number < 0 ? unk : number;
  }
  bool contains(std::string_view token) const { return tokens_.find(token) >= 0; }
  /// The token of an id; throws unless 0 <= id < size().
  std::string_view token(int32_t id) const { return tokens_[id]; }
  /// The number of ids, the special ones included.
  int64_t size() const { return tokens_.size(); }

  /// One token a line, in the order of ids, escaped as `StringTable::to_lines` says; the file is replaced as a whole.
  void save(const std::string& path) const;
  /// Throws when the file is missing or damaged or does not begin with `<pad>` and `<unk>`.
  static Vocabulary load(const std::string& path);

  /// The bytes of `save`, and a vocabulary from them; `source` names them in errors.
  std::string to_lines() const { return tokens_.to_lines(); }
  static Vocabulary from_lines(std::string_view bytes, const std::string& source);

 private:
  StringTable tokens_;
};

}  // namespace roux::text
