// Errors: one exception type whose text reads `[operation] what is wrong`, with what was found and expected and a hint.
// Formatting happens out of line, so a check that holds costs one predictable branch.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace roux {

/// What roux throws for everything that a caller can get wrong. `what()` is one line: `[operation] what is wrong`.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

inline std::string error_text(const char* part) { return part; }
inline std::string error_text(const std::string& part) { return part; }
inline std::string error_text(std::string_view part) { return std::string(part); }
std::string error_text(double part);

/// Numbers by value; everything else through a `to_string(part)` found beside its type.
template <class T>
std::string error_text(const T& part) {
  using std::to_string;
  return to_string(part);
}

}  // namespace detail

/// Throws an Error with the text `[operation] part part ...`; parts are strings, numbers, or types with a `to_string`.
template <class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(std::string_view operation, const Parts&... parts) {
  std::string text = "[" + std::string(operation) + "] ";
  (text.append(detail::error_text(parts)), ...);
  throw Error(text);
}

}  // namespace roux

/// Throws through `roux::fail` when `condition` does not hold; the parts are evaluated only then.
#define ROUX_CHECK(condition, operation, ...) \
  do {                                        \
    if (!(condition)) [[unlikely]]            \
      ::roux::fail((operation), __VA_ARGS__); \
  } while (false)
