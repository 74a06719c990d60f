// The list of words over a table in memory or over the tensors of a file.
#include "text/word_vectors/word_list.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "tensor/error.h"
#include "text/hash.h"

namespace roux::text {
namespace {

constexpr int64_t bytes_each = sizeof(int32_t);

/// The slot where the search for a word begins.
size_t home_of(std::string_view word, size_t mask) {
  const uint64_t hash = fnv1a(word);
  return static_cast<size_t>(hash ^ (hash >> 29)) & mask;
}

}  // namespace

WordList::WordList(Tensors tensors, const std::string& source) : tensors_(std::move(tensors)) {
  const auto check = [&](bool condition, const char* what) {
    ROUX_CHECK(condition, "load_word_vectors", "'", source, "': ", what);
  };
  const auto is_list = [](const Tensor& tensor, DType dtype) {
    return tensor.defined() && tensor.dtype() == dtype && tensor.dim() == 1;
  };
  check(is_list(tensors_.bytes, int32) && is_list(tensors_.ends, int64) && is_list(tensors_.slots, int32),
        "expected words as int32, their ends as int64 and their slots as int32, of one dimension each");
  const int64_t count = tensors_.ends.numel(), slots = tensors_.slots.numel();
  check(count <= std::numeric_limits<int32_t>::max(), "more than 2^31 - 1 words");
  check(std::has_single_bit(static_cast<uint64_t>(slots)) && slots > count,
        "expected a power of two of slots, and more than words");
  const int64_t* const ends = tensors_.ends.data<int64_t>();
  bool rising = count == 0 || (ends[0] >= 0 && ends[count - 1] <= tensors_.bytes.numel() * bytes_each);
  for (int64_t i = 1; i < count; ++i) rising &= ends[i - 1] <= ends[i];
  check(rising, "the ends of the words do not rise, or lie behind the last byte");
  words_ = count;
}

int32_t WordList::find(std::string_view word) const {
  if (words_ < 0) return table_.find(word);
  const int32_t* const slots = tensors_.slots.data<int32_t>();
  const size_t count = static_cast<size_t>(tensors_.slots.numel()), mask = count - 1;
  size_t slot = home_of(word, mask);
  for (size_t step = 0; step < count; ++step, slot = (slot + 1) & mask) {
    const int32_t number = slots[slot];
    if (number < 0) return -1;
    if (number < words_ && (*this)[number] == word) return number;  // others are of words that were not wanted
  }
  return -1;
}

std::string_view WordList::operator[](int64_t number) const {
  ROUX_CHECK(0 <= number && number < size(), "WordList", "there is no word ", number, "; expected 0 to ", size() - 1);
  if (words_ < 0) return table_[static_cast<int32_t>(number)];
  const int64_t* const ends = tensors_.ends.data<int64_t>();
  const int64_t begin = number == 0 ? 0 : ends[number - 1];
  return {reinterpret_cast<const char*>(tensors_.bytes.data<int32_t>()) + begin,
          static_cast<size_t>(ends[number] - begin)};
}

WordList::Tensors WordList::tensors() const {
  const int64_t count = size();
  Tensors result{
      .bytes = {},
      .ends = Tensor::empty({count}, int64),
      .slots = Tensor::full({static_cast<int64_t>(std::bit_ceil(2 * static_cast<uint64_t>(count) + 1))}, -1, int32)};
  int64_t bytes = 0;
  auto* const ends = result.ends.mutable_data<int64_t>();
  auto* const slots = result.slots.mutable_data<int32_t>();
  const size_t mask = static_cast<size_t>(result.slots.numel()) - 1;
  for (int32_t number = 0; number < count; ++number) {
    const std::string_view word = (*this)[number];
    ends[number] = bytes += static_cast<int64_t>(word.size());
    size_t slot = home_of(word, mask);
    while (slots[slot] >= 0) slot = (slot + 1) & mask;
    slots[slot] = number;
  }
  result.bytes = Tensor::zeros({(bytes + bytes_each - 1) / bytes_each}, int32);
  auto* to = reinterpret_cast<char*>(result.bytes.mutable_data<int32_t>());
  for (int32_t number = 0; number < count; ++number) {
    to = std::copy_n((*this)[number].data(), (*this)[number].size(), to);
  }
  return result;
}

}  // namespace roux::text
