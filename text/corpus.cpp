// Encoding texts in chunks, each into memory of its own, and joining them in order while others are encoded.
#include "text/corpus.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <numeric>

#include "tensor/error.h"
#include "tensor/parallel.h"

namespace roux::text {
namespace {

constexpr int64_t texts_per_chunk = 256;

/// Appends chunks of ids in order, each as soon as it and all before it are there. Several threads add at once and none
/// waits: what is added while one of them appends is left to that one, to the next, or to `finish`.
class OrderedIds {
 public:
  OrderedIds(int64_t chunks, std::vector<int32_t>& ids)
      : chunks_(static_cast<size_t>(chunks)), is_there_(chunks_.size()), ids_(ids) {}

  void add(int64_t chunk, std::vector<int32_t> ids) {
    chunks_[static_cast<size_t>(chunk)] = std::move(ids);
    is_there_[static_cast<size_t>(chunk)].store(true, std::memory_order_release);
    const std::unique_lock lock(appending_, std::try_to_lock);
    if (lock) append();
  }
  /// To be called when all have been added.
  void finish() { append(); }

 private:
  void append() {
    for (; next_ < chunks_.size() && is_there_[next_].load(std::memory_order_acquire); ++next_) {
      ids_.insert(ids_.end(), chunks_[next_].begin(), chunks_[next_].end());
      std::vector<int32_t>().swap(chunks_[next_]);
    }
  }

  std::vector<std::vector<int32_t>> chunks_;
  std::vector<std::atomic<bool>> is_there_;
  std::mutex appending_;
  size_t next_ = 0;  // the first chunk that is not appended
  std::vector<int32_t>& ids_;
};

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
  result.offsets.resize(static_cast<size_t>(texts.size()) + 1);
  // One id for three bytes is more than most texts have, and memory that is not used is not touched.
  size_t bytes = 0;
  for (int64_t i = 0; i < texts.size(); ++i) bytes += texts[i].size();
  result.ids.reserve(bytes / 3);

  OrderedIds joined((texts.size() + texts_per_chunk - 1) / texts_per_chunk, result.ids);
  parallel_for(texts.size(), texts_per_chunk, [&](int64_t begin, int64_t end) {
    std::vector<int32_t> ids;
    for (int64_t i = begin; i < end; ++i) {
      const size_t before = ids.size();
      encode(texts[i], ids);
      result.offsets[static_cast<size_t>(i) + 1] = static_cast<int64_t>(ids.size() - before);
    }
    joined.add(begin / texts_per_chunk, std::move(ids));
  });
  joined.finish();
  std::partial_sum(result.offsets.begin(), result.offsets.end(), result.offsets.begin());
  return result;
}

Corpus encode_corpus(const EncodeFunction& encode, const StringList& texts, std::span<const int64_t> labels) {
  ROUX_CHECK(texts.size() == static_cast<int64_t>(labels.size()), "encode_corpus", texts.size(), " texts and ",
             labels.size(), " labels; expected as many of each");
  return {encode_texts(encode, texts), {labels.begin(), labels.end()}};
}

}  // namespace roux::text
