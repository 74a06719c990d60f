// word2vec's binary form: a line with the numbers of words and dimensions, then for each word its name, a space, and
// its numbers as little-endian float32, mostly with a line feed behind them.
#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/parallel.h"
#include "text/hash.h"
#include "text/word_vectors/forms.h"
#include "text/word_vectors/row_collector.h"

namespace roux::text {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr const char* loading = "load_word_vectors";
constexpr size_t longest_word = 1 << 20;
constexpr int64_t most_dimensions = 1'000'000;
constexpr int64_t rows_a_chunk = 256;

struct Record {
  std::string_view word;
  uint64_t hash = 0;
  const char* numbers = nullptr;
  bool wanted = true, finite = true;
};

class BinaryLoader {
 public:
  BinaryLoader(InputWindow& input, const Word2vecHeader& header, const LoadOptions& options)
      : input_(input), header_(header), options_(options), collector_(header.dim, options) {}

  WordVectors load() {
    while (!collector_.full() && record_ < header_.words) {
      const size_t bytes = find_records();
      copy_rows();
      enter_rows();
      input_.drop(bytes);
      if (options_.progress) options_.progress(input_.bytes_read(), input_.bytes_total());
    }
    if (!collector_.full()) check_end();
    return collector_.finish("word2vec binary", input_.name());
  }

 private:
  size_t find_records();
  bool find_record(std::string_view bytes, size_t& at);
  void copy_rows();
  void enter_rows();
  void check_end();

  InputWindow& input_;
  Word2vecHeader header_;
  const LoadOptions& options_;
  RowCollector collector_;
  std::vector<Record> records_;  // of the window
  int64_t record_ = 0;           // how many were entered
};

/// Finds all whole records of the window, after filling it until there is one. Returns how many bytes they take.
size_t BinaryLoader::find_records() {
  records_.clear();
  for (;;) {
    const int64_t left = header_.words - record_;
    size_t at = 0;
    while (static_cast<int64_t>(records_.size()) < left && find_record(input_.bytes(), at)) {
    }
    if (!records_.empty()) return at;
    ROUX_CHECK(input_.fill() > 0, loading, "'", input_.name(), "' is cut off in record ", record_ + 1, " of ",
               header_.words);
  }
}

/// Appends the record at `at`, which moves behind it; false when it is not whole.
bool BinaryLoader::find_record(std::string_view bytes, size_t& at) {
  const size_t begin = std::min(bytes.find_first_not_of('\n', at), bytes.size());
  const size_t space = bytes.substr(begin, longest_word).find(' ');
  ROUX_CHECK(space != bytes.npos || bytes.size() - begin < longest_word, loading, "'", input_.name(), "': record ",
             record_ + static_cast<int64_t>(records_.size()) + 1, " has no space behind its word");
  const size_t number_bytes = static_cast<size_t>(header_.dim) * sizeof(float);
  if (space == bytes.npos || bytes.size() - begin - space - 1 < number_bytes) return false;
  const std::string_view word = bytes.substr(begin, space);
  records_.push_back({.word = word, .hash = fnv1a(word), .numbers = word.data() + space + 1});
  at = begin + space + 1 + number_bytes;
  return true;
}

void BinaryLoader::copy_rows() {
  const auto count = static_cast<int64_t>(records_.size());
  float* const slots = collector_.open_slots(count);
  parallel_for(count, rows_a_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Record& record = records_[static_cast<size_t>(i)];
      record.wanted = collector_.wants(record.word, record.hash);
      if (!record.wanted) continue;
      float* const row = slots + i * header_.dim;
      std::memcpy(row, record.numbers, static_cast<size_t>(header_.dim) * sizeof(float));
      record.finite = all_finite(row, header_.dim);
    }
  });
}

void BinaryLoader::enter_rows() {
  for (size_t i = 0; i < records_.size() && !collector_.full(); ++i) {
    const Record& record = records_[i];
    ++record_;
    if (!record.wanted) continue;
    if (record.word.empty()) {
      collector_.skip(record_, "there is no word before the numbers");
    } else if (!record.finite) {
      collector_.skip(record_, "'" + std::string(record.word) + "' has a number that is not finite");
    } else {
      collector_.keep(record.word, record.hash, static_cast<int64_t>(i));
    }
  }
}

void BinaryLoader::check_end() {
  do {
    const size_t more = input_.bytes().find_first_not_of('\n');
    ROUX_CHECK(more == std::string_view::npos, loading, "'", input_.name(), "': its first line announces ",
               header_.words, " words, but more bytes follow those");
    input_.drop(input_.bytes().size());
  } while (input_.fill() > 0);
}

}  // namespace

WordVectors load_word2vec_binary(InputWindow& input, const Word2vecHeader& header, const LoadOptions& options) {
  ROUX_CHECK(header.dim <= most_dimensions, loading, "'", input.name(), "': its first line announces ", header.dim,
             " numbers a word, expected at most ", most_dimensions);
  return BinaryLoader(input, header, options).load();
}

}  // namespace roux::text
