// Letters, numbers and white space as byte-level BPE splits text: a generated table (tests/oracle/byte_level_table.py).
//
// The classes are those of the regular expressions in Hugging Face's tokenizers (0.23.3: Unicode 16), not utf8proc's.
#pragma once

#include <cstdint>

namespace roux::text {

/// Runs of code points of one class, ascending: 4 * first code point + class. The first run begins at 0.
extern const uint32_t byte_level_runs[];
extern const int byte_level_run_count;

}  // namespace roux::text
