// Copies with conversion, and fills.
#include <algorithm>
#include <bit>
#include <type_traits>

#include "cuda/cuda_backend.h"
#include "cuda/strided.h"
#include "tensor/convert.h"

namespace roux::cuda {
namespace {

/// Calls f with an unsigned number of this many bytes: what only moves elements need not know what they are.
template <class F>
void dispatch_size(int64_t size, F&& f) {
  if (size == 1) return f(uint8_t{});
  if (size == 2) return f(uint16_t{});
  if (size == 4) return f(uint32_t{});
  return f(uint64_t{});
}

template <class T>
struct Constant {
  T value;
  ROUX_HOST_DEVICE constexpr T operator()() const { return value; }
};

// ---- Copies that exchange rows and columns. -------------------------------------------------------------------------

constexpr int tile = 32, tile_rows = block_threads / tile;

// 2 sizeof(T) bytes an element: bound by memory. A block reads a tile of the input along its rows and writes it along
// those of the output, so that both are touched in runs; a column more keeps them in different banks of shared memory.
template <class T>
__global__ void transpose_kernel(T* out, int64_t out_stride, const T* in, int64_t in_stride, int64_t rows,
                                 int64_t columns, int64_t tiles_across) {
  ROUX_SHARED(T, kept, tile * (tile + 1));
  const int x = static_cast<int>(threadIdx.x) % tile, y = static_cast<int>(threadIdx.x) / tile;
  const int64_t tiles = tiles_across * ((rows + tile - 1) / tile);
  for_each_row(tiles, [&](int64_t index) {
    const int64_t row = index / tiles_across * tile, column = index % tiles_across * tile;
    for (int k = y; k < tile; k += tile_rows)
      if (row + k < rows && column + x < columns) kept[k * (tile + 1) + x] = in[(row + k) * in_stride + column + x];
    sync_block();
    for (int k = y; k < tile; k += tile_rows)
      if (row + x < rows && column + k < columns) out[(column + k) * out_stride + row + x] = kept[x * (tile + 1) + k];
    sync_block();  // the next tile goes to the same place
  });
}

/// A matrix whose rows are the input's runs and whose columns are the output's.
bool is_transposition(const MergedArrays<2>& arrays) {
  return arrays.dims == 2 && arrays.strides[0][0] == 1 && arrays.strides[1][1] == 1 &&
         std::min(arrays.extents[0], arrays.extents[1]) > 1;
}

template <class T>
void move(cudaStream_t stream, const View& out, const View& in) {
  const MergedArrays<2> arrays({&out, &in});
  if (!is_transposition(arrays)) return map<T>(stream, out, functions::Convert<T>{}, Operand<T>(in));
  const int64_t rows = arrays.extents[0], columns = arrays.extents[1];
  const int64_t across = (columns + tile - 1) / tile, down = (rows + tile - 1) / tile;
  launch(transpose_kernel<T>, blocks_for_rows(across * down), block_threads, stream, out.as<T>(), arrays.strides[0][1],
         in.as<const T>(), arrays.strides[1][0], rows, columns, across);
}

}  // namespace

void CudaBackend::copy(const View& out, const View& in) {
  if (out.numel() == 0) return;
  if (out.dtype != in.dtype) {
    functions::dispatch_all(out.dtype, "copy", [&](auto to) {
      functions::dispatch_all(in.dtype, "copy", [&](auto from) {
        using Out = decltype(to);
        using In = decltype(from);
        if constexpr (!std::is_same_v<Out, In>) map<Out>(stream(), out, functions::Convert<Out>{}, Operand<In>(in));
      });
    });
    return;
  }
  const int64_t size = size_of(out.dtype);
  if (MergedArrays<2>({&out, &in}).contiguous()) {
    if (out.data == in.data) return;
    const size_t bytes = static_cast<size_t>(out.numel() * size);
    check_cuda(cudaMemcpyAsync(out.data, in.data, bytes, cudaMemcpyDeviceToDevice, stream()), "copy");
    return;
  }
  dispatch_size(size, [&](auto type) { move<decltype(type)>(stream(), out, in); });
}

void CudaBackend::fill(const View& out, Scalar value) {
  functions::dispatch_all(out.dtype, "fill", [&](auto type) {
    using T = decltype(type);
    const T converted = functions::convert_scalar<T>(value);
    dispatch_size(sizeof(T), [&](auto plain) {
      using Plain = decltype(plain);
      if constexpr (sizeof(Plain) == sizeof(T))
        map<Plain>(stream(), out, Constant<Plain>{std::bit_cast<Plain>(converted)});
    });
  });
}

}  // namespace roux::cuda
