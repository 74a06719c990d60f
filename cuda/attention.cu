// Attention without a matrix of scores (Dao et al. 2022, "FlashAttention"; softmax that follows its row as it passes by
// once: Milakov & Gimelshein 2018). A block has 64 queries and walks over all keys, 32 at a time; scores and weights
// stay in registers. attention_backward.cu has the gradients.
#include "cuda/attention_tiles.h"
#include "cuda/block.h"
#include "cuda/cuda_backend.h"

namespace roux::cuda {
namespace {

template <class T>
struct Forward {
  HeadRows<T> out;
  HeadRows<const T> q, k, v;
  T* log_sum_exp;
  int64_t* place;  // or null
  AttentionProblem<T> problem;
};

/// What softmax needs of two rows, of which this lane has a part: result_row(0) and result_row(2).
template <class T>
struct RunningSoftmax {
  T largest[2] = {masked_score<T>, masked_score<T>};
  T total[2] = {};  // of the exponentials that this lane has seen

  /// Scores become weights, by dropout too; what was summed with the weights so far is scaled to the new largest score.
  template <int m, int n, int columns>
  __device__ void add(T (&scores)[m][4], T (&sums)[n][4], const uint8_t* flags, const AttentionProblem<T>& of) {
    ROUX_UNROLL
    for (int r = 0; r < 2; ++r) {
      const uint8_t* const row = flags + (warp_row() + result_row(2 * r)) * flag_stride<columns>;
      T now = largest[r];
      ROUX_UNROLL
      for (int i = 0; i < 2 * m; ++i) {
        T& score = scores[i / 2][2 * r + i % 2];
        const uint8_t flag = row[i / 2 * 8 + result_column(i % 2)];
        score = flag & score_attends  ? score * of.scale
                : flag & score_exists ? masked_score<T>
                                      : -std::numeric_limits<T>::infinity();
        now = LargestNumber{}(now, score);
      }
      now = warp_reduce(now, LargestNumber{}, 4);
      const T shrink = vector_math::exp(largest[r] - now);
      largest[r] = now;
      total[r] *= shrink;
      ROUX_UNROLL
      for (int i = 0; i < 2 * n; ++i) sums[i / 2][2 * r + i % 2] *= shrink;
      ROUX_UNROLL
      for (int i = 0; i < 2 * m; ++i) {
        T& score = scores[i / 2][2 * r + i % 2];
        const T weight = vector_math::exp(score - now);
        total[r] += weight;
        score = row[i / 2 * 8 + result_column(i % 2)] & weight_kept ? weight * of.kept_scale : T(0);
      }
    }
  }
};

// 4 * head_dim flops for each query and key and, where there is dropout, some 25 integer operations; keys and values
// are read once for 64 queries: bound by arithmetic.
template <class Products, int width>
__global__ void attention_kernel(Forward<typename Products::T> of, AttentionGrid<width> grid) {
  using T = typename Products::T;
  constexpr int columns = 32;
  using RowTile = Tile<Products, attention_rows, width>;
  using KeyTile = Tile<Products, columns, width>;
  ROUX_SHARED(RowTile, q, 1);
  ROUX_SHARED(KeyTile, k, 1);
  ROUX_SHARED(KeyTile, v, 1);
  ROUX_SHARED(uint8_t, flags, attention_rows * flag_stride<columns>);
  ROUX_SHARED(int, scratch, warp_size);
  const AttentionProblem<T>& problem = of.problem;
  const int64_t queries = problem.queries, keys = problem.keys;
  if (of.place && blockIdx.x == 0 && threadIdx.x == 0) *of.place = static_cast<int64_t>(problem.words.offset.get());
  for (int64_t i = blockIdx.x; i < grid.items(); i += gridDim.x) {
    const auto [head, first, part] = grid.item(i);
    T sums[width / 8][4] = {};
    RunningSoftmax<T> softmax;
    int64_t end = problem.keys_of(first + attention_rows - 1);
    for (int64_t key = 0; key < keys; key += columns) {
      if (key >= end) {  // beyond the diagonal there is something to do only for queries without any key
        int without = 0;
        for (int r = 0; r < 2; ++r)
          without |= softmax.largest[r] == masked_score<T> && first + warp_row() + result_row(2 * r) < queries;
        if (!block_reduce<attention_threads>(without, LargestNumber{}, scratch)) break;
        end = keys;
      }
      T scores[columns / 8][4] = {};
      for (int64_t chunk = 0; chunk < grid.parts; ++chunk) {
        sync_block();
        if (grid.parts > 1 || key == 0) load_tile(*q, of.q, problem, head, first, queries, chunk * width);
        load_tile(*k, of.k, problem, head, key, keys, chunk * width);
        if (chunk == 0) {
          load_tile(*v, of.v, problem, head, key, keys, part);
          find_flags<attention_rows, columns>(flags, problem, head, first, key);
        }
        sync_block();
        Products::template add_rows_by_rows<columns / 8, width>(
            scores, q->at + warp_row() * row_stride<Products, width>, k->at);
      }
      softmax.template add<columns / 8, width / 8, columns>(scores, sums, flags, problem);
      Products::template add_results_by_rows<columns / 8, width / 8, width>(sums, scores, v->at);
    }
    T factors[2];
    for (int r = 0; r < 2; ++r) {
      const T total = warp_reduce(softmax.total[r], Sum{}, 4);
      const int64_t query = first + warp_row() + result_row(2 * r);
      factors[r] = keys > 0 ? 1 / total : T(0);
      const T log_sum_exp = softmax.largest[r] + vector_math::log(total);  // masked scores swallow the logarithm
      if (query < queries && part == 0 && member() == 0)
        of.log_sum_exp[head * queries + query] = log_sum_exp == masked_score<T> ? no_score<T> : log_sum_exp;
    }
    store_rows(of.out, problem, head, first + warp_row(), queries, part, sums, factors);
  }
}

}  // namespace

bool CudaBackend::has_tensor_cores() { return architecture_of(attention_kernel<Tf32Products, 32>) >= 80; }

void CudaBackend::attention(const View& out, const View& log_sum_exp, const View& place, const View& q, const View& k,
                            const View& v, const View& mask, const AttentionShape& shape, Generator* generator) {
  const int64_t batch_heads = shape.batch * shape.heads, weights = batch_heads * shape.queries * shape.keys;
  const bool drops = shape.dropout > 0;
  const EachStep<uint64_t> reserve = [generator, weights] { return generator->reserve(weights); };
  const Words words = drops ? Words(*generator, step_value(reserve)) : Words(Generator(), {0});
  with_attention_products(q.dtype, shape, has_tensor_cores(), [&]<class Products, class Width>(Products, Width) {
    using T = typename Products::T;
    Forward<T> of{HeadRows<T>(out),
                  HeadRows<const T>(q),
                  HeadRows<const T>(k),
                  HeadRows<const T>(v),
                  log_sum_exp.as<T>(),
                  drops ? place.as<int64_t>() : nullptr,
                  AttentionProblem<T>(shape, mask, words)};
    of.problem.packed = of.out.is_packed(shape.head_dim) && of.q.is_packed(shape.head_dim) &&
                        of.k.is_packed(shape.head_dim) && of.v.is_packed(shape.head_dim);
    const AttentionGrid<Width::value> grid(batch_heads, shape.queries, shape.head_dim);
    launch(attention_kernel<Products, Width::value>, grid.blocks(), attention_threads, stream(), of, grid);
  });
}

}  // namespace roux::cuda
