// Differentiable operations: the twins of tensor/ops.h on Variables, with the same names, shapes and errors. Operands
// that are tensors or numbers are constants. Where only some operands require a gradient, only theirs is computed.
//
// How to add one: see autograd/README.md. Elementwise operations stand in ops_elementwise.cpp, reductions, order and
// softmax in ops_reduce.cpp, joins and indexing in ops_index.cpp, Variable's views in ops_view.cpp, products and layers
// in ops_layers.cpp.
#pragma once

#include <initializer_list>
#include <vector>

#include "autograd/variable.h"
#include "tensor/ops.h"

namespace roux {

// --- Elementwise. ---

Variable add(const Variable& a, const Variable& b);
Variable sub(const Variable& a, const Variable& b);
Variable mul(const Variable& a, const Variable& b);
Variable div(const Variable& a, const Variable& b);
/// The gradient of b is a^b log(a); 0 where a = 0.
Variable pow(const Variable& a, const Variable& b);
/// Equal operands share the gradient.
Variable maximum(const Variable& a, const Variable& b);
Variable minimum(const Variable& a, const Variable& b);
Variable add(const Variable& a, Scalar b);
Variable sub(const Variable& a, Scalar b);
Variable sub(Scalar a, const Variable& b);
Variable mul(const Variable& a, Scalar b);
Variable div(const Variable& a, Scalar b);
Variable div(Scalar a, const Variable& b);
Variable pow(const Variable& a, Scalar b);

inline Variable operator+(const Variable& a, const Variable& b) { return add(a, b); }
inline Variable operator-(const Variable& a, const Variable& b) { return sub(a, b); }
inline Variable operator*(const Variable& a, const Variable& b) { return mul(a, b); }
inline Variable operator/(const Variable& a, const Variable& b) { return div(a, b); }
inline Variable operator+(const Variable& a, Scalar b) { return add(a, b); }
inline Variable operator-(const Variable& a, Scalar b) { return sub(a, b); }
inline Variable operator*(const Variable& a, Scalar b) { return mul(a, b); }
inline Variable operator/(const Variable& a, Scalar b) { return div(a, b); }
inline Variable operator+(Scalar a, const Variable& b) { return add(b, a); }
inline Variable operator-(Scalar a, const Variable& b) { return sub(a, b); }
inline Variable operator*(Scalar a, const Variable& b) { return mul(b, a); }
inline Variable operator/(Scalar a, const Variable& b) { return div(a, b); }

/// Gradients flow to both choices, each where it was taken.
Variable where(const Tensor& condition, const Variable& a, const Variable& b);
/// No gradient where the mask is true.
Variable masked_fill(const Variable& x, const Tensor& mask, Scalar value);

Variable neg(const Variable& x);
inline Variable operator-(const Variable& x) { return neg(x); }
/// The gradient at 0 is 0.
Variable abs(const Variable& x);
Variable square(const Variable& x);
Variable sqrt(const Variable& x);
Variable rsqrt(const Variable& x);
Variable reciprocal(const Variable& x);
Variable exp(const Variable& x);
Variable log(const Variable& x);
Variable tanh(const Variable& x);
Variable sigmoid(const Variable& x);
/// The gradient at 0 is 0.
Variable relu(const Variable& x);
Variable erf(const Variable& x);
Variable gelu(const Variable& x, bool approximate = false);
Variable softplus(const Variable& x);
/// Between low and high the gradient passes; at the bounds and outside it is 0.
Variable clamp(const Variable& x, double low, double high);

// --- Reductions. ---

Variable sum(const Variable& x, const Axes& axes = {}, bool keepdim = false);
Variable mean(const Variable& x, const Axes& axes = {}, bool keepdim = false);
Variable var(const Variable& x, const Axes& axes = {}, bool keepdim = false, int64_t correction = 1);
Variable prod(const Variable& x, const Axes& axes = {}, bool keepdim = false);
/// Equal extremes share the gradient.
Variable amax(const Variable& x, const Axes& axes = {}, bool keepdim = false);
Variable amin(const Variable& x, const Axes& axes = {}, bool keepdim = false);
/// sqrt of the sum of squares of all elements; the gradient at 0 is 0.
Variable norm(const Variable& x);

/// Values with a gradient, indices without.
struct VariableIndices {
  Variable values;  ///< of the input's type; gradients flow through them
  Tensor indices;   ///< int64: where each value stood along the axis
};
/// The gradient goes to the first of equals.
VariableIndices max(const Variable& x, int64_t axis, bool keepdim = false);
VariableIndices min(const Variable& x, int64_t axis, bool keepdim = false);
VariableIndices sort(const Variable& x, int64_t axis = -1, bool descending = false);
VariableIndices topk(const Variable& x, int64_t k, int64_t axis = -1, bool largest = true);

Variable softmax(const Variable& x, int64_t axis = -1);
Variable log_softmax(const Variable& x, int64_t axis = -1);

// --- Joining and indexing. ---

Variable cat(const std::vector<Variable>& variables, int64_t axis = 0);
Variable stack(const std::vector<Variable>& variables, int64_t axis = 0);
// A list of tensors in braces is no list of variables.
inline Tensor cat(std::initializer_list<Tensor> tensors, int64_t axis = 0) {
  return cat(std::vector<Tensor>(tensors), axis);
}
inline Tensor stack(std::initializer_list<Tensor> tensors, int64_t axis = 0) {
  return stack(std::vector<Tensor>(tensors), axis);
}
Variable index_select(const Variable& x, int64_t axis, const Tensor& ids);
Variable gather(const Variable& x, int64_t axis, const Tensor& index);
Variable scatter_add(const Variable& x, int64_t axis, const Tensor& index, const Variable& source);
Variable index_add(const Variable& x, int64_t axis, const Tensor& ids, const Variable& source);

// --- Products and layers. ---

Variable matmul(const Variable& a, const Variable& b);
/// bias may be undefined.
Variable linear(const Variable& x, const Variable& weight, const Variable& bias);

/// How `embedding` looks rows up.
struct EmbeddingLookup {
  int64_t padding_idx = -1;         ///< its row gets no gradient; -1: none
  bool scale_grad_by_freq = false;  ///< divides each row's gradient by the number of its occurrences in `ids`
};
/// table (rows, dim), ids int64 of any shape -> ids' shape + (dim). The table's gradient is rows.
Variable embedding(const Variable& table, const Tensor& ids, const EmbeddingLookup& options = {});

/// How `embedding_bag` looks rows up and pools them.
struct EmbeddingBagLookup {
  Pooling mode = Pooling::mean;      ///< sum, mean or max
  int64_t padding_idx = -1;          ///< of ids that are left out; -1: none
  bool include_last_offset = false;  ///< offsets have one entry more, the number of ids
  bool scale_grad_by_freq = false;   ///< not with max
  Variable per_sample_weights = {};  ///< mode sum only; may require a gradient
};
/// See embedding_bag in tensor/ops.h. The table's gradient is rows.
Variable embedding_bag(const Variable& table, const Tensor& ids, const Tensor& offsets,
                       const EmbeddingBagLookup& options = {});

/// See masked_pool in tensor/ops.h. The gradient of a maximum goes to the first of equals.
Variable masked_pool(const Variable& x, const Tensor& mask, Pooling mode);
/// weight and bias (n) may be undefined.
Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias, double eps = 1e-5);
/// Entries become 0 with probability p, the others are scaled by 1 / (1 - p).
Variable dropout(const Variable& x, double p, Generator& generator);
/// See attention in tensor/ops.h. Saves the log-sum-exp of each query instead of the weights; backward computes those
/// anew.
Variable attention(const Variable& q, const Variable& k, const Variable& v, const AttentionOptions& options = {});

enum class Reduction : uint8_t { mean, sum, none };
/// logits (rows, classes); labels int64 (rows), or probabilities (rows, classes), which get no gradient. mean: the sum
/// of the losses over the sum of the divisors; NaN when every row is ignored. See tensor/ops.h. No defaults: for models
/// there is nn::cross_entropy.
Variable cross_entropy(const Variable& logits, const Tensor& labels, const CrossEntropyOptions& options,
                       Reduction reduction);

}  // namespace roux
