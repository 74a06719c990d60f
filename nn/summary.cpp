// Which module computed what is seen from outside: layers say when they are called (LayerWatcher), and operations say
// which parameters they read (Observer).
#include "nn/summary.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>
#include <vector>

#include "autograd/observer.h"
#include "nn/module_guards.h"

namespace roux::nn {
namespace {

using NamedModules = std::vector<std::pair<std::string, Module*>>;

// The name without its last part: of the module that a parameter, or a module, belongs to.
std::string parent(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? "" : name.substr(0, dot);
}

// Watches one forward.
class ShapeWatcher : public Observer, public LayerWatcher {
 public:
  explicit ShapeWatcher(const NamedModules& modules) : before_(std::exchange(LayerWatcher::current, this)) {
    for (const auto& [name, module] : modules) {
      names_.emplace(module, name);
      if (!name.empty()) continue;
      for (const auto& [path, parameter] : module->named_parameters())
        owners_[parameter.raw().storage().data()] = parent(path);
    }
  }
  ~ShapeWatcher() override { LayerWatcher::current = before_; }

  void operation(const char*, const Tensor& output, std::span<const Variable> inputs) override {
    const std::string* owner = nullptr;  // the last: a bias tells more than a weight that is shared
    for (const Variable& input : inputs) {
      if (!input.defined()) continue;
      const auto found = owners_.find(input.raw().storage().data());
      // A view of a parameter is no result yet.
      if (found != owners_.end() && !output.shares_storage(input.raw())) owner = &found->second;
    }
    if (owner) set(*owner, output.shape());
  }
  void result(const Module& layer, const Variable& output) override {
    const auto found = names_.find(&layer);
    if (found == names_.end() || !output.defined()) return;
    set(found->second, output.shape());
  }

  // Of a module and, as far as is known, of those around it.
  void set(std::string name, const Shape& shape) {
    shapes[name] = shape;
    while (!name.empty()) shapes[name = parent(name)] = shape;
  }
  std::map<std::string, Shape> shapes;

 private:
  LayerWatcher* before_;
  std::map<const Module*, std::string> names_;
  std::map<const void*, std::string> owners_;  // by the memory of a parameter
};

// 1,234,567
std::string grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<int64_t>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<size_t>(at), ",");
  return text;
}

using Row = std::vector<std::string>;

// Columns as wide as their widest entry; numbers, the last two, to the right.
std::string laid_out(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows[0].size());
  for (const Row& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      const bool number = i + 2 >= row.size();
      text += (i == 0 ? "" : "  ") + (number ? space + row[i] : row[i] + space);
    }
    text += '\n';
  }
  return text;
}

std::string total_line(const Module& model) {
  int64_t bytes = 0;
  for (const auto& [name, parameter] : model.named_parameters())
    bytes += parameter.numel() * static_cast<int64_t>(size_of(parameter.dtype()));
  char size[32];
  const double kib = static_cast<double>(bytes) / 1024;
  std::snprintf(size, sizeof size, kib < 1024 ? "%.1f KiB" : "%.1f MiB", kib < 1024 ? kib : kib / 1024);
  return grouped(model.num_parameters()) + " parameters, " + grouped(model.num_parameters(true)) +
         " of them trainable, " + size + '\n';
}

std::string table(const NamedModules& modules, const std::map<std::string, Shape>& shapes) {
  std::vector<Row> rows{{"module", "type", "output shape", "parameters", "trainable"}};
  for (const auto& [name, module] : modules) {
    const auto depth = name.empty() ? 0 : 1 + std::count(name.begin(), name.end(), '.');
    const std::string last = name.empty() ? "-" : name.substr(name.rfind('.') + 1);
    const auto shape = shapes.find(name);
    rows.push_back({std::string(static_cast<size_t>(2 * depth), ' ') + last, module->class_name(),
                    shape == shapes.end() ? "-" : to_string(shape->second), grouped(module->num_parameters()),
                    grouped(module->num_parameters(true))});
  }
  return laid_out(rows);
}

}  // namespace

std::string summary(Module& model) { return table(model.named_modules(), {}) + total_line(model); }

std::string summary(Module& model, const std::function<Variable()>& forward) {
  const NamedModules modules = model.named_modules();
  const detail::EvalGuard evaluation(model);
  const NoGrad no_grad;
  ShapeWatcher watcher(modules);
  const Variable result = forward();
  if (result.defined()) watcher.shapes[""] = result.shape();
  return table(modules, watcher.shapes) + total_line(model);
}

std::string summary(Layer& model, const Variable& x) {
  return summary(model, [&] { return model(x); });
}

}  // namespace roux::nn
