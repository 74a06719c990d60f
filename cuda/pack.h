// Several neighbouring elements that are read and written at once, in one access of up to 16 bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/device.h"

namespace roux::cuda {

template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T at[N];
};

/// Elements of T in 16 bytes.
template <class T>
inline constexpr int pack_width = 16 / static_cast<int>(sizeof(T));

/// Whether packs can be read and written at these addresses. Null is no obstacle.
template <class... Pointers>
bool are_aligned(const Pointers*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}
/// Whether rows of `dim` elements that begin at these addresses are made of whole packs.
template <class T, class... Pointers>
bool has_whole_packs(int64_t dim, const Pointers*... pointers) {
  return dim % pack_width<T> == 0 && are_aligned(pointers...);
}

template <int N, class T>
__device__ Pack<T, N> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T, N>*>(from);
}
template <int N, class T>
__device__ void store_pack(T* to, const Pack<T, N>& pack) {
  *reinterpret_cast<Pack<T, N>*>(to) = pack;
}

}  // namespace roux::cuda
