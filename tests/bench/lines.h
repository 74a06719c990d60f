// The lines of a file of texts, for programs that time what is made of them.
#pragma once

#include <algorithm>
#include <string_view>

#include "text/string_list.h"

namespace roux::bench {

/// The lines without their ends; no empty one behind the last.
inline text::StringList lines_of(std::string_view bytes) {
  text::StringList lines;
  while (!bytes.empty()) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    lines.push_back(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return lines;
}

}  // namespace roux::bench
