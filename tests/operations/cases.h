// The one table of operations. Every operation of tensor/ops.h and autograd/ops.h, and every view of Tensor and
// Variable, is a case here; all tests of operations follow from the table (operations_test.cpp): reference figures,
// gradcheck, devices and threads, memory layouts, float32 against float64. A declaration without a case fails
// declarations_test.cpp.
//
// How to add one: in the file of its subject (elementwise_cases.cpp, reduce_cases.cpp, index_cases.cpp,
// layer_cases.cpp)
//
//   cases.add("tanh", "", [](const auto& in) { return tanh(in[0]); }, elementwise_inputs(numbers({}, -4, 4)));
//
// The function is called with tensors and with variables; `tensor_of` makes a tensor of an input that is one in both
// forms (ids, masks). Name: as declared, with parameter types where it is overloaded, e.g. `pow(T, Scalar)`; the label
// tells cases of one operation apart. Then add the line `"tanh": torch.tanh` to tests/oracle/operations.py and run what
// its head says.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "autograd/ops.h"

namespace roux::operations {

/// What fills an input. Numbers are the same in float32 and float64, and never near a kink at a round number.
struct Input {
  enum class Kind { numbers, distinct, ids, mask, given };

  Kind kind = Kind::numbers;
  Shape shape;
  double low = -2, high = 2;   // numbers, distinct, ids: values in [low, high)
  std::vector<double> values;  // given
  DType dtype = float64;       // float64: floating point, of the type that a test runs in; or int64, boolean
  bool takes_gradient = true;  // if floating point

  Input constant() const;
};

/// Odd multiples of 1/128 in [low, high).
Input numbers(const Shape& shape, double low = -2, double high = 2);
/// The same, all different.
Input distinct(const Shape& shape, double low = -2, double high = 2);
/// int64 in [0, bound).
Input ids(const Shape& shape, int64_t bound);
Input mask(const Shape& shape);
/// Row-major.
Input given(const Shape& shape, std::vector<double> values, DType dtype = float64);
Input given_ids(std::vector<double> values);

/// One set of inputs for a case.
struct Variant {
  std::string name;
  std::vector<Input> inputs;
  bool large = false;  // takes the paths of many elements; not in the reference figures
};

struct Case {
  std::string operation, label;
  std::vector<Variant> variants;
  std::function<std::vector<Tensor>(const std::vector<Tensor>&)> tensors;  // null: autograd alone has it
  std::function<Variable(const std::vector<Variable>&)> variables;         // null: it has no gradient
  double tolerance = 1e-5;                                                 // of float32, relative
  bool kinks = false;     // inputs lie on kinks: gradcheck allows what lies between the slopes
  bool oracle = true;     // there are reference figures
  bool gradcheck = true;  // the gradient is that of the function

  std::string name() const { return label.empty() ? operation : operation + "/" + label; }
  Case& with_tolerance(double value) { return tolerance = value, *this; }
  Case& at_kinks() { return kinks = true, *this; }
  Case& without_oracle() { return oracle = false, *this; }
  Case& without_gradcheck() { return gradcheck = false, *this; }
};

// What an operation returns, as the tests see it.
inline std::vector<Tensor> outputs(const Tensor& x) { return {x}; }
inline std::vector<Tensor> outputs(const ValuesIndices& x) { return {x.values, x.indices}; }
inline std::vector<Tensor> outputs(const UniqueIds& x) { return {x.rows, x.slots}; }
inline std::vector<Tensor> outputs(const EmbeddingBagResult& x) { return {x.output}; }
inline std::vector<Tensor> outputs(const MaskedPoolResult& x) { return {x.output}; }
inline std::vector<Tensor> outputs(const LayerNormResult& x) { return {x.output}; }
inline std::vector<Tensor> outputs(const AttentionResult& x) { return {x.output, x.log_sum_exp}; }
inline std::vector<Tensor> outputs(const CrossEntropyResult& x) { return {x.losses, x.divisors}; }
inline std::vector<Tensor> outputs(const DropoutResult& x) { return {x.output, x.mask}; }
inline Variable differentiable_output(const Variable& x) { return x; }
inline Variable differentiable_output(const VariableIndices& x) { return x.values; }

inline Tensor tensor_of(const Tensor& x) { return x; }
inline Tensor tensor_of(const Variable& x) { return x.data(); }

class Cases {
 public:
  /// An operation of both floors.
  template <class F>
  Case& add(std::string operation, std::string label, F f, std::vector<Variant> variants) {
    return add(std::move(operation), std::move(label), f, f, std::move(variants));
  }
  /// The same where both forms are written differently.
  template <class F, class G>
  Case& add(std::string operation, std::string label, F tensors, G variables, std::vector<Variant> variants) {
    Case& added = add_tensors(std::move(operation), std::move(label), tensors, std::move(variants));
    added.variables = [variables](const std::vector<Variable>& in) { return differentiable_output(variables(in)); };
    return added;
  }
  /// An operation without a gradient.
  template <class F>
  Case& add_tensors(std::string operation, std::string label, F f, std::vector<Variant> variants) {
    Case& added = add_case(std::move(operation), std::move(label), std::move(variants));
    added.tensors = [f](const std::vector<Tensor>& in) { return outputs(f(in)); };
    return added;
  }
  /// What only the form on variables can do.
  template <class F>
  Case& add_variables(std::string operation, std::string label, F f, std::vector<Variant> variants) {
    Case& added = add_case(std::move(operation), std::move(label), std::move(variants));
    added.variables = [f](const std::vector<Variable>& in) { return differentiable_output(f(in)); };
    return added;
  }

  const std::vector<Case>& all() const { return cases_; }

 private:
  Case& add_case(std::string operation, std::string label, std::vector<Variant> variants);

  std::vector<Case> cases_;
};

void add_elementwise_cases(Cases& cases);
void add_reduce_cases(Cases& cases);
void add_index_cases(Cases& cases);
void add_layer_cases(Cases& cases);
const std::vector<Case>& all_cases();

// --- Sets of inputs that many cases share. ---

/// One input of this kind in odd, one-dimensional, scalar, empty and large shapes; its own shape is not used.
std::vector<Variant> elementwise_inputs(const Input& like);
/// Two inputs of equal and of broadcast shapes.
std::vector<Variant> broadcast_inputs(const Input& left, const Input& right);
/// One small set.
std::vector<Variant> one(std::vector<Input> inputs);

// --- Tensors from inputs. ---

/// The inputs of a variant, contiguous, floating-point ones in float64. `name` decides the numbers.
std::vector<Tensor> make_inputs(const Variant& variant, const std::string& name);
/// A gradient for a result of this shape, float64.
Tensor make_cotangent(const Shape& shape, const std::string& name);
/// Floating-point tensors converted, others as they are.
Tensor in_precision(const Tensor& x, DType dtype);

enum class Layout { contiguous, transposed, stepped };
/// The same values laid out otherwise in memory, amid others that must not be touched or read.
Tensor laid_out(const Tensor& x, Layout layout);

/// Empty when type, shape and values agree, else what differs. |found - expected| <= tolerance * (|expected| + a tenth
/// of the largest |expected|, at least of 1); NaN equals NaN. tolerance 0: equal.
std::string difference(const Tensor& found, const Tensor& expected, double tolerance);

}  // namespace roux::operations
