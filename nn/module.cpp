// The tree of a module: registration, walks over it, state dicts.
#include "nn/module.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <typeinfo>
#include <unordered_map>

namespace roux::nn {
namespace {

std::string join(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

bool convertible(DType from, DType to) { return from == to || (is_floating(from) && is_floating(to)); }

// `3 missing names: a, b, c`; long lists are cut. Empty for an empty list.
std::string listed(const char* what, const std::vector<std::string>& names) {
  constexpr size_t shown = 10;
  if (names.empty()) return "";
  std::string text = std::to_string(names.size()) + " " + what + (names.size() == 1 ? "" : "s") + ": ";
  for (size_t i = 0; i < std::min(names.size(), shown); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > shown) text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

std::unordered_map<std::string_view, const Tensor*> by_name(const StateDict& state) {
  std::unordered_map<std::string_view, const Tensor*> map;
  for (const auto& [name, tensor] : state) {
    ROUX_CHECK(tensor.defined(), "load_state_dict", "the tensor '", name, "' is undefined");
    const bool first = map.emplace(name, &tensor).second;
    ROUX_CHECK(first, "load_state_dict", "the name '", name, "' appears twice in the state");
  }
  return map;
}

}  // namespace

thread_local constinit LayerWatcher* LayerWatcher::current = nullptr;

// A parameter or a persistent buffer.
struct Module::StateEntry {
  std::string name;
  Variable* parameter;
  Tensor* buffer;

  const Tensor& raw() const { return parameter ? parameter->raw() : *buffer; }
  Tensor copy() const { return parameter && parameter->pending_rows() ? parameter->data() : raw().clone(); }
  Tensor& writable() const { return parameter ? parameter->mutable_data() : *buffer; }
};

template <class M, class Visit>
void Module::walk(M& module, const std::string& prefix, const Visit& visit) {
  visit(prefix, module);
  for (const Named<Module>& child : module.children_) walk(*child.target, join(prefix, child.name), visit);
}

void Module::check_name(const std::string& name) const {
  ROUX_CHECK(!name.empty(), "add", "a name must not be empty");
  ROUX_CHECK(name.find('.') == std::string::npos, "add", "the name '", name,
             "' has a dot (hint: dots separate the names of nested modules)");
  const auto taken = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(), [&](const auto& entry) { return entry.name == name; });
  };
  ROUX_CHECK(!taken(parameters_) && !taken(buffers_) && !taken(children_) && !taken(generators_), "add", "the name '",
             name, "' is already registered in this module");
}

void Module::add(const std::string& name, Variable& parameter) {
  check_name(name);
  ROUX_CHECK(parameter.defined(), "add", "the parameter '", name, "' is undefined");
  ROUX_CHECK(parameter.is_leaf(), "add", "the parameter '", name, "' was computed by ", parameter.operation(),
             ", expected a leaf (hint: Variable(tensor, true))");
  parameters_.push_back({name, &parameter});
}

void Module::add(const std::string& name, Module& child) {
  check_name(name);
  walk(child, "", [&](const std::string&, const Module& below) {
    ROUX_CHECK(&below != this, "add", "the child '", name, "' contains this module itself");
  });
  children_.push_back({name, &child});
}

void Module::add(const std::string& name, Generator& generator) {
  check_name(name);
  generators_.push_back({name, &generator});
}

void Module::add_buffer(const std::string& name, Tensor& buffer, bool persistent) {
  check_name(name);
  ROUX_CHECK(buffer.defined(), "add_buffer", "the buffer '", name, "' is undefined");
  buffers_.push_back({{name, &buffer}, persistent});
}

void Module::train(bool on) {
  walk(*this, "", [on](const std::string&, Module& module) { module.training_ = on; });
}

std::string Module::class_name() const {
  const char* const mangled = typeid(*this).name();
  char* const demangled = abi::__cxa_demangle(mangled, nullptr, nullptr, nullptr);
  const std::string name = demangled ? demangled : mangled;
  std::free(demangled);
  const size_t scope = name.rfind("::", name.find('<'));
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

NamedParameters Module::named_parameters() const {
  NamedParameters result;
  walk(*this, "", [&](const std::string& prefix, const Module& module) {
    for (const auto& [name, parameter] : module.parameters_) {
      const Variable& candidate = *parameter;
      const bool known =
          std::any_of(result.begin(), result.end(), [&](const auto& seen) { return seen.variable == candidate; });
      if (!known) result.push_back({join(prefix, name), candidate});
    }
  });
  return result;
}

std::vector<Variable> Module::parameters() const {
  std::vector<Variable> result;
  for (const auto& [name, parameter] : named_parameters()) result.push_back(parameter);
  return result;
}

std::vector<std::pair<std::string, Tensor*>> Module::named_buffers() const {
  std::vector<std::pair<std::string, Tensor*>> result;
  walk(*this, "", [&](const std::string& prefix, const Module& module) {
    for (const NamedBuffer& buffer : module.buffers_) result.emplace_back(join(prefix, buffer.name), buffer.target);
  });
  return result;
}

std::vector<std::pair<std::string, Generator*>> Module::named_generators() const {
  std::vector<std::pair<std::string, Generator*>> result;
  walk(*this, "", [&](const std::string& prefix, const Module& module) {
    for (const auto& [name, generator] : module.generators_) result.emplace_back(join(prefix, name), generator);
  });
  return result;
}

std::vector<std::pair<std::string, Module*>> Module::named_modules() {
  std::vector<std::pair<std::string, Module*>> result;
  walk(*this, "", [&](const std::string& prefix, Module& module) { result.emplace_back(prefix, &module); });
  return result;
}

int64_t Module::num_parameters(bool only_trainable) const {
  int64_t count = 0;
  for (const auto& [name, parameter] : named_parameters())
    if (parameter.requires_grad() || !only_trainable) count += parameter.numel();
  return count;
}

void Module::zero_grad() {
  for (const Named<Variable>& parameter : parameters_) parameter.target->zero_grad();
  for (const Named<Module>& child : children_) child.target->zero_grad();
}

void Module::to(Device device) {
  for (auto& [name, parameter] : named_parameters()) {
    parameter.zero_grad();
    parameter.set_data(parameter.mutable_data().to(device));
  }
  walk(*this, "", [&](const std::string&, Module& module) {
    for (const NamedBuffer& buffer : module.buffers_) *buffer.target = buffer.target->to(device);
  });
}

void Module::to(DType dtype) {
  ROUX_CHECK(dtype == float32 || dtype == float64, "to", "a module computes in float32 or float64, found ", dtype);
  for (auto& [name, parameter] : named_parameters()) {
    if (!is_floating(parameter.dtype())) continue;
    parameter.zero_grad();
    parameter.set_data(parameter.mutable_data().to(dtype));
  }
  walk(*this, "", [&](const std::string&, Module& module) {
    for (const NamedBuffer& buffer : module.buffers_)
      if (is_floating(buffer.target->dtype())) *buffer.target = buffer.target->to(dtype);
  });
}

std::vector<Module::StateEntry> Module::state_entries() const {
  std::vector<StateEntry> entries;
  walk(*this, "", [&](const std::string& prefix, const Module& module) {
    for (const auto& [name, parameter] : module.parameters_)
      entries.push_back({join(prefix, name), parameter, nullptr});
    for (const NamedBuffer& buffer : module.buffers_)
      if (buffer.persistent) entries.push_back({join(prefix, buffer.name), nullptr, buffer.target});
  });
  return entries;
}

StateDict Module::state_dict() const {
  StateDict state;
  for (const StateEntry& entry : state_entries()) state.emplace_back(entry.name, entry.copy());
  return state;
}

LoadReport Module::load_state_dict(const StateDict& state, bool strict) {
  auto given = by_name(state);
  LoadReport report;
  std::vector<std::string> misfits;
  std::vector<std::pair<StateEntry, const Tensor*>> found;
  for (const StateEntry& entry : state_entries()) {
    const auto match = given.find(entry.name);
    if (match == given.end()) {
      report.missing.push_back(entry.name);
      continue;
    }
    const Tensor& tensor = *match->second;
    if (tensor.shape() != entry.raw().shape())
      misfits.push_back(entry.name + " has shape " + to_string(tensor.shape()) + ", expected " +
                        to_string(entry.raw().shape()));
    else if (!convertible(tensor.dtype(), entry.raw().dtype()))
      misfits.push_back(entry.name + " is " + name(tensor.dtype()) + ", expected " + name(entry.raw().dtype()));
    found.emplace_back(entry, &tensor);
    given.erase(match);
  }
  for (const auto& [name, tensor] : state)
    if (given.count(name)) report.unexpected.push_back(name);

  std::string text;
  const auto say = [&](const std::string& part) { text += (text.empty() || part.empty() ? "" : "; ") + part; };
  if (strict) say(listed("missing name", report.missing));
  if (strict) say(listed("unexpected name", report.unexpected));
  const bool names_differ = !text.empty();
  say(listed("misfit", misfits));
  ROUX_CHECK(text.empty(), "load_state_dict", text,
             names_differ ? " (hint: strict = false accepts missing and unexpected names)" : "");
  for (const auto& [entry, tensor] : found) entry.writable().copy_(*tensor);
  return report;
}

}  // namespace roux::nn
