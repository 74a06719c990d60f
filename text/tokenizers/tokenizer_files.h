// Tokenizers from folders and files as users have them, and back.
#pragma once

#include <memory>
#include <string>

#include "text/tokenizers/tokenizer.h"

namespace roux::text {

/// Loads a tokenizer from a file or from a model's folder. A file that begins with `{` or is called .json is a
/// tokenizer.json or our own JSON of word and character tokenizers, any other a vocab.txt. Of a folder, the first of
/// these counts:
///
/// - roux_tokenizer.json, our own;
/// - tokenizer.json;
/// - vocab.txt: WordPiece as BERT has it;
/// - vocab.json and merges.txt: byte-level BPE as GPT-2 has it, or RoBERTa where tokenizer_class says so;
///
/// and beside them tokenizer_config.json (do_lower_case, strip_accents, tokenize_chinese_chars, add_prefix_space,
/// added_tokens_decoder, names of special tokens, model_max_length, padding_side, truncation_side; a tokenizer_class
/// that is not known is an error), special_tokens_map.json and added_tokens.json. A vocab.txt by itself is read as
/// bert-base-uncased is. Throws an Error that names the file and the place in it.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path);

/// Writes a tokenizer into a folder, which is made where it is missing: tokenizer.json, vocab.txt or vocab.json and
/// merges.txt, tokenizer_config.json and special_tokens_map.json, which Hugging Face's tokenizers and transformers
/// load; word and character tokenizers as roux_tokenizer.json. Each file is replaced as a whole; those of a tokenizer
/// that was there before and would be read in the place of the new one or beside it are removed. A vocabulary with a
/// token that ends in white space or has a line feed gets no vocab.txt, which could not hold it.
void save_tokenizer(const Tokenizer& tokenizer, const std::string& folder);

}  // namespace roux::text
