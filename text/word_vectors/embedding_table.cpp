// Filling a table for a vocabulary from word vectors.
#include "text/word_vectors/embedding_table.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"
#include "text/with_commas.h"

namespace roux::text {
namespace {

// Far from the streams that modules take, which are numbered from 1.
constexpr uint64_t random_stream = uint64_t{1} << 62;

// The row of the vectors that each id's own is, or -1.
std::vector<int32_t> rows_of(const Vocabulary& vocabulary, const WordVectors& vectors) {
  std::vector<int32_t> rows(static_cast<size_t>(vocabulary.size()));
  for (int32_t id = 0; id < vocabulary.size(); ++id)
    rows[static_cast<size_t>(id)] = id == vocabulary.pad_id() ? -1 : vectors.find(vocabulary.token(id));
  return rows;
}

// The root mean square of the numbers in these rows; 1 where there are none, or zeros alone.
double size_of_numbers(const WordVectors& vectors, const std::vector<int32_t>& rows) {
  const int64_t dim = vectors.dim();
  const float* const values = vectors.vectors().data<float>();
  double square = 0;
  int64_t count = 0;
  for (const int32_t row : rows) {
    if (row < 0) continue;
    for (int64_t i = 0; i < dim; ++i) square += static_cast<double>(values[row * dim + i]) * values[row * dim + i];
    count += dim;
  }
  return square > 0 ? std::sqrt(square / static_cast<double>(count)) : 1;
}

}  // namespace

EmbeddingTable embedding_table(const Vocabulary& vocabulary, const WordVectors& vectors,
                               const EmbeddingTableOptions& options) {
  const int64_t ids = vocabulary.size(), dim = vectors.dim(), rows = options.rows == 0 ? ids : options.rows;
  ROUX_CHECK(rows >= ids, "embedding_table", "found ", rows, " rows for ", ids, " ids, expected at least as many");
  const std::vector<int32_t> sources = rows_of(vocabulary, vectors);
  Generator generator(options.seed, random_stream);
  EmbeddingTable result{.table = Tensor::randn({rows, dim}, float32, cpu, generator)};
  result.table.mul_(size_of_numbers(vectors, sources));
  float* const table = result.table.mutable_data<float>();
  const float* const values = vectors.vectors().data<float>();
  const Subwords* const subwords = options.subwords ? vectors.subwords() : nullptr;
  std::vector<float> mean(static_cast<size_t>(dim));
  for (int32_t id = 0; id < ids; ++id) {
    const std::string_view word = vocabulary.token(id);
    const bool counts = !vocabulary.is_special(id);
    const int32_t source = sources[static_cast<size_t>(id)];
    float* const row = table + id * dim;
    if (id == vocabulary.pad_id()) {
      std::fill_n(row, dim, 0.0f);
    } else if (source >= 0) {
      std::copy_n(values + source * dim, dim, row);
      result.found += counts;
    } else if (counts && subwords != nullptr && subwords->mean(word, mean.data())) {
      std::copy(mean.begin(), mean.end(), row);
      ++result.from_subwords;
    } else if (counts) {
      ++result.not_found;
      if (result.first_not_found.size() < 10) result.first_not_found.emplace_back(word);
    }
  }
  return result;
}

std::string to_string(const EmbeddingTable& table) {
  const int64_t words = table.words();
  std::string text = with_commas(table.found) + " of " + with_commas(words) + " words have vectors";
  if (words > 0) {
    const auto tenths =
        static_cast<int64_t>(std::lround(1000.0 * static_cast<double>(table.found) / static_cast<double>(words)));
    text += " (" + std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " %)";
  }
  if (table.from_subwords > 0) text += ", " + with_commas(table.from_subwords) + " those of their sub-words";
  if (table.not_found > 0) text += ", " + with_commas(table.not_found) + " start at random:";
  for (size_t i = 0; i < table.first_not_found.size(); ++i) text += (i > 0 ? ", " : " ") + table.first_not_found[i];
  if (table.not_found > static_cast<int64_t>(table.first_not_found.size())) text += ", ...";
  return text;
}

StringTable words_of(const Vocabulary& vocabulary) {
  StringTable words;
  for (int32_t id = 0; id < vocabulary.size(); ++id)
    if (id != vocabulary.pad_id()) words.insert(vocabulary.token(id));
  return words;
}

}  // namespace roux::text
