// tokenizer.json, the file of Hugging Face's tokenizers: from a tokenizer and back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "text/tokenizers/tokenizer.h"

namespace roux::text {

/// What tokenizer_config.json says beside tokenizer.json and over it, as transformers reads the two.
struct TokenizerOverrides {
  std::optional<bool> lowercase;             ///< as in WordPieceOptions
  std::optional<bool> strip_accents;         ///< as in WordPieceOptions
  std::optional<bool> handle_chinese_chars;  ///< as in WordPieceOptions
  std::optional<bool> add_prefix_space;      ///< as in BpeOptions
  std::vector<AddedToken> added_tokens;      ///< those whose content is not there yet are added
};

/// Models WordPiece (BertNormalizer or none, BertPreTokenizer) and BPE (ByteLevel); post-processors TemplateProcessing,
/// BertProcessing, RobertaProcessing, ByteLevel and a Sequence of them; decoders WordPiece, ByteLevel, none.
/// Sections `truncation` and `padding` become `Tokenizer::defaults()`. Throws, naming `source` and the place, on bad
/// JSON, ids that are missing or there twice, and on whatever asks for what is not done here.
std::unique_ptr<Tokenizer> parse_tokenizer_json(std::string_view json, const std::string& source,
                                                const TokenizerOverrides& overrides = {});

/// The reverse, for a WordPieceTokenizer or a BpeTokenizer; other kinds throw.
std::string to_tokenizer_json(const Tokenizer& tokenizer);

/// Word and character tokenizers in a form of our own, `{"format": "roux word tokenizer", ...}`, and back.
std::string to_own_json(const Tokenizer& tokenizer);
std::unique_ptr<Tokenizer> parse_own_json(std::string_view json, const std::string& source);
/// Whether `json` has the form that `to_own_json` writes.
bool is_own_json(std::string_view json);

}  // namespace roux::text
