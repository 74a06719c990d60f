// How often optimisers have changed parameters: what tells a step from other writes, for nn/mistakes.cpp.
#pragma once

#include <cstdint>

namespace roux::detail {

/// Parameters that optimisers of this thread have been about to change, counted each time.
extern thread_local constinit int64_t optimizer_writes;

}  // namespace roux::detail
