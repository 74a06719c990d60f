// Shapes, strides and axes: up to 8 numbers held inline, so that no tensor allocates for its shape.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "tensor/error.h"

namespace roux {

/// A short list of 64-bit numbers without allocation: the shape of a tensor, its strides (in elements), or a list of
/// axes.
class Dims {
 public:
  static constexpr int max_size = 8;  ///< the most dimensions

  /// None, or these. Throws for more than max_size.
  Dims() = default;
  Dims(std::initializer_list<int64_t> values) : Dims(values.begin(), static_cast<int64_t>(values.size())) {}
  /// Throws when `size` exceeds 8.
  Dims(const int64_t* values, int64_t size) : size_(static_cast<int>(size)) {
    ROUX_CHECK(size <= max_size, "shape", "a tensor has at most ", max_size, " dimensions, found ", size);
    std::copy_n(values, size, values_);
  }
  /// `size` times `value`. Throws for more than max_size.
  static Dims filled(int64_t size, int64_t value) {
    Dims dims;
    for (int64_t i = 0; i < size; ++i) dims.push_back(value);
    return dims;
  }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Entry i, from 0; not checked.
  int64_t& operator[](int64_t i) { return values_[i]; }
  /// Entry i, from 0; not checked.
  int64_t operator[](int64_t i) const { return values_[i]; }
  /// The last one, which must be there.
  int64_t& back() { return values_[size_ - 1]; }
  /// The last one, which must be there.
  int64_t back() const { return values_[size_ - 1]; }
  int64_t* begin() { return values_; }
  int64_t* end() { return values_ + size_; }
  const int64_t* begin() const { return values_; }
  const int64_t* end() const { return values_ + size_; }

  /// Adds one at the end. Throws above max_size.
  void push_back(int64_t value) {
    ROUX_CHECK(size_ < max_size, "shape", "a tensor has at most ", max_size, " dimensions");
    values_[size_++] = value;
  }
  /// Adds one before entry `at`.
  void insert(int64_t at, int64_t value) {
    push_back(value);
    std::rotate(begin() + at, end() - 1, end());
  }
  /// Removes entry `at`.
  void erase(int64_t at) {
    std::copy(begin() + at + 1, end(), begin() + at);
    --size_;
  }

  /// Product of all entries: the number of elements of a shape; 1 when empty.
  int64_t numel() const {
    int64_t product = 1;
    for (const int64_t value : *this) product *= value;
    return product;
  }
  /// Whether one entry is `value`.
  bool contains(int64_t value) const { return std::find(begin(), end(), value) != end(); }

  friend bool operator==(const Dims& a, const Dims& b) {
    return a.size_ == b.size_ && std::equal(a.begin(), a.end(), b.begin());
  }

 private:
  int64_t values_[max_size] = {};
  int size_ = 0;
};

using Shape = Dims;
using Strides = Dims;

/// Which dimensions an operation works on: one number, a list, or nothing for all of them. Negative ones count from the
/// end.
class Axes : public Dims {
 public:
  /// One axis, or several; negative ones count from the end.
  Axes() = default;
  Axes(int axis) : Dims{axis} {}
  Axes(int64_t axis) : Dims{axis} {}
  Axes(std::initializer_list<int64_t> axes) : Dims(axes) {}
  Axes(const Dims& axes) : Dims(axes) {}
};

/// `(2, 3)`; `()` for a scalar.
std::string to_string(const Dims& dims);

/// `axis` counted from the front. Throws when it lies outside [-dim, dim).
int64_t wrap_axis(int64_t axis, int64_t dim, const char* operation);

/// Strides of a row-major layout without gaps.
Strides contiguous_strides(const Shape& shape);

/// The shape that both broadcast to, by NumPy's rule. Throws, naming both, when there is none.
Shape broadcast_shapes(const Shape& a, const Shape& b, const char* operation);

}  // namespace roux
