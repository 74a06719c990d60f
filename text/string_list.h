// Many strings in two allocations: the bytes one after the other, and where each begins.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace roux::text {

/// A list of strings that only grows. Holds any bytes; views into it last until the next `push_back`.
class StringList {
 public:
  StringList() = default;
  /// Copies of these.
  StringList(std::initializer_list<std::string_view> strings);
  explicit StringList(std::span<const std::string> strings);

  /// Adds a copy at the end.
  void push_back(std::string_view string);
  /// String `index`; throws unless 0 <= index < size().
  std::string_view operator[](int64_t index) const {
    if (static_cast<uint64_t>(index) >= static_cast<uint64_t>(size())) [[unlikely]]
      fail_index(index);
    const int64_t begin = index == 0 ? 0 : ends_[static_cast<size_t>(index - 1)];
    return {bytes_.data() + begin, static_cast<size_t>(ends_[static_cast<size_t>(index)] - begin)};
  }
  int64_t size() const { return static_cast<int64_t>(ends_.size()); }
  bool empty() const { return size() == 0; }

  /// The strings of `indices`, in that order. Throws on an index outside the list.
  StringList select(std::span<const int64_t> indices) const;

 private:
  [[noreturn]] void fail_index(int64_t index) const;

  std::string bytes_;
  std::vector<int64_t> ends_;  // string i lies in [ends_[i - 1], ends_[i]), the first from 0
};

}  // namespace roux::text
