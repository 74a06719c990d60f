// Encodes blocks of texts and writes what came of them: ids alone, a few lines a text, or JSON.
#pragma once

#include <cstdint>
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
  double seconds = 0;  ///< of encoding alone
};

/// Encodes `texts` in parallel and writes them to standard output in order. The first of them is number `counts.texts`
/// + 1 in errors.
void write_tokens(const text::Tokenizer& tokenizer, const std::vector<std::string_view>& texts,
                  const TokenOutputOptions& options, EncodedCounts& counts);

}  // namespace roux::apps
