// Words to ids and back.
#include "text/tokenizers/word_tokenizer.h"

#include "tensor/error.h"
#include "text/tokenizers/encoding_parts.h"
#include "text/unicode.h"

namespace roux::text {

StringTable vocabulary_table(const std::vector<std::string>& vocabulary, const SpecialTokens& special_tokens,
                             const char* what) {
  special_tokens.check();
  const size_t specials = special_tokens.tokens.size();
  ROUX_CHECK(vocabulary.size() >= specials, what, "the vocabulary has ", vocabulary.size(), " entries; expected its ",
             specials, " special tokens first");
  StringTable table;
  for (size_t id = 0; id < vocabulary.size(); ++id) {
    ROUX_CHECK(id >= specials || vocabulary[id] == special_tokens.tokens[id], what, "id ", id, " is '", vocabulary[id],
               "'; expected the special token '", special_tokens.tokens[id < specials ? id : 0], "'");
    ROUX_CHECK(!vocabulary[id].empty(), what, "id ", id, " is empty");
    ROUX_CHECK(table.insert(vocabulary[id]) == static_cast<int32_t>(id), what, "'", vocabulary[id],
               "' is there twice, the second time as id ", id);
  }
  return table;
}

std::vector<std::string> vocabulary_of(const TokenCounts& counts, const VocabularyLimits& limits,
                                       const SpecialTokens& special_tokens) {
  special_tokens.check();
  VocabularyOptions options;
  options.min_count = limits.min_count;
  options.max_size = limits.max_size;
  options.pad = std::nullopt;
  options.unk = std::nullopt;
  for (const std::string& token : special_tokens.tokens)
    options.others.push_back({token, static_cast<int32_t>(options.others.size())});
  const Vocabulary chosen(counts, options);
  std::vector<std::string> vocabulary;
  for (int32_t id = 0; id < chosen.size(); ++id) vocabulary.emplace_back(chosen.token(id));
  return vocabulary;
}

WordTokenizer::WordTokenizer(const std::vector<std::string>& vocabulary, const WordOptions& options,
                             const SpecialTokens& special_tokens)
    : Tokenizer(special_tokens.added_tokens(0), special_tokens.post_processor(0)),
      options_(options),
      special_tokens_(special_tokens),
      words_(vocabulary_table(vocabulary, special_tokens, "WordTokenizer")),
      unknown_(special_tokens.unknown_id(0)) {}

WordTokenizer WordTokenizer::build(const StringList& texts, const WordOptions& options,
                                   const SpecialTokens& special_tokens, const VocabularyLimits& limits) {
  TokenCounts counts;
  WordSplitter splitter(options);
  for (int64_t i = 0; i < texts.size(); ++i) {
    const std::string_view text = texts[i];
    const bool is_valid = is_valid_utf8(text);
    const std::string repaired = is_valid ? std::string() : repaired_utf8(text);
    splitter.for_each(is_valid ? text : repaired, [&](std::string_view word, TextSpan) { counts.add(word); });
  }
  return WordTokenizer(vocabulary_of(counts, limits, special_tokens), options, special_tokens);
}

template <class F>
void WordTokenizer::for_each_id(std::string_view text, F&& f) const {
  WordSplitter splitter(options_);
  splitter.for_each(text, [&](std::string_view word, TextSpan bytes) {
    const int32_t found = words_.find(word);
    const int32_t id = found >= 0 ? found : unknown_;
    if (id >= 0) f(id, bytes);
  });
}

void WordTokenizer::encode_part(std::string_view text, std::vector<int32_t>& ids) const {
  for_each_id(text, [&](int32_t id, TextSpan) { ids.push_back(id); });
}

void WordTokenizer::encode_part(std::string_view text, std::vector<int32_t>& ids, std::vector<TextSpan>& bytes) const {
  for_each_id(text, [&](int32_t id, TextSpan span) {
    ids.push_back(id);
    bytes.push_back(span);
  });
}

std::string WordTokenizer::decode_tokens(std::span<const std::string> tokens) const {
  std::string text;
  for (const std::string& token : tokens) {
    if (!text.empty()) text += ' ';
    text += token;
  }
  return text;
}

std::optional<int32_t> WordTokenizer::model_token_to_id(std::string_view token) const {
  const int32_t id = words_.find(token);
  return id < 0 ? std::nullopt : std::optional(id);
}

std::optional<std::string_view> WordTokenizer::model_id_to_token(int32_t id) const {
  return id < 0 || id >= words_.size() ? std::nullopt : std::optional(words_[id]);
}

}  // namespace roux::text
