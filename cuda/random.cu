// Random kernels: one block of Philox words a thread, so that the numbers are those of every other backend.
#include <cmath>

#include "cuda/cuda_backend.h"
#include "cuda/random_words.h"
#include "cuda/strided.h"
#include "tensor/host_device.h"

namespace roux::cuda {
namespace {

/// Reads `count` elements, or the first `present` of them, in accesses of 16 bytes when `packed`.
template <int count, class T>
__device__ void read_elements(T (&to)[count], const T* from, int present, bool packed) {
  constexpr int width = count < pack_width<T> ? count : pack_width<T>;
  if (packed && present == count) {
    for (int first = 0; first < count; first += width) {
      const auto pack = load_pack<width>(from + first);
      for (int k = 0; k < width; ++k) to[first + k] = pack.at[k];
    }
  } else {
    for (int k = 0; k < count; ++k) to[k] = k < present ? from[k] : T{};
  }
}

template <int count, class T>
__device__ void write_elements(T* to, const T (&from)[count], int present, bool packed) {
  constexpr int width = count < pack_width<T> ? count : pack_width<T>;
  if (packed && present == count) {
    for (int first = 0; first < count; first += width) {
      Pack<T, width> pack;
      for (int k = 0; k < width; ++k) pack.at[k] = from[first + k];
      store_pack(to + first, pack);
    }
  } else {
    for (int k = 0; k < count; ++k)
      if (k < present) to[k] = from[k];
  }
}

/// Calls f(block, first, present) with the elements that take their words from one block, `each` of them but for the
/// last ones.
template <int each, class F>
__device__ void for_each_block(int64_t count, F f) {
  for_each_index((count + each - 1) / each, [&](int64_t block) {
    const int64_t first = block * each, left = count - first;
    f(block, first, left < each ? static_cast<int>(left) : each);
  });
}

// 9 bytes of float32 and some 25 integer operations an element: bound by memory. Kept where word >> 8, of 24 bits, is
// not below `least`.
template <class T>
__global__ void dropout_kernel(int64_t count, T* out, bool* mask, const T* in, Words words, uint32_t least, T scale,
                               bool packed) {
  for_each_block<4>(count, [&](int64_t block, int64_t first, int present) {
    T values[4];
    read_elements(values, in + first, present, packed);
    const std::array<uint32_t, 4> drawn = words.block(block);
    bool kept[4];
    for (int k = 0; k < 4; ++k) {
      kept[k] = drawn[k] >> 8 >= least;
      values[k] = kept[k] ? values[k] * scale : T(0);
    }
    write_elements(out + first, values, present, packed);
    write_elements(mask + first, kept, present, packed);
  });
}

template <class T>
struct ScaleKept {
  T scale;
  ROUX_HOST_DEVICE constexpr T operator()(T x, uint8_t kept) const {
    const T scaled = x * scale;
    return kept ? scaled : T(0);
  }
};

/// Numbers in [base, base + range). Rounding may reach the end, which is outside: `last` is the number before it.
template <class T>
struct Range {
  T base, range, last;
  __device__ T at(T fraction) const {
    const T x = base + range * fraction;
    return last < x ? last : x;
  }
};

// 4 bytes and some 25 integer operations an element: bound by memory, but not by much.
__global__ void uniform_kernel(int64_t count, float* out, Words words, Range<float> range, bool packed) {
  for_each_block<4>(count, [&](int64_t block, int64_t first, int present) {
    const std::array<uint32_t, 4> drawn = words.block(block);
    float values[4];
    for (int k = 0; k < 4; ++k) values[k] = range.at(uniform_float(drawn[k]));
    write_elements(out + first, values, present, packed);
  });
}

// The same with two words to an element.
__global__ void uniform_double_kernel(int64_t count, double* out, Words words, Range<double> range, bool packed) {
  for_each_block<2>(count, [&](int64_t block, int64_t first, int present) {
    const std::array<uint32_t, 4> drawn = words.block(block);
    const double values[2] = {range.at(uniform_double(drawn[0], drawn[1])),
                              range.at(uniform_double(drawn[2], drawn[3]))};
    write_elements(out + first, values, present, packed);
  });
}

dim3 grid_for(int64_t count, int64_t each) { return blocks_for((count + each - 1) / each); }

}  // namespace

void CudaBackend::dropout(const View& out, const View& mask, const View& in, double p, Generator& generator) {
  const int64_t count = in.numel();
  const EachStep<uint64_t> reserve = [&generator, count] { return generator.reserve(count); };
  const Words words(generator, step_value(reserve));
  const bool packed = are_aligned(out.data, mask.data, in.data);
  dispatch_floating(out.dtype, "dropout", [&](auto type) {
    using T = decltype(type);
    launch(dropout_kernel<T>, grid_for(out.numel(), 4), block_threads, stream(), out.numel(), out.as<T>(),
           mask.as<bool>(), in.as<const T>(), words, least_kept(p), static_cast<T>(scale_of_kept(p)), packed);
  });
}

void CudaBackend::masked_scale(const View& out, const View& in, const View& mask, double scale) {
  dispatch_floating(out.dtype, "dropout", [&](auto type) {
    using T = decltype(type);
    map<T>(stream(), out, ScaleKept<T>{static_cast<T>(scale)}, Operand<T>(in), Operand<uint8_t>(mask));
  });
}

void CudaBackend::uniform(const View& out, double low, double high, const Generator& generator) {
  ROUX_CHECK(!recorded_values_, "uniform", "a recorded step would draw the same numbers at each replay");
  const int64_t count = out.numel();
  const Words words(generator, {generator.offset()});
  if (out.dtype == DType::float32) {
    const float base = static_cast<float>(low), range = static_cast<float>(high - low);
    const Range<float> numbers{base, range, std::nextafter(static_cast<float>(high), base)};
    launch(uniform_kernel, grid_for(count, 4), block_threads, stream(), count, out.as<float>(), words, numbers,
           are_aligned(out.data));
    return;
  }
  dispatch<double>(out.dtype, "uniform", [&](auto) {
    const Range<double> numbers{low, high - low, std::nextafter(high, low)};
    launch(uniform_double_kernel, grid_for(count, 2), block_threads, stream(), count, out.as<double>(), words, numbers,
           are_aligned(out.data));
  });
}

}  // namespace roux::cuda
