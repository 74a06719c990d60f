// Memory, copies with conversion, fills, and choices by condition.
#include <cblas.h>

#include <cstring>
#include <limits>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/strided_loop.h"
#include "tensor/memory.h"

namespace roux::cpu_kernels {
namespace {

// Through float for the 16-bit floats, directly otherwise; a fraction that does not fit an integer is cut, NaN gives 0.
template <class Out, class In>
Out convert(In x) {
  if constexpr (std::is_same_v<Out, In>) {
    return x;
  } else if constexpr (std::is_same_v<In, Float16> || std::is_same_v<In, BFloat16>) {
    return convert<Out>(to_float(x));
  } else if constexpr (std::is_same_v<Out, Float16>) {
    return to_float16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<Out, BFloat16>) {
    return to_bfloat16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<Out, bool>) {
    return x != In{0};
  } else if constexpr (std::is_floating_point_v<In> && std::is_integral_v<Out>) {
    constexpr auto low = static_cast<double>(std::numeric_limits<Out>::min());  // a power of two: exact
    const auto wide = static_cast<double>(x);
    if (!(wide >= low)) return wide != wide ? Out{0} : std::numeric_limits<Out>::min();
    return wide < -low ? static_cast<Out>(wide) : std::numeric_limits<Out>::max();
  } else {
    return static_cast<Out>(x);
  }
}

template <class F>
void dispatch_all(DType dtype, const char* operation, F&& f) {
  dispatch<float, double, int64_t, bool, int32_t, Float16, BFloat16>(dtype, operation, f);
}

bool same_contiguous_layout(const View& a, const View& b) {
  return a.dtype == b.dtype && a.strides == b.strides && a.strides == contiguous_strides(a.shape);
}

}  // namespace

CpuBackend::CpuBackend() { openblas_set_num_threads(1); }

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
  dispatch_all(out.dtype, "copy", [&](auto to) {
    dispatch_all(in.dtype, "copy", [&](auto from) {
      using Out = decltype(to);
      using In = decltype(from);
      map<Out, In>(out, in, [](In x) { return convert<Out>(x); });
    });
  });
}

void CpuBackend::fill(const View& out, Scalar value) {
  dispatch_all(out.dtype, "fill", [&](auto to) {
    using Out = decltype(to);
    const Out converted = value.is_integral() ? convert<Out>(value.to_int64()) : convert<Out>(value.to_double());
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

void CpuBackend::add_scaled(const View& out, const View& a, double alpha) {
  dispatch<float, double, int64_t>(out.dtype, "add_", [&](auto type) {
    using T = decltype(type);
    const T factor = static_cast<T>(alpha);
    map<T, T>(out, out, a, [factor](T x, T y) { return static_cast<T>(x + factor * y); });
  });
}

}  // namespace roux::cpu_kernels
