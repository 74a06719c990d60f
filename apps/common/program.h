// What every program does the same way: errors become one line on standard error, shipped files are found.
#pragma once

#include <functional>
#include <string>

namespace roux::apps {

/// Runs `body` and returns its exit status. An exception becomes one line `PROGRAM: message` on standard error and
/// status 1, and so does standard output that could not be written.
int run_program(const char* program, const std::function<int()>& body);

/// The path of a file that ships with the source tree, `apps/data/recipes.csv` say: looked for from the current folder,
/// then from the program's own upwards. Throws when it is not there.
std::string find_shipped(const std::string& file);

}  // namespace roux::apps
