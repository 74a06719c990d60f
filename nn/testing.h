// A kit for those who test layers: comparison of tensors, gradients of modules, checks of what every layer should do.
//
// Each check gives a result that stands in doctest's CHECK and prints its reason there. Lengths that differ and are not
// 2 let gradcheck say more about what is wrong:
//
//   using namespace roux;
//   TEST_CASE("my layer is right") {
//     GatedLinear layer(4, 3), other(4, 3);
//     const Tensor x = Tensor::randn({5, 4});
//     CHECK(nn::gradcheck(layer, {x}));
//     CHECK(nn::state_dict_round_trips(layer, other, [&](GatedLinear& module) { return module(x); }));
//     CHECK(nn::close(layer(x), layer.value(x) * sigmoid(layer.gate(x))));
//   }
//
// Write `nn::close`, with its namespace: a bare close is POSIX's close(int).
#pragma once

#include <concepts>
#include <functional>
#include <iosfwd>
#include <string>
#include <type_traits>
#include <vector>

#include "autograd/gradcheck.h"
#include "autograd/variable.h"
#include "nn/module.h"

namespace roux::nn {

/// Converts to bool; printed it is its message.
struct CheckResult {
  bool ok = false;      ///< whether what was checked holds
  std::string message;  ///< why not; where all is well, what was compared
  explicit operator bool() const { return ok; }
};
std::ostream& operator<<(std::ostream& out, const CheckResult& result);

/// Options of `close`: how far numbers may differ.
struct CloseOptions {
  double rtol = 1e-5;      ///< an entry is right when |found - expected| <= atol + rtol * |expected|
  double atol = 1e-6;      ///< see rtol
  bool equal_nan = false;  ///< whether NaN agrees with NaN
};
/// Whether two tensors of one shape agree, whatever their types; compared in float64. The message names the worst
/// entry: index, found, expected, relative error.
CheckResult close(const Variable& found, const Variable& expected, const CloseOptions& options = {});

/// Values that suit gradcheck, the same for every call with this seed: evenly spread over (-2, 2) in random order, so
/// that none is near 0, where relu and abs have a kink, and no two are close, where max and sorting have theirs.
Tensor random_values(const Shape& shape, uint64_t seed = 0, DType dtype = float32);
/// Ids from 0 to num_ids - 1, int64, the same for every call with this seed. Throws unless num_ids >= 1.
Tensor random_ids(const Shape& shape, int64_t num_ids, uint64_t seed = 0);

/// The gradients of what `forward` gives for every parameter of the module that requires one, and for the
/// floating-point `inputs`, by central differences (autograd/gradcheck.h). All of it runs in float64; afterwards the
/// module is as it was before, but for the gradients, which are cleared. Modes stay as they are: in training, random
/// numbers are the same for every difference. Messages name the module's class. Throws when an optimiser still owes
/// rows to a parameter, when `forward` uses a leaf that requires a gradient and is neither a parameter nor an input (a
/// parameter without add(), say), and when there is nothing to check.
GradcheckResult gradcheck(Module& module, const std::vector<Tensor>& inputs,
                          const std::function<Variable(const std::vector<Variable>&)>& forward,
                          const GradcheckOptions& options = {});

/// The same for the parameters alone: `gradcheck(layer, [&] { return layer(ids, offsets); })`.
GradcheckResult gradcheck(Module& module, const std::function<Variable()>& forward,
                          const GradcheckOptions& options = {});

namespace detail {

// An input of gradcheck that becomes whichever of the two a forward takes.
struct VariableOrTensor {
  const Variable& input;
  operator const Variable&() const { return input; }
  operator Tensor() const { return input.data(); }
};

template <class M, class... Inputs>
concept HasForward = requires(M& module, const Inputs&... inputs) {
  { module.forward(inputs...) } -> std::convertible_to<Variable>;
};

template <class>
using ForEach = VariableOrTensor;

// module.forward(inputs...), where some may be taken as Tensors.
template <class M, class... Variables>
Variable forward_with(M& module, const Variables&... inputs) {
  if constexpr (HasForward<M, Variables...>)
    return module.forward(inputs...);
  else if constexpr (HasForward<M, ForEach<Variables>...>)
    return module.forward(VariableOrTensor{inputs}...);
  else
    fail("gradcheck", "the module has no forward that takes ", sizeof...(inputs), " Variables or Tensors",
         " (hint: gradcheck(layer, [&] { return layer.forward(...); }) calls what it has)");
}

// The same for up to three.
template <class M>
Variable call_forward(M& module, const std::vector<Variable>& x) {
  switch (x.size()) {
    case 0: return forward_with(module);
    case 1: return forward_with(module, x[0]);
    case 2: return forward_with(module, x[0], x[1]);
    case 3: return forward_with(module, x[0], x[1], x[2]);
    default: break;
  }
  fail("gradcheck", "found ", x.size(), " inputs, expected up to 3 (hint: pass a lambda that calls forward)");
}

}  // namespace detail

/// The same for `module.forward(inputs[0], ...)`, up to three, each as a Variable or, for ids and masks, as a Tensor:
/// `gradcheck(embedding, {ids})`.
template <std::derived_from<Module> M>
GradcheckResult gradcheck(M& module, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {}) {
  return gradcheck(
      module, inputs, [&module](const std::vector<Variable>& x) { return detail::call_forward(module, x); }, options);
}

/// Whether, in evaluation, `forward` gives the same bits twice and leaves the module's state as it is. The module's
/// mode is put back afterwards.
CheckResult eval_is_deterministic(Module& module, const std::function<Variable()>& forward);

namespace detail {
CheckResult state_dict_round_trips(Module& module, Module& other, const std::function<Variable()>& forward,
                                   const std::function<Variable()>& other_forward);
}

/// Whether loading the state dict of `module` into `other`, a module of the same kind that was made anew, makes both
/// give the same bits in evaluation. Finds parameters and buffers that are not registered. `other` is changed. Throws
/// when it is `module` itself.
///
///   nn::state_dict_round_trips(layer, other, [&](GatedLinear& module) { return module(x); })
template <std::derived_from<Module> M>
CheckResult state_dict_round_trips(M& module, M& other,
                                   const std::type_identity_t<std::function<Variable(M&)>>& forward) {
  return detail::state_dict_round_trips(
      module, other, [&] { return forward(module); }, [&] { return forward(other); });
}

/// Whether a module computes on a CUDA device what it computes on the CPU: `forward` of the inputs, and, where the
/// result requires them, the gradients of all parameters and of the floating-point inputs. What `forward` needs on the
/// device must be among the inputs. Passes and says so in its message where there is no device; write
/// `MESSAGE(result.message)` to see it. Afterwards the module is as it was before, but for the gradients.
CheckResult agrees_on_cuda(Module& module, const std::vector<Tensor>& inputs,
                           const std::function<Variable(const std::vector<Variable>&)>& forward,
                           const CloseOptions& options = {.rtol = 1e-4, .atol = 1e-5});
/// The same for a function, such as an operation of one's own.
CheckResult agrees_on_cuda(const std::function<Variable(const std::vector<Variable>&)>& f,
                           const std::vector<Tensor>& inputs,
                           const CloseOptions& options = {.rtol = 1e-4, .atol = 1e-5});
/// The same for `module.forward(inputs[0], ...)`, as of gradcheck.
template <std::derived_from<Module> M>
CheckResult agrees_on_cuda(M& module, const std::vector<Tensor>& inputs,
                           const CloseOptions& options = {.rtol = 1e-4, .atol = 1e-5}) {
  return agrees_on_cuda(
      module, inputs, [&module](const std::vector<Variable>& x) { return detail::call_forward(module, x); }, options);
}

/// Options of `check_training`.
struct TrainingCheckOptions {
  int64_t num_classes = 0;  ///< C: the first loss must lie near ln C, what guessing costs; 0: it is not looked at
  double tolerance = 0.5;   ///< how far from ln C it may be, as a part of ln C
  int64_t steps = 200;      ///< of Adam on the one batch
  double lr = 0.01;         ///< learning rate
  double remaining = 0.1;   ///< what may be left of the first loss after them, as a part of it
};
/// Whether a module can be trained: its first loss is what guessing costs, every parameter that requires a gradient
/// receives one, and Adam gets one batch by heart. `loss` gives the scalar loss of that batch, which should hold a few
/// texts or so of every class, without contradictions. Runs in evaluation mode, for dropout hinders learning by heart.
/// Afterwards the module is as it was before, but for the gradients, which are cleared.
///
///   nn::check_training(model, [&] { return nn::cross_entropy(model(x), labels); }, {.num_classes = 3})
CheckResult check_training(Module& module, const std::function<Variable()>& loss,
                           const TrainingCheckOptions& options = {});

/// Whether `step` (forward and backward, and a forward whose graph nobody uses) once warmed up leaves no more graph
/// nodes and no more memory behind than it found. No other thread may work meanwhile. Leave Adam out: for tables it
/// keeps the row numbers of its last 1,024 steps.
CheckResult leaks_nothing(const std::function<void()>& step);

}  // namespace roux::nn
