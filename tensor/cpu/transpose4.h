// Blocks of 4 x 4 numbers of four bytes, turned about their diagonal in registers of 16 bytes, which every processor
// has.
#pragma once

#include <cstdint>
#include <cstring>

namespace roux::cpu_kernels {

/// to[j * to_step + i] = from[i * from_step + j] for i, j < 4; T has four bytes.
template <class T>
[[gnu::always_inline]] inline void transpose4(const T* from, int64_t from_step, T* to, int64_t to_step) {
  typedef T Four __attribute__((vector_size(16)));
  static_assert(sizeof(T) == 4);
  Four row[4];
  for (int64_t i = 0; i < 4; ++i) std::memcpy(&row[i], from + i * from_step, sizeof(Four));
  const Four a = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);  // 00 10 01 11
  const Four b = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);  // 20 30 21 31
  const Four c = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);  // 02 12 03 13
  const Four d = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);  // 22 32 23 33
  const Four column[4] = {__builtin_shufflevector(a, b, 0, 1, 4, 5), __builtin_shufflevector(a, b, 2, 3, 6, 7),
                          __builtin_shufflevector(c, d, 0, 1, 4, 5), __builtin_shufflevector(c, d, 2, 3, 6, 7)};
  for (int64_t j = 0; j < 4; ++j) std::memcpy(to + j * to_step, &column[j], sizeof(Four));
}

}  // namespace roux::cpu_kernels
