// Whole files in and out over POSIX calls: the C++ streams can neither flush to the disk nor say why an open failed.
#include "tensor/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>

#include "tensor/error.h"

namespace roux {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { close(); }

  int number() const { return number_; }
  bool close() { return number_ < 0 || ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

[[noreturn]] void fail_with_reason(const char* operation, const char* what, const std::string& path, int reason) {
  fail(operation, what, " '", path, "': ", std::generic_category().message(reason));
}

/// False with errno set when not all bytes could be written.
bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), std::min<size_t>(bytes.size(), 1 << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

/// Follows symbolic links, so that a link is not replaced by a file.
std::string target_of(const std::string& path) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::weakly_canonical(path, error);
  return error || !std::filesystem::is_symlink(path, error) ? path : target.string();
}

/// A name in the target's folder that no other process and no other call uses.
std::string temporary_name(const std::string& target) {
  static std::atomic<unsigned> count{0};
  return target + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
}

using NextPart = std::function<std::string_view()>;

/// False with errno set when not all parts could be written.
bool write_parts(int file, const NextPart& next_part) {
  for (std::string_view part = next_part(); !part.empty(); part = next_part()) {
    if (!write_all(file, part)) return false;
  }
  return true;
}

void write_in_place(const std::string& path, const NextPart& next_part) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.number() < 0) fail_with_reason("write_file", "cannot open", path, errno);
  if (!write_parts(file.number(), next_part)) fail_with_reason("write_file", "cannot write", path, errno);
}

std::string folder_of(const std::string& target) {
  const std::string folder = std::filesystem::path(target).parent_path().string();
  return folder.empty() ? "." : folder;
}

/// A file that has no name yet, so that nothing of it stays when the program is killed while it writes; -1 where the
/// file system knows no such files.
int open_nameless(const std::string& folder) {
  if (::access("/proc/self/fd", X_OK) != 0) return -1;  // give_name needs it
  return ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
}

int open_named(const std::string& name) { return ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); }

bool give_name(int file, const std::string& name) {
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  return ::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

/// After a rename the folder itself must reach the disk; some file systems cannot do that, which is no error.
void flush_folder_of(const std::string& target) {
  FileDescriptor file(::open(folder_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.number() >= 0) ::fsync(file.number());
}

}  // namespace

std::string read_file(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number() < 0) fail_with_reason("read_file", "cannot open", path, errno);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) fail_with_reason("read_file", "cannot read", path, errno);
  if (S_ISDIR(status.st_mode)) fail("read_file", "'", path, "' is a folder; expected a file");

  // The size is only a first guess: a pipe reports 0, and a file may grow. The spare byte lets the last read see the
  // end.
  std::string bytes(static_cast<size_t>(std::max<off_t>(status.st_size, 0)) + 1, '\0');
  size_t used = 0;
  for (;;) {
    if (used == bytes.size()) bytes.resize(std::max<size_t>(2 * used, 1 << 16));
    const ssize_t count = ::read(file.number(), bytes.data() + used, std::min<size_t>(bytes.size() - used, 1 << 30));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_with_reason("read_file", "cannot read", path, errno);
    if (count == 0) break;
    used += static_cast<size_t>(count);
  }
  bytes.resize(used);
  return bytes;
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  write_file_atomically(path, std::span<const std::string_view>(&bytes, 1));
}

void write_file_atomically(const std::string& path, std::span<const std::string_view> parts) {
  write_file_atomically(path, [parts]() mutable {
    while (!parts.empty() && parts[0].empty()) parts = parts.subspan(1);
    if (parts.empty()) return std::string_view();
    const std::string_view part = parts[0];
    parts = parts.subspan(1);
    return part;
  });
}

void write_file_atomically(const std::string& path, const std::function<std::string_view()>& next_part) {
  const std::string target = target_of(path);
  struct stat status {};
  if (::stat(target.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) fail("write_file", "'", path, "' is a folder; expected the name of a file");
    if (!S_ISREG(status.st_mode)) return write_in_place(target, next_part);
  }

  const std::string temporary = temporary_name(target);
  const int nameless = open_nameless(folder_of(target));
  FileDescriptor file(nameless >= 0 ? nameless : open_named(temporary));
  if (file.number() < 0) fail_with_reason("write_file", "cannot write", path, errno);
  bool whole = false;
  try {
    whole = write_parts(file.number(), next_part);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  // EINVAL: the file system has nothing to flush to.
  whole = whole && (::fsync(file.number()) == 0 || errno == EINVAL);
  whole = whole && (nameless < 0 || give_name(nameless, temporary));
  whole = whole && file.close() && ::rename(temporary.c_str(), target.c_str()) == 0;
  if (!whole) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    fail_with_reason("write_file", "cannot write", path, reason);
  }
  flush_folder_of(target);
}

}  // namespace roux
