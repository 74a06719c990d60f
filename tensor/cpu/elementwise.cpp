// Elementwise functions of one and two arrays: one small function object for each code, one loop for all.
#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/strided_loop.h"
#include "tensor/functions.h"

namespace roux::cpu_kernels {

void CpuBackend::unary(UnaryOp op, const View& out, const View& in, double a, double b) {
  dispatch_computing(in.dtype, "unary", [&](auto type) {
    using T = decltype(type);
    functions::choose_unary<T>(op, a, b, [&](auto f) {
      using Out = decltype(f(T{}));
      map<Out, T>(out, in, f);
    });
  });
}

void CpuBackend::binary(BinaryOp op, const View& out, const View& a, const View& b) {
  dispatch_computing(a.dtype, "binary", [&](auto type) {
    using T = decltype(type);
    functions::choose_binary<T>(op, [&](auto f) {
      using Out = decltype(f(T{}, T{}));
      map<Out, T>(out, a, b, f);
    });
  });
}

void CpuBackend::binary_scalar(BinaryOp op, const View& out, const View& a, Scalar b, bool reversed) {
  dispatch_computing(a.dtype, "binary", [&](auto type) {
    using T = decltype(type);
    const T number = b.to<T>();
    functions::choose_binary<T>(op, [&](auto f) {
      using Out = decltype(f(T{}, T{}));
      if (reversed)
        map<Out, T>(out, a, [f, number](T x) { return f(number, x); });
      else
        map<Out, T>(out, a, [f, number](T x) { return f(x, number); });
    });
  });
}

}  // namespace roux::cpu_kernels
