// The hash of every table and bucket of the text floor. Saved models depend on it: it never changes.
#pragma once

#include <cstdint>
#include <string_view>

namespace roux::text {

constexpr uint64_t fnv1a_basis = 0xCBF29CE484222325u;

/// FNV-1a, 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv): for each byte, xor it in, then multiply by the prime
/// 0x100000001B3. `hash` continues an earlier one: fnv1a("b", fnv1a("a")) == fnv1a("ab").
constexpr uint64_t fnv1a(std::string_view bytes, uint64_t hash = fnv1a_basis) {
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3u;
  return hash;
}

}  // namespace roux::text
