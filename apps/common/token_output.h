// Encodes blocks of texts and writes what came of them: ids alone, a few lines a text, or JSON.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizers/tokenizer.h"

namespace roux::apps {

enum class TokenForm {
  lines,  ///< tokens, ids and mask, each on a line, and type ids for pairs
  ids,    ///< the ids, separated by spaces, on one line
  json,   ///< one JSON object on one line
  count,  ///< nothing
};

struct TokenOutputOptions {
  text::EncodeOptions encode;
  TokenForm form = TokenForm::lines;
  bool is_pair = false;         ///< texts hold two, with a tab between
  bool refuse_invalid = false;  ///< throw on invalid UTF-8 instead of replacing it
  bool pads = false;            ///< to `padded_length`, or where that is 0 to the longest of a block
  int64_t padded_length = 0;
};

/// How much was encoded so far.
struct EncodedCounts {
  int64_t texts = 0;
  int64_t tokens = 0;
  double seconds = 0;  ///< of encoding, and where ids are printed of making their text
};

/// Two texts after the other as one with a tab between; one that has a tab already is a pair. Throws when the second is
/// missing.
std::vector<std::string> pairs_of(const std::vector<std::string>& texts);

/// Encodes blocks of texts in parallel and writes them to standard output in order.
class TokenWriter {
 public:
  /// `tokenizer` must live as long.
  TokenWriter(const text::Tokenizer& tokenizer, const TokenOutputOptions& options);
  ~TokenWriter();
  TokenWriter(const TokenWriter&) = delete;
  TokenWriter& operator=(const TokenWriter&) = delete;

  /// Writes one block. Errors give the number of a text among those of all blocks, from 1.
  void write(const std::vector<std::string_view>& texts);
  const EncodedCounts& counts() const { return counts_; }

 private:
  struct Chunk;
  class Digits;

  void write_ids(const std::vector<std::string_view>& texts);
  void encode_ids(std::span<const std::string_view> texts, Chunk& chunk) const;
  void write_encodings(const std::vector<std::string_view>& texts);

  const text::Tokenizer& tokenizer_;
  const TokenOutputOptions options_;
  const bool ids_alone_;
  const std::unique_ptr<const Digits> digits_;
  std::vector<Chunk> chunks_;  // memory that blocks share
  EncodedCounts counts_;
};

}  // namespace roux::apps
