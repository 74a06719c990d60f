// A set of strings with numbers: the table behind vocabularies and n-gram counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/hash.h"
#include "text/string_list.h"

namespace roux::text {

/// Numbers distinct strings 0, 1, 2 ... in the order they are inserted, and finds the number of a string by a
/// std::string_view, without a temporary. Open addressing with linear probing, at most half full, over one StringList.
class StringTable {
 public:
  /// The number of `string`, which is added when it is not there. Throws when the table would exceed 2^31 - 1 strings.
  int32_t insert(std::string_view string) { return insert(string, fnv1a(string)); }
  /// The number of `string`, or -1.
  int32_t find(std::string_view string) const { return find(string, fnv1a(string)); }
  /// The same for callers that have `fnv1a(string)` already.
  int32_t insert(std::string_view string, uint64_t hash);
  int32_t find(std::string_view string, uint64_t hash) const;

  /// Says that `hash` will be asked for soon: large tables are then faster.
  void prefetch(uint64_t hash) const;

  /// The string of a number; throws unless 0 <= number < size().
  std::string_view operator[](int32_t number) const { return strings_[number]; }
  int64_t size() const { return strings_.size(); }
  /// Room for `count` strings, so that adding them moves none.
  void reserve(int64_t count);

  /// One string a line, in order, with `\`, line feed and carriage return written as `\\`, `\n`, `\r`: any bytes come
  /// back through `from_lines`.
  std::string to_lines() const;
  /// The reverse. `source` names the bytes in errors: an unknown escape, a string that appears twice, a last line that
  /// is cut off.
  static StringTable from_lines(std::string_view bytes, const std::string& source);

 private:
  struct Slot {
    uint32_t tag = 0;  // upper half of the hash: most other strings differ here already
    int32_t number = -1;
  };
  size_t slot_of(std::string_view string, uint64_t hash) const;
  void grow(size_t slots);

  StringList strings_;
  std::vector<Slot> slots_;  // none, or a power of two and at least twice the strings
};

}  // namespace roux::text
