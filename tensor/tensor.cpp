// Tensor's members: creation, access, conversions, views, changes in place.
#include "tensor/tensor.h"

#include <cmath>
#include <cstring>

#include "tensor/backend.h"

namespace roux {
namespace {

int64_t checked_numel(const Shape& shape, DType dtype, const char* operation) {
  int64_t numel = 1;
  bool overflow = false;
  for (const int64_t length : shape) {
    ROUX_CHECK(length >= 0, operation, "negative length in shape ", shape);
    overflow |= __builtin_mul_overflow(numel, length, &numel);
  }
  int64_t bytes = 0;
  overflow |= __builtin_mul_overflow(numel, size_of(dtype), &bytes);
  ROUX_CHECK(!overflow, operation, "shape ", shape, " is too large");
  return numel;
}

// Strides that show `from`'s elements in `shape` without a copy; false where there are none.
bool view_strides(const Tensor& from, const Shape& shape, Strides& strides) {
  strides = Strides::filled(shape.size(), 1);
  int64_t axis = shape.size() - 1;
  int64_t from_axis = from.dim() - 1;
  while (from_axis >= 0) {
    // A run of dimensions of `from` that lies in memory like one.
    int64_t run = from.shape()[from_axis];
    const int64_t stride = from.strides()[from_axis];
    while (from_axis > 0 && (from.shape()[from_axis - 1] == 1 || from.strides()[from_axis - 1] == run * stride)) {
      --from_axis;
      run *= from.shape()[from_axis];
    }
    --from_axis;
    // It must be filled exactly by dimensions of the new shape.
    int64_t taken = 1;
    while (axis >= 0 && (taken < run || shape[axis] == 1)) {
      strides[axis] = taken * stride;
      taken *= shape[axis--];
    }
    if (taken != run) return false;
  }
  return true;
}

}  // namespace

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
  const int64_t numel = checked_numel(shape, dtype, "empty");
  return Tensor(Storage::allocate(static_cast<size_t>(numel * size_of(dtype)), device), 0, shape,
                contiguous_strides(shape), dtype);
}

Tensor Tensor::full(const Shape& shape, Scalar value, DType dtype, Device device) {
  Tensor result = empty(shape, dtype, device);
  backend(device).fill(result.view(), value);
  return result;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) { return full(shape, 0, dtype, device); }
Tensor Tensor::ones(const Shape& shape, DType dtype, Device device) { return full(shape, 1, dtype, device); }
Tensor Tensor::scalar(Scalar value, DType dtype, Device device) { return full({}, value, dtype, device); }

Tensor Tensor::arange(int64_t start, int64_t end, int64_t step, DType dtype, Device device) {
  ROUX_CHECK(step != 0, "arange", "step must not be 0");
  const int64_t distance = step > 0 ? end - start : start - end;
  const int64_t width = step > 0 ? step : -step;
  const int64_t n = distance <= 0 ? 0 : (distance + width - 1) / width;
  std::vector<int64_t> values(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) values[static_cast<size_t>(i)] = start + i * step;
  return from(values, device).to(dtype);
}

Tensor Tensor::eye(int64_t n, DType dtype, Device device) {
  Tensor result = zeros({n, n}, dtype, device);
  result.as_view(0, {n}, {n + 1}).fill_(1);
  return result;
}

template <class T>
Tensor Tensor::from(const std::vector<T>& values, const Shape& shape, Device device) {
  const int64_t numel = checked_numel(shape, dtype_of<T>, "from");
  ROUX_CHECK(numel == static_cast<int64_t>(values.size()), "from", "found ", values.size(), " values, expected ", numel,
             " for shape ", shape);
  Tensor result = empty(shape, dtype_of<T>);
  if constexpr (std::is_same_v<T, bool>)
    std::copy(values.begin(), values.end(), static_cast<bool*>(result.storage_.data()));
  else if (numel > 0)
    std::memcpy(result.storage_.data(), values.data(), values.size() * sizeof(T));
  return result.to(device);
}
template Tensor Tensor::from(const std::vector<float>&, const Shape&, Device);
template Tensor Tensor::from(const std::vector<double>&, const Shape&, Device);
template Tensor Tensor::from(const std::vector<int64_t>&, const Shape&, Device);
template Tensor Tensor::from(const std::vector<int32_t>&, const Shape&, Device);
template Tensor Tensor::from(const std::vector<bool>&, const Shape&, Device);

Tensor Tensor::from_storage(Storage storage, size_t offset, const Shape& shape, DType dtype) {
  const auto element = static_cast<size_t>(size_of(dtype));
  const auto bytes = static_cast<size_t>(checked_numel(shape, dtype, "from_storage")) * element;
  ROUX_CHECK(offset % element == 0, "from_storage", "offset ", offset, " is not aligned to ", name(dtype));
  ROUX_CHECK(bytes <= storage.bytes() && offset <= storage.bytes() - bytes, "from_storage", "shape ", shape,
             " at byte ", offset, " does not fit into ", storage.bytes(), " bytes");
  return Tensor(std::move(storage), static_cast<int64_t>(offset / element), shape, contiguous_strides(shape), dtype);
}

bool Tensor::is_contiguous() const {
  int64_t expected = 1;
  for (int i = shape_.size() - 1; i >= 0; --i) {
    if (shape_[i] != 1 && strides_[i] != expected) return numel() == 0;
    expected *= shape_[i];
  }
  return true;
}

const void* Tensor::checked_data(DType requested) const {
  require_defined("data");
  ROUX_CHECK(requested == dtype_, "data", "found a ", name(dtype_), " tensor, asked for ", name(requested));
  ROUX_CHECK(device() == cpu, "data", "the tensor is on ", device(), " (hint: to(cpu))");
  ROUX_CHECK(is_contiguous(), "data", "the tensor is not contiguous (hint: contiguous())");
  return view().data;
}

View Tensor::view() const {
  require_defined("view");
  return {static_cast<char*>(storage_.data()) + offset_ * size_of(dtype_), dtype_, shape_, strides_};
}

double Tensor::item() const {
  require_defined("item");
  ROUX_CHECK(numel() == 1, "item", "expected a tensor of one element, found shape ", shape_);
  if (device() == cpu && dtype_ == float32) return *static_cast<const float*>(view().data);
  const Tensor value = to(cpu).to(float64);
  return *static_cast<const double*>(value.view().data);
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  require_defined("to_vector");
  const Tensor values = to(cpu).to(dtype_of<T>).contiguous();
  const T* const first = values.data<T>();
  return std::vector<T>(first, first + numel());
}
template std::vector<float> Tensor::to_vector() const;
template std::vector<double> Tensor::to_vector() const;
template std::vector<int64_t> Tensor::to_vector() const;
template std::vector<int32_t> Tensor::to_vector() const;
template std::vector<bool> Tensor::to_vector() const;

// --- Conversions. ---

Tensor Tensor::to(DType dtype) const {
  require_defined("to");
  if (dtype == dtype_) return *this;
  Tensor result = empty(shape_, dtype, device());
  backend(device()).copy(result.view(), view());
  return result;
}

Tensor Tensor::to(Device target) const {
  require_defined("to");
  if (target == device()) return *this;
  const Tensor source = contiguous();
  Tensor result = empty(shape_, dtype_, target);
  const auto bytes = static_cast<size_t>(numel() * size_of(dtype_));
  if (device() == cpu) {
    backend(target).copy_from_host(result.view().data, source.view().data, bytes);
    return result;
  }
  if (target == cpu) {
    backend(device()).copy_to_host(result.view().data, source.view().data, bytes);
    return result;
  }
  return to(cpu).to(target);
}

Tensor Tensor::clone() const {
  require_defined("clone");
  Tensor result = empty(shape_, dtype_, device());
  backend(device()).copy(result.view(), view());
  return result;
}

Tensor Tensor::contiguous() const {
  require_defined("contiguous");
  return is_contiguous() ? *this : clone();
}

// --- Views. ---

Tensor Tensor::reshape(const Shape& shape) const {
  require_defined("reshape");
  Shape target = shape;
  int64_t known = 1, unknown = -1;
  for (int i = 0; i < target.size(); ++i) {
    if (target[i] == -1) {
      ROUX_CHECK(unknown < 0, "reshape", "only one dimension can be -1, found ", shape);
      unknown = i;
    } else {
      ROUX_CHECK(target[i] >= 0, "reshape", "negative length in shape ", shape);
      known *= target[i];
    }
  }
  if (unknown >= 0) target[unknown] = known == 0 ? 0 : numel() / known;
  ROUX_CHECK(target.numel() == numel(), "reshape", "shape ", shape_, " with ", numel(), " elements does not fit ",
             shape);
  if (is_contiguous()) return as_view(offset_, target, contiguous_strides(target));
  Strides strides;
  if (view_strides(*this, target, strides)) return as_view(offset_, target, strides);
  const Tensor copy = clone();
  return copy.as_view(0, target, contiguous_strides(target));
}

Tensor Tensor::flatten(int64_t start, int64_t end) const {
  require_defined("flatten");
  if (dim() == 0) return reshape({1});
  start = wrap_axis(start, dim(), "flatten");
  end = wrap_axis(end, dim(), "flatten");
  ROUX_CHECK(start <= end, "flatten", "start ", start, " lies behind end ", end);
  Shape target(shape_.begin(), start);
  int64_t merged = 1;
  for (int64_t i = start; i <= end; ++i) merged *= shape_[i];
  target.push_back(merged);
  for (int64_t i = end + 1; i < dim(); ++i) target.push_back(shape_[i]);
  return reshape(target);
}

Tensor Tensor::transpose(int64_t axis0, int64_t axis1) const {
  require_defined("transpose");
  axis0 = wrap_axis(axis0, dim(), "transpose");
  axis1 = wrap_axis(axis1, dim(), "transpose");
  Tensor result = *this;
  std::swap(result.shape_[axis0], result.shape_[axis1]);
  std::swap(result.strides_[axis0], result.strides_[axis1]);
  return result;
}

Tensor Tensor::permute(const Axes& axes) const {
  require_defined("permute");
  ROUX_CHECK(axes.size() == dim(), "permute", "found ", axes.size(), " axes, expected ", dim(), " for shape ", shape_);
  Tensor result = *this;
  Dims seen;
  for (int i = 0; i < axes.size(); ++i) {
    const int64_t axis = wrap_axis(axes[i], dim(), "permute");
    ROUX_CHECK(!seen.contains(axis), "permute", "axis ", axis, " appears twice in ", axes);
    seen.push_back(axis);
    result.shape_[i] = shape_[axis];
    result.strides_[i] = strides_[axis];
  }
  return result;
}

Tensor Tensor::squeeze(int64_t axis) const {
  require_defined("squeeze");
  axis = wrap_axis(axis, dim(), "squeeze");
  Tensor result = *this;
  if (shape_[axis] != 1) return result;
  result.shape_.erase(axis);
  result.strides_.erase(axis);
  return result;
}

Tensor Tensor::squeeze() const {
  require_defined("squeeze");
  Tensor result = *this;
  for (int64_t axis = dim() - 1; axis >= 0; --axis) result = result.squeeze(axis);
  return result;
}

Tensor Tensor::unsqueeze(int64_t axis) const {
  require_defined("unsqueeze");
  axis = wrap_axis(axis, dim() + 1, "unsqueeze");
  Tensor result = *this;
  const int64_t stride = axis < dim() ? shape_[axis] * strides_[axis] : 1;
  result.shape_.insert(axis, 1);
  result.strides_.insert(axis, stride);
  return result;
}

Tensor Tensor::slice(int64_t axis, int64_t start, int64_t end, int64_t step) const {
  require_defined("slice");
  axis = wrap_axis(axis, dim(), "slice");
  ROUX_CHECK(step >= 1, "slice", "step must be at least 1, found ", step);
  const int64_t length = shape_[axis];
  start = std::clamp<int64_t>(start < 0 ? start + length : start, 0, length);
  end = std::clamp<int64_t>(end < 0 ? end + length : end, start, length);
  Tensor result = *this;
  result.offset_ += start * strides_[axis];
  result.shape_[axis] = (end - start + step - 1) / step;
  result.strides_[axis] *= step;
  return result;
}

Tensor Tensor::select(int64_t axis, int64_t index) const {
  require_defined("select");
  axis = wrap_axis(axis, dim(), "select");
  const int64_t length = shape_[axis];
  ROUX_CHECK(index >= -length && index < length, "select", "index ", index, " is out of range for dimension ", axis,
             " of shape ", shape_);
  Tensor result = slice(axis, index < 0 ? index + length : index, length);
  result.shape_.erase(axis);
  result.strides_.erase(axis);
  return result;
}

Tensor Tensor::expand(const Shape& shape) const {
  require_defined("expand");
  const int64_t lead = shape.size() - dim();
  ROUX_CHECK(lead >= 0, "expand", "shape ", shape_, " has more dimensions than ", shape);
  Shape target = shape;
  Strides strides = Strides::filled(shape.size(), 0);
  for (int64_t i = 0; i < shape.size(); ++i) {
    const bool fresh = i < lead;
    const int64_t own = fresh ? 1 : shape_[i - lead];
    if (target[i] == -1 && !fresh) target[i] = own;
    ROUX_CHECK(target[i] >= 0 && (own == target[i] || own == 1), "expand", "cannot expand shape ", shape_, " to ",
               shape, ": only dimensions of length 1 grow");
    if (!fresh && own == target[i]) strides[i] = strides_[i - lead];
  }
  return as_view(offset_, target, strides);
}

// --- In place. ---

namespace {

// `other` as this tensor's dtype, shape and device.
Tensor operand_for(const Tensor& target, const Tensor& other, const char* operation) {
  ROUX_CHECK(target.device() == other.device(), operation, "tensors on ", target.device(), " and ", other.device(),
             " (hint: to(device))");
  ROUX_CHECK(broadcast_shapes(target.shape(), other.shape(), operation) == target.shape(), operation, "shape ",
             other.shape(), " does not broadcast to ", target.shape());
  Tensor operand = other.to(target.dtype()).expand(target.shape());
  // A view of the same storage at other places would be read after it was overwritten.
  const bool same = operand.view().data == target.view().data && operand.strides() == target.strides();
  return operand.shares_storage(target) && !same ? operand.clone() : operand;
}

void binary_in_place(BinaryOp op, const Tensor& target, const Tensor& other, const char* operation) {
  const Tensor operand = operand_for(target, other, operation);
  backend(target.device()).binary(op, target.view(), target.view(), operand.view());
  target.bump_version();
}

void binary_in_place(BinaryOp op, const Tensor& target, Scalar other) {
  backend(target.device()).binary_scalar(op, target.view(), target.view(), other, false);
  target.bump_version();
}

}  // namespace

Tensor& Tensor::fill_(Scalar value) {
  require_defined("fill_");
  backend(device()).fill(view(), value);
  bump_version();
  return *this;
}

Tensor& Tensor::copy_(const Tensor& other) {
  require_defined("copy_");
  const bool plain = is_contiguous() && other.dtype() == dtype_ && other.shape() == shape_;
  if (plain && other.defined() && other.device() == cpu && device() != cpu) {
    const Tensor source = other.contiguous();
    backend(device()).copy_from_host(view().data, source.view().data, static_cast<size_t>(numel() * size_of(dtype_)));
    bump_version();
    return *this;
  }
  const Tensor operand = operand_for(*this, other.to(device()), "copy_");
  backend(device()).copy(view(), operand.view());
  bump_version();
  return *this;
}

Tensor& Tensor::add_(const Tensor& other, double alpha) {
  require_defined("add_");
  const Tensor operand = operand_for(*this, other, "add_");
  backend(device()).add_scaled(view(), operand.view(), [alpha] { return alpha; });
  bump_version();
  return *this;
}

Tensor& Tensor::add_(Scalar other) {
  require_defined("add_");
  binary_in_place(BinaryOp::add, *this, other);
  return *this;
}

Tensor& Tensor::mul_(const Tensor& other) {
  require_defined("mul_");
  binary_in_place(BinaryOp::mul, *this, other, "mul_");
  return *this;
}

Tensor& Tensor::mul_(Scalar other) {
  require_defined("mul_");
  binary_in_place(BinaryOp::mul, *this, other);
  return *this;
}

Tensor& Tensor::div_(const Tensor& other) {
  require_defined("div_");
  ROUX_CHECK(is_floating(dtype_), "div_", "the quotient is a fraction, but the tensor is ", name(dtype_));
  binary_in_place(BinaryOp::div, *this, other, "div_");
  return *this;
}

Tensor& Tensor::div_(Scalar other) {
  require_defined("div_");
  ROUX_CHECK(is_floating(dtype_), "div_", "the quotient is a fraction, but the tensor is ", name(dtype_));
  binary_in_place(BinaryOp::div, *this, other);
  return *this;
}

Tensor& Tensor::clamp_(double low, double high) {
  require_defined("clamp_");
  ROUX_CHECK(low <= high, "clamp_", "low ", low, " must not exceed high ", high);
  backend(device()).unary(UnaryOp::clamp, view(), view(), low, high);
  bump_version();
  return *this;
}

Tensor& Tensor::masked_fill_(const Tensor& mask, Scalar value) {
  require_defined("masked_fill_");
  ROUX_CHECK(mask.dtype() == boolean, "masked_fill_", "the mask must be bool, found ", name(mask.dtype()));
  ROUX_CHECK(broadcast_shapes(shape_, mask.shape(), "masked_fill_") == shape_, "masked_fill_", "mask ", mask.shape(),
             " does not broadcast to ", shape_);
  const Tensor fill = scalar(value, dtype_, device()).expand(shape_);
  backend(device()).where(view(), mask.expand(shape_).view(), fill.view(), view());
  bump_version();
  return *this;
}

}  // namespace roux
