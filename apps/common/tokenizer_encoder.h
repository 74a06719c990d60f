// Texts to ids as a transformer takes them: its tokenizer's, special tokens included, cut to what it has positions for.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/padding.h"
#include "text/tokenizers/tokenizer.h"

namespace roux::apps {

/// Copies share the tokenizer and the count of texts that were cut. Several threads may use one at once.
class TokenizerEncoder {
 public:
  /// `vocabulary_size`: ids that the model knows; `max_length`: tokens a text at most, special ones included. Throws
  /// where there is no room for a token beside the special ones, and where the model does not know the padding.
  TokenizerEncoder(std::shared_ptr<const text::Tokenizer> tokenizer, int64_t vocabulary_size, int64_t max_length);
  /// With the tokenizer of a model's folder. Throws when there is none.
  static TokenizerEncoder load(const std::string& folder, int64_t vocabulary_size, int64_t max_length);

  /// Appends the ids of a text. A longer one loses its end (its beginning, where the tokenizer's files say so), the
  /// special tokens stay. Throws on an id that the model does not know.
  void encode(std::string_view text, std::vector<int32_t>& ids) const;
  /// Writes the tokenizer's files.
  void save(const std::string& folder) const;

  /// The number of ids that the model knows.
  int64_t size() const { return vocabulary_size_; }
  int64_t max_length() const { return max_length_; }
  const text::Tokenizer& tokenizer() const { return *tokenizer_; }
  /// How batches are filled up: as the tokenizer's files say, but to their longest text.
  text::PaddingOptions padding() const;
  /// How many texts were cut so far.
  int64_t cut_texts() const { return cut_texts_->load(); }

 private:
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  int64_t vocabulary_size_, max_length_;
  std::shared_ptr<std::atomic<int64_t>> cut_texts_ = std::make_shared<std::atomic<int64_t>>(0);
};

/// A line on standard error when texts were cut.
void tell_cut_texts(const TokenizerEncoder& encoder);

}  // namespace roux::apps
