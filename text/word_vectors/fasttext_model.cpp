// fastText's own models (version 11 and 12, little-endian): settings, a dictionary, and one matrix with a row for each
// word and for each bucket of sub-words. The vector of a word is the mean of its row and of those of its sub-words, as
// `fasttext print-word-vectors` says it.
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/parallel.h"
#include "text/hash.h"
#include "text/word_vectors/forms.h"
#include "text/word_vectors/row_collector.h"

namespace roux::text {
namespace {

constexpr const char* loading = "load_word_vectors";
constexpr int32_t magic = 793712314;
constexpr int32_t supervised = 3;
constexpr size_t longest_word = 1 << 20;
constexpr int64_t rows_a_chunk = 64;
constexpr const char* ftz_hint = " (hint: the .bin that it was made from is)";
constexpr std::string_view end_of_sentence = "</s>";  // which has no sub-words

/// Of the settings of a training, what matters for its vectors.
struct Settings {
  int32_t dim, model, buckets, min_chars, max_chars;
};

class FastTextLoader {
 public:
  FastTextLoader(InputWindow& input, const LoadOptions& options) : input_(input), options_(options) {}
  WordVectors load();

 private:
  template <class T>
  T read() {
    T value;
    check(input_.take(reinterpret_cast<char*>(&value), sizeof value) == sizeof value, "it is cut off");
    return value;
  }
  template <class... Parts>
  void check(bool condition, const Parts&... parts) const {
    ROUX_CHECK(condition, loading, "'", input_.name(), "' as a model of fastText: ", parts...);
  }
  void read_settings();
  void read_dictionary();
  std::string read_word();
  void read_rows(float* to, int64_t rows);
  std::shared_ptr<const Subwords> read_subwords(int64_t rows);
  void average(float* rows, int64_t count, const Subwords& subwords) const;

  InputWindow& input_;
  const LoadOptions& options_;
  Settings settings_{};
  std::vector<std::string> words_;
};

void FastTextLoader::read_settings() {
  read<int32_t>();  // the magic number
  const auto version = read<int32_t>();
  check(version == 11 || version == 12, "version ", version, ", expected 11 or 12");
  settings_.dim = read<int32_t>();
  for (int i = 0; i < 6; ++i) read<int32_t>();  // window, epochs, least count, negatives, word n-grams, loss
  settings_.model = read<int32_t>();
  settings_.buckets = read<int32_t>();
  settings_.min_chars = read<int32_t>();
  settings_.max_chars = read<int32_t>();
  read<int32_t>();  // how often the learning rate falls
  read<double>();   // sampling
  if (version == 11 && settings_.model == supervised) settings_.max_chars = 0;
  check(1 <= settings_.dim && settings_.dim <= 1'000'000, settings_.dim, " dimensions");
  check(settings_.buckets >= 0, settings_.buckets, " buckets");
  const bool has_subwords = settings_.max_chars > 0 && settings_.buckets > 0;
  check(!has_subwords || (1 <= settings_.min_chars && settings_.min_chars <= settings_.max_chars), "sub-words of ",
        settings_.min_chars, " to ", settings_.max_chars, " characters");
}

std::string FastTextLoader::read_word() {
  std::string word;
  for (;;) {
    const size_t end = input_.bytes().find('\0');
    const size_t length = std::min(end, input_.bytes().size());
    word += input_.bytes().substr(0, length);
    check(word.size() <= longest_word, "a word of its dictionary has no end");
    input_.drop(length);
    if (end != std::string_view::npos) {
      input_.drop(1);
      return word;
    }
    check(input_.fill() > 0, "it is cut off");
  }
}

void FastTextLoader::read_dictionary() {
  const auto entries = read<int32_t>(), words = read<int32_t>(), labels = read<int32_t>();
  read<int64_t>();  // how many words the text had
  const auto pruned = read<int64_t>();
  check(words > 0 && labels >= 0 && int64_t{words} + labels == entries, entries, " entries, but ", words, " words and ",
        labels, " labels");
  check(pruned < 0, "its dictionary is pruned, as those of quantised models (.ftz) are, which are not read", ftz_hint);
  for (int32_t i = 0; i < entries; ++i) {
    std::string word = read_word();
    read<int64_t>();  // how often it was met
    const int type = read<int8_t>();
    check(type == (i < words ? 0 : 1), "entry ", int64_t{i} + 1, " of its dictionary has type ", type,
          ", expected the words (0), then the labels (1)");
    if (type == 0) words_.push_back(std::move(word));
  }
  check(!read<uint8_t>(), "it is quantised (.ftz), which is not read", ftz_hint);
}

void FastTextLoader::read_rows(float* to, int64_t rows) {
  const size_t bytes = static_cast<size_t>(rows * settings_.dim) * sizeof(float);
  check(input_.take(reinterpret_cast<char*>(to), bytes) == bytes, "it is cut off");
  if (options_.progress) options_.progress(input_.bytes_read(), input_.bytes_total());
}

/// The rows of the buckets, when they are of sub-words.
std::shared_ptr<const Subwords> FastTextLoader::read_subwords(int64_t rows) {
  if (rows == 0 || settings_.max_chars == 0) return nullptr;
  GrowingRows table(settings_.dim);
  // As the file has them and not as it says: one that lies takes no memory.
  constexpr int64_t block = 4096;
  for (int64_t row = 0; row < rows; row += block) {
    const int64_t count = std::min(block, rows - row);
    table.reserve(row + count);
    read_rows(table.row(row), count);
  }
  for (int64_t row = 0; row < rows; ++row) {
    check(all_finite(table.row(row), settings_.dim), "bucket ", row,
          " of its sub-words has a number that is not finite");
  }
  const SubwordRule rule{.min_chars = settings_.min_chars, .max_chars = settings_.max_chars, .buckets = rows};
  return std::make_shared<const Subwords>(rule, table.release(rows));
}

/// Makes the row of each word the mean of itself and its sub-words.
void FastTextLoader::average(float* rows, int64_t count, const Subwords& subwords) const {
  parallel_for(count, rows_a_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t word = begin; word < end; ++word) {
      if (words_[static_cast<size_t>(word)] == end_of_sentence) continue;
      subwords.mean_with(words_[static_cast<size_t>(word)], rows + word * settings_.dim);
    }
  });
}

WordVectors FastTextLoader::load() {
  read_settings();
  read_dictionary();
  const auto rows = read<int64_t>(), columns = read<int64_t>();
  const auto words = static_cast<int64_t>(words_.size());
  check(rows == words + settings_.buckets && columns == settings_.dim, "its matrix is ", rows, " x ", columns,
        ", expected ", words + settings_.buckets, " x ", settings_.dim);
  RowCollector collector(settings_.dim, options_);
  float* const table = collector.open_slots(words);
  read_rows(table, words);
  const std::shared_ptr<const Subwords> subwords = read_subwords(settings_.buckets);
  if (subwords) average(table, words, *subwords);
  for (int64_t i = 0; i < words && !collector.full(); ++i) {
    const std::string& word = words_[static_cast<size_t>(i)];
    const uint64_t hash = fnv1a(word);
    if (!collector.wants(word, hash)) continue;
    if (all_finite(table + i * settings_.dim, settings_.dim)) {
      collector.keep(word, hash, i);
    } else {
      collector.skip(i + 1, "'" + word + "' has a number that is not finite");
    }
  }
  return collector.finish("fastText model", input_.name(), subwords);
}

}  // namespace

bool is_fasttext_model(std::string_view head) {
  int32_t first = 0;
  if (head.size() >= sizeof first) std::memcpy(&first, head.data(), sizeof first);
  return first == magic;
}

WordVectors load_fasttext_model(InputWindow& input, const LoadOptions& options) {
  return FastTextLoader(input, options).load();
}

}  // namespace roux::text
