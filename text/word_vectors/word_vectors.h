// Word vectors: words, a row of numbers for each, and what stands for words that have none.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"
#include "text/string_table.h"
#include "text/word_vectors/subwords.h"
#include "text/word_vectors/word_list.h"

namespace roux::text {

/// What stands for a word that has no vector of its own.
enum class UnknownWord {
  refuse,    ///< an Error, with the words that are spelt most like it
  zeros,     ///< zeros
  unk,       ///< the vector of the word `<unk>`, which must be there
  subwords,  ///< the mean of the word's sub-words, which the vectors must have; zeros for a word without any
};

/// Words and their vectors. Copies share the vectors. May be asked from several threads at once.
class WordVectors {
 public:
  /// Row i of `vectors`, (words, dim) float32, belongs to word i. Throws when they do not fit each other, when there
  /// are no words or no columns, or when sub-words have another dimension.
  WordVectors(WordList words, Tensor vectors, std::shared_ptr<const Subwords> subwords = nullptr);
  WordVectors(StringTable words, Tensor vectors, std::shared_ptr<const Subwords> subwords = nullptr)
      : WordVectors(WordList(std::move(words)), std::move(vectors), std::move(subwords)) {}

  /// The number of words, and the length of a vector.
  int64_t size() const { return vectors_.size(0); }
  int64_t dim() const { return vectors_.size(1); }
  /// The row of a word, or -1.
  int32_t find(std::string_view word) const { return words_->find(word); }
  /// The word of a row; throws unless 0 <= row < size(). The view lasts as long as these vectors or a copy of them.
  std::string_view word(int64_t row) const { return (*words_)[row]; }
  /// All words, by row.
  const WordList& words() const { return *words_; }
  /// (size, dim), float32, on the CPU, contiguous.
  const Tensor& vectors() const { return vectors_; }
  /// Null where there are none.
  const Subwords* subwords() const { return subwords_.get(); }
  const std::shared_ptr<const Subwords>& shared_subwords() const { return subwords_; }

  /// The vector of a word: (dim); for one that is not there what `unknown` says. A row shares its memory with
  /// `vectors()`.
  Tensor vector(std::string_view word, UnknownWord unknown = UnknownWord::refuse) const;

 private:
  std::shared_ptr<const WordList> words_;
  Tensor vectors_;
  std::shared_ptr<const Subwords> subwords_;
};

/// What a loader skipped.
struct LoadReport {
  /// A row that was skipped.
  struct BadRow {
    int64_t line;        ///< from 1; in binary forms the number of the record
    std::string reason;  ///< what was wrong with it
  };
  std::string form;                 ///< "GloVe text", "word2vec binary" and so on
  int64_t duplicates = 0;           ///< rows of a word that was there already: the first counts
  int64_t bad_rows = 0;             ///< rows that could not be read, all of them
  std::vector<BadRow> first_bad{};  ///< the first ten of them
};

/// What to load, and who wants to hear of it.
struct LoadOptions {
  int64_t max_words = 0;               ///< the first so many words only; 0: all
  const StringTable* words = nullptr;  ///< these words only, as far as the file has them; null: all
  LoadReport* report = nullptr;        ///< filled when loading is through
  std::function<void(int64_t, int64_t)> progress =
      {};  ///< called with the bytes read and those of the file (0: unknown)
};

/// Word vectors from a file, gzip-compressed or not; its form is told by its content:
///
/// - GloVe text: a line a word, the word (with spaces in it as in glove.840B), then its numbers. How many, most of the
///   first ten lines say.
/// - word2vec text and fastText's .vec: the same under a first line with the numbers of words and dimensions.
/// - word2vec binary.
/// - fastText's .bin, supervised or not: the words' vectors as `fasttext print-word-vectors` gives them, and the
///   sub-words when it has any. The output matrix is left out.
/// - .safetensors as `save_word_vectors` writes it: mapped, so that opening takes no time (load_safetensors says more).
///
/// Skipped and told in the report: rows with too few or too many numbers, with something else than a number, with nan,
/// inf or a number beyond float32, or without a word; the second and later rows of a word. Blank lines are passed over.
/// Thrown: a file that is missing, empty, cut off or damaged gzip, or that has no good row; a first line that announces
/// other words or dimensions than follow; a binary form that is cut off or goes on; a safetensors file that contradicts
/// itself; a quantised model of fastText (.ftz). The vectors of a safetensors file are taken as they are.
///
/// Words are bytes as they stand in the file. The vectors are the same for any number of threads.
WordVectors load_word_vectors(const std::string& path, const LoadOptions& options = {});
/// The same from bytes; `name` is what errors call them.
WordVectors parse_word_vectors(std::string bytes, const std::string& name, const LoadOptions& options = {});

/// Writes word vectors in the form that the extension of `path` says, beside it and then renamed: .txt GloVe text, .vec
/// word2vec text, .bin word2vec binary, .safetensors the form that opens at once and alone keeps sub-words. Numbers are
/// written as text so that they come back as they were. Throws on another extension, and on a word that would not come
/// back: one that is empty, has a line feed, or a space where the form has none.
void save_word_vectors(const std::string& path, const WordVectors& vectors);

}  // namespace roux::text
