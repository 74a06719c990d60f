// Encoding texts in chunks, each into memory of its own, and joining them in order.
#include "text/corpus.h"

#include <algorithm>

#include "tensor/error.h"
#include "tensor/parallel.h"

namespace roux::text {
namespace {

constexpr int64_t texts_a_chunk = 1024;

}  // namespace

std::span<const int32_t> EncodedTexts::operator[](int64_t text) const {
  ROUX_CHECK(text >= 0 && text < size(), "EncodedTexts", "text ", text, " is outside ", size(), " texts");
  const int64_t begin = offsets[static_cast<size_t>(text)], end = offsets[static_cast<size_t>(text) + 1];
  ROUX_CHECK(0 <= begin && begin <= end && end <= static_cast<int64_t>(ids.size()), "EncodedTexts", "text ", text,
             " has the ids ", begin, " to ", end, " of ", ids.size());
  return {ids.data() + begin, static_cast<size_t>(end - begin)};
}

void EncodedTexts::push_back(std::span<const int32_t> text) {
  ids.insert(ids.end(), text.begin(), text.end());
  offsets.push_back(static_cast<int64_t>(ids.size()));
}

void EncodedTexts::check() const {
  ROUX_CHECK(!offsets.empty() && offsets.front() == 0 && offsets.back() == static_cast<int64_t>(ids.size()), "Corpus",
             "offsets from ", offsets.empty() ? -1 : offsets.front(), " to ", offsets.empty() ? -1 : offsets.back(),
             "; expected 0 to ", ids.size(), ", the number of ids");
  const auto falling = std::adjacent_find(offsets.begin(), offsets.end(), std::greater<>());
  ROUX_CHECK(falling == offsets.end(), "Corpus", "offset ", falling - offsets.begin(), " is ", *falling, ", the next ",
             *(falling + 1), "; expected offsets that do not fall");
}

void Corpus::check() const {
  ROUX_CHECK(offsets.size() == labels.size() + 1, "Corpus", labels.size(), " labels and ", offsets.size(),
             " offsets; expected one label a text and one offset more");
  EncodedTexts::check();
}

EncodedTexts encode_texts(const EncodeFunction& encode, const StringList& texts) {
  EncodedTexts result;
  const auto count = static_cast<size_t>(texts.size());
  result.offsets.resize(count + 1);

  std::vector<std::vector<int32_t>> chunks(count / texts_a_chunk + 1);
  parallel_for(texts.size(), texts_a_chunk, [&](int64_t begin, int64_t end) {
    std::vector<int32_t>& ids = chunks[static_cast<size_t>(begin / texts_a_chunk)];
    for (int64_t i = begin; i < end; ++i) {
      encode(texts[i], ids);
      result.offsets[static_cast<size_t>(i) + 1] = static_cast<int64_t>(ids.size());  // within the chunk, so far
    }
  });

  size_t total = 0;
  for (const std::vector<int32_t>& ids : chunks) total += ids.size();
  result.ids.reserve(total);
  for (size_t chunk = 0; chunk < chunks.size(); ++chunk) {
    const size_t begin = chunk * texts_a_chunk, end = std::min(begin + texts_a_chunk, count);
    for (size_t i = begin; i < end; ++i) result.offsets[i + 1] += static_cast<int64_t>(result.ids.size());
    result.ids.insert(result.ids.end(), chunks[chunk].begin(), chunks[chunk].end());
    std::vector<int32_t>().swap(chunks[chunk]);
  }
  return result;
}

Corpus encode_corpus(const EncodeFunction& encode, const StringList& texts, std::span<const int64_t> labels) {
  ROUX_CHECK(texts.size() == static_cast<int64_t>(labels.size()), "encode_corpus", texts.size(), " texts and ",
             labels.size(), " labels; expected as many of each");
  return {encode_texts(encode, texts), {labels.begin(), labels.end()}};
}

}  // namespace roux::text
