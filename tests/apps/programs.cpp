// Shell commands with captured output, and small inputs.
#include "tests/apps/programs.h"

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/temporary_folder.h"

namespace {

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

bool programs_built() {
  if (std::getenv("ROUX_APPS")) return true;
  MESSAGE("skipped: ROUX_APPS does not name the folder of the programs");
  return false;
}

ProgramRun run_shell(const std::string& command, const std::string& input) {
  const TemporaryFolder folder;
  write_text(folder / "in", input);
  // Absolute, so that a command may change the folder.
  const std::string full = "APPS=$(cd \"${ROUX_APPS}\" && pwd); { " + command + "\n} < '" + (folder / "in") + "' > '" +
                           (folder / "out") + "' 2> '" + (folder / "err") + "'";
  const int status = std::system(full.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128, read_text(folder / "out"), read_text(folder / "err")};
}

void check_refused(const std::string& command, const std::string& text, const std::string& input) {
  CAPTURE(command);
  const ProgramRun run = run_shell(command, input);
  CHECK(run.status == 1);
  CHECK(std::count(run.errors.begin(), run.errors.end(), '\n') == 1);
  CHECK_MESSAGE(run.errors.find(text) != std::string::npos, run.errors);
}

void write_text(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::string small_csv(int titles) {
  const char* const fruit[] = {"apple", "cherry", "mango", "lemon", "plum", "banana"};
  const char* const vegetable[] = {"onion", "carrot", "leek", "potato", "spinach", "celery"};
  std::string csv = "name,category\n";
  for (int i = 0; i < titles; ++i) {
    csv += std::string(fruit[i % 6]) + " " + fruit[(i / 6 + i + 1) % 6] + " pie,fruit\n";
    csv += std::string(vegetable[i % 6]) + " " + vegetable[(i / 6 + i + 1) % 6] + " soup,vegetable\n";
  }
  return csv;
}
