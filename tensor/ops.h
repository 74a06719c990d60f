// Operations that compute new tensors. Each checks its operands, allocates the result and calls a kernel of the
// operands' backend; a gradient-carrying twin of the same name stands in autograd/ops.h.
//
// Common rules. Operands broadcast by NumPy's rule. Different dtypes are promoted (boolean < int64 < float32 <
// float64); a plain number takes the tensor's dtype, except that a fraction with an integer tensor gives float32.
// Operands must be on one device. Dimensions count from the end when negative. Errors are roux::Error.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace roux {

// --- Elementwise, two operands (elementwise.cpp). ---

Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
/// Integers divide to float32.
Tensor div(const Tensor& a, const Tensor& b);
/// Floating-point a^b.
Tensor pow(const Tensor& a, const Tensor& b);
/// NaN where either is NaN.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);

Tensor add(const Tensor& a, Scalar b);
Tensor sub(const Tensor& a, Scalar b);
Tensor sub(Scalar a, const Tensor& b);
Tensor mul(const Tensor& a, Scalar b);
Tensor div(const Tensor& a, Scalar b);
Tensor div(Scalar a, const Tensor& b);
Tensor pow(const Tensor& a, Scalar b);

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator+(const Tensor& a, Scalar b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, Scalar b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, Scalar b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, Scalar b) { return div(a, b); }
inline Tensor operator+(Scalar a, const Tensor& b) { return add(b, a); }
inline Tensor operator-(Scalar a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(Scalar a, const Tensor& b) { return mul(b, a); }
inline Tensor operator/(Scalar a, const Tensor& b) { return div(a, b); }

// Comparisons and logic give boolean tensors.
Tensor eq(const Tensor& a, const Tensor& b);
Tensor ne(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, const Tensor& b);
Tensor eq(const Tensor& a, Scalar b);
Tensor ne(const Tensor& a, Scalar b);
Tensor lt(const Tensor& a, Scalar b);
Tensor le(const Tensor& a, Scalar b);
Tensor gt(const Tensor& a, Scalar b);
Tensor ge(const Tensor& a, Scalar b);
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& x);
Tensor isnan(const Tensor& x);

/// condition ? a : b; condition is boolean; all three broadcast.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
/// x with `value` where mask (boolean, broadcast to x) is true.
Tensor masked_fill(const Tensor& x, const Tensor& mask, Scalar value);

// --- Elementwise, one operand (elementwise.cpp). Those that need it turn integers into float32. ---

Tensor neg(const Tensor& x);
inline Tensor operator-(const Tensor& x) { return neg(x); }
Tensor abs(const Tensor& x);
Tensor sign(const Tensor& x);
Tensor square(const Tensor& x);
Tensor sqrt(const Tensor& x);
/// 1 / sqrt(x).
Tensor rsqrt(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor exp(const Tensor& x);
/// Natural logarithm.
Tensor log(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor relu(const Tensor& x);
Tensor erf(const Tensor& x);
/// x * Phi(x); `approximate`: Hendrycks & Gimpel's tanh form.
Tensor gelu(const Tensor& x, bool approximate = false);
/// log(1 + exp(x)).
Tensor softplus(const Tensor& x);
/// To [low, high]; either bound may be infinite. Throws when low > high or a bound is NaN.
Tensor clamp(const Tensor& x, double low, double high);

// Used by gradients: one pass instead of several.
Tensor elementwise_backward(BinaryOp op, const Tensor& grad, const Tensor& saved);

// --- Reductions (reduce.cpp). No axes: over all dimensions. keepdim: reduced dimensions stay, with length 1. ---

/// Integers and booleans sum to int64. The sum of nothing is 0.
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// The mean of nothing is NaN.
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// Variance: divided by n - correction.
Tensor var(const Tensor& x, const Axes& axes = {}, bool keepdim = false, int64_t correction = 1);
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// Largest value; throws when there is none. NaN wins.
Tensor amax(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
Tensor amin(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
Tensor any(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
Tensor all(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// sqrt of the sum of squares of all elements, float64 inside; a scalar of x's dtype.
Tensor norm(const Tensor& x);
/// The sum of `grad` over what was broadcast from `shape`: the gradient of every broadcast.
Tensor sum_to(const Tensor& grad, const Shape& shape);

/// Values with their int64 indices along a dimension.
struct ValuesIndices {
  Tensor values, indices;  ///< values of the input's type; int64: where each stood along the axis
};
/// Largest value along one dimension and the index of its first occurrence.
ValuesIndices max(const Tensor& x, int64_t axis, bool keepdim = false);
ValuesIndices min(const Tensor& x, int64_t axis, bool keepdim = false);
/// int64 index of the first largest value along one dimension.
Tensor argmax(const Tensor& x, int64_t axis = -1, bool keepdim = false);
Tensor argmin(const Tensor& x, int64_t axis = -1, bool keepdim = false);

// --- Order (sort.cpp). ---

/// Stable; NaN counts as largest.
ValuesIndices sort(const Tensor& x, int64_t axis = -1, bool descending = false);
/// The k largest (or smallest) in order; ties by lower index. 0 <= k <= size(axis).
ValuesIndices topk(const Tensor& x, int64_t k, int64_t axis = -1, bool largest = true);

// --- Softmax (softmax.cpp). ---

Tensor softmax(const Tensor& x, int64_t axis = -1);
Tensor log_softmax(const Tensor& x, int64_t axis = -1);
Tensor softmax_backward(const Tensor& grad, const Tensor& result, int64_t axis, bool log);

// --- Matrix products (matmul.cpp). ---

/// (..., m, k) x (..., k, n) -> (..., m, n), leading dimensions broadcast; a vector counts as one row on the left, as
/// one column on the right, and that dimension disappears again. float32 and float64.
Tensor matmul(const Tensor& a, const Tensor& b);
/// x (..., in), weight (out, in), bias (out) or undefined -> (..., out) = x * weight^T + bias.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

// --- Joining and indexing (index.cpp). Indices are int64; negative or too large ones throw. ---

/// Joins along an existing dimension.
Tensor cat(const std::vector<Tensor>& tensors, int64_t axis = 0);
/// Joins along a new dimension.
Tensor stack(const std::vector<Tensor>& tensors, int64_t axis = 0);
/// Rows (slices) of x by index: ids (n) -> x's shape with n in place of size(axis).
Tensor index_select(const Tensor& x, int64_t axis, const Tensor& ids);
/// result[i][j] = x[index[i][j]][j] for axis 0; index has x's number of dimensions and no longer ones off `axis`.
Tensor gather(const Tensor& x, int64_t axis, const Tensor& index);
/// x plus: result[index[i][j]][j] += source[i][j] for axis 0, in order. index and source have one shape.
Tensor scatter_add(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source);
/// x plus: slice ids[j] of `axis` += slice j of source, in the order of j.
Tensor index_add(const Tensor& x, int64_t axis, const Tensor& ids, const Tensor& source);
/// Throws when an id lies outside [0, bound).
void check_ids(const Tensor& ids, int64_t bound, const char* operation);

// --- Embedding tables (embedding.cpp). ---

/// Distinct ids and where each position finds its id among them.
struct UniqueIds {
  Tensor rows;   ///< (u) int64, in the order of first occurrence
  Tensor slots;  ///< (n) int64: index into rows; -1 for the excluded id
};
/// ids: any shape, seen as one dimension; `exclude` (-1: none) is left out.
UniqueIds unique(const Tensor& ids, int64_t exclude = -1);

/// table (rows, dim), ids (any shape) -> ids' shape + (dim).
Tensor embedding(const Tensor& table, const Tensor& ids);
/// Scales the rows of `table` (rows, dim; contiguous) that `ids` name, and whose p-norm (p = norm_type > 0, infinity
/// for the largest value) exceeds max_norm >= 0, down to max_norm, in place.
void renormalize_rows_(Tensor& table, const Tensor& ids, double max_norm, double norm_type = 2);

/// How the rows of a bag become one.
struct BagPooling {
  Pooling mode = Pooling::mean;      ///< sum, mean or max
  int64_t padding_idx = -1;          ///< entries left out of the pooling and of the mean's divisor; -1: none
  bool include_last_offset = false;  ///< offsets has one entry more, the number of ids
  Tensor per_sample_weights = {};    ///< shape of ids; mode sum only
};
/// What `embedding_bag` gives, and what its gradient needs.
struct EmbeddingBagResult {
  Tensor output;     ///< (bags, dim); an empty bag is zeros
  Tensor positions;  ///< mode max: (bags, dim), which id won, as an index into ids; -1 in an empty bag
  /// What a gradient needs beside: the bags as flat ids (count), their starts (bags, or one more), and their shape.
  Tensor ids, offsets;
  BagShape shape;
};
/// table (rows, dim), ids (n), offsets (bags) rising from 0: bag i holds ids[offsets[i] .. offsets[i + 1]).
/// ids (bags, length) without offsets: every row is a bag. Throws for offsets that fall or lie beyond the ids.
EmbeddingBagResult embedding_bag(const Tensor& table, const Tensor& ids, const Tensor& offsets,
                                 const BagPooling& options = {});

// --- Padded sequences (pooling.cpp). ---

/// What `masked_pool` gives, and what its gradient needs.
struct MaskedPoolResult {
  Tensor output;     ///< (batch, dim); zeros where no token counts
  Tensor positions;  ///< mode max: (batch, dim), which token won, the first of equals; -1 where no token counts
  Tensor shares;     ///< mode mean: (batch), one over the number of tokens that count
};
/// x (batch, length, dim); mask boolean (batch, length), true where a token counts: pools each sequence's tokens.
MaskedPoolResult masked_pool(const Tensor& x, const Tensor& mask, Pooling mode);

// --- Layers (layer_ops.cpp); the nn layer of the same name says what they mean. ---

/// What `layer_norm` gives, and what its gradient needs.
struct LayerNormResult {
  Tensor output, mean, rstd;  ///< normalised rows; mean and 1 / standard deviation of each
};
/// Over the last dimension n: x (..., n), weight (n), bias (n), both may be undefined.
LayerNormResult layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps);

/// Options of `attention`.
struct AttentionOptions {
  /// Boolean, true where a query may attend to a key; broadcast to (batch, heads, queries, keys). Undefined:
  /// everywhere.
  Tensor mask = {};
  bool causal = false;               ///< query i attends to keys up to i + keys - queries, and where the mask says so
  std::optional<double> scale = {};  ///< of the scores; nothing: 1 / sqrt(head_dim)
  double dropout = 0;                ///< each weight becomes 0 with this probability, the others are scaled up
  Generator* generator = nullptr;    ///< of the dropout; needed unless that is 0
};
/// What `attention` gives, and what its gradient needs.
struct AttentionResult {
  Tensor output;       ///< (batch, heads, queries, head_dim); in memory (batch, queries, heads, head_dim)
  Tensor log_sum_exp;  ///< (batch, heads, queries), of the scores; -infinity for a query that has no key
  Tensor place;        ///< with dropout: (1) int64, the first block of random words
};
/// Scaled dot-product attention (Vaswani et al. 2017, equation 1): softmax(scale * q k^T) v over the keys that mask and
/// causal leave; a query that has none attends to all keys alike, as in Hugging Face's models. q (batch, heads,
/// queries, head_dim), k and v (batch, heads, keys, head_dim), views whose last dimension is contiguous are not copied.
/// The scores are never held as a whole (Dao et al. 2022). Without keys the result is 0. The precision of this thread
/// (precision.h) is CUDA's; the CPU computes attention in the operands' own type always. Throws Error for shapes,
/// types and devices that do not fit, and for dropout without a generator.
AttentionResult attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options = {});

/// Gradients of the operands of `attention`.
struct AttentionGradients {
  Tensor q, k, v;  ///< as q, k and v; in memory (batch, length, heads, head_dim)
};
/// The gradients, from that of the result. `options` as in forward; of the generator, seed and stream alone are read.
AttentionGradients attention_backward(const Tensor& grad, const Tensor& q, const Tensor& k, const Tensor& v,
                                      const AttentionResult& result, const AttentionOptions& options);

/// Options of `cross_entropy`.
struct CrossEntropyOptions {
  Tensor weight = {};           ///< (classes) of the logits' dtype, or undefined: all 1
  int64_t ignore_index = -100;  ///< rows with this label count for nothing
  double label_smoothing = 0;   ///< in [0, 1]
};
/// What `cross_entropy` gives, and what its gradient needs.
struct CrossEntropyResult {
  Tensor losses;             ///< (rows); 0 where ignored
  Tensor divisors;           ///< (rows): what each row adds to the divisor of the mean
  Tensor log_probabilities;  ///< (rows, classes)
};
/// Per row of logits (rows, classes). labels: int64 (rows), or probabilities (rows, classes).
CrossEntropyResult cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options = {});

/// What `dropout` gives, and what its gradient needs.
struct DropoutResult {
  Tensor output, mask;  ///< of the shape of x; the mask is boolean, true where an entry was kept
};
/// Zeroes each element with probability p and scales the rest by 1 / (1 - p). 0 <= p <= 1.
DropoutResult dropout(const Tensor& x, double p, Generator& generator);

}  // namespace roux
