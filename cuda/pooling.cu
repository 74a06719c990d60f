// Pooling over padded sequences and its gradient.
//
// Forward, one thread has up to 16 bytes of neighbouring columns of one result and walks the tokens of its sequence in
// order, as with bags (embedding.cu). Backward, one thread has a pack of one token's gradient.
#include "cuda/cuda_backend.h"
#include "cuda/grid.h"
#include "cuda/pool_rows.h"

namespace roux::cuda {
namespace {

/// The sequences of one call.
struct Sequences {
  const bool* mask;  // (batch, length)
  int64_t batch, length, dim;
  Pooling mode;

  /// Calls f(place in the sequence, row) for the tokens that count, with the pack at `column`.
  template <int N, class T, class F>
  __device__ void for_tokens(int64_t sequence, const T* tokens, int64_t column, F f) const {
    const bool* const counts = mask + sequence * length;
    const T* const columns = tokens + sequence * length * dim + column;
    const auto find = [&](int64_t i) { return counts[i] ? columns + i * dim : nullptr; };
    for_rows<T, N>(0, length, find, f);
  }
};

// An element read for each token and column, one written for each sequence and column, an addition each; the byte of
// the mask is shared by the threads of a sequence, and what it leaves out is not read: bound by memory.
template <class T, int N>
__global__ void masked_pool_kernel(T* out, T* shares, const T* in, Sequences sequences) {
  const int64_t columns = sequences.dim / N;
  for_each_index(sequences.batch * columns, [=](int64_t i) {
    const int64_t sequence = i / columns, column = i % columns * N;
    Pack<T, N> sum{};
    int64_t counted = 0;
    sequences.for_tokens<N>(sequence, in, column, [&](int64_t, const Pack<T, N>& row) {
      for (int e = 0; e < N; ++e) sum.at[e] += row.at[e];
      ++counted;
    });
    if (sequences.mode == Pooling::mean) {
      const T share = T(1) / static_cast<T>(counted > 1 ? counted : 1);
      for (int e = 0; e < N; ++e) sum.at[e] *= share;
      if (column == 0) shares[sequence] = share;
    }
    store_pack(out + sequence * sequences.dim + column, sum);
  });
}

// The same with 8 bytes of position written beside each result.
template <class T, int N>
__global__ void masked_pool_max_kernel(T* out, int64_t* positions, const T* in, Sequences sequences) {
  const int64_t columns = sequences.dim / N;
  for_each_index(sequences.batch * columns, [=](int64_t i) {
    const int64_t sequence = i / columns, column = i % columns * N, at = sequence * sequences.dim + column;
    Maxima<T, N> maxima;
    sequences.for_tokens<N>(sequence, in, column,
                            [&](int64_t place, const Pack<T, N>& row) { maxima.add(place, row); });
    maxima.store(out + at, positions + at);
  });
}

// An element written for each token and column; the gradient and the positions of a sequence, which all its tokens
// read, come from the cache: bound by memory.
template <class T, int N>
__global__ void masked_pool_backward_kernel(T* grad_in, const T* grad, const int64_t* positions, const T* shares,
                                            Sequences sequences) {
  const int64_t columns = sequences.dim / N;
  for_each_index(sequences.batch * sequences.length * columns, [=](int64_t i) {
    const int64_t token = i / columns, column = i % columns * N;
    const int64_t sequence = token / sequences.length, at = sequence * sequences.dim + column;
    Pack<T, N> g{};
    if (sequences.mask[token]) {
      g = load_pack<N>(grad + at);
      const T share = sequences.mode == Pooling::mean ? shares[sequence] : T(1);
      for (int e = 0; e < N; ++e) {
        if (sequences.mode == Pooling::max)
          g.at[e] = positions[at + e] == token - sequence * sequences.length ? g.at[e] : T(0);
        else
          g.at[e] *= share;
      }
    }
    store_pack(grad_in + token * sequences.dim + column, g);
  });
}

Sequences sequences_of(const View& tokens, const View& mask, Pooling mode) {
  return {mask.as<const bool>(), tokens.shape[0], tokens.shape[1], tokens.shape[2], mode};
}

}  // namespace

void CudaBackend::masked_pool(const View& out, const View& positions, const View& shares, const View& in,
                              const View& mask, Pooling mode) {
  const Sequences sequences = sequences_of(in, mask, mode);
  const dim3 block(block_threads);
  dispatch_floating(out.dtype, "masked_pool", [&](auto type) {
    using T = decltype(type);
    constexpr int width = pack_width<T>;
    const bool packs = has_whole_packs<T>(sequences.dim, out.as<T>(), in.as<T>());
    const dim3 grid = blocks_for(sequences.batch * (packs ? sequences.dim / width : sequences.dim));
    if (mode == Pooling::max)
      launch(packs ? masked_pool_max_kernel<T, width> : masked_pool_max_kernel<T, 1>, grid, block, stream(),
             out.as<T>(), positions.as<int64_t>(), in.as<const T>(), sequences);
    else
      launch(packs ? masked_pool_kernel<T, width> : masked_pool_kernel<T, 1>, grid, block, stream(), out.as<T>(),
             shares.as<T>(), in.as<const T>(), sequences);
  });
}

void CudaBackend::masked_pool_backward(const View& grad_in, const View& grad, const View& mask, const View& positions,
                                       const View& shares, Pooling mode) {
  const Sequences sequences = sequences_of(grad_in, mask, mode);
  dispatch_floating(grad.dtype, "masked_pool", [&](auto type) {
    using T = decltype(type);
    constexpr int width = pack_width<T>;
    const bool packs = has_whole_packs<T>(sequences.dim, grad_in.as<T>(), grad.as<T>());
    const int64_t tokens = sequences.batch * sequences.length;
    launch(packs ? masked_pool_backward_kernel<T, width> : masked_pool_backward_kernel<T, 1>,
           blocks_for(tokens * (packs ? sequences.dim / width : sequences.dim)), dim3(block_threads), stream(),
           grad_in.as<T>(), grad.as<const T>(), positions.as<const int64_t>(), shares.as<const T>(), sequences);
  });
}

}  // namespace roux::cuda
