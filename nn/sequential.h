// Sequential, layers one after another, and ModuleList, repeated blocks of one type.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/module.h"

namespace roux::nn {

/// Layers that it owns, applied in order. They are named 0, 1, 2, ...
///
///   nn::Sequential mlp;
///   mlp.emplace<nn::Linear>(4, 8);
///   mlp.emplace<nn::ReLU>();
///   mlp.emplace<nn::Linear>(8, 3, nn::LinearOptions{.bias = false});
class Sequential : public Layer {
 public:
  /// Makes a layer of type L at the end, from the arguments of its constructor.
  template <class L, class... Arguments>
  L& emplace(Arguments&&... arguments) {
    auto layer = std::make_unique<L>(std::forward<Arguments>(arguments)...);
    L& result = *layer;
    add(std::to_string(size()), result);
    layers_.push_back(std::move(layer));
    return result;
  }
  /// Every layer in turn.
  Variable forward(const Variable& x) override {
    Variable result = x;
    for (const std::unique_ptr<Layer>& layer : layers_) result = (*layer)(result);
    return result;
  }
  int64_t size() const { return static_cast<int64_t>(layers_.size()); }
  /// Throws when there is no layer i.
  Layer& operator[](int64_t i) {
    ROUX_CHECK(i >= 0 && i < size(), "Sequential", "there is no layer ", i, " among ", size());
    return *layers_[static_cast<size_t>(i)];
  }

 private:
  std::vector<std::unique_ptr<Layer>> layers_;
};

/// Modules of type T that it owns, named 0, 1, 2, ...; it has no forward: loop over it.
///
///   nn::ModuleList<Block> blocks;
///   for (int i = 0; i < 6; ++i) blocks.emplace(dim, heads);
///   for (Block& block : blocks) x = block(x);
template <class T>
class ModuleList : public Module {
 public:
  /// Makes a T at the end, from the arguments of its constructor.
  template <class... Arguments>
  T& emplace(Arguments&&... arguments) {
    T& result = items_.emplace_back(std::forward<Arguments>(arguments)...);
    add(std::to_string(size() - 1), result);
    return result;
  }
  int64_t size() const { return static_cast<int64_t>(items_.size()); }
  /// Throws when there is no module i.
  T& operator[](int64_t i) {
    ROUX_CHECK(i >= 0 && i < size(), "ModuleList", "there is no module ", i, " among ", size());
    return items_[static_cast<size_t>(i)];
  }
  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }

 private:
  std::deque<T> items_;  // its elements stay where they are when it grows
};

}  // namespace roux::nn
