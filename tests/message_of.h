// The text of the error that a piece of code throws, for tests that compare it.
#pragma once

#include <exception>
#include <string>

/// What `f()` throws, or "nothing was thrown".
template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}
