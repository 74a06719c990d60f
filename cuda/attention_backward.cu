// Gradients of attention: scores and weights are computed anew from the log-sum-exp of each query. One kernel takes 64
// queries and walks over the keys for the gradient of q, another one takes 64 keys and walks over the queries for those
// of k and v: nobody else writes there, and the order of sums is fixed.
#include "cuda/attention_tiles.h"
#include "cuda/block.h"
#include "cuda/cuda_backend.h"

namespace roux::cuda {
namespace {

template <class T>
struct Backward {
  HeadRows<T> grad_q, grad_k, grad_v;
  HeadRows<const T> grad_out, q, k, v, out;
  const T* log_sum_exp;
  T* products;  // of each query's result with its gradient
  AttentionProblem<T> problem;
};

/// So many queries or keys are walked over at a time: tiles of four operands must fit into shared memory.
template <class Products, int width>
inline constexpr int walked_rows = sizeof(typename Products::Element) * width / Products::packing > 128 ? 16 : 32;

// 8 bytes (of float32) and 2 flops an element: bound by memory. A warp takes a row.
template <class T>
__global__ void attention_products_kernel(Backward<T> of) {
  constexpr int warps = block_threads / warp_size;
  const AttentionProblem<T>& problem = of.problem;
  const int64_t rows = problem.batch * problem.heads * problem.queries;
  for (int64_t row = static_cast<int64_t>(blockIdx.x) * warps + static_cast<int>(threadIdx.x) / warp_size; row < rows;
       row += static_cast<int64_t>(gridDim.x) * warps) {
    const int64_t head = row / problem.queries, query = row % problem.queries;
    const T* const a = of.out.row(head / problem.heads, head % problem.heads, query);
    const T* const b = of.grad_out.row(head / problem.heads, head % problem.heads, query);
    T sum = 0;
    for (int64_t i = lane(); i < problem.head_dim; i += warp_size) sum += a[i] * b[i];
    sum = warp_reduce(sum, Sum{});
    if (lane() == 0) of.products[row] = sum;
  }
}

/// A weight as it multiplies values, and the gradient of its score, from the score and the gradient of the weight.
template <class T>
__device__ void differentiate(T& score, T& grad, uint8_t flag, T log_sum_exp, T product,
                              const AttentionProblem<T>& of) {
  const bool is_uniform = log_sum_exp == no_score<T>, attends = flag & score_attends && !is_uniform;
  const T weight = attends                             ? vector_math::exp(score * of.scale - log_sum_exp)
                   : is_uniform && flag & score_exists ? 1 / static_cast<T>(of.keys)
                                                       : T(0);
  const T kept = flag & weight_kept ? of.kept_scale : T(0);
  grad = attends ? weight * (grad * kept - product) * of.scale : T(0);
  score = weight * kept;
}

// 6 * head_dim flops for each query and key and, where there is dropout, some 25 integer operations: bound by
// arithmetic.
template <class Products, int width>
__global__ void attention_grad_q_kernel(Backward<typename Products::T> of, AttentionGrid<width> grid) {
  using T = typename Products::T;
  constexpr int columns = walked_rows<Products, width>;
  using RowTile = Tile<Products, attention_rows, width>;
  using KeyTile = Tile<Products, columns, width>;
  ROUX_SHARED(RowTile, q, 1);
  ROUX_SHARED(RowTile, grad_out, 1);
  ROUX_SHARED(KeyTile, k, 1);
  ROUX_SHARED(KeyTile, v, 1);
  ROUX_SHARED(uint8_t, flags, attention_rows * flag_stride<columns>);
  const AttentionProblem<T>& problem = of.problem;
  const int64_t queries = problem.queries, keys = problem.keys;
  for (int64_t i = blockIdx.x; i < grid.items(); i += gridDim.x) {
    const auto [head, first, part] = grid.item(i);
    T sums[width / 8][4] = {}, log_sum_exp[2] = {}, products[2] = {};
    for (int r = 0; r < 2; ++r) {
      const int64_t query = first + warp_row() + result_row(2 * r);
      if (query < queries) {
        log_sum_exp[r] = of.log_sum_exp[head * queries + query];
        products[r] = of.products[head * queries + query];
      }
    }
    const int64_t end = problem.keys_of(first + attention_rows - 1);
    for (int64_t key = 0; key < end; key += columns) {
      T scores[columns / 8][4] = {}, grads[columns / 8][4] = {};
      for (int64_t chunk = 0; chunk < grid.parts; ++chunk) {
        sync_block();
        if (grid.parts > 1 || key == 0) {
          load_tile(*q, of.q, problem, head, first, queries, chunk * width);
          load_tile(*grad_out, of.grad_out, problem, head, first, queries, chunk * width);
        }
        load_tile(*k, of.k, problem, head, key, keys, chunk * width);
        load_tile(*v, of.v, problem, head, key, keys, chunk * width);
        if (chunk == 0) find_flags<attention_rows, columns>(flags, problem, head, first, key);
        sync_block();
        const int at = warp_row() * row_stride<Products, width>;
        Products::template add_rows_by_rows<columns / 8, width>(scores, q->at + at, k->at);
        Products::template add_rows_by_rows<columns / 8, width>(grads, grad_out->at + at, v->at);
      }
      ROUX_UNROLL
      for (int j = 0; j < columns / 8; ++j) {
        ROUX_UNROLL
        for (int e = 0; e < 4; ++e)
          differentiate(scores[j][e], grads[j][e],
                        flags[(warp_row() + result_row(e)) * flag_stride<columns> + 8 * j + result_column(e)],
                        log_sum_exp[e / 2], products[e / 2], problem);
      }
      if (grid.parts > 1) {
        sync_block();
        load_tile(*k, of.k, problem, head, key, keys, part);
        sync_block();
      }
      Products::template add_results_by_rows<columns / 8, width / 8, width>(sums, grads, k->at);
    }
    store_rows(of.grad_q, problem, head, first + warp_row(), queries, part, sums, {T(1), T(1)});
  }
}

/// The first query from which on keys from `first` on have weights, for all threads of a block: 0 where an earlier
/// query attends to all keys alike.
template <class T>
__device__ int64_t first_query_of(int64_t first, int64_t head, const Backward<T>& of, int* scratch) {
  const int64_t queries = of.problem.queries, begin = of.problem.first_query_of(first);
  if (begin == 0) return 0;
  int found = 0;
  for (int64_t query = static_cast<int>(threadIdx.x); query < begin && query < queries; query += attention_threads)
    found |= of.log_sum_exp[head * queries + query] == no_score<T>;
  return block_reduce<attention_threads>(found, LargestNumber{}, scratch) ? 0 : begin;
}

// 8 * head_dim flops for each query and key and, where there is dropout, some 25 integer operations: bound by
// arithmetic. Rows are keys here, columns queries.
template <class Products, int width>
__global__ void attention_grad_keys_kernel(Backward<typename Products::T> of, AttentionGrid<width> grid) {
  using T = typename Products::T;
  constexpr int columns = walked_rows<Products, width>, stride = flag_stride<attention_rows>;
  using RowTile = Tile<Products, attention_rows, width>;
  using QueryTile = Tile<Products, columns, width>;
  ROUX_SHARED(RowTile, k, 1);
  ROUX_SHARED(RowTile, v, 1);
  ROUX_SHARED(QueryTile, q, 1);
  ROUX_SHARED(QueryTile, grad_out, 1);
  ROUX_SHARED(uint8_t, flags, columns * stride);
  ROUX_SHARED(int, scratch, warp_size);
  const AttentionProblem<T>& problem = of.problem;
  const int64_t queries = problem.queries, keys = problem.keys;
  for (int64_t i = blockIdx.x; i < grid.items(); i += gridDim.x) {
    const auto [head, first, part] = grid.item(i);
    T key_sums[width / 8][4] = {}, value_sums[width / 8][4] = {};
    const int64_t begin = first_query_of(first, head, of, scratch) / columns * columns;
    for (int64_t query = begin; query < queries; query += columns) {
      T scores[columns / 8][4] = {}, grads[columns / 8][4] = {};
      for (int64_t chunk = 0; chunk < grid.parts; ++chunk) {
        sync_block();
        if (grid.parts > 1 || query == begin) {
          load_tile(*k, of.k, problem, head, first, keys, chunk * width);
          load_tile(*v, of.v, problem, head, first, keys, chunk * width);
        }
        load_tile(*q, of.q, problem, head, query, queries, chunk * width);
        load_tile(*grad_out, of.grad_out, problem, head, query, queries, chunk * width);
        if (chunk == 0) find_flags<columns, attention_rows>(flags, problem, head, query, first);
        sync_block();
        const int at = warp_row() * row_stride<Products, width>;
        Products::template add_rows_by_rows<columns / 8, width>(scores, k->at + at, q->at);
        Products::template add_rows_by_rows<columns / 8, width>(grads, v->at + at, grad_out->at);
      }
      ROUX_UNROLL
      for (int j = 0; j < columns / 8; ++j) {
        ROUX_UNROLL
        for (int e = 0; e < 4; ++e) {
          const int column = 8 * j + result_column(e);
          const bool present = query + column < queries;
          const int64_t at = head * queries + query + column;
          differentiate(scores[j][e], grads[j][e], flags[column * stride + warp_row() + result_row(e)],
                        present ? of.log_sum_exp[at] : T(0), present ? of.products[at] : T(0), problem);
        }
      }
      if (grid.parts > 1) {
        sync_block();
        load_tile(*q, of.q, problem, head, query, queries, part);
        load_tile(*grad_out, of.grad_out, problem, head, query, queries, part);
        sync_block();
      }
      Products::template add_results_by_rows<columns / 8, width / 8, width>(value_sums, scores, grad_out->at);
      Products::template add_results_by_rows<columns / 8, width / 8, width>(key_sums, grads, q->at);
    }
    store_rows(of.grad_k, problem, head, first + warp_row(), keys, part, key_sums, {T(1), T(1)});
    store_rows(of.grad_v, problem, head, first + warp_row(), keys, part, value_sums, {T(1), T(1)});
  }
}

}  // namespace

void CudaBackend::attention_backward(const View& grad_q, const View& grad_k, const View& grad_v, const View& grad_out,
                                     const View& q, const View& k, const View& v, const View& out,
                                     const View& log_sum_exp, const View& place, const View& mask,
                                     const AttentionShape& shape, const Generator* generator) {
  const int64_t batch_heads = shape.batch * shape.heads, rows = batch_heads * shape.queries;
  // The forward kernel has left the place on the device.
  const Words words = shape.dropout > 0 ? Words(*generator, {0, place.as<const uint64_t>()}) : Words(Generator(), {0});
  with_attention_products(q.dtype, shape, has_tensor_cores(), [&]<class Products, class Width>(Products, Width) {
    using T = typename Products::T;
    constexpr int width = Width::value;
    const Workspace<T> products(*this, rows);
    Backward<T> of{HeadRows<T>(grad_q),
                   HeadRows<T>(grad_k),
                   HeadRows<T>(grad_v),
                   HeadRows<const T>(grad_out),
                   HeadRows<const T>(q),
                   HeadRows<const T>(k),
                   HeadRows<const T>(v),
                   HeadRows<const T>(out),
                   log_sum_exp.as<const T>(),
                   products.data(),
                   AttentionProblem<T>(shape, mask, words)};
    of.problem.packed = true;
    for (const auto* const rows_of : {&of.grad_q, &of.grad_k, &of.grad_v})
      of.problem.packed &= rows_of->is_packed(shape.head_dim);
    for (const auto* const rows_of : {&of.grad_out, &of.q, &of.k, &of.v})
      of.problem.packed &= rows_of->is_packed(shape.head_dim);
    launch(attention_products_kernel<T>, blocks_for_rows((rows * warp_size + block_threads - 1) / block_threads),
           block_threads, stream(), of);
    const AttentionGrid<width> by_query(batch_heads, shape.queries, shape.head_dim);
    launch(attention_grad_q_kernel<Products, width>, by_query.blocks(), attention_threads, stream(), of, by_query);
    const AttentionGrid<width> by_key(batch_heads, shape.keys, shape.head_dim);
    launch(attention_grad_keys_kernel<Products, width>, by_key.blocks(), attention_threads, stream(), of, by_key);
  });
}

}  // namespace roux::cuda
