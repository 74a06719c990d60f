// Exit statuses, and where files that ship with roux are.
#include "apps/common/program.h"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

#include "tensor/error.h"

namespace roux::apps {
namespace {

// Messages may quote what a user typed or a file held; a line is a line.
std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text;
}

}  // namespace

int run_program(const char* program, const std::function<int()>& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %s\n", program, one_line(error.what()).c_str());
    return 1;
  }
}

std::string find_shipped(const std::string& file) {
  namespace fs = std::filesystem;
  if (fs::exists(file)) return file;
  std::error_code error;
  for (fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path(); folder.has_relative_path();
       folder = folder.parent_path())
    if (fs::exists(folder / file, error)) return (folder / file).string();
  fail("data", "cannot find ", file, ", which ships with roux (hint: run the program from the source tree)");
}

}  // namespace roux::apps
