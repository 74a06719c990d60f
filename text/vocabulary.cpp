// Counting tokens, ordering them, and vocabularies in files.
#include "text/vocabulary.h"

#include <algorithm>

#include "tensor/error.h"
#include "tensor/file.h"

namespace roux::text {

void TokenCounts::add(std::string_view token, uint64_t hash, int64_t count) {
  const auto number = static_cast<size_t>(tokens_.insert(token, hash));
  if (number == counts_.size()) counts_.push_back(0);
  counts_[number] += count;
}

int64_t TokenCounts::count(int32_t number) const {
  ROUX_CHECK(number >= 0 && number < tokens_.size(), "TokenCounts", "token ", number, " of ", tokens_.size());
  return counts_[static_cast<size_t>(number)];
}

std::vector<int32_t> TokenCounts::by_count(int64_t min_count) const {
  std::vector<int32_t> order;
  for (int32_t number = 0; number < tokens_.size(); ++number) {
    if (count(number) >= min_count) order.push_back(number);
  }
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return count(a) > count(b); });
  return order;
}

Vocabulary::Vocabulary() {
  tokens_.insert("<pad>");
  tokens_.insert("<unk>");
}

Vocabulary::Vocabulary(const TokenCounts& counts, int64_t min_count) : Vocabulary() {
  ROUX_CHECK(min_count >= 1, "Vocabulary", "min_count is ", min_count, "; expected 1 or more");
  for (const int32_t number : counts.by_count(min_count)) tokens_.insert(counts.tokens()[number]);
}

void Vocabulary::save(const std::string& path) const { write_file_atomically(path, to_lines()); }

Vocabulary Vocabulary::load(const std::string& path) { return from_lines(read_file(path), path); }

Vocabulary Vocabulary::from_lines(std::string_view bytes, const std::string& source) {
  Vocabulary result;
  result.tokens_ = StringTable::from_lines(bytes, source);
  ROUX_CHECK(result.size() >= 2 && result.token(pad) == "<pad>" && result.token(unk) == "<unk>", "Vocabulary", "'",
             source, "' is no vocabulary: expected <pad> and <unk> in its first two lines");
  return result;
}

}  // namespace roux::text
