// fastText's sub-words: runs of characters, their hashes, and the means of their vectors.
#include "text/word_vectors/subwords.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "tensor/error.h"

namespace roux::text {
namespace {

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

void scale(float* numbers, int64_t dim, int64_t count) {
  const float share = 1.0f / static_cast<float>(count);
  for (int64_t i = 0; i < dim; ++i) numbers[i] *= share;
}

}  // namespace

void SubwordRule::append_buckets(std::string_view word, std::vector<int32_t>& to) const {
  const std::string marked = "<" + std::string(word) + ">";
  for (size_t begin = 0; begin < marked.size(); ++begin) {
    if (continues_character(marked[begin])) continue;
    uint32_t hash = 2166136261u;
    size_t end = begin;
    for (int64_t chars = 1; end < marked.size() && chars <= max_chars; ++chars) {
      do {
        hash = (hash ^ static_cast<uint32_t>(static_cast<int8_t>(marked[end]))) * 16777619u;
      } while (++end < marked.size() && continues_character(marked[end]));
      const bool mark_alone = chars == 1 && (begin == 0 || end == marked.size());
      if (chars >= min_chars && !mark_alone) {
        to.push_back(static_cast<int32_t>(hash % static_cast<uint32_t>(buckets)));
      }
    }
  }
}

Subwords::Subwords(SubwordRule rule, Tensor table) : rule_(rule), table_(std::move(table)) {
  ROUX_CHECK(1 <= rule.min_chars && rule.min_chars <= rule.max_chars, "Subwords", "runs of ", rule.min_chars, " to ",
             rule.max_chars, " characters; expected 1 <= min_chars <= max_chars");
  ROUX_CHECK(1 <= rule.buckets && rule.buckets <= std::numeric_limits<int32_t>::max(), "Subwords", "found ",
             rule.buckets, " buckets; expected 1 to 2^31 - 1");
  ROUX_CHECK(table_.defined() && table_.dtype() == float32 && table_.dim() == 2 && table_.size(0) == rule.buckets,
             "Subwords", "expected a float32 table of shape (", rule.buckets, ", dim)",
             table_.defined() ? ", found " + to_string(table_.shape()) : std::string());
  table_ = table_.to(cpu).contiguous();
}

int64_t Subwords::add(std::string_view word, float* to) const {
  const int64_t columns = dim();
  std::vector<int32_t> buckets;
  rule_.append_buckets(word, buckets);
  for (const int32_t bucket : buckets) {
    const float* const row = table_.data<float>() + bucket * columns;
    for (int64_t i = 0; i < columns; ++i) to[i] += row[i];
  }
  return static_cast<int64_t>(buckets.size());
}

bool Subwords::mean(std::string_view word, float* to) const {
  std::fill_n(to, dim(), 0.0f);
  const int64_t count = add(word, to);
  if (count > 0) scale(to, dim(), count);
  return count > 0;
}

void Subwords::mean_with(std::string_view word, float* own) const { scale(own, dim(), 1 + add(word, own)); }

}  // namespace roux::text
