// Questions to word vectors, answered by rows and cosines.
#include "text/word_vectors/nearest.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "tensor/error.h"
#include "tensor/parallel.h"

namespace roux::text {
namespace {

std::span<const float> row_of(const Tensor& x, int64_t row) {
  const auto dim = static_cast<size_t>(x.size(1));
  return {x.data<float>() + row * x.size(1), dim};
}

double length_of(std::span<const float> vector) {
  double square = 0;
  for (const float x : vector) square += static_cast<double>(x) * x;
  return std::sqrt(square);
}

// Adds factor * vector to `sum`.
void add(std::vector<double>& sum, std::span<const float> vector, double factor) {
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += factor * vector[i];
}

Tensor as_vector(const std::vector<double>& values) {
  return Tensor::from(std::vector<float>(values.begin(), values.end()));
}

void check_vector(const Tensor& x, const char* operation) {
  ROUX_CHECK(x.defined() && x.dtype() == float32 && x.dim() == 1, operation, "expected a float32 vector",
             x.defined() ? ", found " + to_string(x.dtype()) + " of shape " + to_string(x.shape()) : std::string());
}

}  // namespace

AnalogyForm analogy_form(const std::string& name) {
  if (name == "plain") return AnalogyForm::plain;
  if (name == "unit") return AnalogyForm::unit;
  fail("analogy", "there is no form '", name, "' (hint: plain, unit)");
}

double cosine(const Tensor& a, const Tensor& b) {
  check_vector(a, "cosine");
  check_vector(b, "cosine");
  const Tensor x = a.to(cpu).contiguous(), y = b.to(cpu).contiguous();
  return cosine(row_of(x.unsqueeze(0), 0), row_of(y.unsqueeze(0), 0));
}

Tensor similarity_matrix(const Tensor& x) {
  ROUX_CHECK(x.defined() && x.dtype() == float32 && x.dim() == 2, "similarity_matrix",
             "expected float32 vectors of shape (n, dim)",
             x.defined() ? ", found " + to_string(x.dtype()) + " of shape " + to_string(x.shape()) : std::string());
  const Tensor rows = x.to(cpu).contiguous();
  const int64_t n = rows.size(0);
  Tensor result = Tensor::empty({n, n}, float64);
  double* const values = result.mutable_data<double>();
  parallel_for(n, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = 0; j < i; ++j) values[i * n + j] = cosine(row_of(rows, i), row_of(rows, j));
      values[i * n + i] = length_of(row_of(rows, i)) > 0 ? 1 : 0;
    }
  });
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i + 1; j < n; ++j) values[i * n + j] = values[j * n + i];
  return result;
}

Tensor vectors_of(const WordVectors& vectors, const std::vector<std::string>& words, UnknownWord unknown) {
  Tensor result = Tensor::empty({static_cast<int64_t>(words.size()), vectors.dim()});
  for (size_t i = 0; i < words.size(); ++i)
    result.select(0, static_cast<int64_t>(i)).copy_(vectors.vector(words[i], unknown));
  return result;
}

std::string odd_one_out(const WordVectors& vectors, const std::vector<std::string>& words, UnknownWord unknown) {
  ROUX_CHECK(words.size() >= 3, "odd_one_out", "takes three words or more, found ", words.size());
  const Tensor rows = vectors_of(vectors, words, unknown);
  std::vector<double> sum(static_cast<size_t>(vectors.dim()));
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const double length = length_of(row_of(rows, i));
    if (length > 0) add(sum, row_of(rows, i), 1 / length);
  }
  const Tensor mean = as_vector(sum).unsqueeze(0);
  size_t odd = 0;
  double least = 2;
  for (size_t i = 0; i < words.size(); ++i) {
    const double score = cosine(row_of(rows, static_cast<int64_t>(i)), row_of(mean, 0));
    if (score < least) {
      least = score;
      odd = i;
    }
  }
  return words[odd];
}

NearestWords::NearestWords(const WordVectors& vectors) : vectors_(vectors), rows_(vectors_.vectors()) {}

std::vector<Neighbour> NearestWords::find_closest_words(const Tensor& vector, const std::vector<std::string>& exclude,
                                                        int64_t top_n) const {
  check_vector(vector, "find_closest_words");
  return std::move(find_closest_words_each(vector.unsqueeze(0), {exclude}, top_n)[0]);
}

std::vector<std::vector<Neighbour>> NearestWords::find_closest_words_each(
    const Tensor& queries, const std::vector<std::vector<std::string>>& exclude, int64_t top_n) const {
  std::vector<std::vector<int32_t>> excluded;
  for (const std::vector<std::string>& words : exclude) {
    std::vector<int32_t>& rows = excluded.emplace_back();
    for (const std::string& word : words)
      if (const int32_t row = vectors_.find(word); row >= 0) rows.push_back(row);
  }
  std::vector<std::vector<Neighbour>> answers;
  for (const std::vector<RowScore>& found : rows_.find(queries, top_n, excluded)) {
    std::vector<Neighbour>& answer = answers.emplace_back();
    for (const RowScore& row : found) answer.push_back({std::string(vectors_.word(row.row)), row.score});
  }
  return answers;
}

std::vector<Neighbour> NearestWords::analogy(const std::vector<std::string>& positive,
                                             const std::vector<std::string>& negative, int64_t top_n, AnalogyForm form,
                                             UnknownWord unknown) const {
  ROUX_CHECK(!positive.empty() || !negative.empty(), "analogy", "there are no words (hint: king - man + woman)");
  std::vector<double> sum(static_cast<size_t>(vectors_.dim()));
  std::vector<std::string> asked;
  const auto add_all = [&](const std::vector<std::string>& words, double sign) {
    const Tensor rows = vectors_of(vectors_, words, unknown);
    for (int64_t i = 0; i < rows.size(0); ++i) {
      const double length = form == AnalogyForm::unit ? length_of(row_of(rows, i)) : 1;
      if (length > 0) add(sum, row_of(rows, i), sign / length);
    }
    asked.insert(asked.end(), words.begin(), words.end());
  };
  add_all(positive, 1);
  add_all(negative, -1);
  return find_closest_words(as_vector(sum), asked, top_n);
}

}  // namespace roux::text
