// The kernels that a device provides. `tensor/` checks operands, allocates results and picks the backend of its
// operands; what arrives here is right, so that a kernel only computes. Implementations: tensor/cpu and cuda; the
// one of tensor/profiled_backend.cpp hands on to them and measures.
//
// How to add a kernel: declare it here and in tensor/cpu/cpu_backend.h, define it in tensor/cpu and in cuda, hand it on
// in profiled_backend.cpp, and call it from an operation in tensor/. Contract of every kernel, unless it says
// otherwise: views are contiguous, on this backend's device, of equal shape; outputs do not overlap inputs unless they
// are the same view; nothing is allocated for the caller to keep; results do not depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tensor/device.h"
#include "tensor/host_device.h"
#include "tensor/index_check.h"
#include "tensor/precision.h"
#include "tensor/random.h"
#include "tensor/view.h"

namespace roux {

/// Shapes of a (batched) matrix product out[i] = beta * out[i] + op(a[i]) * op(b[i]); op(a) is m x k, op(b) is k x n.
struct MatmulShape {
  int64_t batch = 1, m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;   // the matrix is stored k x m, n x k
  int64_t leading_a = 0, leading_b = 0;            // elements from one stored row to the next
  int64_t batch_stride_a = 0, batch_stride_b = 0;  // 0: one matrix for the whole batch
  bool accumulate = false;                         // beta = 1 instead of 0
  MatmulPrecision precision = MatmulPrecision::highest;
};

/// Shapes and options of attention; see tensor/ops.h.
struct AttentionShape {
  int64_t batch = 0, heads = 0, queries = 0, keys = 0, head_dim = 0;
  double scale = 1;     // of the scores
  bool causal = false;  // query i attends to keys up to i + keys - queries
  double dropout = 0;   // the probability with which an attention weight becomes 0
  MatmulPrecision precision = MatmulPrecision::highest;
};

/// Options of cross entropy; see nn::cross_entropy.
struct CrossEntropyShape {
  int64_t rows = 0, classes = 0;
  int64_t ignore_index = -100;
  double label_smoothing = 0;
};

/// A value that is another in each step of a training, such as the number of the step. A kernel's caller is asked for
/// it once; a backend that records a step and replays it asks again for each replay, in the order of the calls.
template <class T>
using EachStep = std::function<T()>;

/// Numbers of one Adam step, the same for all elements (Kingma & Ba 2015; AdamW: Loshchilov & Hutter 2019).
struct AdamStep {
  double lr = 0, beta1 = 0, beta2 = 0, eps = 0;
  double weight_decay = 0;
  bool decoupled = false;  // AdamW: w *= 1 - lr * weight_decay first; otherwise gradient += weight_decay * w
  double bias_correction1 = 1, bias_correction2 = 1;  // 1 - beta^t at step t = 1, 2, ...
  double grad_scale = 1;                              // the gradient is multiplied by this: -1 to maximise
};

/// A parameter with its gradient and its state; max_v (amsgrad: all or none of them) may have null data.
struct AdamParameter {
  View w, grad, m, v, max_v;
};

/// What is recorded of the last lazy_adam_steps steps, by step % lazy_adam_steps. The moments of step s are
/// M_i = sum over the steps k after it of p_k * d_k^i, see nn/lazy_adam.h.
struct LazyAdamRecord {
  enum Field { moment0, moment1, moment2, moment3, rate, root, log_decay, fields };
};

/// What depends on the options alone, by a number of steps j (`share_i` by window - j, `exact_terms` by a step s).
struct LazyAdamConstants {
  enum Field { power1, power2, stretch, share0, share1, share2, share3, exact_terms, fields };
};

/// The number of steps that are recorded.
inline constexpr int64_t lazy_adam_steps = 1024;

/// A float32 table whose rows Adam brings up to date only when they are needed; nn/lazy_adam.h explains the method.
struct LazyAdamTable {
  View w, m, v, max_v;  // (rows, dim); max_v (amsgrad) may have null data
  View last;            // (rows) int32: the step s that m and v are of; 0: never stepped; -s: settled, m is 0
  View settled_decay;   // (rows) float64: the log_decay that a settled row has had; null data without weight decay
  View record;          // (LazyAdamRecord::fields, lazy_adam_steps) float64
  View constants;       // (LazyAdamConstants::fields, lazy_adam_steps) float64
  double eps = 0;
  int64_t window = 0;      // after so many steps without gradient a row has come to rest
  EachStep<int64_t> step;  // rows are due up to here; at most lazy_adam_steps - 1 after any row that is not settled
};

/// The part of a table that lazy_adam_settle looks at in a step. Every row is looked at once in lazy_adam_steps - 1 -
/// window steps: who has not come to rest by then has waited for at most `window`, and will have waited for at most
/// lazy_adam_steps - 1 the next time.
struct SettledPart {
  int64_t begin = 0, end = 0;
};
ROUX_HOST_DEVICE inline SettledPart settled_part(int64_t rows, int64_t window, int64_t step) {
  const int64_t parts = lazy_adam_steps - 1 - window, part = step % parts;
  return {rows * part / parts, rows * (part + 1) / parts};
}

class Backend {
 public:
  virtual ~Backend() = default;

  // Memory. The CPU's blocks are made by Storage itself.
  virtual void* allocate(size_t bytes) = 0;
  virtual void deallocate(void* data, size_t bytes) noexcept = 0;
  /// Bytes between host memory and this device. Host memory may be used again when a copy returns.
  virtual void copy_from_host(void* out, const void* host, size_t bytes) = 0;
  virtual void copy_to_host(void* host, const void* in, size_t bytes) = 0;
  /// Waits for all work given to the device, and throws what that found wrong.
  virtual void synchronize() = 0;
  /// Throws when one of `values` (int64) is wrong. A device whose memory the host cannot see lets the next
  /// synchronisation throw; its kernels leave out what wrong indices name.
  virtual void check(const View& values, const IndexCheck& check) = 0;

  // Elementwise; operands may be strided (broadcast: stride 0), `out` too.
  /// Copies with conversion between any two dtypes.
  virtual void copy(const View& out, const View& in) = 0;
  virtual void fill(const View& out, Scalar value) = 0;
  /// out and in of one dtype, except isnan and logical_not, which write boolean.
  virtual void unary(UnaryOp op, const View& out, const View& in, double a, double b) = 0;
  /// a and b of one dtype.
  virtual void binary(BinaryOp op, const View& out, const View& a, const View& b) = 0;
  /// The same with a number on the right, or on the left when `reversed`.
  virtual void binary_scalar(BinaryOp op, const View& out, const View& a, Scalar b, bool reversed) = 0;
  /// out = condition ? a : b.
  virtual void where(const View& out, const View& condition, const View& a, const View& b) = 0;
  /// out += alpha * a.
  virtual void add_scaled(const View& out, const View& a, const EachStep<double>& alpha) = 0;

  // Along one dimension: inputs [outer][n][inner], reductions [outer][inner].
  virtual void reduce(ReduceOp op, const View& out, const View& in, Along along) = 0;
  /// Largest (or smallest) value, and int64 index of its first occurrence; NaN counts as largest and as smallest.
  virtual void reduce_with_index(bool largest, const View& values, const View& indices, const View& in,
                                 Along along) = 0;
  /// Stable; NaN last when ascending, first when descending.
  virtual void sort(const View& values, const View& indices, const View& in, Along along, bool descending) = 0;
  /// The k largest (or smallest) along n in order, ties by lower index: values and indices are [outer][k][inner].
  virtual void topk(const View& values, const View& indices, const View& in, Along along, int64_t k, bool largest) = 0;
  /// softmax, or its logarithm.
  virtual void softmax(const View& out, const View& in, Along along, bool log) = 0;
  /// grad_in from grad_out and the result.
  virtual void softmax_backward(const View& grad_in, const View& grad_out, const View& out, Along along, bool log) = 0;

  // By index; ids are int64; `check` has seen them or a device will report them, see there.
  /// out[o][j][i] = in[o][ids[j]][i]; `along` describes `in`, count ids.
  virtual void index_select(const View& out, const View& in, const View& ids, Along along) = 0;
  /// out[o][ids[j]][i] += in[o][j][i], summed in the order of j, ids of -1 left out; `along` describes `out`.
  virtual void index_add(const View& out, const View& ids, const View& in, Along along) = 0;
  /// out[o][j][i] = in[o][index[o][j][i]][i]; index [outer][count][inner], `along` describes `in`.
  virtual void gather(const View& out, const View& in, const View& index, Along along, int64_t count) = 0;
  /// out[o][index[o][j][i]][i] += in[o][j][i], in the order of j; `along` describes `out`.
  virtual void scatter_add(const View& out, const View& index, const View& in, Along along, int64_t count) = 0;
  /// Distinct ids but `exclude` in the order of first occurrence into `rows`, and for each position its place among
  /// them (-1 for `exclude`) into `slots`. Returns how many of `rows` there are: on a device that need not wait, the
  /// room of all ids, with -1 behind the distinct ones. Both outputs have the room of all ids.
  virtual int64_t unique(const View& rows, const View& slots, const View& ids, int64_t exclude) = 0;

  // Matrix products.
  virtual void matmul(const View& out, const View& a, const View& b, const MatmulShape& shape) = 0;
  /// One product (no batch) with `bias` (n) added to each of its rows. As it stands here, a copy of the bias and a
  /// product that adds to it.
  virtual void matmul_with_bias(const View& out, const View& a, const View& b, const View& bias,
                                const MatmulShape& shape);

  // Layers.
  /// out (bags, dim). weights (count) or null data. max: positions (bags, dim) get the index into ids, -1 when empty.
  virtual void embedding_bag(const View& out, const View& positions, const View& table, const View& ids,
                             const View& offsets, const View& weights, const BagShape& shape) = 0;
  /// Row gradients: values (distinct rows, dim), each row overwritten, from grad (bags, dim); slots from `unique`.
  virtual void embedding_bag_backward(const View& values, const View& grad, const View& slots, const View& offsets,
                                      const View& weights, const View& positions, const BagShape& shape) = 0;
  /// Gradient of per-sample weights (count): the product of each id's row with its bag's gradient.
  virtual void embedding_bag_weights_backward(const View& grad_weights, const View& grad, const View& table,
                                              const View& ids, const View& offsets, const BagShape& shape) = 0;
  /// values (distinct rows, dim): the sum of grad (count, dim) by slot, -1 left out. Each slot occurs; rows that are
  /// mere room become zeros.
  virtual void embedding_backward(const View& values, const View& grad, const View& slots) = 0;
  /// Rows whose norm exceeds max_norm are scaled down to it in place: table[ids[j]], each id once.
  virtual void renormalize_rows(const View& table, const View& ids, double max_norm, double norm_type) = 0;
  /// out (batch, dim) from the tokens of in (batch, length, dim) that mask (batch, length; boolean) keeps; zeros where
  /// it keeps none. max: positions (batch, dim) get the place of the first maximum in the sequence, -1 where there is
  /// none; NaN counts as largest. mean: shares (batch) get the part that a token has in it. Null data otherwise.
  virtual void masked_pool(const View& out, const View& positions, const View& shares, const View& in, const View& mask,
                           Pooling mode) = 0;
  /// grad_in (batch, length, dim) from grad (batch, dim) and what the pooling has left.
  virtual void masked_pool_backward(const View& grad_in, const View& grad, const View& mask, const View& positions,
                                    const View& shares, Pooling mode) = 0;
  /// Normalises rows of n: out = (in - mean) * rstd * weight + bias (Ba et al. 2016); mean, rstd (rows) are kept for
  /// backward.
  virtual void layer_norm(const View& out, const View& mean, const View& rstd, const View& in, const View& weight,
                          const View& bias, double eps, int64_t rows, int64_t n) = 0;
  /// Outputs whose data is null are not computed.
  virtual void layer_norm_backward(const View& grad_in, const View& grad_weight, const View& grad_bias,
                                   const View& grad_out, const View& in, const View& mean, const View& rstd,
                                   const View& weight, int64_t rows, int64_t n) = 0;
  /// out = softmax(scale * q k^T) v per batch and head, softmax over the keys that `mask` and `causal` leave; a query
  /// without any attends to all keys alike. q, out (batch, heads, queries, head_dim), k, v (batch, heads, keys,
  /// head_dim): strided, the last dimension contiguous. mask (batch, heads, queries, keys): boolean, strided with 0
  /// where it is broadcast, or null data. log_sum_exp (batch, heads, queries) of the scores. With dropout > 0 weight i
  /// of all (batch, heads, queries, keys) takes word i % 4 of block place + i / 4 of the generator's words, and `place`
  /// (1; int64) gets the first block; otherwise both may be null.
  virtual void attention(const View& out, const View& log_sum_exp, const View& place, const View& q, const View& k,
                         const View& v, const View& mask, const AttentionShape& shape, Generator* generator) = 0;
  /// The three gradients, strided like q, k and v; all are computed. `generator` gives seed and stream alone.
  virtual void attention_backward(const View& grad_q, const View& grad_k, const View& grad_v, const View& grad_out,
                                  const View& q, const View& k, const View& v, const View& out, const View& log_sum_exp,
                                  const View& place, const View& mask, const AttentionShape& shape,
                                  const Generator* generator) = 0;
  /// losses (rows) and log_probabilities (rows, classes) from logits; labels int64 (rows), or probabilities (rows,
  /// classes) of the logits' dtype; class_weights (classes) or null data. divisors (rows): each row's share in the
  /// mean's divisor.
  virtual void cross_entropy(const View& losses, const View& divisors, const View& log_probabilities,
                             const View& logits, const View& labels, const View& class_weights,
                             const CrossEntropyShape& shape) = 0;
  /// loss = sum of losses / sum of divisors, and that divisor; both have one element.
  virtual void cross_entropy_mean(const View& loss, const View& divisor, const View& losses, const View& divisors) = 0;
  /// grad_logits (rows, classes). grad (rows, or expanded with stride 0) is the gradient of each row's loss, times
  /// `divisor` where that has data.
  virtual void cross_entropy_backward(const View& grad_logits, const View& grad, const View& divisor,
                                      const View& log_probabilities, const View& labels, const View& class_weights,
                                      const CrossEntropyShape& shape) = 0;
  /// mask (boolean) = kept, with probability 1 - p; out = in * mask / (1 - p). Reserves a word for each element.
  virtual void dropout(const View& out, const View& mask, const View& in, double p, Generator& generator) = 0;
  /// out = in * mask * scale.
  virtual void masked_scale(const View& out, const View& in, const View& mask, double scale) = 0;
  /// Uniform in [low, high); element i from counter offset + i / 4, lane i % 4 (float64: two words, offset + i / 2).
  virtual void uniform(const View& out, double low, double high, const Generator& generator) = 0;

  // Optimisers; all views of one parameter have its shape and dtype.
  /// One step on all of them, which are of one dtype.
  virtual void adam(const std::vector<AdamParameter>& parameters, const EachStep<AdamStep>& step) = 0;
  /// Adam on the given rows of w, m, v, max_v alone; grad (rows, dim). `sparse_eps`: PyTorch's SparseAdam, whose eps is
  /// added before the bias correction.
  virtual void adam_rows(const View& w, const View& rows, const View& grad, const View& m, const View& v,
                         const View& max_v, const EachStep<AdamStep>& step, bool sparse_eps) = 0;
  /// Brings rows up to date: w, m, v, last. rows: distinct, -1 is skipped.
  virtual void lazy_adam_commit(const LazyAdamTable& table, const View& rows) = 0;
  /// Looks at one part of the table, another with each step, and settles the rows of it that have come to rest.
  virtual void lazy_adam_settle(const LazyAdamTable& table) = 0;
  /// out (n, dim): w of these rows as it will be when they are up to date. rows need not be distinct.
  virtual void lazy_adam_read(const View& out, const LazyAdamTable& table, const View& rows) = 0;
  /// Step table.step + 1: adam_rows on rows that are up to date, and its entry in the record.
  virtual void lazy_adam_step(const LazyAdamTable& table, const View& rows, const View& grad,
                              const EachStep<AdamStep>& step) = 0;
};

/// The backend of a device. Throws, saying why, when that device is not there.
Backend& backend(Device device);

/// The backend of cuda:`index`, or null where CUDA was not built in or that device is not there. Defined once: in
/// cuda/.
Backend* cuda_backend(int index);
/// Why cuda_backend gives null: what was built, what was found, what to do.
std::string cuda_unavailable_reason(int index);

}  // namespace roux
