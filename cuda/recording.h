// What a recorded step asks the host for at each replay.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <functional>
#include <optional>
#include <type_traits>
#include <vector>

#include "cuda/device.h"
#include "tensor/backend.h"

namespace roux::cuda {

/// A value as a kernel takes it that is another in each step (EachStep in tensor/backend.h): by value, or, in a
/// recorded step, in device memory, where it is written anew before each replay.
template <class T>
struct StepValue {
  T value;
  const T* recorded = nullptr;

  ROUX_HOST_DEVICE T get() const { return recorded ? *recorded : value; }
};

/// The values of one recorded step: their places in a block of device memory, and how each is found.
class StepValues {
 public:
  static constexpr size_t most_bytes = 16 << 10;

  /// `block`: most_bytes of device memory.
  explicit StepValues(void* block) : block_(static_cast<char*>(block)) {}

  /// Finds the value for the step that is recorded, and again at each `refresh`.
  template <class T>
  StepValue<T> add(const EachStep<T>& next) {
    const size_t at =
        (values_.size() + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);
    ROUX_CHECK(at + sizeof(T) <= most_bytes, "graphed_step",
               "the step has too many values that change from step to step");
    static_assert(std::is_trivially_copyable_v<T>);
    values_.resize(at + sizeof(T));
    const auto find = [this, next, at] {
      const T value = next();
      std::memcpy(values_.data() + at, &value, sizeof value);
      return value;
    };
    const T value = find();
    finders_.push_back([find] { find(); });
    places_.push_back(at);
    return {value, reinterpret_cast<const T*>(block_ + at)};
  }

  /// The values that were added, one after the other, as long as there are more.
  template <class T>
  std::optional<T> take() {
    if (taken_ >= places_.size()) return {};
    std::array<char, sizeof(T)> bytes;
    std::memcpy(bytes.data(), values_.data() + places_[taken_++], bytes.size());
    return std::bit_cast<T>(bytes);
  }

  /// Finds all values for one more step, in the order in which they were added.
  void refresh() {
    for (const auto& find : finders_) find();
  }

  void* block() const { return block_; }
  const std::vector<char>& bytes() const { return values_; }

 private:
  char* block_;
  std::vector<char> values_;
  std::vector<std::function<void()>> finders_;
  std::vector<size_t> places_;
  size_t taken_ = 0;
};

}  // namespace roux::cuda
