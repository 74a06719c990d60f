// Embedding tables: distinct ids, and the gradients of a table as rows. The lookup itself is index_select, that of bags
// is in pooling.cpp.
//
// Row gradients are written by slot: `unique` numbers slots by first occurrence, so the first contribution to a row is
// stored, the later ones are added, and nothing has to be cleared before; only those of max are cleared first. Tasks
// take bags where each bag has a result of its own, else columns, never ids: every sum runs in the order of the ids.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tensor/cpu/bags.h"
#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/lanes.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

/// The slots of distinct ids by open addressing: `places_` holds slots, the ids themselves stand in the list of them.
class IdTable {
 public:
  /// Forgets everything and makes room for `count` distinct ids.
  void begin(int64_t count) {
    shift_ = 58;  // 64 places
    while ((int64_t{1} << (64 - shift_)) < 8 * count) --shift_;
    mask_ = (size_t{1} << (64 - shift_)) - 1;
    if (places_.size() <= mask_) places_.resize(mask_ + 1);
    std::fill_n(places_.begin(), mask_ + 1, -1);
  }

  /// The slot of `id` among rows[0 .. next); a new id becomes rows[next].
  int64_t find_or_add(int64_t id, int64_t* rows, int64_t next) {
    int32_t* const places = places_.data();
    for (size_t place = (static_cast<uint64_t>(id) * 0x9E3779B97F4A7C15u) >> shift_;; place = (place + 1) & mask_) {
      const int32_t slot = places[place];
      if (slot < 0) {
        places[place] = static_cast<int32_t>(next);
        rows[next] = id;
        return next;
      }
      if (rows[slot] == id) return slot;
    }
  }

  /// Gives memory back after an unusually large call.
  void end() {
    if (places_.size() > largest_kept) std::vector<int32_t>().swap(places_);
  }

 private:
  static constexpr size_t largest_kept = size_t{1} << 20;
  std::vector<int32_t> places_;
  size_t mask_ = 0;
  int shift_ = 58;
};

IdTable& id_table() {
  static thread_local IdTable table;
  return table;
}

/// Where one column block of row gradients is written.
template <class T>
struct RowGradients {
  T* values;
  int64_t dim;

  /// values[slots[i]][c ..] += g[k] (times weights[i]) for the slots of one bag; returns the next new slot.
  template <int Width, bool Weighted, class Access>
  int64_t add(int64_t c, const typename Simd<T>::Vector* g, const int64_t* slots, const T* weights, int64_t n,
              int64_t next, Access access) const {
    using Vector = typename Simd<T>::Vector;
    for (int64_t i = 0; i < n; ++i) {
      if (slots[i] < 0) continue;
      T* const row = values + slots[i] * dim + c;
      const bool is_new = slots[i] == next;
      next += is_new;
      for (int64_t k = 0; k < Width; ++k) {
        T* const to = row + k * Simd<T>::lanes;
        const Vector x = Weighted ? g[k] * weights[i] : g[k];
        access.store(to, is_new ? x : access.load(to) + x);
      }
    }
    return next;
  }
};

/// Tasks of whole column blocks: calls f(begin, end) for ranges of [0, dim), `count` rows tall.
template <class T, class F>
void parallel_for_columns(int64_t dim, int64_t count, F&& f) {
  constexpr int64_t block = 4 * Simd<T>::lanes;
  const int64_t grain = grain_of(count * block, elements_per_task) * block;
  parallel_for(dim, grain, f);
}

/// The gradient of the table by sum or mean.
template <bool Weighted, class T>
void pool_backward(RowGradients<T> rows, const T* grad, const int64_t* slots, const T* weights, const Bags& bags) {
  using Vector = typename Simd<T>::Vector;
  const BagShape& shape = bags.shape;
  parallel_for_columns<T>(shape.dim, shape.count, [&](int64_t begin, int64_t end) {
    int64_t next = 0;
    for (int64_t bag = 0; bag < shape.bags; ++bag) {
      const int64_t first = bags.begin(bag), n = bags.end(bag) - first;
      T scale = 1;
      if (shape.mode == Pooling::mean) {
        const int64_t counted =
            shape.padding_idx < 0 ? n : n - std::count(slots + first, slots + first + n, int64_t{-1});
        scale = T(1) / static_cast<T>(std::max<int64_t>(1, counted));
      }
      int64_t next_after = next;
      for_column_blocks<T>(begin, end, [&](int64_t c, auto width, auto access) {
        constexpr int blocks = decltype(width)::value;
        Vector g[blocks];
        for (int64_t k = 0; k < blocks; ++k)
          g[k] = access.load(grad + bag * shape.dim + c + k * Simd<T>::lanes) * scale;
        next_after = rows.template add<blocks, Weighted>(c, g, slots + first, Weighted ? weights + first : nullptr, n,
                                                         next, access);
      });
      next = next_after;
    }
  });
}

template <class T>
double norm_of(const T* row, int64_t dim, double norm_type) {
  if (norm_type == 2) return std::sqrt(lane_sum(dim, [&](int64_t c) { return double(row[c]) * double(row[c]); }));
  if (norm_type == 1) return lane_sum(dim, [&](int64_t c) { return std::abs(double(row[c])); });
  if (std::isinf(norm_type)) {
    double largest = 0;
    for (int64_t c = 0; c < dim; ++c) largest = std::max(largest, std::abs(double(row[c])));
    return largest;
  }
  return std::pow(lane_sum(dim, [&](int64_t c) { return std::pow(std::abs(double(row[c])), norm_type); }),
                  1 / norm_type);
}

}  // namespace

int64_t CpuBackend::unique(const View& rows, const View& slots, const View& ids, int64_t exclude) {
  const int64_t count = ids.numel();
  const int64_t* const id = ids.as<int64_t>();
  int64_t* const row = rows.as<int64_t>();
  int64_t* const slot = slots.as<int64_t>();
  IdTable& table = id_table();
  table.begin(count);
  int64_t next = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (id[i] == exclude && exclude >= 0) {
      slot[i] = -1;
      continue;
    }
    slot[i] = table.find_or_add(id[i], row, next);
    next += slot[i] == next;
  }
  table.end();
  return next;
}

void CpuBackend::embedding_bag_backward(const View& values, const View& grad, const View& slots, const View& offsets,
                                        const View& weights, const View& positions, const BagShape& shape) {
  const Bags bags{offsets.as<int64_t>(), shape};
  dispatch_floating(values.dtype, "embedding_bag", [&](auto type) {
    using T = decltype(type);
    const RowGradients<T> rows{values.as<T>(), shape.dim};
    const T* const g = grad.as<T>();
    const int64_t* const slot = slots.as<int64_t>();
    if (shape.mode != Pooling::max) {
      if (weights.data) return pool_backward<true>(rows, g, slot, weights.as<T>(), bags);
      return pool_backward<false>(rows, g, slot, static_cast<const T*>(nullptr), bags);
    }
    std::fill_n(rows.values, values.numel(), T(0));
    for (int64_t bag = 0; bag < shape.bags; ++bag) {
      const int64_t* const position = positions.as<int64_t>() + bag * shape.dim;
      for (int64_t c = 0; c < shape.dim; ++c)
        if (position[c] >= 0) rows.values[slot[position[c]] * shape.dim + c] += g[bag * shape.dim + c];
    }
  });
}

void CpuBackend::embedding_bag_weights_backward(const View& grad_weights, const View& grad, const View& table,
                                                const View& ids, const View& offsets, const BagShape& shape) {
  const Bags bags{offsets.as<int64_t>(), shape};
  dispatch_floating(grad.dtype, "embedding_bag", [&](auto type) {
    using T = decltype(type);
    parallel_for(shape.bags, bags.grain(), [&](int64_t begin, int64_t end) {
      for (int64_t bag = begin; bag < end; ++bag) {
        const T* const g = grad.as<T>() + bag * shape.dim;
        for (int64_t i = bags.begin(bag); i < bags.end(bag); ++i) {
          const int64_t id = ids.as<int64_t>()[i];
          const T* const row = table.as<T>() + id * shape.dim;
          grad_weights.as<T>()[i] =
              id == shape.padding_idx ? T(0) : lane_sum(shape.dim, [&](int64_t c) { return g[c] * row[c]; });
        }
      }
    });
  });
}

void CpuBackend::embedding_backward(const View& values, const View& grad, const View& slots) {
  const int64_t dim = values.shape[1], count = slots.numel();
  dispatch_floating(values.dtype, "embedding", [&](auto type) {
    using T = decltype(type);
    const RowGradients<T> rows{values.as<T>(), dim};
    const int64_t* const slot = slots.as<int64_t>();
    parallel_for_columns<T>(dim, count, [&](int64_t begin, int64_t end) {
      int64_t next = 0;
      for (int64_t i = 0; i < count; ++i) {
        int64_t next_after = next;
        for_column_blocks<T>(begin, end, [&](int64_t c, auto width, auto access) {
          constexpr int blocks = decltype(width)::value;
          typename Simd<T>::Vector g[blocks];
          for (int64_t k = 0; k < blocks; ++k) g[k] = access.load(grad.as<T>() + i * dim + c + k * Simd<T>::lanes);
          next_after = rows.template add<blocks, false>(c, g, slot + i, nullptr, 1, next, access);
        });
        next = next_after;
      }
    });
  });
}

void CpuBackend::renormalize_rows(const View& table, const View& ids, double max_norm, double norm_type) {
  const int64_t dim = table.shape[1], count = ids.numel();
  std::vector<int64_t> rows(static_cast<size_t>(count));
  int64_t distinct = 0;
  id_table().begin(count);
  for (int64_t i = 0; i < count; ++i)
    distinct += id_table().find_or_add(ids.as<int64_t>()[i], rows.data(), distinct) == distinct;
  id_table().end();
  dispatch_floating(table.dtype, "embedding", [&](auto type) {
    using T = decltype(type);
    parallel_for(distinct, grain_of(dim, elements_per_task), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        T* const row = table.as<T>() + rows[static_cast<size_t>(i)] * dim;
        const double norm = norm_of(row, dim, norm_type);
        if (!(norm > max_norm)) continue;
        const T scale = static_cast<T>(max_norm / (norm + 1e-7));
        for (int64_t c = 0; c < dim; ++c) row[c] *= scale;
      }
    });
  });
}

}  // namespace roux::cpu_kernels
