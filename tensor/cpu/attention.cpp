// Attention, forward and backward (Dao, Fu, Ermon, Rudra & Re 2022, "FlashAttention"): a tile is some queries of one
// head with all keys. Its scores stay in the cache; forward keeps the logarithm of the sum of their exponentials, from
// which backward computes the weights anew. Everything in the operands' own type, for every MatmulPrecision.
#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "tensor/cpu/attention_rows.h"
#include "tensor/cpu/cpu_backend.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

constexpr int64_t most_tile_queries = 48;
constexpr int64_t most_tile_scores = 1 << 16;  // fits the second-level cache beside the keys
// Multiplications of a task: worth waking a thread for; enough that the next head's rows can be fetched meanwhile.
constexpr int64_t least_task = 1 << 18, most_task = 1 << 23;
constexpr int64_t preferred_tasks = 32;

int64_t tile_queries(const AttentionShape& shape) {
  int64_t queries = most_tile_queries;
  while (queries > 6 && queries * shape.keys > most_tile_scores) queries /= 2;
  return std::min(queries, shape.queries);
}

// An odd number of registers: rows whose distance is a power of two would fall on the same lines of the cache.
template <class T>
int64_t tile_stride(int64_t columns) {
  return (vectors_for<T>(columns) | 1) * Simd<T>::lanes;
}

// Of one product of a head.
double multiplications(const AttentionShape& shape) {
  return static_cast<double>(shape.queries) * static_cast<double>(shape.keys) * static_cast<double>(shape.head_dim);
}

// How many of `count` pieces of work a task takes, when a piece has so many multiplications.
int64_t pieces_per_task(int64_t count, double multiplications) {
  const auto pieces = [&](int64_t task) { return std::max<int64_t>(1, static_cast<int64_t>(task / multiplications)); };
  return std::clamp(count / preferred_tasks, pieces(least_task), pieces(most_task));
}

// The rows of one head of q, k, v, or of what has their form.
template <class T>
Rows<T> rows_of(const View& view, int64_t batch, int64_t head) {
  return {view.as<T>() + batch * view.strides[0] + head * view.strides[1], view.strides[2]};
}

// Brings row i of a head of each of these into the cache: those of the next head, or those to be written.
template <class T>
void prefetch_rows(std::initializer_list<const View*> views, int64_t head, int64_t i, const AttentionShape& shape) {
  for (const View* const view : views) {
    if (i >= view->shape[2]) continue;
    prefetch_row(rows_of<const T>(*view, head / shape.heads, head % shape.heads)[i], shape.head_dim);
  }
}

template <class T>
void copy_rows(Rows<T> to, Rows<const T> from, int64_t count, int64_t n) {
  for (int64_t i = 0; i < count; ++i) copy_row(to[i], from[i], n, n);
}

struct ForwardViews {
  const View &out, &log_sum_exp, &q, &k, &v, &mask;
};

template <class T>
class Forward {
 public:
  Forward(const ForwardViews& views, const AttentionShape& shape, const Generator* generator, uint64_t place)
      : views_(views),
        shape_(shape),
        tile_(tile_queries(shape)),
        mask_(views.mask, shape_),
        dropped_(shape_, generator, place, tile_),
        keys_(shape.head_dim, shape.keys),
        values_(shape.keys, shape.head_dim),
        scores_memory_(tile_ * tile_stride<T>(shape.keys)),
        result_memory_(tile_ * tile_stride<T>(shape.head_dim)),
        scores_{scores_memory_.get(), tile_stride<T>(shape.keys)},
        result_{result_memory_.get(), tile_stride<T>(shape.head_dim)} {}

  static int64_t tiles_per_head(const AttentionShape& shape) {
    const int64_t queries = tile_queries(shape);
    return (shape.queries + queries - 1) / queries;
  }

  void run(int64_t first_tile, int64_t last_tile) {
    const int64_t tiles = tiles_per_head(shape_);
    for (int64_t t = first_tile; t < last_tile; ++t) {
      if (t == first_tile || t % tiles == 0) enter(t / tiles);
      next_head_ = (head_ + 1) * tiles < last_tile ? head_ + 1 : head_;
      const int64_t first = t % tiles * tile_;
      tile(first, std::min(tile_, shape_.queries - first));
    }
  }

 private:
  void enter(int64_t head) {
    head_ = head;
    batch_ = head / shape_.heads;
    of_batch_ = head % shape_.heads;
    mask_.enter(batch_, of_batch_);
    const int64_t keys = mask_.end(0, shape_.queries);
    keys_.pack_transposed(rows_of<const T>(views_.k, batch_, of_batch_), shape_.head_dim, keys);
    values_.pack(rows_of<const T>(views_.v, batch_, of_batch_), keys, shape_.head_dim);
  }

  void tile(int64_t first, int64_t count) {
    const int64_t keys = mask_.end(first, first + count);
    const Rows<const T> q = rows_of<const T>(views_.q, batch_, of_batch_);
    product(scores_, LeftOperand<T, false>{{q[first], q.stride}}, keys_, count, vectors_for<T>(keys), shape_.head_dim);
    if (shape_.dropout > 0) dropped_.draw(head_ * shape_.queries + first, count);
    T factors[most_tile_queries];
    for (int64_t i = 0; i < count; ++i) factors[i] = weights(first + i, i, keys);
    product(result_, LeftOperand<T, false>{{scores_.data, scores_.stride}}, values_, count,
            vectors_for<T>(shape_.head_dim), keys);
    const Rows<T> out = rows_of<T>(views_.out, batch_, of_batch_);
    for (int64_t i = 0; i < count; ++i) {
      T* const to = out[first + i];
      for (int64_t j = 0; j < shape_.head_dim; ++j) to[j] = result_[i][j] * factors[i];
    }
  }

  // Turns a row of products into weights; gives what their sum of values is to be multiplied by.
  T weights(int64_t query, int64_t i, int64_t keys) {
    prefetch_rows<T>({&views_.q, &views_.k, &views_.v}, next_head_, query, shape_);
    T* const row = scores_[i];
    const RowSums<T> sums = mask_.attends(query)
                                ? softmax_weights(row, mask_.allowed(query), std::min(mask_.causal_end(query), keys),
                                                  vectors_for<T>(keys) * Simd<T>::lanes, static_cast<T>(shape_.scale))
                                : uniform_weights(row, keys);
    views_.log_sum_exp.as<T>()[head_ * shape_.queries + query] = sums.log_sum_exp;
    if (shape_.dropout == 0) return 1 / sums.sum;
    drop_weights(row, dropped_.words(i), dropped_.least_kept(), keys);
    return shape_.dropout < 1 ? 1 / (sums.sum * static_cast<T>(1 - shape_.dropout)) : T(0);
  }

  const ForwardViews& views_;
  const AttentionShape& shape_;
  const int64_t tile_;
  int64_t head_ = 0, batch_ = 0, of_batch_ = 0, next_head_ = 0;
  KeyMask<T> mask_;
  DroppedWeights dropped_;
  Panels<T> keys_, values_;
  Scratch<T> scores_memory_, result_memory_;
  const Rows<T> scores_, result_;
};

struct BackwardViews {
  const View &grad_q, &grad_k, &grad_v, &grad_out, &q, &k, &v, &out, &log_sum_exp, &mask;
};

template <class T>
class Backward {
 public:
  Backward(const BackwardViews& views, const AttentionShape& shape, const Generator* generator, uint64_t place)
      : views_(views),
        shape_(shape),
        tile_(tile_queries(shape)),
        mask_(views.mask, shape_),
        dropped_(shape_, generator, place, tile_),
        keys_transposed_(shape.head_dim, shape.keys),
        values_transposed_(shape.head_dim, shape.keys),
        keys_(shape.keys, shape.head_dim),
        queries_(tile_, shape.head_dim),
        grad_out_(tile_, shape.head_dim),
        memory_(2 * tile_ * tile_stride<T>(shape.keys) + (tile_ + 2 * shape.keys) * tile_stride<T>(shape.head_dim)),
        weights_{memory_.get(), tile_stride<T>(shape.keys)},
        grad_weights_{weights_[tile_], weights_.stride},
        grad_q_{grad_weights_[tile_], tile_stride<T>(shape.head_dim)},
        grad_k_{grad_q_[tile_], grad_q_.stride},
        grad_v_{grad_k_[shape.keys], grad_q_.stride} {}

  void run(int64_t head, int64_t next_head) {
    enter(head);
    next_head_ = next_head;
    for (int64_t first = 0; first < shape_.queries; first += tile_)
      tile(first, std::min(tile_, shape_.queries - first));
    copy_rows<T>(rows_of<T>(views_.grad_k, batch_, of_batch_), {grad_k_.data, grad_k_.stride}, shape_.keys,
                 shape_.head_dim);
    copy_rows<T>(rows_of<T>(views_.grad_v, batch_, of_batch_), {grad_v_.data, grad_v_.stride}, shape_.keys,
                 shape_.head_dim);
  }

 private:
  void enter(int64_t head) {
    head_ = head;
    batch_ = head / shape_.heads;
    of_batch_ = head % shape_.heads;
    mask_.enter(batch_, of_batch_);
    const int64_t keys = mask_.end(0, shape_.queries);
    const Rows<const T> k = rows_of<const T>(views_.k, batch_, of_batch_);
    keys_transposed_.pack_transposed(k, shape_.head_dim, keys);
    values_transposed_.pack_transposed(rows_of<const T>(views_.v, batch_, of_batch_), shape_.head_dim, keys);
    keys_.pack(k, keys, shape_.head_dim);
    std::fill(grad_k_.data, grad_v_[shape_.keys], T(0));
  }

  void tile(int64_t first, int64_t count) {
    const int64_t keys = mask_.end(first, first + count), columns = vectors_for<T>(shape_.head_dim);
    const Rows<const T> q = rows_of<const T>(views_.q, batch_, of_batch_);
    const Rows<const T> grad_out = rows_of<const T>(views_.grad_out, batch_, of_batch_);
    const LeftOperand<T, false> tile_q{{q[first], q.stride}}, tile_grad_out{{grad_out[first], grad_out.stride}};
    queries_.pack(tile_q.rows, count, shape_.head_dim);
    grad_out_.pack(tile_grad_out.rows, count, shape_.head_dim);
    product(weights_, tile_q, keys_transposed_, count, vectors_for<T>(keys), shape_.head_dim);
    product(grad_weights_, tile_grad_out, values_transposed_, count, vectors_for<T>(keys), shape_.head_dim);
    if (shape_.dropout > 0) dropped_.draw(head_ * shape_.queries + first, count);
    for (int64_t i = 0; i < count; ++i) softmax_backward(first + i, i, keys);
    product(grad_v_, LeftOperand<T, true>{{weights_.data, weights_.stride}}, grad_out_, keys, columns, count, true);
    product(grad_k_, LeftOperand<T, true>{{grad_weights_.data, weights_.stride}}, queries_, keys, columns, count, true);
    product(grad_q_, LeftOperand<T, false>{{grad_weights_.data, weights_.stride}}, keys_, count, columns, keys);
    const Rows<T> grad_q = rows_of<T>(views_.grad_q, batch_, of_batch_);
    copy_rows<T>({grad_q[first], grad_q.stride}, {grad_q_.data, grad_q_.stride}, count, shape_.head_dim);
  }

  // Turns a row of products q k^T into the weights of v, and the gradient of those into the gradient of the products.
  void softmax_backward(int64_t query, int64_t i, int64_t keys) {
    prefetch_rows<T>({&views_.grad_q, &views_.grad_k, &views_.grad_v}, head_, query, shape_);
    prefetch_rows<T>({&views_.q, &views_.k, &views_.v, &views_.out, &views_.grad_out}, next_head_, query, shape_);
    T* const weights = weights_[i];
    const T* const out = rows_of<const T>(views_.out, batch_, of_batch_)[query];
    const T* const grad_out = rows_of<const T>(views_.grad_out, batch_, of_batch_)[query];
    const T mean = lane_sum(shape_.head_dim, [&](int64_t j) { return out[j] * grad_out[j]; });
    T scale = static_cast<T>(shape_.scale);
    if (mask_.attends(query)) {
      weights_again(weights, mask_.allowed(query), std::min(mask_.causal_end(query), keys),
                    vectors_for<T>(keys) * Simd<T>::lanes, scale,
                    views_.log_sum_exp.as<const T>()[head_ * shape_.queries + query]);
    } else {
      std::fill_n(weights, keys, 1 / static_cast<T>(keys));
      scale = 0;  // its scores have no influence
    }
    const T factor = shape_.dropout < 1 ? static_cast<T>(1 / (1 - shape_.dropout)) : T(0);
    if (shape_.dropout > 0) {
      softmax_backward_row(weights, grad_weights_[i], mean, scale, keys,
                           SomeKept<T>{dropped_.words(i), dropped_.least_kept(), factor});
    } else {
      softmax_backward_row(weights, grad_weights_[i], mean, scale, keys, AllKept<T>());
    }
  }

  const BackwardViews& views_;
  const AttentionShape& shape_;
  const int64_t tile_;
  int64_t head_ = 0, batch_ = 0, of_batch_ = 0, next_head_ = 0;
  KeyMask<T> mask_;
  DroppedWeights dropped_;
  Panels<T> keys_transposed_, values_transposed_, keys_, queries_, grad_out_;
  Scratch<T> memory_;
  const Rows<T> weights_, grad_weights_, grad_q_, grad_k_, grad_v_;
};

}  // namespace

void CpuBackend::attention(const View& out, const View& log_sum_exp, const View& place, const View& q, const View& k,
                           const View& v, const View& mask, const AttentionShape& shape, Generator* generator) {
  uint64_t block = 0;
  if (shape.dropout > 0) {
    block = generator->reserve(shape.batch * shape.heads * shape.queries * shape.keys);
    *place.as<int64_t>() = static_cast<int64_t>(block);
  }
  const ForwardViews views{out, log_sum_exp, q, k, v, mask};
  dispatch_floating(out.dtype, "attention", [&]<class T>(T) {
    const int64_t tiles = Forward<T>::tiles_per_head(shape), count = shape.batch * shape.heads * tiles;
    const int64_t grain = pieces_per_task(count, multiplications(shape) / static_cast<double>(tiles));
    parallel_for(count, grain < tiles ? grain : grain / tiles * tiles,
                 [&](int64_t begin, int64_t end) { Forward<T>(views, shape, generator, block).run(begin, end); });
  });
}

void CpuBackend::attention_backward(const View& grad_q, const View& grad_k, const View& grad_v, const View& grad_out,
                                    const View& q, const View& k, const View& v, const View& out,
                                    const View& log_sum_exp, const View& place, const View& mask,
                                    const AttentionShape& shape, const Generator* generator) {
  const uint64_t block = shape.dropout > 0 ? static_cast<uint64_t>(*place.as<const int64_t>()) : 0;
  const BackwardViews views{grad_q, grad_k, grad_v, grad_out, q, k, v, out, log_sum_exp, mask};
  dispatch_floating(out.dtype, "attention_backward", [&]<class T>(T) {
    const int64_t heads = shape.batch * shape.heads;
    parallel_for(heads, pieces_per_task(heads, multiplications(shape)), [&](int64_t begin, int64_t end) {
      Backward<T> backward(views, shape, generator, block);
      for (int64_t head = begin; head < end; ++head) backward.run(head, std::min(head + 1, end - 1));
    });
  });
}

}  // namespace roux::cpu_kernels
