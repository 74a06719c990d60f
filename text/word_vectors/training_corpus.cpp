// Counting and numbering the words of a corpus in one pass, then renumbering by count.
#include "text/word_vectors/training_corpus.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include "tensor/error.h"
#include "text/gzip.h"
#include "text/line_reader.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

constexpr const char* operation = "read_training_corpus";

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0'; }

/// Everything there is, numbered in the order it is met.
struct AllWords {
  StringTable words;
  std::vector<int64_t> counts;
  std::vector<int32_t> ids;

  void add_words(std::string_view line) {
    for (size_t at = 0;;) {
      while (at < line.size() && is_space(line[at])) ++at;
      if (at == line.size()) return;
      const size_t begin = at;
      while (at < line.size() && !is_space(line[at])) ++at;
      const int32_t number = words.insert(line.substr(begin, at - begin));
      if (static_cast<size_t>(number) == counts.size()) counts.push_back(0);
      ++counts[static_cast<size_t>(number)];
      ids.push_back(number);
    }
  }
};

void check_words(const AllWords& all, size_t kept, int64_t min_count, int64_t damaged, const std::string& source) {
  ROUX_CHECK(!all.ids.empty(), operation, "'", source, "' holds no word; expected a sentence a line",
             damaged > 0 ? " in UTF-8 (hint: the encoding latin1 if it is ISO-8859-1)" : "");
  if (kept >= 2) return;
  const auto most = std::max_element(all.counts.begin(), all.counts.end());
  fail(operation, "'", source, "': ", kept, " of ", all.words.size(), " words occur at least ", min_count,
       " times; expected 2 words or more (the most frequent, '",
       all.words[static_cast<int32_t>(most - all.counts.begin())], "', occurs ", *most,
       " times; hint: a smaller min_count)");
}

}  // namespace

TrainingCorpus read_training_corpus(ReadFunction read, const std::string& source,
                                    const TrainingCorpusOptions& options) {
  ROUX_CHECK(options.min_count >= 1, operation, "min_count is ", options.min_count, "; expected at least 1");
  TrainingCorpus corpus;
  AllWords all;
  std::vector<int64_t> line_ends;
  LineReader lines(as_utf8(std::move(read), options.encoding, source, operation));
  while (lines.next()) {
    if (!is_valid_utf8(*lines)) {
      if (corpus.damaged_lines++ == 0) corpus.first_damaged_line = lines.number();
      continue;
    }
    all.add_words(*lines);
    line_ends.push_back(static_cast<int64_t>(all.ids.size()));
  }
  corpus.tokens_read = static_cast<int64_t>(all.ids.size());

  std::vector<int32_t> order(all.counts.size());
  std::iota(order.begin(), order.end(), 0);
  const auto count_of = [&](int32_t number) { return all.counts[static_cast<size_t>(number)]; };
  std::erase_if(order, [&](int32_t number) { return count_of(number) < options.min_count; });
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return count_of(a) > count_of(b); });
  check_words(all, order.size(), options.min_count, corpus.damaged_lines, source);

  std::vector<int32_t> new_number(all.counts.size(), -1);
  for (const int32_t number : order) {
    new_number[static_cast<size_t>(number)] = corpus.words.insert(all.words[number]);
    corpus.counts.push_back(count_of(number));
  }
  // In place: what is kept moves towards the front.
  corpus.ids = std::move(all.ids);
  size_t from = 0, to = 0;
  for (const int64_t line_end : line_ends) {
    const size_t begin = to;
    for (; from < static_cast<size_t>(line_end); ++from) {
      const int32_t id = new_number[static_cast<size_t>(corpus.ids[from])];
      if (id >= 0) corpus.ids[to++] = id;
    }
    for (size_t cut = begin + longest_sentence; cut < to; cut += longest_sentence)
      corpus.ends.push_back(static_cast<int64_t>(cut));
    if (to > begin) corpus.ends.push_back(static_cast<int64_t>(to));
  }
  corpus.ids.resize(to);
  return corpus;
}

TrainingCorpus read_training_corpus(const std::string& path, const TrainingCorpusOptions& options) {
  ReadFunction bytes = file_bytes(path, operation);
  std::string head(2, '\0');
  size_t count = 0;
  for (size_t more = 1; more > 0 && count < head.size(); count += more)
    more = bytes(head.data() + count, head.size() - count);
  head.resize(count);
  const bool is_compressed = is_gzip(head);
  bytes = joined_bytes(std::move(head), std::move(bytes));
  if (is_compressed) bytes = gunzipped(std::move(bytes), path, operation);
  return read_training_corpus(std::move(bytes), path, options);
}

}  // namespace roux::text
