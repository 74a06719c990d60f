// Functions of one array, choices by condition, and sums with a multiple.
#include "cuda/cuda_backend.h"
#include "cuda/strided.h"
#include "tensor/functions.h"

namespace roux::cuda {
namespace {

// Conditions are read as bytes, chosen values as plain numbers of their size.
struct Choose {
  template <class T>
  ROUX_HOST_DEVICE constexpr T operator()(uint8_t condition, T a, T b) const {
    return condition ? a : b;
  }
};

/// a + alpha * b, with an alpha that may be another in each step.
template <class T>
struct AddScaledBy {
  StepValue<T> alpha;
  ROUX_HOST_DEVICE T operator()(T a, T b) const { return functions::AddScaled<T>{alpha.get()}(a, b); }
};

}  // namespace

void CudaBackend::unary(UnaryOp op, const View& out, const View& in, double a, double b) {
  dispatch_computing(in.dtype, "unary", [&](auto type) {
    using T = decltype(type);
    functions::choose_unary<T>(op, a, b, [&](auto f) {
      using Out = decltype(f(T{}));
      map<Out>(stream(), out, f, Operand<T>(in));
    });
  });
}

void CudaBackend::where(const View& out, const View& condition, const View& a, const View& b) {
  const auto choose = [&]<class T>(T) {
    map<T>(stream(), out, Choose{}, Operand<uint8_t>(condition), Operand<T>(a), Operand<T>(b));
  };
  dispatch_computing(out.dtype, "where", [&](auto type) {
    if constexpr (sizeof(type) == 8)
      choose(uint64_t{});
    else if constexpr (sizeof(type) == 4)
      choose(uint32_t{});
    else
      choose(uint8_t{});
  });
}

void CudaBackend::add_scaled(const View& out, const View& a, const EachStep<double>& alpha) {
  dispatch<float, double, int64_t>(out.dtype, "add_", [&](auto type) {
    using T = decltype(type);
    const EachStep<T> factor = [alpha] { return static_cast<T>(alpha()); };
    map<T>(stream(), out, AddScaledBy<T>{step_value(factor)}, Operand<T>(out), Operand<T>(a));
  });
}

}  // namespace roux::cuda
