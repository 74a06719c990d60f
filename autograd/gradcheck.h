// gradcheck: compares the gradients that backward gives with differences of the function itself. For modules see
// nn/testing.h, which stands on check_gradients().
//
//   using namespace roux;
//   CHECK(gradcheck([](const auto& in) { return tanh(in[0] * in[1]); }, {Tensor::randn({5, 4}), Tensor::randn({4})}));
//
// A failed check prints the worst entry: `[gradcheck] input 1: 3 of 4 entries are wrong; worst at (2): found 0.4 ...`.
// Dimensions of different lengths, none of them 2, let it say more about what is wrong.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "autograd/variable.h"

namespace roux {

/// Options of `gradcheck`.
struct GradcheckOptions {
  double eps = 1e-6;          ///< step of the central differences
  double atol = 1e-5;         ///< an entry is right when |found - expected| <= atol + rtol * |expected|
  double rtol = 1e-3;         ///< see atol
  int64_t max_entries = 256;  ///< of each input; larger ones are sampled, half among entries with a gradient; 0: all
  bool allow_kinks = false;   ///< also right: what lies between the slopes on both sides, where those differ
  uint64_t seed = 0;          ///< of the random gradient that a result of several values starts from
  std::string name = {};      ///< of what is checked, for messages; a single operation is named anyway
};

/// Converts to bool; printed it is its message.
struct GradcheckResult {
  bool ok = true;       ///< whether all entries are right
  int64_t checked = 0;  ///< entries that were compared
  int64_t kinks = 0;    ///< of these: right only because of allow_kinks
  std::string message;  ///< what agreed, or the worst entry and what may be the reason

  // The worst entry, whether right or not.
  std::string input;                                   ///< name of the input
  std::string index;                                   ///< `(1, 2)`
  double found = 0, expected = 0, relative_error = 0;  ///< of that entry

  explicit operator bool() const { return ok; }
};
std::ostream& operator<<(std::ostream& out, const GradcheckResult& result);

/// Checks the gradients of f's result for every floating-point input, in float64 whatever the inputs' type; other
/// inputs are constants. f must give the same result for the same inputs. Inputs are named `input 0`, `input 1`, ...
/// Throws Error when there is no floating-point input, and when f changes one in place.
GradcheckResult gradcheck(const std::function<Variable(const std::vector<Variable>&)>& f,
                          const std::vector<Tensor>& inputs, const GradcheckOptions& options = {});

/// The same for leaves that f reads on its own (a module's parameters, say). They must be float64, contiguous and
/// require a gradient; their data are as before afterwards, their gradients are cleared. Throws Error when they are not
/// such leaves, when there are none, when f changes one in place, or when it draws random numbers anew.
GradcheckResult check_gradients(const std::function<Variable()>& f, const std::vector<NamedVariable>& inputs,
                                const GradcheckOptions& options = {});

}  // namespace roux
