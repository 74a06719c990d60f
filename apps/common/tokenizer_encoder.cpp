// Encoding for transformers.
#include "apps/common/tokenizer_encoder.h"

#include <cstdio>
#include <filesystem>

#include "tensor/error.h"
#include "text/tokenizers/tokenizer_files.h"
#include "text/with_commas.h"

namespace roux::apps {

TokenizerEncoder::TokenizerEncoder(std::shared_ptr<const text::Tokenizer> tokenizer, int64_t vocabulary_size,
                                   int64_t max_length)
    : tokenizer_(std::move(tokenizer)), vocabulary_size_(vocabulary_size), max_length_(max_length) {
  std::vector<int32_t> special;
  tokenizer_->encode("", special);
  ROUX_CHECK(max_length_ > static_cast<int64_t>(special.size()), "encode", "texts of at most ", max_length_,
             " tokens have no room for words: ", special.size(), " of them are special tokens");
  ROUX_CHECK(tokenizer_->pad_id().value_or(0) < vocabulary_size_, "encode", "the tokenizer pads with the id ",
             tokenizer_->pad_id().value_or(0), ", the model knows ", vocabulary_size_,
             " (hint: the tokenizer belongs to another model)");
}

TokenizerEncoder TokenizerEncoder::load(const std::string& folder, int64_t vocabulary_size, int64_t max_length) {
  namespace fs = std::filesystem;
  bool found = false;
  for (const char* file : {"tokenizer.json", "vocab.txt", "vocab.json", "roux_tokenizer.json"})
    found = found || fs::exists(fs::path(folder) / file);
  ROUX_CHECK(found, "tokenizer", folder,
             " holds no tokenizer (hint: tokenizer.json or vocab.txt belongs into it, from where the model came from)");
  return TokenizerEncoder(text::load_tokenizer(folder), vocabulary_size, max_length);
}

void TokenizerEncoder::encode(std::string_view text, std::vector<int32_t>& ids) const {
  const size_t before = ids.size();
  tokenizer_->encode(text, ids);
  if (static_cast<int64_t>(ids.size() - before) > max_length_) {
    const text::EncodeOptions options{.max_length = max_length_,
                                      .truncation_side = tokenizer_->defaults().encode.truncation_side};
    const std::vector<int32_t> cut = tokenizer_->encode(text, options).ids;
    ids.resize(before);
    ids.insert(ids.end(), cut.begin(), cut.end());
    ++*cut_texts_;
  }
  for (size_t i = before; i < ids.size(); ++i)
    ROUX_CHECK(ids[i] < vocabulary_size_, "encode", "the tokenizer gives '", tokenizer_->id_to_token(ids[i]),
               "' the id ", ids[i], ", the model knows ", vocabulary_size_,
               " (hint: the tokenizer belongs to another model)");
}

void TokenizerEncoder::save(const std::string& folder) const { text::save_tokenizer(*tokenizer_, folder); }

text::PaddingOptions TokenizerEncoder::padding() const {
  if (!tokenizer_->pad_id()) return {};  // any id will do: the mask hides it
  text::PaddingOptions padding = text::padding_of(*tokenizer_);
  padding.length = 0;
  return padding;
}

void tell_cut_texts(const TokenizerEncoder& encoder) {
  const int64_t count = encoder.cut_texts();
  if (count == 0) return;
  const bool left = encoder.tokenizer().defaults().encode.truncation_side == text::Side::left;
  std::fprintf(stderr, "%s %s longer than %s tokens and lost %s %s\n", text::with_commas(count).c_str(),
               count == 1 ? "text was" : "texts were", text::with_commas(encoder.max_length()).c_str(),
               count == 1 ? "its" : "their", left ? "beginning" : "end");
}

}  // namespace roux::apps
