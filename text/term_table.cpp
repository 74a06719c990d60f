// Growing the table of terms.
#include "text/term_table.h"

#include <bit>
#include <limits>
#include <utility>

#include "tensor/error.h"

namespace roux::text {

int32_t TermTable::add(std::string_view term, uint64_t key) {
  ROUX_CHECK(size() < std::numeric_limits<int32_t>::max(), "TermTable", "more than 2^31 - 1 distinct terms");
  if (2 * static_cast<size_t>(size() + 1) > slots_.size()) grow();
  const auto number = static_cast<int32_t>(size());
  const size_t slot = slot_of(term, key);
  terms_.push_back(term);  // first: should there be no memory for it, no slot names it
  slots_[slot] = {key, number};
  return number;
}

void TermTable::grow() {
  std::vector<Slot> old = std::exchange(slots_, {});
  slots_.resize(old.empty() ? 1024 : 4 * old.size());
  mask_ = slots_.size() - 1;
  shift_ = 64 - std::countr_zero(slots_.size());
  for (const Slot& slot : old) {
    if (slot.number < 0) continue;
    size_t to = home_of(slot.key);
    while (slots_[to].number >= 0) to = (to + 1) & mask_;
    slots_[to] = slot;
  }
}

}  // namespace roux::text
