// Counting, encoding and saving of features that are known by their hashes.
#include "text/feature_encoder.h"

#include <utf8proc.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "tensor/error.h"
#include "tensor/safetensors.h"
#include "text/hash.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* format_name = "roux feature encoder 3";
constexpr const char* file_name = "/features.safetensors";
constexpr size_t long_text = size_t{1} << 14;  // bytes
// Control characters do not come out of any text: `Words` leaves them out.
constexpr char begin_mark = '\x02', end_mark = '\x03';
// Features of different kinds are different ones, whatever they read.
constexpr uint64_t word_basis = fnv1a("word"), shape_basis = fnv1a("shape"), char_basis = fnv1a("char"),
                   pair_basis = fnv1a("pair");

void check(const FeatureOptions& options) {
  const auto check_range = [](const char* name, int64_t value, int64_t least, int64_t most) {
    ROUX_CHECK(value >= least && value <= most, "FeatureEncoder", name, " is ", value, "; expected ", least, " to ",
               most);
  };
  check_range("word_ngrams", options.word_ngrams, 0, 100);
  check_range("shape_ngrams", options.shape_ngrams, 0, 100);
  check_range("char_ngrams_min", options.char_ngrams_min, options.char_ngrams_max == 0 ? 0 : 1, 100);
  check_range("char_ngrams_max", options.char_ngrams_max, options.char_ngrams_min, 100);
  check_range("min_count", options.min_count, 1, std::numeric_limits<int32_t>::max());
  ROUX_CHECK(options.word_ngrams > 0 || options.char_ngrams_max > 0, "FeatureEncoder",
             "there are neither runs of words nor of characters");
  ROUX_CHECK(options.char_share > 0 && std::isfinite(options.char_share), "FeatureEncoder", "char_share is ",
             options.char_share, "; expected a number above 0");
}

/// Words with one space between, and where each ends.
struct WordList {
  std::string joined;
  std::vector<size_t> ends;

  size_t size() const { return ends.size(); }
  std::string_view operator[](size_t word) const {
    const size_t begin = word == 0 ? 0 : ends[word - 1] + 1;
    return std::string_view(joined).substr(begin, ends[word] - begin);
  }
  void begin_word() {
    if (!joined.empty()) joined += ' ';
  }
  void end_word() { ends.push_back(joined.size()); }
};

/// The words of a text and their shapes, one for each.
struct Words {
  WordList words, shapes;

  explicit Words(std::string_view text) {
    words.joined.reserve(text.size() + text.size() / 4 + 8);
    add_mark(begin_mark);
    for (size_t at = 0; at < text.size();) {
      const auto byte = static_cast<unsigned char>(text[at]);
      if (byte < 0x80) {
        add_ascii(static_cast<char>(byte));
        ++at;
      } else {
        const CodePoint point = decode_utf8(text, static_cast<int64_t>(at));
        add_wide(point.value);
        at += static_cast<size_t>(point.length);
      }
    }
    add_mark(end_mark);
  }

 private:
  bool open_ = false;  // the last word goes on

  void close() {
    if (!open_) return;
    words.end_word();
    shapes.end_word();
    open_ = false;
  }
  void open() {
    if (open_) return;
    words.begin_word();
    shapes.begin_word();
    open_ = true;
  }
  void add_mark(char mark) {
    close();
    open();
    words.joined += mark;
    shapes.joined += mark;
    close();
  }
  // 'a' and 'A' stand for all letters of their case in a row, '0' for a digit.
  void add_shape(char kind) {
    if (kind == '0' || shapes.joined.back() != kind) shapes.joined += kind;
  }
  void add_ascii(char c) {
    const bool upper = c >= 'A' && c <= 'Z', digit = c >= '0' && c <= '9';
    if (upper || digit || (c >= 'a' && c <= 'z')) {
      open();
      words.joined += static_cast<char>(upper ? c - 'A' + 'a' : c);
      add_shape(upper ? 'A' : digit ? '0' : 'a');
    } else if (c > ' ' && c < '\x7f') {
      add_mark(c);
    } else {
      close();
    }
  }
  // Bytes that are no UTF-8 separate words.
  void add_wide(int32_t point) {
    if (point < 0 || is_white_space(point)) return close();
    open();
    const utf8proc_int32_t lower = utf8proc_tolower(point);
    append_utf8(static_cast<uint32_t>(lower), words.joined);
    add_shape(lower == point ? 'a' : 'A');
  }
};

/// Calls f(hash) for each run of 1 to `longest` words.
template <class F>
void for_each_run(const WordList& words, uint64_t basis, int64_t longest, F&& f) {
  for (size_t first = 0; first < words.size(); ++first) {
    uint64_t hash = basis;
    for (size_t i = first; i < words.size() && i < first + static_cast<size_t>(longest); ++i) {
      hash = fnv1a(words[i], fnv1a(" ", hash));
      f(hash);
    }
  }
}

/// Calls f(hash, is_word) for each feature of a text.
template <class F>
void for_each_feature(std::string_view text, const FeatureOptions& options, F&& f) {
  const Words parts(text);
  const WordList& words = parts.words;
  const size_t count = words.size();
  for_each_run(words, word_basis, options.word_ngrams, [&](uint64_t hash) { f(hash, true); });
  for_each_run(parts.shapes, shape_basis, options.shape_ngrams, [&](uint64_t hash) { f(hash, true); });
  // words[0] is the mark: how a text begins, beside each of its later words.
  for (size_t opening = 1; opening <= 2 && options.openings; ++opening) {
    if (opening + 2 > count) break;
    uint64_t hash = pair_basis;
    for (size_t i = 1; i <= opening; ++i) hash = fnv1a(words[i], fnv1a(" ", hash));
    for (size_t i = opening + 1; i + 1 < count; ++i) f(fnv1a(words[i], fnv1a("\x01", hash)), true);
  }
  const std::string& joined = words.joined;
  const auto goes_on = [&](size_t at) { return at < joined.size() && continues_character(joined[at]); };
  for (size_t begin = 0; begin < joined.size() && options.char_ngrams_max > 0; ++begin) {
    if (goes_on(begin)) continue;
    uint64_t hash = char_basis;
    size_t end = begin;
    for (int64_t n = 1; n <= options.char_ngrams_max && end < joined.size(); ++n) {
      do hash = fnv1a(std::string_view(&joined[end++], 1), hash);
      while (goes_on(end));
      if (n >= options.char_ngrams_min) f(hash, false);
    }
  }
}

size_t place_of(uint64_t hash, size_t places) {
  return static_cast<size_t>((hash * 0x9E3779B97F4A7C15u) >> (64 - std::countr_zero(places)));
}

/// In how many texts each feature occurs.
class TextCounts {
 public:
  struct Entry {
    uint64_t hash;
    int32_t texts, last_text;
    bool is_word;
  };

  void add(uint64_t hash, bool is_word, int32_t text) {
    if (2 * (entries_.size() + 1) > places_.size()) grow();
    size_t place = place_of(hash, places_.size());
    for (; places_[place] >= 0; place = (place + 1) & (places_.size() - 1)) {
      Entry& entry = entries_[static_cast<size_t>(places_[place])];
      if (entry.hash != hash) continue;
      entry.texts += entry.last_text != text;
      entry.last_text = text;
      return;
    }
    places_[place] = static_cast<int32_t>(entries_.size());
    entries_.push_back({hash, 1, text, is_word});
  }
  /// In the order they were first met.
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  void grow() {
    ROUX_CHECK(entries_.size() < (size_t{1} << 30), "FeatureEncoder",
               "the texts have more than 2^30 features (hint: shorter runs of characters)");
    places_.assign(std::max<size_t>(1 << 16, places_.size() * 2), -1);
    for (size_t i = 0; i < entries_.size(); ++i) {
      size_t place = place_of(entries_[i].hash, places_.size());
      while (places_[place] >= 0) place = (place + 1) & (places_.size() - 1);
      places_[place] = static_cast<int32_t>(i);
    }
  }

  std::vector<Entry> entries_;
  std::vector<int32_t> places_;  // a power of two, at most half full
};

}  // namespace

FeatureEncoder::FeatureEncoder(const StringList& texts, const FeatureOptions& options) : options_(options) {
  check(options);
  TextCounts counts;
  for (int64_t i = 0; i < texts.size(); ++i)
    for_each_feature(texts[i], options,
                     [&](uint64_t hash, bool is_word) { counts.add(hash, is_word, static_cast<int32_t>(i)); });
  std::vector<const TextCounts::Entry*> kept;
  for (const TextCounts::Entry& entry : counts.entries())
    if (entry.texts >= options.min_count) kept.push_back(&entry);
  std::stable_sort(kept.begin(), kept.end(), [](const auto* a, const auto* b) { return a->texts > b->texts; });
  hashes_ = {0};
  weights_ = {0};
  const auto n = static_cast<double>(texts.size());
  for (const TextCounts::Entry* entry : kept) {
    const double idf = 1 + std::log((1 + n) / (1 + entry->texts));
    hashes_.push_back(entry->hash);
    weights_.push_back(static_cast<float>(entry->is_word ? idf : idf * options.char_share));
  }
  fill_slots();
}

void FeatureEncoder::fill_slots() {
  slots_.assign(std::bit_ceil(2 * hashes_.size()), {});
  for (size_t id = 1; id < hashes_.size(); ++id) {
    size_t place = place_of(hashes_[id], slots_.size());
    while (slots_[place].id != 0) place = (place + 1) & (slots_.size() - 1);
    slots_[place] = {hashes_[id], static_cast<int32_t>(id)};
  }
}

int32_t FeatureEncoder::find(uint64_t hash) const {
  for (size_t place = place_of(hash, slots_.size());; place = (place + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[place];
    if (slot.id == 0 || slot.hash == hash) return slot.id;
  }
}

void FeatureEncoder::encode(std::string_view text, std::vector<int32_t>& ids) const {
  const size_t first = ids.size();
  // A short text repeats little, and sorting finds it; a long one has more features than there are ids.
  std::vector<bool> met(text.size() >= long_text ? hashes_.size() : 0);
  for_each_feature(text, options_, [&](uint64_t hash, bool) {
    const int32_t id = find(hash);
    if (id == 0) return;
    if (!met.empty()) {
      if (met[static_cast<size_t>(id)]) return;
      met[static_cast<size_t>(id)] = true;
    }
    ids.push_back(id);
  });
  const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(first);
  std::sort(begin, ids.end());
  ids.erase(std::unique(begin, ids.end()), ids.end());
}

void FeatureEncoder::save(const std::string& folder) const {
  const std::vector<int64_t> hashes(hashes_.begin(), hashes_.end());
  const Json options = {{"format", format_name},
                        {"word_ngrams", options_.word_ngrams},
                        {"shape_ngrams", options_.shape_ngrams},
                        {"char_ngrams_min", options_.char_ngrams_min},
                        {"char_ngrams_max", options_.char_ngrams_max},
                        {"openings", options_.openings},
                        {"min_count", options_.min_count},
                        {"char_share", options_.char_share}};
  save_safetensors(folder + file_name, {{"hashes", Tensor::from(hashes)}, {"weights", Tensor::from(weights_)}},
                   {{"encoder", options.dump()}});
}

FeatureEncoder FeatureEncoder::load(const std::string& folder) {
  const std::string path = folder + file_name;
  const SafetensorsFile file = load_safetensors(path);
  const auto entry = std::find_if(file.metadata.begin(), file.metadata.end(),
                                  [](const auto& pair) { return pair.first == "encoder"; });
  const Tensor* const hashes = file.find("hashes");
  const Tensor* const weights = file.find("weights");
  ROUX_CHECK(entry != file.metadata.end() && hashes && weights && hashes->dtype() == int64 &&
                 weights->dtype() == float32 && hashes->dim() == 1 && hashes->numel() >= 1 &&
                 hashes->shape() == weights->shape() && hashes->numel() <= std::numeric_limits<int32_t>::max(),
             "FeatureEncoder", path, " holds no encoder, or a damaged one");
  FeatureEncoder encoder{FeatureOptions{}};
  try {
    const Json options = Json::parse(entry->second);
    ROUX_CHECK(options.at("format") == format_name, "FeatureEncoder", path, " has the format ",
               options.at("format").dump(), ", expected \"", format_name, "\" (hint: train the classifier again)");
    encoder.options_ = {.word_ngrams = options.at("word_ngrams"),
                        .shape_ngrams = options.at("shape_ngrams"),
                        .char_ngrams_min = options.at("char_ngrams_min"),
                        .char_ngrams_max = options.at("char_ngrams_max"),
                        .openings = options.at("openings"),
                        .min_count = options.at("min_count"),
                        .char_share = options.at("char_share")};
  } catch (const Json::exception& error) {
    fail("FeatureEncoder", path, " is damaged: ", error.what());
  }
  check(encoder.options_);
  const std::vector<int64_t> numbers = hashes->to_vector<int64_t>();
  encoder.hashes_.assign(numbers.begin(), numbers.end());
  encoder.weights_ = weights->to_vector<float>();
  for (size_t id = 0; id < encoder.weights_.size(); ++id)
    ROUX_CHECK(std::isfinite(encoder.weights_[id]), "FeatureEncoder", path, " is damaged: the weight of feature ", id,
               " is ", encoder.weights_[id], ", expected a finite number");
  encoder.fill_slots();
  for (size_t id = 1; id < encoder.hashes_.size(); ++id)
    ROUX_CHECK(encoder.find(encoder.hashes_[id]) == static_cast<int32_t>(id), "FeatureEncoder", path,
               " is damaged: features ", encoder.find(encoder.hashes_[id]), " and ", id, " have one hash, ",
               encoder.hashes_[id]);
  return encoder;
}

}  // namespace roux::text
