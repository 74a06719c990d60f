// Reading of gzip-compressed bytes.
#pragma once

#include <string>
#include <string_view>

#include "text/byte_source.h"

namespace roux::text {

/// True when `head`, the first bytes of an input, begin as gzip does.
constexpr bool is_gzip(std::string_view head) { return head.starts_with("\x1F\x8B"); }

/// What the gzip-compressed bytes of `compressed` hold, the members of several one after the other (RFC 1952). Reading
/// throws Error `[operation] ...`, naming `source`, where they are damaged or cut off.
ReadFunction gunzipped(ReadFunction compressed, const std::string& source, const char* operation);

}  // namespace roux::text
