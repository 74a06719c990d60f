// Counts for people.
#pragma once

#include <cstdint>
#include <string>

namespace roux::text {

/// A count with commas: 34,810.
std::string with_commas(int64_t value);

}  // namespace roux::text
