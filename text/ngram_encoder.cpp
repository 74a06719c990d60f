// Counting, encoding and saving of words and n-grams.
#include "text/ngram_encoder.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "tensor/error.h"
#include "tensor/file.h"
#include "text/ngrams.h"
#include "text/normalize.h"

namespace roux::text {
namespace {

using Json = nlohmann::ordered_json;

const char* const format_name = "roux ngram encoder 1";

void check(const NgramOptions& options) {
  const auto check_range = [](const char* name, int64_t value, int64_t least, int64_t most) {
    ROUX_CHECK(value >= least && value <= most, "NgramEncoder", name, " is ", value, "; expected ", least, " to ",
               most);
  };
  const int64_t any = std::numeric_limits<int64_t>::max();
  check_range("min_count", options.min_count, 1, any);
  check_range("word_ngrams", options.word_ngrams, 1, 100);
  check_range("char_ngrams_min", options.char_ngrams_min, options.char_ngrams_max == 0 ? 0 : 1, 100);
  check_range("char_ngrams_max", options.char_ngrams_max, options.char_ngrams_min, 100);
  check_range("buckets", options.buckets, 0, int64_t{1} << 30);
  check_range("ngram_min_count", options.ngram_min_count, 1, any);
}

TokenCounts count_words(const StringList& texts) {
  TokenCounts counts;
  std::string cleaned;
  for (int64_t i = 0; i < texts.size(); ++i) {
    clean(texts[i], cleaned);
    for_each_word(cleaned, [&](std::string_view word) { counts.add(word); });
  }
  return counts;
}

/// The n-grams that are met often enough, in the order of their ids. Character n-grams lie inside words, so each
/// distinct word is taken apart once.
StringTable count_ngrams(const StringList& texts, const TokenCounts& words, const NgramOptions& options) {
  TokenCounts counts;
  for (int32_t word = 0; word < words.tokens().size() && options.char_ngrams_max > 0; ++word) {
    for_each_char_ngram(words.tokens()[word], options.char_ngrams_min, options.char_ngrams_max,
                        [&](std::string_view ngram, uint64_t hash) { counts.add(ngram, hash, words.count(word)); });
  }
  std::string cleaned;
  for (int64_t i = 0; i < texts.size() && options.word_ngrams > 1; ++i) {
    clean(texts[i], cleaned);
    for_each_word_ngram(cleaned, options.word_ngrams,
                        [&](std::string_view ngram, uint64_t hash) { counts.add(ngram, hash, 1); });
  }
  StringTable ngrams;
  for (const int32_t number : counts.by_count(options.ngram_min_count)) ngrams.insert(counts.tokens()[number]);
  return ngrams;
}

std::string path_in(const std::string& folder, const char* name) { return folder + "/" + name; }

/// What `encoder.json` says of another file, so that one that is cut off or belongs to another save is noticed.
Json describe(std::string_view bytes) { return {{"bytes", bytes.size()}, {"fnv1a", fnv1a(bytes)}}; }

std::string read_described(const std::string& path, const Json& description) {
  std::string bytes = read_file(path);
  ROUX_CHECK(describe(bytes) == description, "NgramEncoder", "'", path,
             "' is damaged or belongs to another save: its bytes are not those that encoder.json describes");
  return bytes;
}

}  // namespace

NgramEncoder::NgramEncoder(const NgramOptions& options, Vocabulary words, StringTable ngrams)
    : options_(options), words_(std::move(words)), ngrams_(std::move(ngrams)) {
  ROUX_CHECK(size() <= std::numeric_limits<int32_t>::max(), "NgramEncoder", size(),
             " ids; expected at most 2^31 - 1; hint: use fewer buckets or a higher min_count");
  remember_char_ngrams();
}

NgramEncoder::NgramEncoder(const StringList& texts, const NgramOptions& options) : options_(options) {
  check(options);
  const TokenCounts counts = count_words(texts);
  Vocabulary words(counts, options.min_count);
  StringTable ngrams = options.buckets == 0 ? count_ngrams(texts, counts, options) : StringTable();
  *this = NgramEncoder(options, std::move(words), std::move(ngrams));
}

int64_t NgramEncoder::size() const {
  const bool has_ngrams = options_.word_ngrams > 1 || options_.char_ngrams_max > 0;
  return words_.size() + (has_ngrams && options_.buckets > 0 ? options_.buckets : ngrams_.size());
}

void NgramEncoder::add_ngram(std::string_view ngram, uint64_t hash, std::vector<int32_t>& ids) const {
  const auto first = static_cast<int32_t>(words_.size());
  if (options_.buckets > 0) {
    ids.push_back(first + static_cast<int32_t>(hash % static_cast<uint64_t>(options_.buckets)));
  } else if (const int32_t number = ngrams_.find(ngram, hash); number >= 0) {
    ids.push_back(first + number);
  }
}

void NgramEncoder::add_char_ngrams(std::string_view word, std::vector<int32_t>& ids) const {
  for_each_char_ngram(word, options_.char_ngrams_min, options_.char_ngrams_max,
                      [&](std::string_view ngram, uint64_t hash) { add_ngram(ngram, hash, ids); });
}

void NgramEncoder::remember_char_ngrams() {
  if (options_.char_ngrams_max == 0) return;
  for (int32_t id = 0; id < words_.size(); ++id) {
    if (id > Vocabulary::unk) add_char_ngrams(words_.token(id), char_ngram_ids_);
    char_ngram_ends_.push_back(static_cast<int64_t>(char_ngram_ids_.size()));
  }
}

void NgramEncoder::encode(std::string_view text, std::vector<int32_t>& ids) const {
  const std::string cleaned = clean(text);
  for_each_word(cleaned, [&](std::string_view word) {
    const int32_t id = words_.id(word);
    ids.push_back(id);
    if (options_.char_ngrams_max == 0) return;
    if (id <= Vocabulary::unk) return add_char_ngrams(word, ids);
    const int64_t* const ends = char_ngram_ends_.data() + id;
    ids.insert(ids.end(), char_ngram_ids_.begin() + ends[-1], char_ngram_ids_.begin() + ends[0]);
  });
  if (options_.word_ngrams == 1) return;
  for_each_word_ngram(cleaned, options_.word_ngrams,
                      [&](std::string_view ngram, uint64_t hash) { add_ngram(ngram, hash, ids); });
}

double NgramEncoder::unknown_rate(const StringList& texts) const {
  int64_t known = 0, unknown = 0;
  std::string cleaned;
  for (int64_t i = 0; i < texts.size(); ++i) {
    clean(texts[i], cleaned);
    for_each_word(cleaned, [&](std::string_view word) { ++(words_.contains(word) ? known : unknown); });
  }
  return unknown == 0 ? 0.0 : static_cast<double>(unknown) / static_cast<double>(known + unknown);
}

void NgramEncoder::save(const std::string& folder) const {
  const std::string words = words_.to_lines();
  Json settings = {{"format", format_name},
                   {"min_count", options_.min_count},
                   {"word_ngrams", options_.word_ngrams},
                   {"char_ngrams_min", options_.char_ngrams_min},
                   {"char_ngrams_max", options_.char_ngrams_max},
                   {"buckets", options_.buckets},
                   {"ngram_min_count", options_.ngram_min_count},
                   {"words.txt", describe(words)}};
  write_file_atomically(path_in(folder, "words.txt"), words);
  if (ngrams_.size() > 0) {
    const std::string ngrams = ngrams_.to_lines();
    settings["ngrams.txt"] = describe(ngrams);
    write_file_atomically(path_in(folder, "ngrams.txt"), ngrams);
  }
  write_file_atomically(path_in(folder, "encoder.json"), settings.dump(2) + "\n");
}

NgramEncoder NgramEncoder::load(const std::string& folder) {
  const std::string path = path_in(folder, "encoder.json");
  try {
    const Json settings = Json::parse(read_file(path));
    ROUX_CHECK(settings.value("format", "") == format_name, "NgramEncoder", "'", path,
               "' is of another format; expected \"", format_name, "\"");
    const auto number = [&](const char* name) { return settings.at(name).get<int64_t>(); };
    const NgramOptions options{.min_count = number("min_count"),
                               .word_ngrams = number("word_ngrams"),
                               .char_ngrams_min = number("char_ngrams_min"),
                               .char_ngrams_max = number("char_ngrams_max"),
                               .buckets = number("buckets"),
                               .ngram_min_count = number("ngram_min_count")};
    check(options);
    const auto lines_of = [&](const char* name) {
      return settings.contains(name) ? read_described(path_in(folder, name), settings.at(name)) : std::string();
    };
    return NgramEncoder(options, Vocabulary::from_lines(lines_of("words.txt"), path_in(folder, "words.txt")),
                        StringTable::from_lines(lines_of("ngrams.txt"), path_in(folder, "ngrams.txt")));
  } catch (const Json::exception& error) {
    fail("NgramEncoder", "'", path, "' is damaged: ", error.what());
  }
}

}  // namespace roux::text
