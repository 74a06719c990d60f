// Words and their vectors.
#include "text/word_vectors/word_vectors.h"

#include <utility>

#include "tensor/error.h"
#include "text/word_vectors/spelling.h"

namespace roux::text {

WordVectors::WordVectors(WordList words, Tensor vectors, std::shared_ptr<const Subwords> subwords)
    : words_(std::make_shared<const WordList>(std::move(words))),
      vectors_(std::move(vectors)),
      subwords_(std::move(subwords)) {
  ROUX_CHECK(vectors_.defined() && vectors_.dtype() == float32 && vectors_.dim() == 2, "WordVectors",
             "expected float32 vectors of shape (words, dim)",
             vectors_.defined() ? ", found " + to_string(vectors_.shape()) : std::string());
  ROUX_CHECK(size() == words_->size() && size() > 0 && dim() > 0, "WordVectors", "found ", words_->size(),
             " words and vectors of shape ", vectors_.shape(), "; expected a row a word, and at least one of each");
  ROUX_CHECK(subwords_ == nullptr || subwords_->dim() == dim(), "WordVectors", "the vectors of sub-words have ",
             subwords_ ? subwords_->dim() : 0, " numbers, expected ", dim(), " as those of words");
  vectors_ = vectors_.to(cpu).contiguous();
}

Tensor WordVectors::vector(std::string_view word, UnknownWord unknown) const {
  int32_t row = find(word);
  if (row < 0 && unknown == UnknownWord::unk) {
    row = find("<unk>");
    ROUX_CHECK(row >= 0, "vector", "there is no word '<unk>' to stand for '", word, "'");
  }
  if (row >= 0) return vectors_.select(0, row);
  ROUX_CHECK(unknown != UnknownWord::refuse, "vector", "there is no vector of '", word, "'",
             spelling_hint(*words_, size(), word));
  Tensor result = Tensor::zeros({dim()});
  if (unknown == UnknownWord::subwords) {
    ROUX_CHECK(subwords_ != nullptr, "vector", "there is no vector of '", word, "', nor of sub-words",
               " (hint: fastText's .bin has those)");
    subwords_->mean(word, result.mutable_data<float>());
  }
  return result;
}

}  // namespace roux::text
