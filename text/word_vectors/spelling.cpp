// The distance of two spellings, and the words nearest by it.
#include "text/word_vectors/spelling.h"

#include <algorithm>
#include <cstdlib>

#include "tensor/parallel.h"

namespace roux::text {
namespace {

// Code points, without a look at whether the UTF-8 is valid: what begins none counts as one by itself.
std::u32string characters_of(std::string_view text) {
  std::u32string characters;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) == 0x80 && !characters.empty() && characters.back() >= 0x80)
      characters.back() = (characters.back() << 6) ^ byte;
    else
      characters.push_back(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
  }
  return characters;
}

// Three rows of the table of distances between prefixes, kept between calls.
class DistanceTable {
 public:
  int64_t distance(const std::u32string& a, const std::u32string& b, int64_t limit) {
    if (std::llabs(static_cast<int64_t>(a.size()) - static_cast<int64_t>(b.size())) > limit) return limit + 1;
    above_.resize(b.size() + 1);
    row_.resize(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row_[j] = static_cast<int64_t>(j);
    for (size_t i = 1; i <= a.size(); ++i) {
      two_above_.swap(above_);
      above_.swap(row_);
      row_.resize(b.size() + 1);
      row_[0] = static_cast<int64_t>(i);
      int64_t least = row_[0];
      for (size_t j = 1; j <= b.size(); ++j) {
        int64_t cost = std::min(std::min(above_[j], row_[j - 1]) + 1, above_[j - 1] + (a[i - 1] != b[j - 1]));
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
          cost = std::min(cost, two_above_[j - 2] + 1);
        row_[j] = cost;
        least = std::min(least, cost);
      }
      if (least > limit) return limit + 1;
    }
    return std::min(row_[b.size()], limit + 1);
  }

 private:
  std::vector<int64_t> two_above_, above_, row_;
};

struct Spelling {
  int64_t distance, row;

  bool operator<(const Spelling& other) const {
    return distance != other.distance ? distance < other.distance : row < other.row;
  }
};

}  // namespace

int64_t spelling_distance(std::string_view a, std::string_view b, int64_t limit) {
  return DistanceTable().distance(characters_of(a), characters_of(b), limit);
}

std::vector<std::string> closest_spellings(const WordList& words, int64_t size, std::string_view word, int64_t count) {
  const std::u32string wanted = characters_of(word);
  const int64_t limit = wanted.size() <= 1 ? 0 : std::max<int64_t>(1, static_cast<int64_t>(wanted.size()) / 3);
  const size_t keep = static_cast<size_t>(std::max<int64_t>(0, count));
  constexpr int64_t grain = 16384;
  using Spellings = std::vector<Spelling>;
  const auto only_best = [keep](Spellings spellings) {
    std::sort(spellings.begin(), spellings.end());
    if (spellings.size() > keep) spellings.resize(keep);
    return spellings;
  };
  const auto near_in = [&](int64_t begin, int64_t end) {
    Spellings spellings;
    DistanceTable table;
    for (int64_t row = begin; row < end; ++row) {
      const std::string_view other = words[row];
      if (other.size() > 4 * (wanted.size() + static_cast<size_t>(limit))) continue;
      const int64_t distance = table.distance(wanted, characters_of(other), limit);
      if (distance <= limit) spellings.push_back({distance, row});
    }
    return only_best(std::move(spellings));
  };
  const auto join = [&](Spellings all, Spellings more) {
    all.insert(all.end(), more.begin(), more.end());
    return only_best(std::move(all));
  };
  std::vector<std::string> found;
  for (const Spelling& spelling : parallel_reduce(size, grain, Spellings(), near_in, join))
    found.emplace_back(words[spelling.row]);
  return found;
}

std::string spelling_hint(const WordList& words, int64_t size, std::string_view word) {
  const std::vector<std::string> near = closest_spellings(words, size, word);
  if (near.empty()) return "";
  std::string hint = " (hint: ";
  for (size_t i = 0; i < near.size(); ++i) hint += (i ? ", '" : "'") + near[i] + "'";
  return hint + (near.size() == 1 ? " is there)" : " are there)");
}

}  // namespace roux::text
