// The forms of files that hold word vectors: a reader each. load_word_vectors chooses.
#pragma once

#include <string>
#include <string_view>

#include "text/word_vectors/input_window.h"
#include "text/word_vectors/word_vectors.h"

namespace roux::text {

/// What the first line of word2vec's forms says.
struct Word2vecHeader {
  int64_t words = 0, dim = 0;
  size_t bytes = 0;  ///< of the line, its line feed included; 0: there is no such line
};

/// The header that `bytes` begin with: two whole numbers, parted by a space, alone on a line.
Word2vecHeader word2vec_header(std::string_view bytes);

/// How many numbers stand at the end of a line that begins with a word.
int64_t count_numbers(std::string_view line);

/// GloVe's text, or word2vec's when `header` is one. Blank lines are passed over; rows that are damaged are skipped and
/// reported.
WordVectors load_text(InputWindow& input, const Word2vecHeader& header, const LoadOptions& options);

/// word2vec's binary form. Records with numbers that are not finite are skipped and reported.
WordVectors load_word2vec_binary(InputWindow& input, const Word2vecHeader& header, const LoadOptions& options);

bool is_fasttext_model(std::string_view head);
/// A model of fastText, supervised or not.
WordVectors load_fasttext_model(InputWindow& input, const LoadOptions& options);

bool is_safetensors(std::string_view head);
/// Our own form, mapped; from a pipe or packed, read.
WordVectors load_mapped(const std::string& path, const LoadOptions& options);
WordVectors load_mapped(std::string bytes, const std::string& name, const LoadOptions& options);
void save_mapped(const std::string& path, const WordVectors& vectors);

}  // namespace roux::text
