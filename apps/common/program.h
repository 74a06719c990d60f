// What every program does the same way: errors become one line on standard error, interrupts end it politely.
#pragma once

#include <functional>

namespace roux::apps {

/// Runs `body` and returns its exit status. An exception becomes one line `PROGRAM: message` on standard error and status 1.
int run_program(const char* program, const std::function<int()>& body);

/// From now on Ctrl-C (SIGINT) and SIGTERM only set the flag that `interrupted` reads, once; a second one ends the program.
void catch_interrupts();
bool interrupted();

}  // namespace roux::apps
