// Whole files in and out: round trips, replacement, and what is left behind when writing fails.
#include "tensor/file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <string>

#include "tensor/error.h"
#include "tests/temporary_folder.h"

namespace {

namespace fs = std::filesystem;

std::ptrdiff_t count_files(const TemporaryFolder& folder) {
  return std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator());
}

}  // namespace

TEST_CASE("a file comes back as it was written") {
  const TemporaryFolder folder;
  std::string bytes("nul \0 and \xff and \r\n", 18);
  bytes += std::string(300'000, 'x');
  roux::write_file_atomically(folder / "a", bytes);
  CHECK(roux::read_file(folder / "a") == bytes);
  roux::write_file_atomically(folder / "a", "");
  CHECK(roux::read_file(folder / "a").empty());
  const std::array<std::string_view, 3> parts{"one ", "", "two"};
  roux::write_file_atomically(folder / "a", parts);
  CHECK(roux::read_file(folder / "a") == "one two");
  CHECK(count_files(folder) == 1);
}

TEST_CASE("a file may be made while it is written, and stays as it was when that fails") {
  const TemporaryFolder folder;
  int parts = 0;
  const auto three_parts = [&]() -> std::string_view { return parts++ < 3 ? "part " : ""; };
  roux::write_file_atomically(folder / "a", three_parts);
  CHECK(roux::read_file(folder / "a") == "part part part ");
  parts = 0;
  const auto fails = [&]() -> std::string_view { return parts++ < 1 ? "part " : throw roux::Error("enough"); };
  CHECK_THROWS_WITH_AS(roux::write_file_atomically(folder / "a", fails), "enough", roux::Error);
  CHECK(roux::read_file(folder / "a") == "part part part ");
  CHECK(count_files(folder) == 1);
}

TEST_CASE("a written file has the usual permissions") {
  const TemporaryFolder folder;
  const mode_t old = ::umask(022);
  roux::write_file_atomically(folder / "a", "x");
  ::umask(old);
  CHECK(fs::status(folder / "a").permissions() == static_cast<fs::perms>(0644));
}

TEST_CASE("a symbolic link survives and its target is replaced") {
  const TemporaryFolder folder;
  roux::write_file_atomically(folder / "target", "old");
  fs::create_symlink("target", folder / "link");
  roux::write_file_atomically(folder / "link", "new");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(roux::read_file(folder / "target") == "new");
}

TEST_CASE("a program killed while it writes leaves the old file and nothing else") {
  const TemporaryFolder folder;
  const int nameless = ::open(folder.path().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (nameless < 0) {
    MESSAGE("skipped: this file system has no files without a name");
    return;
  }
  ::close(nameless);
  const std::string path = folder / "a";
  roux::write_file_atomically(path, "old");
  const std::string bytes(100'000, 'x');
  const pid_t child = ::fork();
  if (child == 0) {
    // The kernel kills it in the middle of the file.
    const rlimit none{0, 0}, some{4096, 4096};
    ::setrlimit(RLIMIT_CORE, &none);
    ::setrlimit(RLIMIT_FSIZE, &some);
    std::signal(SIGXFSZ, SIG_DFL);
    roux::write_file_atomically(path, bytes);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(roux::read_file(path) == "old");
  CHECK(count_files(folder) == 1);
}

TEST_CASE("a device is written as it is") {
  roux::write_file_atomically("/dev/null", "x");
  CHECK(fs::is_character_file("/dev/null"));
}

TEST_CASE("what cannot be read or written is named") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(roux::read_file(folder / "none"),
                       ("[read_file] cannot open '" + (folder / "none") + "': No such file or directory").c_str(),
                       roux::Error);
  CHECK_THROWS_WITH_AS(roux::read_file(folder.path().string()),
                       ("[read_file] '" + folder.path().string() + "' is a folder; expected a file").c_str(),
                       roux::Error);
  const std::string lost = folder / "no/such";
  CHECK_THROWS_WITH_AS(roux::write_file_atomically(lost, "x"),
                       ("[write_file] cannot write '" + lost + "': No such file or directory").c_str(), roux::Error);
  CHECK_THROWS_AS(roux::write_file_atomically(folder.path().string(), "x"), roux::Error);
  CHECK(count_files(folder) == 0);
}

TEST_CASE("a folder that may not be written to is named") {
  const TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  if (::access(folder.path().c_str(), W_OK) == 0) {
    MESSAGE("skipped: this user may write everywhere");
  } else {
    CHECK_THROWS_WITH_AS(roux::write_file_atomically(folder / "a", "x"),
                         ("[write_file] cannot write '" + (folder / "a") + "': Permission denied").c_str(),
                         roux::Error);
  }
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST_CASE("a full disk leaves nothing behind") {
  if (!fs::exists("/dev/full")) {
    MESSAGE("skipped: no /dev/full");
    return;
  }
  CHECK_THROWS_WITH_AS(roux::write_file_atomically("/dev/full", "x"),
                       "[write_file] cannot write '/dev/full': No space left on device", roux::Error);
}
