// Encoding a corpus in chunks of texts, each into memory of its own, and joining them in order.
#include "text/corpus.h"

#include <algorithm>

#include "tensor/error.h"
#include "tensor/parallel.h"

namespace roux::text {
namespace {

constexpr int64_t texts_a_chunk = 1024;

}  // namespace

void Corpus::check() const {
  ROUX_CHECK(offsets.size() == labels.size() + 1, "Corpus", labels.size(), " labels and ", offsets.size(),
             " offsets; expected one label a text and one offset more");
  ROUX_CHECK(offsets.front() == 0 && offsets.back() == static_cast<int64_t>(ids.size()), "Corpus", "offsets from ",
             offsets.front(), " to ", offsets.back(), "; expected 0 to ", ids.size(), ", the number of ids");
  const auto falling = std::adjacent_find(offsets.begin(), offsets.end(), std::greater<>());
  ROUX_CHECK(falling == offsets.end(), "Corpus", "offset ", falling - offsets.begin(), " is ", *falling, ", the next ",
             *(falling + 1), "; expected offsets that do not fall");
}

Corpus encode_corpus(const EncodeFunction& encode, const StringList& texts, std::span<const int64_t> labels) {
  ROUX_CHECK(texts.size() == static_cast<int64_t>(labels.size()), "encode_corpus", texts.size(), " texts and ",
             labels.size(), " labels; expected as many of each");
  Corpus corpus;
  corpus.labels.assign(labels.begin(), labels.end());
  corpus.offsets.resize(labels.size() + 1);

  std::vector<std::vector<int32_t>> chunks(labels.size() / texts_a_chunk + 1);
  parallel_for(texts.size(), texts_a_chunk, [&](int64_t begin, int64_t end) {
    std::vector<int32_t>& ids = chunks[static_cast<size_t>(begin / texts_a_chunk)];
    for (int64_t i = begin; i < end; ++i) {
      encode(texts[i], ids);
      corpus.offsets[static_cast<size_t>(i) + 1] = static_cast<int64_t>(ids.size());  // within the chunk, so far
    }
  });

  size_t total = 0;
  for (const std::vector<int32_t>& ids : chunks) total += ids.size();
  corpus.ids.reserve(total);
  for (size_t chunk = 0; chunk < chunks.size(); ++chunk) {
    const size_t begin = chunk * texts_a_chunk, end = std::min(begin + texts_a_chunk, labels.size());
    for (size_t i = begin; i < end; ++i) corpus.offsets[i + 1] += static_cast<int64_t>(corpus.ids.size());
    corpus.ids.insert(corpus.ids.end(), chunks[chunk].begin(), chunks[chunk].end());
    std::vector<int32_t>().swap(chunks[chunk]);
  }
  return corpus;
}

}  // namespace roux::text
