// Tensor: an n-dimensional array. A cheap handle to a strided view on storage that other tensors may share.
//
// Members make, view and change tensors; everything that computes a new tensor is a function in tensor/ops.h.
// A Tensor knows nothing of gradients: see autograd/variable.h for a tensor that remembers how it was computed.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "tensor/device.h"
#include "tensor/dtype.h"
#include "tensor/random.h"
#include "tensor/shape.h"
#include "tensor/storage.h"
#include "tensor/view.h"

namespace roux {

/// An n-dimensional array: a view of a storage by shape and strides. Copies share the storage.
class Tensor {
 public:
  /// An undefined tensor: `defined()` is false, everything else throws.
  Tensor() = default;

  // --- Making tensors. `shape` may contain zeros; a shape of () is a scalar. ---

  /// Uninitialised.
  static Tensor empty(const Shape& shape, DType dtype = float32, Device device = cpu);
  static Tensor zeros(const Shape& shape, DType dtype = float32, Device device = cpu);
  static Tensor ones(const Shape& shape, DType dtype = float32, Device device = cpu);
  static Tensor full(const Shape& shape, Scalar value, DType dtype = float32, Device device = cpu);
  /// A scalar: shape ().
  static Tensor scalar(Scalar value, DType dtype = float32, Device device = cpu);
  /// start, start + step, ... below (for a negative step: above) `end`; shape (n).
  static Tensor arange(int64_t start, int64_t end, int64_t step = 1, DType dtype = int64, Device device = cpu);
  static Tensor eye(int64_t n, DType dtype = float32, Device device = cpu);
  /// A copy of the values, in row-major order; the number of values must be that of the shape.
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape, Device device = cpu);
  /// One dimension: float32 from floats, float64 from doubles, int64 from int64_t.
  template <class T>
  static Tensor from(const std::vector<T>& values, Device device = cpu) {
    return from(values, {static_cast<int64_t>(values.size())}, device);
  }
  /// Memory of somebody else's as a tensor; `storage` keeps it alive. Row-major, `offset` in bytes.
  static Tensor from_storage(Storage storage, size_t offset, const Shape& shape, DType dtype);

  /// Uniform in [0, 1).
  static Tensor rand(const Shape& shape, DType dtype = float32, Device device = cpu,
                     Generator& generator = default_generator());
  /// Standard normal: mean 0, variance 1 (Box & Muller 1958; drawn on the CPU and copied).
  static Tensor randn(const Shape& shape, DType dtype = float32, Device device = cpu,
                      Generator& generator = default_generator());
  /// int64, uniform in [low, high).
  static Tensor randint(int64_t low, int64_t high, const Shape& shape, Device device = cpu,
                        Generator& generator = default_generator());
  /// A random permutation of 0 .. n-1, int64 (Fisher & Yates).
  static Tensor randperm(int64_t n, Device device = cpu, Generator& generator = default_generator());

  // --- What it is. ---

  /// Whether it holds an array.
  bool defined() const { return static_cast<bool>(storage_); }
  const Shape& shape() const { return shape_; }
  const Strides& strides() const { return strides_; }
  int64_t dim() const { return shape_.size(); }
  /// Length of one dimension; negative ones count from the end.
  int64_t size(int64_t axis) const { return shape_[wrap_axis(axis, dim(), "size")]; }
  int64_t numel() const { return shape_.numel(); }
  DType dtype() const { return dtype_; }
  Device device() const { return defined() ? storage_.device() : cpu; }
  bool is_contiguous() const;
  /// The memory that its elements lie in.
  const Storage& storage() const { return storage_; }
  /// Grows with every write to the storage, through any view of it.
  uint64_t version() const { return storage_.version(); }
  /// Whether both are views of one storage: a write to one may change the other.
  bool shares_storage(const Tensor& other) const { return storage_ == other.storage_; }

  // --- Values. ---

  /// The elements in memory, for reading. CPU and contiguous tensors of exactly this type only.
  template <class T>
  const T* data() const;
  /// The same for writing; counts as a write.
  template <class T>
  T* mutable_data();
  /// The value of a tensor of one element.
  double item() const;
  /// All values in row-major order, converted.
  template <class T>
  std::vector<T> to_vector() const;
  /// What a kernel gets; writes through it must be announced with bump_version().
  View view() const;
  void bump_version() const { storage_.bump_version(); }

  // --- Conversions: copies, or the tensor itself where there is nothing to do. ---

  /// In another type, on another device, or with its entries side by side in memory.
  Tensor to(DType dtype) const;
  Tensor to(Device device) const;
  Tensor contiguous() const;
  /// Always a copy; contiguous.
  Tensor clone() const;

  // --- Views: they share this tensor's storage. ---

  /// The same elements in another shape; one entry may be -1. A copy only where strides do not allow a view.
  Tensor reshape(const Shape& shape) const;
  /// Dimensions [start, end] become one.
  Tensor flatten(int64_t start = 0, int64_t end = -1) const;
  Tensor transpose(int64_t axis0, int64_t axis1) const;
  /// Dimension i of the result is dimension axes[i].
  Tensor permute(const Axes& axes) const;
  /// Drops the given dimension if its length is 1.
  Tensor squeeze(int64_t axis) const;
  /// Drops all dimensions of length 1.
  Tensor squeeze() const;
  /// Inserts a dimension of length 1 at `axis`.
  Tensor unsqueeze(int64_t axis) const;
  /// Elements start, start + step, ... below end of one dimension; bounds are clipped and may be negative; step >= 1.
  Tensor slice(int64_t axis, int64_t start, int64_t end, int64_t step = 1) const;
  /// One index of one dimension, which disappears.
  Tensor select(int64_t axis, int64_t index) const;
  /// Broadcast: dimensions of length 1 grow, new ones come in front, -1 keeps a length. Nothing is copied.
  Tensor expand(const Shape& shape) const;

  // --- Changes in place; they write through to every view. The result has this tensor's dtype. ---

  /// Sets every entry: to `value`, to 0.
  Tensor& fill_(Scalar value);
  Tensor& zero_() { return fill_(0); }
  /// Copies, converts and broadcasts `other` into this tensor.
  Tensor& copy_(const Tensor& other);
  /// += alpha * other, which must broadcast to this shape.
  Tensor& add_(const Tensor& other, double alpha = 1);
  Tensor& add_(Scalar other);
  Tensor& sub_(const Tensor& other) { return add_(other, -1); }
  Tensor& mul_(const Tensor& other);
  Tensor& mul_(Scalar other);
  Tensor& div_(const Tensor& other);
  Tensor& div_(Scalar other);
  Tensor& clamp_(double low, double high);
  /// Sets `value` where `mask` (boolean, broadcast) is true.
  Tensor& masked_fill_(const Tensor& mask, Scalar value);

 private:
  Tensor(Storage storage, int64_t offset, const Shape& shape, const Strides& strides, DType dtype)
      : storage_(std::move(storage)), offset_(offset), shape_(shape), strides_(strides), dtype_(dtype) {}
  Tensor as_view(int64_t offset, const Shape& shape, const Strides& strides) const {
    return Tensor(storage_, offset, shape, strides, dtype_);
  }
  const void* checked_data(DType requested) const;
  void require_defined(const char* operation) const { ROUX_CHECK(defined(), operation, "the tensor is undefined"); }

  Storage storage_;
  int64_t offset_ = 0;  // elements from the start of the storage
  Shape shape_;
  Strides strides_;
  DType dtype_ = DType::float32;
};

/// Values as Python prints them, long dimensions shortened: `tensor([[1, 2], [3, 4]], dtype=int64)`.
std::string to_string(const Tensor& tensor);
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

// --- Templates. ---

template <class T>
const T* Tensor::data() const {
  return static_cast<const T*>(checked_data(dtype_of<T>));
}

template <class T>
T* Tensor::mutable_data() {
  const void* data = checked_data(dtype_of<T>);
  bump_version();
  return static_cast<T*>(const_cast<void*>(data));
}

}  // namespace roux
