// Formatting of the numbers that appear in error messages.
#include "tensor/error.h"

#include <cstdio>

namespace roux::detail {

std::string error_text(double part) {
  if (part != part) return "nan";  // whatever its sign
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", part);
  return text;
}

}  // namespace roux::detail
