// The files beside a tokenizer's vocabulary: tokenizer_config.json, special_tokens_map.json, added_tokens.json.
#pragma once

#include <string>
#include <vector>

#include "text/tokenizers/tokenizer_json.h"

namespace roux::text {

/// What the files of a folder say, as far as it is asked for here; what they do not say is empty.
struct TokenizerConfig {
  std::string tokenizer_class;             ///< as the files name it: "BertTokenizer"
  TokenizerOverrides overrides;            ///< with the added tokens that have ids
  TokenizerDefaults defaults;              ///< names of special tokens, lengths, sides
  std::vector<AddedToken> special_tokens;  ///< those that are named; they have no ids
};

/// Reads those of the three files that are there. Throws on bad JSON and on fields of another type.
TokenizerConfig read_tokenizer_config(const std::string& folder);

/// Writes tokenizer_config.json and special_tokens_map.json for a WordPiece or BPE tokenizer.
void write_tokenizer_config(const Tokenizer& tokenizer, const std::string& folder);

}  // namespace roux::text
