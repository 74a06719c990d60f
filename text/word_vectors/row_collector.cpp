// Rows in an anonymous mapping, and the words that they belong to.
#include "text/word_vectors/row_collector.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "tensor/error.h"

namespace roux::text {
namespace {

constexpr const char* loading = "load_word_vectors";
constexpr size_t page = 4096;
constexpr size_t large_page = size_t{2} << 20;

size_t rounded_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// `data`, null or `bytes` long, with at least `wanted` bytes; MAP_FAILED when the system refuses.
void* grown(void* data, size_t bytes, size_t wanted) {
#if defined(__linux__)
  if (data != nullptr) return ::mremap(data, bytes, wanted, MREMAP_MAYMOVE);
#endif
  void* const larger =
      ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data != nullptr && larger != MAP_FAILED) {
    std::memcpy(larger, data, bytes);
    ::munmap(data, bytes);
  }
  return larger;
}

}  // namespace

bool all_finite(const float* numbers, int64_t count) {
  bool all = true;
  for (int64_t i = 0; i < count; ++i) all &= std::abs(numbers[i]) <= std::numeric_limits<float>::max();
  return all;
}

GrowingRows::~GrowingRows() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

void GrowingRows::reserve(int64_t rows) {
  int64_t wanted = 0;
  const bool fits = !__builtin_mul_overflow(rows, dim_ * static_cast<int64_t>(sizeof(float)), &wanted);
  if (fits && static_cast<size_t>(wanted) <= bytes_) return;
  const size_t bytes = rounded_up(std::max(static_cast<size_t>(wanted), 2 * bytes_), page);
  void* const data = fits ? grown(data_, bytes_, bytes) : MAP_FAILED;
  ROUX_CHECK(data != MAP_FAILED, loading, "there is not enough memory for ", rows, " rows of ", dim_, " numbers");
  data_ = static_cast<float*>(data);
  bytes_ = bytes;
#if defined(MADV_HUGEPAGE)
  if (bytes >= 8 * large_page) ::madvise(data, bytes, MADV_HUGEPAGE);  // fewer page faults; a refusal does no harm
#endif
}

Tensor GrowingRows::release(int64_t rows) {
  const size_t used = static_cast<size_t>(rows * dim_) * sizeof(float), kept = rounded_up(used, page);
  if (kept < bytes_) ::munmap(reinterpret_cast<char*>(data_) + kept, bytes_ - kept);
  float* const data = std::exchange(data_, nullptr);
  bytes_ = 0;
  const Storage storage = Storage::external(data, used, [data, kept] { ::munmap(data, kept); });
  return Tensor::from_storage(storage, 0, {rows, dim_}, float32);
}

float* RowCollector::open_slots(int64_t count) {
  first_slot_ = size();
  rows_.reserve(first_slot_ + count);
  return rows_.row(first_slot_);
}

void RowCollector::keep(std::string_view word, uint64_t hash, int64_t slot) {
  const int64_t before = size();
  if (words_.insert(word, hash) < before) {
    ++report_.duplicates;
  } else if (first_slot_ + slot != before) {
    std::copy_n(rows_.row(first_slot_ + slot), dim(), rows_.row(before));
  }
}

void RowCollector::skip(int64_t line, const std::string& reason) {
  ++report_.bad_rows;
  if (wants_reasons()) report_.first_bad.push_back({line, reason});
}

WordVectors RowCollector::finish(const std::string& form, const std::string& source,
                                 std::shared_ptr<const Subwords> subwords) {
  report_.form = form;
  if (options_.report != nullptr) *options_.report = report_;
  if (size() == 0) {
    ROUX_CHECK(report_.first_bad.empty(), loading, "'", source, "' (", form, ") has no good row; line ",
               report_.first_bad[0].line, ": ", report_.first_bad[0].reason);
    fail(loading, "'", source, "' (", form, ") has no ", options_.words ? "word that was asked for" : "words");
  }
  const int64_t rows = size();
  return WordVectors(std::move(words_), rows_.release(rows), std::move(subwords));
}

}  // namespace roux::text
