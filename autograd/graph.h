// The graph of a Variable as text for Graphviz: what was computed from what, and what it costs.
//
//   write_file_atomically("loss.dot", graph(loss, model.named_parameters()));  // then: dot -Tsvg loss.dot -o loss.svg
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "autograd/variable.h"

namespace roux {

/// The operations and leaves that `result` was computed from, as a DOT digraph with edges from inputs to results.
/// Each operation shows its name, the shape and (unless float32) type of its result, and the bytes that it has saved
/// for backward: the whole memory of the tensors that it keeps. Leaves that need a gradient are filled boxes with their
/// name from `names` (what Module::named_parameters() gives), their shape and their gradient: none, or its norm.
/// Inputs that need none are dashed. The title counts operations and saved bytes, memory that several share once.
/// What an earlier backward has released is marked, and ends the graph there. A constant gives a graph of one node.
std::string graph(const Variable& result, const std::vector<NamedVariable>& names = {});

}  // namespace roux
