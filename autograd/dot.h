// The graph of a Variable as text for Graphviz: `to_dot(loss)` written to a file, then `dot -Tsvg loss.dot -o
// loss.svg`.
#pragma once

#include <string>
#include <vector>

#include "autograd/variable.h"

namespace roux {

/// The operations and leaves that `result` was computed from, as a DOT digraph: one node each with its name, shape and
/// (unless float32) type, edges from inputs to results. Leaves take their names from `names` (a module's named
/// parameters, say). Constants are not in the graph, nor is what an earlier backward has released. A constant gives a
/// graph of one node.
std::string to_dot(const Variable& result, const std::vector<NamedVariable>& names = {});

}  // namespace roux
