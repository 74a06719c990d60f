// out = f(in ...) over strided arrays of one shape. Common dimensions are merged, so that most operands are one long
// run and the others few of them; where the innermost ones allow it, a thread takes 16 bytes at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "cuda/grid.h"
#include "cuda/pack.h"
#include "tensor/merged_arrays.h"
#include "tensor/view.h"

namespace roux::cuda {

// ---- Layouts, on the host. ------------------------------------------------------------------------------------------

/// A part of merged arrays.
template <int N>
struct Piece : MergedArrays<N> {
  int64_t start[N] = {};  // where the first element lies

  explicit Piece(const MergedArrays<N>& whole) : MergedArrays<N>(whole) {}
};

/// Calls run(piece) with parts of the arrays that are one run or have less than `limit` elements: positions in them are
/// divided as 32-bit numbers.
template <int N, class Run>
void for_each_piece(const Piece<N>& arrays, const Run& run, int64_t limit = int64_t{1} << 31) {
  if (arrays.dims == 1 || arrays.count < limit) return run(arrays);
  const int outer = arrays.dims - 1;
  const int64_t extent = arrays.extents[outer], half = extent / 2;
  const auto part = [&](int64_t begin, int64_t size) {
    Piece<N> piece = arrays;
    piece.count = arrays.count / extent * size;
    piece.extents[outer] = size;
    for (int i = 0; i < N; ++i) piece.start[i] += begin * arrays.strides[i][outer];
    if (size == 1) --piece.dims;
    for_each_piece(piece, run, limit);
  };
  part(0, half);
  part(half, extent - half);
}

/// Where the elements of an array lie in memory.
struct Place {
  const void* data;
  int64_t size;  // of one element
};

/// Whether `width` neighbours along the innermost dimension can be read and written at once.
template <int N>
bool fits_groups(const Piece<N>& arrays, int width, const std::array<Place, N>& places) {
  if (arrays.dims > 1 && arrays.extents[0] % width != 0) return false;
  for (int i = 0; i < N; ++i) {
    if (i > 0 && arrays.strides[i][0] == 0) continue;  // one element for the whole group
    if (arrays.strides[i][0] != 1) return false;
    const auto address = reinterpret_cast<intptr_t>(places[i].data) + arrays.start[i] * places[i].size;
    if (address % (width * places[i].size) != 0) return false;
    for (int axis = 1; axis < arrays.dims; ++axis)
      if (arrays.strides[i][axis] % width != 0) return false;
  }
  return true;
}

// ---- Layouts, in kernels. -------------------------------------------------------------------------------------------

/// Division of numbers below 2^31 by one that the kernel is told: a multiplication and a shift (Granlund & Montgomery,
/// "Division by invariant integers using multiplication", 1994).
struct Divisor {
  uint32_t divisor = 1, multiplier = 1;
  int32_t shift = 0;

  Divisor() = default;
  explicit Divisor(int64_t by) : divisor(static_cast<uint32_t>(by)) {
    while ((int64_t{1} << shift) < by) ++shift;
    const uint64_t above = (uint64_t{1} << shift) - divisor;
    multiplier = static_cast<uint32_t>((above << 32) / divisor + 1);
  }
  __device__ uint32_t quotient(uint32_t n) const {
    return (static_cast<uint32_t>((uint64_t{n} * multiplier) >> 32) + n) >> shift;
  }
};

/// A piece as a kernel sees it: in groups of neighbours, of which a thread takes one at a time.
template <int N>
struct GroupLayout {
  int64_t count, groups;
  int dims;
  bool neighbours[N];  // a group is so many elements of the array, else one
  Divisor extents[Dims::max_size];
  int64_t strides[N][Dims::max_size];  // from one group to the next
  int64_t start[N];

  GroupLayout(const Piece<N>& arrays, int width)
      : count(arrays.count), groups((arrays.count + width - 1) / width), dims(arrays.dims) {
    for (int axis = 0; axis < dims - 1; ++axis)
      extents[axis] = Divisor(axis == 0 ? arrays.extents[0] / width : arrays.extents[axis]);
    for (int i = 0; i < N; ++i) {
      start[i] = arrays.start[i];
      neighbours[i] = arrays.strides[i][0] == 1;
      std::copy_n(arrays.strides[i], Dims::max_size, strides[i]);
      strides[i][0] *= width;
    }
  }

  /// Where a group of each array begins.
  __device__ void find(int64_t group, int64_t (&offsets)[N]) const {
    int64_t rest = group;
    for (int i = 0; i < N; ++i) offsets[i] = start[i];
    for (int axis = 0; axis < dims - 1; ++axis) {
      const uint32_t next = extents[axis].quotient(static_cast<uint32_t>(rest));
      const uint32_t index = static_cast<uint32_t>(rest) - next * extents[axis].divisor;
      for (int i = 0; i < N; ++i) offsets[i] += index * strides[i][axis];
      rest = next;
    }
    for (int i = 0; i < N; ++i) offsets[i] += rest * strides[i][dims - 1];
  }
};

// ---- The kernel. ----------------------------------------------------------------------------------------------------

/// An array, or a number for all elements where `data` is null.
template <class T>
struct Input {
  const T* data;
  T number;
};

/// A group of an input, of which only `present` elements are there; the others are read as T{}.
template <int width, class T>
__device__ Pack<T, width> read_group(const Input<T>& input, int64_t offset, bool neighbours, int present) {
  const T* const from = input.data + offset;
  if constexpr (width > 1) {
    if (neighbours && present == width) return load_pack<width>(from);
    if (neighbours) {
      Pack<T, width> pack;
      for (int k = 0; k < width; ++k) pack.at[k] = k < present ? from[k] : T{};
      return pack;
    }
  }
  const T value = input.data ? *from : input.number;
  Pack<T, width> pack;
  for (int k = 0; k < width; ++k) pack.at[k] = value;
  return pack;
}

template <int width, class T>
__device__ void write_group(T* to, const Pack<T, width>& pack, int present) {
  if (present == width) return store_pack(to, pack);
  for (int k = 0; k < width; ++k)
    if (k < present) to[k] = pack.at[k];
}

template <int width, class Out, class F, size_t... I, class... In>
__device__ void map_group(const GroupLayout<1 + sizeof...(In)>& layout, int64_t group, Out* out, const F& f,
                          std::index_sequence<I...>, const Input<In>&... in) {
  int64_t offsets[1 + sizeof...(In)];
  layout.find(group, offsets);
  const int64_t left = layout.count - group * width;
  const int present = left < width ? static_cast<int>(left) : width;
  const auto apply = [&](const Pack<In, width>&... packs) {
    Pack<Out, width> result;
    for (int k = 0; k < width; ++k) result.at[k] = f(packs.at[k]...);
    write_group(out + offsets[0], result, present);
  };
  apply(read_group<width>(in, offsets[I + 1], layout.neighbours[I + 1], present)...);
}

namespace {

// sizeof(Out) + sizeof(In) + ... bytes an element, and mostly a few flops: bound by memory.
template <int width, class Out, class F, class... In>
__global__ void map_kernel(GroupLayout<1 + sizeof...(In)> layout, Out* out, F f, Input<In>... in) {
  for_each_index(layout.groups, [&](int64_t group) {
    map_group<width>(layout, group, out, f, std::index_sequence_for<In...>(), in...);
  });
}

}  // namespace

// ---- What operations call. ------------------------------------------------------------------------------------------

/// An operand: a view whose elements are of type T, or a number.
template <class T>
struct Operand {
  const View* view;
  T number;

  explicit Operand(const View& array) : view(&array), number() {}
  explicit Operand(T value) : view(nullptr), number(value) {}
  Input<T> input() const { return {view ? view->as<const T>() : nullptr, number}; }
};

/// out[k] = f(in[k] ...) for every element; F is a function object that kernels can call. Views may be strided, and
/// `out` may be one of the operands.
template <class Out, class F, class... In>
void map(cudaStream_t stream, const View& out, F f, const Operand<In>&... in) {
  if (out.numel() == 0) return;
  constexpr int arrays = 1 + sizeof...(In);
  constexpr int widest = static_cast<int>(std::max({sizeof(Out), sizeof(In)...}));
  constexpr int width = 16 / widest;
  using Kernel = void (*)(GroupLayout<arrays>, Out*, F, Input<In>...);
  const auto start = [&](Kernel kernel, const Piece<arrays>& piece, int group) {
    const GroupLayout<arrays> layout(piece, group);
    launch(kernel, blocks_for(layout.groups), block_threads, stream, layout, out.as<Out>(), f, in.input()...);
  };
  const std::array<Place, arrays> places{Place{out.data, sizeof(Out)}, Place{in.input().data, sizeof(In)}...};
  for_each_piece(Piece<arrays>(MergedArrays<arrays>({&out, in.view...})), [&](const Piece<arrays>& piece) {
    if (fits_groups<arrays>(piece, width, places))
      start(map_kernel<width, Out, F, In...>, piece, width);
    else
      start(map_kernel<1, Out, F, In...>, piece, 1);
  });
}

}  // namespace roux::cuda
