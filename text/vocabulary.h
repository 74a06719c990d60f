// Word vocabularies: from tokens to ids and back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/string_table.h"

namespace roux::text {

/// How often each distinct token was met.
class TokenCounts {
 public:
  /// Counts a token as met `count` times more.
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

/// A token that stands for something beside the text, and its id.
struct SpecialToken {
  std::string token;  ///< as users write it: "<pad>"
  int32_t id;         ///< where the vocabulary has it

  bool operator==(const SpecialToken&) const = default;
};

/// Which counted tokens get ids, and what else does.
///
/// As in the course, `<pad>` 0 and words from 1, those that are not there left out: {.unk = std::nullopt}. With marks
/// for sequences:
///
///     {.pad = SpecialToken{"<PAD>", 0}, .unk = SpecialToken{"<UNK>", 1},
///      .others = {{"<START>", 2}, {"<END>", 3}, {"<CLS>", 4}, {"<SEP>", 5}}}
struct VocabularyOptions {
  int64_t min_count = 1;  ///< tokens met fewer times are left out
  int64_t max_size = 0;   ///< ids at most, special ones included: the least frequent tokens are left out; 0: no limit
  std::optional<SpecialToken> pad = SpecialToken{"<pad>", 0};  ///< what fills batches up
  std::optional<SpecialToken> unk = SpecialToken{"<unk>", 1};  ///< what stands for tokens that have no id
  std::vector<SpecialToken> others = {};                       ///< special tokens besides padding and unknown
};

/// Tokens with ids: the special ones where the options put them, by default `<pad>` 0 and `<unk>` 1, and in the ids
/// that are free, the tokens that were counted, the most frequent first and equals in the order they were first met.
/// That order is stable, and the rows of a table that are used most lie together in memory.
class Vocabulary {
 public:
  // The ids of the special tokens where the options do not say otherwise.
  static constexpr int32_t pad = 0;  ///< the id of padding
  static constexpr int32_t unk = 1;  ///< the id of unknown words

  /// `<pad>` and `<unk>` alone.
  Vocabulary();
  /// The tokens counted at least `min_count` times. A counted token that reads like a special token is that special
  /// token. Throws if min_count < 1.
  explicit Vocabulary(const TokenCounts& counts, int64_t min_count = 1);
  /// The same with all choices. Throws as well when special tokens share a text or an id, have one below 0 or one that
  /// would leave ids without a token, or do not fit into max_size.
  Vocabulary(const TokenCounts& counts, const VocabularyOptions& options);

  /// The id of a token; for one that is not there the id of the unknown token, or -1 in a vocabulary without: such
  /// tokens are to be left out.
  int32_t id(std::string_view token) const {
    const int32_t number = tokens_.find(token);
    return number < 0 ? unk_id_ : number;
  }
  /// Whether it has an id of its own.
  bool contains(std::string_view token) const { return tokens_.find(token) >= 0; }
  /// The token of an id; throws unless 0 <= id < size().
  std::string_view token(int32_t id) const { return tokens_[id]; }
  /// The number of ids, the special ones included.
  int64_t size() const { return tokens_.size(); }

  /// The id of the token for padding and of the unknown token; -1 where there is none.
  int32_t pad_id() const { return pad_id_; }
  int32_t unk_id() const { return unk_id_; }
  /// The ids of all special tokens, rising.
  const std::vector<int32_t>& special_ids() const { return special_ids_; }
  /// Whether one of them is `id`.
  bool is_special(int32_t id) const;

  /// The share of what was counted that has no id of its own, in [0, 1]; 0 when nothing was counted. The unknown token
  /// itself, met in a text, is known.
  double unknown_rate(const TokenCounts& counts) const;

  /// One token a line, in the order of ids, escaped as `StringTable::to_lines` says; unless `<pad>` 0 and `<unk>` 1 are
  /// the special tokens, a line before them tells their ids. The file is replaced as a whole.
  void save(const std::string& path) const;
  /// Throws when the file is missing or damaged, or tells nothing of special tokens and does not begin with `<pad>` and
  /// `<unk>`.
  static Vocabulary load(const std::string& path);

  /// The bytes of `save`, and a vocabulary from them; `source` names them in errors.
  std::string to_lines() const;
  static Vocabulary from_lines(std::string_view bytes, const std::string& source);

 private:
  bool has_usual_specials() const;
  void read_specials(std::string_view line, const std::string& source);

  StringTable tokens_;
  int32_t pad_id_ = pad;
  int32_t unk_id_ = unk;
  std::vector<int32_t> special_ids_{pad, unk};
};

}  // namespace roux::text
