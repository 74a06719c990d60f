// Telling observers, newest first, and the profiler.
#include "autograd/observer.h"

#include <utility>
#include <vector>

#include "autograd/variable.h"

namespace roux {

thread_local constinit Observer* Observer::newest_ = nullptr;

Observer::Observer() : outer_(std::exchange(newest_, this)) {}
Observer::~Observer() { newest_ = outer_; }

void Observer::operation(const char*, const Tensor&, std::span<const Variable>) {}
void Observer::backward_begins(const detail::Node&) {}
void Observer::gradient(const detail::Node&, int, const Tensor&) {}
void Observer::backward_ends(const detail::Node&) {}
void Observer::optimizer_step(std::span<const NamedVariable>) {}

/// Calls all observers of this thread; what they compute meanwhile is not observed.
class ObserverCalls {
 public:
  ObserverCalls() : newest_(std::exchange(Observer::newest_, nullptr)) {}
  ~ObserverCalls() { Observer::newest_ = newest_; }
  ObserverCalls(const ObserverCalls&) = delete;
  ObserverCalls& operator=(const ObserverCalls&) = delete;
  template <class Call>
  void each(const Call& call) {
    for (Observer* observer = newest_; observer; observer = observer->outer_) call(*observer);
  }

 private:
  Observer* newest_;
};

namespace detail {
namespace {

MemoryRange memory_of(const Tensor& tensor) {
  if (!tensor.defined()) return {};
  return {tensor.storage().data(), static_cast<int64_t>(tensor.storage().bytes())};
}

}  // namespace

void observe_operation(const char* name, const Tensor& result, std::span<const Variable> inputs) {
  if (profiling()) {
    std::vector<MemoryRange> read;
    for (const Variable& input : inputs)
      if (input.defined()) read.push_back(memory_of(input.raw()));
    profile_forward(name, memory_of(result), read);
  }
  ObserverCalls().each([&](Observer& observer) { observer.operation(name, result, inputs); });
}

void observe_backward_begins(const Node& root) {
  ObserverCalls().each([&](Observer& observer) { observer.backward_begins(root); });
}

void observe_gradient(const Node& node, int i, const Tensor& grad) {
  ObserverCalls().each([&](Observer& observer) { observer.gradient(node, i, grad); });
}

void observe_backward_ends(const Node& root) {
  ObserverCalls().each([&](Observer& observer) { observer.backward_ends(root); });
}

void observe_optimizer_step(std::span<const NamedVariable> parameters) {
  ObserverCalls().each([&](Observer& observer) { observer.optimizer_step(parameters); });
}

}  // namespace detail

}  // namespace roux
