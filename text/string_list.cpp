// Many strings in two allocations.
#include "text/string_list.h"

#include "tensor/error.h"

namespace roux::text {

StringList::StringList(std::initializer_list<std::string_view> strings) {
  for (const std::string_view string : strings) push_back(string);
}

StringList::StringList(std::span<const std::string> strings) {
  for (const std::string& string : strings) push_back(string);
}

void StringList::push_back(std::string_view string) {
  bytes_.append(string);
  ends_.push_back(static_cast<int64_t>(bytes_.size()));
}

StringList StringList::select(std::span<const int64_t> indices) const {
  StringList result;
  result.ends_.reserve(indices.size());
  for (const int64_t index : indices) result.push_back((*this)[index]);
  return result;
}

void StringList::fail_index(int64_t index) const {
  fail("StringList", "index ", index, " is outside a list of ", size(), " strings");
}

}  // namespace roux::text
