// Whole files in and out. A file is written under a temporary name beside its target and renamed, so that whoever reads
// the target, or the next start after a crash or Ctrl-C, finds the old bytes or the new ones and never a part.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace roux {

/// The bytes of the file at `path`; pipes work too. Throws when it cannot be opened or read.
std::string read_file(const std::string& path);

/// Replaces the file at `path` by `bytes`: written beside it, flushed to the disk, renamed. A symbolic link keeps
/// pointing at its target, which is replaced; a device or a pipe (/dev/stdout) is written as it is. Throws when the
/// folder is missing or not writable or the disk is full; the old file is then untouched and no temporary file is left.
void write_file_atomically(const std::string& path, std::string_view bytes);

/// The same for bytes that lie in several places, written one after the other.
void write_file_atomically(const std::string& path, std::span<const std::string_view> parts);

/// The same for bytes that are made while they are written: `next_part` is called until it returns none. What it throws
/// leaves the old file untouched, too.
void write_file_atomically(const std::string& path, const std::function<std::string_view()>& next_part);

}  // namespace roux
