// The hash table of strings, and its form as lines of a file.
#include "text/string_table.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "tensor/error.h"

namespace roux::text {
namespace {

uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }

/// The upper bits are folded in: the lowest bits of FNV-1a depend on few bits of the input.
size_t home_of(uint64_t hash) { return static_cast<size_t>(hash ^ (hash >> 29)); }

/// Appends `line` with its escapes resolved.
void unescape(std::string_view line, std::string& to, const std::string& source, int64_t line_number) {
  for (size_t at = 0; at < line.size(); ++at) {
    if (line[at] != '\\') {
      to += line[at];
      continue;
    }
    const char code = ++at < line.size() ? line[at] : ' ';
    ROUX_CHECK(code == '\\' || code == 'n' || code == 'r', "from_lines", "'", source, "', line ", line_number,
               ": unknown escape; expected \\\\, \\n or \\r after a backslash");
    to += code == 'n' ? '\n' : code == 'r' ? '\r' : '\\';
  }
}

}  // namespace

size_t StringTable::slot_of(std::string_view string, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  for (size_t slot = home_of(hash) & mask;; slot = (slot + 1) & mask) {
    const Slot& here = slots_[slot];
    if (here.number < 0 || (here.tag == tag_of(hash) && strings_[here.number] == string)) return slot;
  }
}

int32_t StringTable::find(std::string_view string, uint64_t hash) const {
  return slots_.empty() ? -1 : slots_[slot_of(string, hash)].number;
}

int32_t StringTable::insert(std::string_view string, uint64_t hash) {
  if (2 * static_cast<size_t>(size() + 1) > slots_.size()) grow(std::max<size_t>(2 * slots_.size(), 16));
  const size_t slot = slot_of(string, hash);
  if (slots_[slot].number >= 0) return slots_[slot].number;
  ROUX_CHECK(size() < std::numeric_limits<int32_t>::max(), "StringTable", "more than 2^31 - 1 distinct strings");
  const auto number = static_cast<int32_t>(size());
  strings_.push_back(string);
  slots_[slot] = {tag_of(hash), number};
  return number;
}

void StringTable::reserve(int64_t count) {
  const size_t slots = std::bit_ceil(2 * static_cast<size_t>(count));
  if (slots > slots_.size()) grow(slots);
}

void StringTable::grow(size_t slots) {
  slots_.assign(slots, Slot{});
  const size_t mask = slots_.size() - 1;
  for (int32_t number = 0; number < size(); ++number) {
    const uint64_t hash = fnv1a(strings_[number]);
    size_t slot = home_of(hash) & mask;
    while (slots_[slot].number >= 0) slot = (slot + 1) & mask;
    slots_[slot] = {tag_of(hash), number};
  }
}

void StringTable::prefetch(uint64_t hash) const {
  if (!slots_.empty()) __builtin_prefetch(&slots_[home_of(hash) & (slots_.size() - 1)]);
}

std::string StringTable::to_lines() const {
  std::string lines;
  for (int32_t number = 0; number < size(); ++number) {
    for (const char c : strings_[number]) {
      if (c == '\\' || c == '\n' || c == '\r') {
        lines += '\\';
        lines += c == '\n' ? 'n' : c == '\r' ? 'r' : '\\';
      } else {
        lines += c;
      }
    }
    lines += '\n';
  }
  return lines;
}

StringTable StringTable::from_lines(std::string_view bytes, const std::string& source) {
  ROUX_CHECK(bytes.empty() || bytes.back() == '\n', "from_lines", "'", source,
             "' ends in the middle of a line; the file is cut off");
  StringTable table;
  std::string token;
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const int64_t line_number = table.size() + 1;
    token.clear();
    unescape(bytes.substr(0, end), token, source, line_number);
    ROUX_CHECK(table.insert(token) == line_number - 1, "from_lines", "'", source, "', line ", line_number, ": '", token,
               "' appears twice");
    bytes.remove_prefix(end + 1);
  }
  return table;
}

}  // namespace roux::text
