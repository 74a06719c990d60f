// Writes the graph by a walk with a list of its own, not by recursion: graphs may be a million nodes deep.
#include "autograd/dot.h"

#include <unordered_map>

namespace roux {
namespace {

using detail::Node;

// As the inside of a quoted DOT string.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string label(const std::string& name, const Shape& shape, DType dtype) {
  return escaped(name) + "\\n" + to_string(shape) + (dtype == float32 ? "" : " " + to_string(dtype));
}

class DotWriter {
 public:
  explicit DotWriter(const std::vector<NamedVariable>& names) {
    for (const NamedVariable& named : names)
      if (named.variable.node()) names_[named.variable.node()] = named.name;
  }

  void add(const Node* root) {
    number_of(root);
    while (!waiting_.empty()) {
      const Node* const node = waiting_.back();
      waiting_.pop_back();
      write_node(*node);
      for (int i = 0; i < node->input_count; ++i)
        if (node->inputs[i]) write_edge(*node->inputs[i], *node, i);
    }
  }
  std::string text() const { return text_; }

 private:
  // The number of a node; a new one waits to be written.
  size_t number_of(const Node* node) {
    const auto [place, fresh] = numbers_.emplace(node, numbers_.size());
    if (fresh) waiting_.push_back(node);
    return place->second;
  }

  void write_node(const Node& node) {
    const auto named = names_.find(&node);
    const std::string name = named != names_.end() ? named->second : node.is_leaf() ? "leaf" : node.name;
    text_ += "  n" + std::to_string(number_of(&node)) + " [label=\"" + label(name, node.shape, node.dtype) + '"' +
             (node.is_leaf() ? ", shape=box, style=filled" : "") + "];\n";
  }

  // Which input it is, where there are several.
  void write_edge(const Node& input, const Node& node, int i) {
    text_ += "  n" + std::to_string(number_of(&input)) + " -> n" + std::to_string(number_of(&node)) +
             (node.input_count > 1 ? " [label=\"" + std::to_string(i) + "\"]" : "") + ";\n";
  }

  std::unordered_map<const Node*, std::string> names_;
  std::unordered_map<const Node*, size_t> numbers_;
  std::vector<const Node*> waiting_;
  std::string text_;
};

}  // namespace

std::string to_dot(const Variable& result, const std::vector<NamedVariable>& names) {
  ROUX_CHECK(result.defined(), "to_dot", "the variable is undefined");
  DotWriter writer(names);
  if (result.node()) writer.add(result.node());
  const std::string constant =
      "  n0 [label=\"" + label("constant", result.shape(), result.dtype()) + "\", shape=box];\n";
  return "digraph roux {\n  node [fontname=\"sans-serif\"];\n" + (result.node() ? writer.text() : constant) + "}\n";
}

}  // namespace roux
