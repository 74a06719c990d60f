// Chunks of texts are counted on their own, in parallel, and added up in order.
#include "text/tokenizers/word_counter.h"

#include <algorithm>

#include "tensor/parallel.h"
#include "text/tokenizers/encoding_parts.h"
#include "text/unicode.h"

namespace roux::text {

namespace {

constexpr int64_t texts_per_chunk = 2048;
constexpr int64_t chunks_at_once = 32;  // their tables are in memory together

struct Counts {
  StringTable words;
  std::vector<int64_t> counts;

  void add(std::string_view word, int64_t count) { add(words, counts, word, count); }
  static void add(StringTable& words, std::vector<int64_t>& counts, std::string_view word, int64_t count) {
    const auto number = static_cast<size_t>(words.insert(word));
    if (number == counts.size()) counts.push_back(0);
    counts[number] += count;
  }
};

}  // namespace

void WordCounter::add(const StringList& texts) {
  constexpr int64_t texts_at_once = texts_per_chunk * chunks_at_once;
  for (int64_t first = 0; first < texts.size(); first += texts_at_once) {
    const int64_t count = std::min(texts_at_once, texts.size() - first);
    std::vector<Counts> chunks(static_cast<size_t>((count + texts_per_chunk - 1) / texts_per_chunk));
    parallel_for(count, texts_per_chunk, [&](int64_t begin, int64_t end) {
      Counts& chunk = chunks[static_cast<size_t>(begin / texts_per_chunk)];
      const TakeWord take = [&](std::string_view word) { chunk.add(word, 1); };
      for (int64_t i = first + begin; i < first + end; ++i) {
        const std::string_view text = texts[i];
        if (is_valid_utf8(text)) {
          split_(text, take);
        } else {
          split_(repaired_utf8(text), take);
        }
      }
    });
    for (const Counts& chunk : chunks)
      for (int32_t i = 0; i < static_cast<int32_t>(chunk.words.size()); ++i)
        Counts::add(words_, counts_, chunk.words[i], chunk.counts[static_cast<size_t>(i)]);
  }
}

}  // namespace roux::text
