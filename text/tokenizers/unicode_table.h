// What Hugging Face's tokenizers know of Unicode: the whole of it, as ranges.
//
// Their tables are of several versions of Unicode at once (marks of version 9, lower case of a later one, punctuation
// of one before), so that no library's tables are theirs: against utf8proc alone several hundred code points differ,
// and which ones depends on the utf8proc that a machine has. A pretrained model's ids must not. Hence everything is
// written out, one list a step, as probed code point by code point by tests/oracle/unicode_table.py, and no step asks
// utf8proc. BertNormalizer composes the steps that its options ask for into one two-stage table.
#pragma once

#include <cstdint>
#include <span>

namespace roux::text::unicode_table {

/// The code points first to last, both included; so in all structures here.
struct Range {
  int32_t first;
  int32_t last;
};

struct CombiningRange {
  int32_t first;
  int32_t last;
  uint8_t combining_class;
};

/// first, first + step ... last become themselves plus `difference`.
struct LowerRange {
  int32_t first;
  int32_t last;
  int32_t step;
  int32_t difference;
};

struct Decomposition {
  int32_t code_point;
  int32_t parts[3];  ///< 0 after the last
};

extern const std::span<const Range> white_space;
extern const std::span<const Range> removed;
extern const std::span<const Range> ideographs;
extern const std::span<const Range> punctuation;
extern const std::span<const Range> marks;
extern const std::span<const CombiningRange> combining;
extern const std::span<const LowerRange> lower;
extern const std::span<const int32_t> decomposed;
extern const std::span<const Decomposition> decomposed_longer;

}  // namespace roux::text::unicode_table
