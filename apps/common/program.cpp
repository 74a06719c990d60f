// Exit statuses, and where files that ship with roux are.
#include "apps/common/program.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <system_error>

#include "tensor/error.h"
#include "tensor/parallel.h"

namespace roux::apps {
namespace {

// Messages may quote what a user typed or a file held; a line is a line.
std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text;
}

// A file opened while one of the three standard streams is closed would take its number, and what is printed would go
// into that file. Whatever is closed becomes a stream that cannot be used.
void reserve_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0 && ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) return;
}

// What was printed may have been lost: the disk is full, say.
void check_standard_output() {
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  ROUX_CHECK(flushed && std::ferror(stdout) == 0, "output", "cannot write to standard output",
             errno == 0 ? "" : ": " + std::generic_category().message(errno));
}

}  // namespace

int run_program(const char* program, const std::function<int()>& body) {
  reserve_standard_streams();
  stop_blas_threads();
  try {
    const int status = body();
    check_standard_output();
    return status;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: [memory] there is not enough for this input\n", program);
    return 1;
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
