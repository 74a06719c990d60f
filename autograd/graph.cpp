// Writes the graph by a walk with a list of its own, not by recursion: graphs may be a million nodes deep.
#include "autograd/graph.h"

#include <cmath>
#include <cstdio>
#include <map>
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

std::string bytes_text(size_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  char text[32];
  const double kib = static_cast<double>(bytes) / 1024;
  std::snprintf(text, sizeof text, kib < 1024 ? "%.1f KiB" : "%.1f MiB", kib < 1024 ? kib : kib / 1024);
  return text;
}

std::string gradient_text(const Gradient& gradient) {
  if (!gradient.defined()) return "gradient: none";
  char text[64];
  std::snprintf(text, sizeof text, "norm %.4g", std::sqrt(gradient.squared_norm()));
  const bool rows = gradient.kind() == Gradient::Kind::rows;
  return "gradient: " + (rows ? std::to_string(gradient.rows().rows.numel()) + " rows, " : "") + text;
}

// Bytes by where they lie: memory that several tensors share is there once.
using Memory = std::map<const void*, size_t>;

Memory saved_by(const Node& node) {
  if (!node.has_closure) return {};
  SavedList list;
  node.drop_or_list(const_cast<Node*>(&node), &list);
  Memory memory;
  for (const Tensor& tensor : list.tensors) memory[tensor.storage().data()] = tensor.storage().bytes();
  return memory;
}

size_t total(const Memory& memory) {
  size_t sum = 0;
  for (const auto& [place, bytes] : memory) sum += bytes;
  return sum;
}

class GraphWriter {
 public:
  explicit GraphWriter(const std::vector<NamedVariable>& names) {
    for (const auto& [name, variable] : names)
      if (variable.node()) names_[variable.node()] = name;
  }

  void add(const Node* root) {
    number_of(root);
    while (!waiting_.empty()) {
      const Node* const node = waiting_.back();
      waiting_.pop_back();
      if (node->is_leaf()) {
        write_leaf(*node);
      } else {
        write_operation(*node);
      }
      for (int i = 0; i < node->input_count; ++i) write_edge(*node, i);
    }
  }
  std::string title() const {
    return std::to_string(operations_) + (operations_ == 1 ? " operation, " : " operations, ") +
           bytes_text(total(saved_)) + " saved for backward";
  }
  const std::string& text() const { return text_; }

 private:
  // The number of a node; a new one waits to be written.
  size_t number_of(const Node* node) {
    const auto [place, fresh] = numbers_.emplace(node, numbers_.size());
    if (fresh) waiting_.push_back(node);
    return place->second;
  }

  void write_leaf(const Node& node) {
    const auto named = names_.find(&node);
    text_ += "  n" + std::to_string(number_of(&node)) + " [label=\"" +
             label(named != names_.end() ? named->second : "leaf", node.shape, node.dtype) + "\\n" +
             gradient_text(node.gradient) + "\", shape=box, style=filled];\n";
  }

  void write_operation(const Node& node) {
    ++operations_;
    const Memory memory = saved_by(node);
    saved_.insert(memory.begin(), memory.end());
    text_ += "  n" + std::to_string(number_of(&node)) + " [label=\"" + label(node.name, node.shape, node.dtype) +
             (node.released ? "\\nreleased by backward" : "\\nsaved " + bytes_text(total(memory))) +
             (node.retained ? "\\n" + gradient_text(*node.retained) : "") + "\"];\n";
  }

  // Which input it is, where there are several.
  void write_edge(const Node& node, int i) {
    const std::string to = " -> n" + std::to_string(number_of(&node)) +
                           (node.input_count > 1 ? " [label=\"" + std::to_string(i) + "\"]" : "") + ";\n";
    if (node.inputs[i]) {
      text_ += "  n" + std::to_string(number_of(node.inputs[i].get())) + to;
      return;
    }
    const std::string constant = "c" + std::to_string(constants_++);
    text_ += "  " + constant + " [label=\"no gradient\", style=dashed];\n  " + constant + to;
  }

  std::unordered_map<const Node*, std::string> names_;
  std::unordered_map<const Node*, size_t> numbers_;
  std::vector<const Node*> waiting_;
  Memory saved_;
  int64_t operations_ = 0, constants_ = 0;
  std::string text_;
};

}  // namespace

std::string graph(const Variable& result, const std::vector<NamedVariable>& names) {
  ROUX_CHECK(result.defined(), "graph", "the variable is undefined");
  GraphWriter writer(names);
  if (result.node()) writer.add(result.node());
  const std::string constant =
      "  n0 [label=\"" + label("constant", result.shape(), result.dtype()) + "\", shape=box, style=dashed];\n";
  return "digraph roux {\n  label=\"" + writer.title() + "\";\n  node [fontname=\"sans-serif\"];\n" +
         (result.node() ? writer.text() : constant) + "}\n";
}

}  // namespace roux
