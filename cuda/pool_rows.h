// Several rows become one: how a thread walks rows that count, and their maxima. Shared by bags of a table's rows and
// padded sequences.
#pragma once

#include <cstdint>

#include "cuda/pack.h"

namespace roux::cuda {

/// Calls f(i, pack) in order for the i in [begin, end) that count, with a pack of their row; find(i) is where it
/// stands, null where i does not count. Several rows are under way at a time.
template <class T, int N, class Find, class F>
__device__ void for_rows(int64_t begin, int64_t end, Find find, F f) {
  constexpr int batch = 4;
  for (int64_t first = begin; first < end; first += batch) {
    Pack<T, N> rows[batch];
    bool counts[batch];
    for (int k = 0; k < batch; ++k) {
      const T* const row = first + k < end ? find(first + k) : nullptr;
      counts[k] = row != nullptr;
      if (counts[k]) rows[k] = load_pack<N>(row);
    }
    for (int k = 0; k < batch; ++k) {
      if (counts[k]) f(first + k, rows[k]);
    }
  }
}

/// The largest of what is added, and where it was; 0 and -1 without any. NaN wins; of equals the first does.
template <class T, int N>
class Maxima {
 public:
  __device__ Maxima() {
    for (int e = 0; e < N; ++e) where_[e] = -1;
  }
  __device__ void add(int64_t place, const Pack<T, N>& row) {
    for (int e = 0; e < N; ++e) {
      const T x = row.at[e], before = largest_.at[e];
      const bool wins = where_[e] < 0 || x > before || (x != x && before == before);
      if (!wins) continue;
      largest_.at[e] = x;
      where_[e] = place;
    }
  }
  __device__ void store(T* values, int64_t* positions) const {
    store_pack(values, largest_);
    for (int e = 0; e < N; ++e) positions[e] = where_[e];
  }

 private:
  Pack<T, N> largest_{};
  int64_t where_[N];
};

}  // namespace roux::cuda
