// Functions of two arrays, or of an array and a number.
#include "cuda/cuda_backend.h"
#include "cuda/strided.h"
#include "tensor/functions.h"

namespace roux::cuda {
namespace {

/// A number takes the place of an array in the same kernels.
template <class T>
void apply(cudaStream_t stream, BinaryOp op, const View& out, const Operand<T>& a, const Operand<T>& b) {
  functions::choose_binary<T>(op, [&](auto f) {
    using Out = decltype(f(T{}, T{}));
    map<Out>(stream, out, f, a, b);
  });
}

}  // namespace

void CudaBackend::binary(BinaryOp op, const View& out, const View& a, const View& b) {
  dispatch_computing(a.dtype, "binary", [&](auto type) {
    using T = decltype(type);
    apply<T>(stream(), op, out, Operand<T>(a), Operand<T>(b));
  });
}

void CudaBackend::binary_scalar(BinaryOp op, const View& out, const View& a, Scalar b, bool reversed) {
  dispatch_computing(a.dtype, "binary", [&](auto type) {
    using T = decltype(type);
    const Operand<T> array(a), number(b.to<T>());
    if (reversed)
      apply<T>(stream(), op, out, number, array);
    else
      apply<T>(stream(), op, out, array, number);
  });
}

}  // namespace roux::cuda
