// Joining tensors, and reading and adding by index.
#include "tensor/operands.h"
#include "tensor/ops.h"

namespace roux {
namespace {

// Shapes must agree off `axis`.
void check_joinable(const Shape& first, const Tensor& other, int64_t axis, size_t position, const char* operation) {
  Shape expected = first;
  if (other.dim() == first.size()) expected[axis] = other.size(axis);
  ROUX_CHECK(other.shape() == expected, operation, "tensor ", position, " has shape ", other.shape(),
             ", the first has ", first, "; expected the same lengths in every dimension but ", axis);
}

// The type and device that all have in common.
DType check_tensors(const std::vector<Tensor>& tensors, const char* operation) {
  ROUX_CHECK(!tensors.empty(), operation, "expected at least one tensor, found none");
  for (const Tensor& tensor : tensors) check_defined(tensor, operation, "one of the tensors");
  DType dtype = tensors[0].dtype();
  for (const Tensor& tensor : tensors) {
    check_same_device(tensors[0], tensor, operation, "one of the tensors");
    dtype = promote(dtype, tensor.dtype());
  }
  return dtype;
}

void check_list_of_ids(const Tensor& ids, int64_t bound, const char* operation) {
  check_defined(ids, operation, "the tensor of indices");
  ROUX_CHECK(ids.dim() == 1, operation, "indices must have one dimension, found shape ", ids.shape(),
             " (hint: flatten())");
  check_ids(ids, bound, operation);
}

// The part of x that an index tensor of this shape can reach: all of dimension `axis`, the first entries of the others.
Tensor reached_part(const Tensor& x, int64_t axis, const Shape& index) {
  Tensor part = x;
  for (int64_t i = 0; i < x.dim(); ++i) {
    if (i != axis && index[i] != part.size(i)) part = part.slice(i, 0, index[i]);
  }
  return part;
}

// `index` is as gather and scatter_add take it for x.
void check_index(const Tensor& x, int64_t axis, const Tensor& index, const char* operation) {
  check_defined(index, operation, "the tensor of indices");
  check_same_device(x, index, operation, "the tensor of indices");
  bool fits = index.dim() == x.dim();
  for (int64_t i = 0; fits && i < x.dim(); ++i) fits = i == axis || index.size(i) <= x.size(i);
  ROUX_CHECK(fits, operation, "indices have shape ", index.shape(), ", expected the number of dimensions of ",
             x.shape(), " and no longer ones but in dimension ", axis);
  check_ids(index, x.size(axis), operation);
}

}  // namespace

Tensor cat(const std::vector<Tensor>& tensors, int64_t axis) {
  const DType dtype = check_tensors(tensors, "cat");
  Shape shape = tensors[0].shape();
  axis = wrap_axis(axis, shape.size(), "cat");
  for (size_t i = 1; i < tensors.size(); ++i) {
    check_joinable(tensors[0].shape(), tensors[i], axis, i, "cat");
    shape[axis] += tensors[i].size(axis);
  }
  const Tensor result = Tensor::empty(shape, dtype, tensors[0].device());
  int64_t begin = 0;
  for (const Tensor& tensor : tensors) {
    const int64_t end = begin + tensor.size(axis);
    result.slice(axis, begin, end).copy_(tensor);
    begin = end;
  }
  return result;
}

Tensor stack(const std::vector<Tensor>& tensors, int64_t axis) {
  check_tensors(tensors, "stack");
  const Shape& first = tensors[0].shape();
  axis = wrap_axis(axis, first.size() + 1, "stack");
  std::vector<Tensor> slices;
  slices.reserve(tensors.size());
  for (const Tensor& tensor : tensors) {
    ROUX_CHECK(tensor.shape() == first, "stack", "tensor ", slices.size(), " has shape ", tensor.shape(), ", expected ",
               first, " like the first");
    slices.push_back(tensor.unsqueeze(axis));
  }
  return cat(slices, axis);
}

Tensor index_select(const Tensor& x, int64_t axis, const Tensor& ids) {
  check_defined(x, "index_select");
  axis = wrap_axis(axis, x.dim(), "index_select");
  check_list_of_ids(ids, x.size(axis), "index_select");
  check_same_device(x, ids, "index_select", "the tensor of indices");
  Shape shape = x.shape();
  shape[axis] = ids.numel();
  const Tensor result = Tensor::empty(shape, x.dtype(), x.device());
  backend(x.device())
      .index_select(result.view(), x.contiguous().view(), ids.contiguous().view(), along_axis(x.shape(), axis));
  return result;
}

Tensor gather(const Tensor& x, int64_t axis, const Tensor& index) {
  check_defined(x, "gather");
  axis = wrap_axis(axis, x.dim(), "gather");
  check_index(x, axis, index, "gather");
  const Tensor part = reached_part(x, axis, index.shape()).contiguous();
  const Tensor result = Tensor::empty(index.shape(), x.dtype(), x.device());
  backend(x.device())
      .gather(result.view(), part.view(), index.contiguous().view(), along_axis(part.shape(), axis), index.size(axis));
  return result;
}

Tensor scatter_add(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source) {
  constexpr const char* operation = "scatter_add";
  check_defined(x, operation);
  check_defined(source, operation, "the source");
  axis = wrap_axis(axis, x.dim(), operation);
  check_index(x, axis, index, operation);
  check_same_device(x, source, operation, "the source");
  check_same_dtype(x, source, operation, "the source");
  ROUX_CHECK(source.shape() == index.shape(), operation, "the source has shape ", source.shape(), ", expected ",
             index.shape(), " like the indices");
  const Tensor result = x.clone();
  Tensor part = reached_part(result, axis, index.shape());
  const Tensor sums = part.contiguous();  // `part` itself unless the indices leave some of x out
  backend(x.device())
      .scatter_add(sums.view(), index.contiguous().view(), source.contiguous().view(), along_axis(part.shape(), axis),
                   index.size(axis));
  if (!sums.shares_storage(part)) part.copy_(sums);
  return result;
}

Tensor index_add(const Tensor& x, int64_t axis, const Tensor& ids, const Tensor& source) {
  constexpr const char* operation = "index_add";
  check_defined(x, operation);
  check_defined(source, operation, "the source");
  axis = wrap_axis(axis, x.dim(), operation);
  check_list_of_ids(ids, x.size(axis), operation);
  check_same_device(x, ids, operation, "the tensor of indices");
  check_same_device(x, source, operation, "the source");
  check_same_dtype(x, source, operation, "the source");
  Shape expected = x.shape();
  expected[axis] = ids.numel();
  ROUX_CHECK(source.shape() == expected, operation, "the source has shape ", source.shape(), ", expected ", expected,
             ": a slice of ", x.shape(), " for each of ", ids.numel(), " indices");
  const Tensor result = x.clone();
  backend(x.device())
      .index_add(result.view(), ids.contiguous().view(), source.contiguous().view(), along_axis(x.shape(), axis));
  return result;
}

void check_ids(const Tensor& ids, int64_t bound, const char* operation) {
  check_defined(ids, operation, "the tensor of indices");
  ROUX_CHECK(ids.dtype() == int64, operation, "indices must be int64, found ", ids.dtype(),
             " (hint: convert with to(int64))");
  backend(ids.device())
      .check(ids.contiguous().view(), {.kind = IndexCheck::Kind::ids, .bound = bound, .operation = operation});
}

}  // namespace roux
