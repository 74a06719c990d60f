// WordPiece around its inner loop: vocabulary, texts that have to be normalised first, decoding.
#include "text/tokenizers/wordpiece.h"

#include <array>
#include <utility>

#include "tensor/error.h"

namespace roux::text {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

/// The replacements of BERT's clean_up_tokenization, in their order, within one token and the space before it.
void clean_up(std::string& token) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 11> replacements = {{{" .", "."},
                                                                                           {" ?", "?"},
                                                                                           {" !", "!"},
                                                                                           {" ,", ","},
                                                                                           {" ' ", "'"},
                                                                                           {" n't", "n't"},
                                                                                           {" 'm", "'m"},
                                                                                           {" do not", " don't"},
                                                                                           {" 's", "'s"},
                                                                                           {" 've", "'ve"},
                                                                                           {" 're", "'re"}}};
  for (const auto& [from, to] : replacements) replace_all(token, from, to);
}

}  // namespace

WordPieceTokenizer::WordPieceTokenizer(std::vector<std::string> vocabulary, WordPieceOptions options,
                                       AddedTokens added_tokens, PostProcessor post_processor)
    : Tokenizer(std::move(added_tokens), std::move(post_processor)),
      vocabulary_(std::move(vocabulary)),
      options_(std::move(options)),
      normalizer_({.clean_text = options_.clean_text,
                   .handle_chinese_chars = options_.handle_chinese_chars,
                   .strip_accents = options_.strip_accents,
                   .lowercase = options_.lowercase}),
      matcher_(vocabulary_, options_.continuing_subword_prefix) {
  ROUX_CHECK(options_.max_input_chars_per_word >= 0, "WordPieceTokenizer", "max_input_chars_per_word is ",
             options_.max_input_chars_per_word, "; expected 0 or more");
  tokens_.reserve(static_cast<int64_t>(vocabulary_.size()));
  ids_of_numbers_.resize(vocabulary_.size());
  piece_bytes_.reserve(vocabulary_.size());
  for (const std::string& token : vocabulary_) {
    const auto id = static_cast<int32_t>(piece_bytes_.size());
    if (!token.empty()) ids_of_numbers_[static_cast<size_t>(tokens_.insert(token))] = id;
    piece_bytes_.push_back(static_cast<int32_t>(token.size()));
  }
  unknown_ = model_token_to_id(options_.unk_token).value_or(-1);
  table_ = std::make_unique<WordPieceTable>(table_of(normalizer_.table()));
}

WordPieceTable WordPieceTokenizer::table_of(const CharacterTable& characters) const {
  const auto id_of_character = [this](std::string_view character) {
    return options_.max_input_chars_per_word > 0 ? model_token_to_id(character).value_or(unknown_) : unknown_;
  };
  return {characters, vocabulary_, id_of_character};
}

/// Only the splitting is left to do in it.
const WordPieceTable& WordPieceTokenizer::splitting() const {
  std::call_once(splitting_made_, [this] {
    static const CharacterTable characters({});
    splitting_ = std::make_unique<WordPieceTable>(table_of(characters));
  });
  return *splitting_;
}

WordPieceModel WordPieceTokenizer::model(const WordPieceTable& table) const {
  return {.table = table,
          .matcher = matcher_,
          .cache = cache_,
          .piece_bytes = piece_bytes_,
          .prefix_bytes = static_cast<int32_t>(options_.continuing_subword_prefix.size()),
          .unknown = unknown_,
          .max_characters = options_.max_input_chars_per_word};
}

void WordPieceTokenizer::encode_part(std::string_view text, std::vector<int32_t>& ids) const {
  const size_t before = ids.size();
  if (encode_wordpieces(model(*table_), text, ids)) return;
  ids.resize(before);
  encode_wordpieces(model(splitting()), normalizer_.normalize(text).text, ids);
}

void WordPieceTokenizer::encode_part(std::string_view text, std::vector<int32_t>& ids,
                                     std::vector<TextSpan>& bytes) const {
  const size_t ids_before = ids.size();
  const size_t bytes_before = bytes.size();
  if (encode_wordpieces(model(*table_), text, ids, bytes)) return;
  ids.resize(ids_before);
  bytes.resize(bytes_before);
  const NormalizedText normalized = normalizer_.normalize(text);
  encode_wordpieces(model(splitting()), normalized.text, ids, bytes);
  for (size_t i = bytes_before; i < bytes.size(); ++i)
    bytes[i] = {normalized.origin[static_cast<size_t>(bytes[i].begin)].begin,
                normalized.origin[static_cast<size_t>(bytes[i].end - 1)].end};
}

NormalizedText WordPieceTokenizer::normalize(std::string_view text) const { return normalizer_.normalize(text); }

void WordPieceTokenizer::encode_normalized(std::string_view text, std::vector<int32_t>& ids,
                                           std::vector<TextSpan>& bytes) const {
  encode_wordpieces(model(splitting()), text, ids, bytes);
}

std::string WordPieceTokenizer::decode_tokens(std::span<const std::string> tokens) const {
  const std::string& prefix = options_.continuing_subword_prefix;
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::string token = tokens[i];
    if (i > 0) token = token.starts_with(prefix) ? token.substr(prefix.size()) : " " + token;
    if (options_.cleanup) clean_up(token);
    text += token;
  }
  return text;
}

std::optional<int32_t> WordPieceTokenizer::model_token_to_id(std::string_view token) const {
  const int32_t number = tokens_.find(token);
  if (number < 0) return std::nullopt;
  return ids_of_numbers_[static_cast<size_t>(number)];
}

std::optional<std::string_view> WordPieceTokenizer::model_id_to_token(int32_t id) const {
  if (id < 0 || static_cast<size_t>(id) >= vocabulary_.size() || vocabulary_[static_cast<size_t>(id)].empty())
    return std::nullopt;
  return vocabulary_[static_cast<size_t>(id)];
}

int64_t WordPieceTokenizer::model_size() const { return tokens_.size(); }

}  // namespace roux::text
