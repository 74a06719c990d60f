// Counting tokens, ordering them, and vocabularies in files.
#include "text/vocabulary.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>

#include "tensor/error.h"
#include "tensor/file.h"

namespace roux::text {
namespace {

/// What begins the line that tells the special tokens: no line of a StringTable can.
const std::string specials_mark = "\\specials ";

std::vector<SpecialToken> sorted_specials(const VocabularyOptions& options) {
  std::vector<SpecialToken> specials = options.others;
  if (options.pad) specials.push_back(*options.pad);
  if (options.unk) specials.push_back(*options.unk);
  std::sort(specials.begin(), specials.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  StringTable names;
  for (size_t i = 0; i < specials.size(); ++i) {
    const auto& [token, id] = specials[i];
    ROUX_CHECK(id >= 0, "Vocabulary", "the special token '", token, "' has the id ", id, "; expected 0 or more");
    ROUX_CHECK(i == 0 || specials[i - 1].id != id, "Vocabulary", "the special tokens '", specials[i - 1].token,
               "' and '", token, "' have the same id, ", id);
    ROUX_CHECK(names.insert(token) == static_cast<int64_t>(i), "Vocabulary", "the special token '", token,
               "' is given twice");
  }
  return specials;
}

}  // namespace

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

Vocabulary::Vocabulary(const TokenCounts& counts, int64_t min_count)
    : Vocabulary(counts, VocabularyOptions{.min_count = min_count}) {}

Vocabulary::Vocabulary(const TokenCounts& counts, const VocabularyOptions& options)
    : pad_id_(options.pad ? options.pad->id : -1), unk_id_(options.unk ? options.unk->id : -1) {
  ROUX_CHECK(options.min_count >= 1, "Vocabulary", "min_count is ", options.min_count, "; expected 1 or more");
  const std::vector<SpecialToken> specials = sorted_specials(options);
  const auto special_count = static_cast<int64_t>(specials.size());
  ROUX_CHECK(options.max_size == 0 || options.max_size >= special_count, "Vocabulary", "max_size is ", options.max_size,
             "; expected 0 (no limit) or at least ", special_count, ", the number of special tokens");
  special_ids_.clear();
  StringTable names;
  for (const SpecialToken& special : specials) {
    special_ids_.push_back(special.id);
    names.insert(special.token);
  }
  const int64_t most = options.max_size == 0 ? std::numeric_limits<int64_t>::max() : options.max_size;
  size_t next_special = 0;
  const auto insert_specials = [&] {
    while (next_special < specials.size() && specials[next_special].id == size()) {
      tokens_.insert(specials[next_special++].token);
    }
  };
  insert_specials();
  for (const int32_t number : counts.by_count(options.min_count)) {
    const std::string_view token = counts.tokens()[number];
    if (names.find(token) >= 0) continue;
    if (size() + special_count - static_cast<int64_t>(next_special) >= most) break;
    tokens_.insert(token);
    insert_specials();
  }
  ROUX_CHECK(next_special == specials.size(), "Vocabulary", "the special token '", specials[next_special].token,
             "' has the id ", specials[next_special].id, ", and only ", size(), " ids before it have a token");
}

bool Vocabulary::is_special(int32_t id) const {
  return std::binary_search(special_ids_.begin(), special_ids_.end(), id);
}

double Vocabulary::unknown_rate(const TokenCounts& counts) const {
  int64_t known = 0, unknown = 0;
  for (int32_t number = 0; number < counts.tokens().size(); ++number) {
    (contains(counts.tokens()[number]) ? known : unknown) += counts.count(number);
  }
  return unknown == 0 ? 0.0 : static_cast<double>(unknown) / static_cast<double>(known + unknown);
}

void Vocabulary::save(const std::string& path) const { write_file_atomically(path, to_lines()); }

Vocabulary Vocabulary::load(const std::string& path) { return from_lines(read_file(path), path); }

bool Vocabulary::has_usual_specials() const {
  return pad_id_ == pad && unk_id_ == unk && special_ids_ == std::vector<int32_t>{pad, unk} && token(pad) == "<pad>" &&
         token(unk) == "<unk>";
}

std::string Vocabulary::to_lines() const {
  if (has_usual_specials()) return tokens_.to_lines();
  std::string header = specials_mark + std::to_string(pad_id_) + " " + std::to_string(unk_id_);
  for (const int32_t id : special_ids_) header += " " + std::to_string(id);
  return header + "\n" + tokens_.to_lines();
}

Vocabulary Vocabulary::from_lines(std::string_view bytes, const std::string& source) {
  Vocabulary result;
  const bool has_mark = bytes.starts_with(specials_mark);
  const size_t header_end = has_mark ? bytes.find('\n') : 0;
  ROUX_CHECK(header_end != std::string_view::npos, "Vocabulary", "'", source, "' ends in its first line");
  result.tokens_ = StringTable::from_lines(bytes.substr(has_mark ? header_end + 1 : 0), source);
  if (has_mark) {
    result.read_specials(bytes.substr(specials_mark.size(), header_end - specials_mark.size()), source);
  } else {
    ROUX_CHECK(result.size() >= 2 && result.has_usual_specials(), "Vocabulary", "'", source,
               "' is no vocabulary: expected <pad> and <unk> in its first two lines");
  }
  return result;
}

/// Reads what `to_lines` writes behind the mark: the ids of padding and the unknown token, then all special ids.
void Vocabulary::read_specials(std::string_view line, const std::string& source) {
  std::vector<int32_t> ids;
  while (!line.empty()) {
    const size_t end = std::min(line.find(' '), line.size());
    int32_t id = 0;
    const auto [stop, error] = std::from_chars(line.data(), line.data() + end, id);
    ROUX_CHECK(error == std::errc() && stop == line.data() + end && id >= -1 && id < size(), "Vocabulary", "'", source,
               "', line 1: '", line.substr(0, end), "' is no id of this vocabulary");
    ids.push_back(id);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  ROUX_CHECK(ids.size() >= 2, "Vocabulary", "'", source, "', line 1: expected the ids of special tokens");
  pad_id_ = ids[0];
  unk_id_ = ids[1];
  special_ids_.assign(ids.begin() + 2, ids.end());
  const auto unordered = std::adjacent_find(special_ids_.begin(), special_ids_.end(), std::greater_equal<>());
  const auto known = [&](int32_t id) { return id < 0 || is_special(id); };
  ROUX_CHECK(unordered == special_ids_.end() && (special_ids_.empty() || special_ids_[0] >= 0) && known(pad_id_) &&
                 known(unk_id_),
             "Vocabulary", "'", source, "', line 1: the ids of special tokens contradict each other");
}

}  // namespace roux::text
