// Memory, copies with conversion, fills, and choices by condition.
#include <cstring>

#include "tensor/convert.h"
#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/strided_loop.h"
#include "tensor/functions.h"
#include "tensor/memory.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

bool same_contiguous_layout(const View& a, const View& b) {
  return a.dtype == b.dtype && a.strides == b.strides && a.strides == contiguous_strides(a.shape);
}

}  // namespace

CpuBackend::CpuBackend() { stop_blas_threads(); }

void* CpuBackend::allocate(size_t bytes) { return allocate_memory(bytes); }
void CpuBackend::deallocate(void* data, size_t bytes) noexcept { free_memory(data, bytes); }
void CpuBackend::copy_from_host(void* out, const void* host, size_t bytes) { std::memcpy(out, host, bytes); }
void CpuBackend::copy_to_host(void* host, const void* in, size_t bytes) { std::memcpy(host, in, bytes); }

void CpuBackend::copy(const View& out, const View& in) {
  if (same_contiguous_layout(out, in)) {
    const int64_t size = size_of(out.dtype);
    parallel_for(out.numel(), elementwise_grain, [&](int64_t begin, int64_t end) {
      std::memmove(out.as<char>() + begin * size, in.as<char>() + begin * size,
                   static_cast<size_t>((end - begin) * size));
    });
    return;
  }
  functions::dispatch_all(out.dtype, "copy", [&](auto to) {
    functions::dispatch_all(in.dtype, "copy", [&](auto from) {
      using Out = decltype(to);
      using In = decltype(from);
      map<Out, In>(out, in, functions::Convert<Out>{});
    });
  });
}

void CpuBackend::fill(const View& out, Scalar value) {
  functions::dispatch_all(out.dtype, "fill", [&](auto to) {
    using Out = decltype(to);
    const Out converted = functions::convert_scalar<Out>(value);
    for_each_run<1>({&out}, [&](const auto& offsets, const auto& strides, int64_t n) {
      Out* const o = out.as<Out>() + offsets[0];
      for (int64_t k = 0; k < n; ++k) o[k * strides[0]] = converted;
    });
  });
}

void CpuBackend::where(const View& out, const View& condition, const View& a, const View& b) {
  dispatch_computing(out.dtype, "where", [&](auto type) {
    using T = decltype(type);
    for_each_run<4>({&out, &condition, &a, &b}, [&](const auto& offsets, const auto& strides, int64_t n) {
      T* const o = out.as<T>() + offsets[0];
      const bool* const c = condition.as<bool>() + offsets[1];
      const T* const x = a.as<T>() + offsets[2];
      const T* const y = b.as<T>() + offsets[3];
      if (strides[0] == 1 && strides[1] == 0 && strides[2] <= 1 && strides[3] == 1) {
        // One condition for the whole run: a mask that broadcasts over the last dimension.
        if (c[0])
          for (int64_t k = 0; k < n; ++k) o[k] = x[k * strides[2]];
        else
          for (int64_t k = 0; k < n; ++k) o[k] = y[k];
      } else {
        for (int64_t k = 0; k < n; ++k) o[k * strides[0]] = c[k * strides[1]] ? x[k * strides[2]] : y[k * strides[3]];
      }
    });
  });
}

void CpuBackend::add_scaled(const View& out, const View& a, const EachStep<double>& each_alpha) {
  const double alpha = each_alpha();
  dispatch<float, double, int64_t>(out.dtype, "add_", [&](auto type) {
    using T = decltype(type);
    map<T, T>(out, out, a, functions::AddScaled<T>{static_cast<T>(alpha)});
  });
}

}  // namespace roux::cpu_kernels
