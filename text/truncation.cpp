// Choosing what is kept of long texts.
#include "text/truncation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "tensor/error.h"
#include "tensor/parallel.h"

namespace roux::text {
namespace {

constexpr int64_t texts_per_chunk = 1024;

/// The part [begin, end) of a text, and its weight.
struct Piece {
  size_t begin, end;
  double weight;
};

/// Marks the heaviest pieces until `room` ids are marked, of the last piece only its beginning.
void mark_heaviest(std::vector<Piece> pieces, size_t room, std::vector<char>& kept) {
  std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.weight > b.weight; });
  for (const Piece& piece : pieces) {
    const size_t length = std::min(piece.end - piece.begin, room);
    std::fill_n(kept.begin() + static_cast<std::ptrdiff_t>(piece.begin), length, 1);
    room -= length;
    if (room == 0) break;
  }
}

/// Appends the `room` ids of a longer text that are its first, its last, and the heaviest between them.
void keep_heaviest(std::span<const int32_t> text, size_t room, const TruncationOptions& options,
                   const IdWeights& weights, std::vector<int32_t>& shortened) {
  const size_t edge = room / 4, middle_end = text.size() - edge;
  std::unordered_map<int32_t, int64_t> counts, met;
  for (const int32_t id : text) ++counts[id];
  const auto ends_sentence = [&](int32_t id) {
    return std::find(options.sentence_ends.begin(), options.sentence_ends.end(), id) != options.sentence_ends.end();
  };
  std::vector<Piece> pieces;
  for (size_t begin = edge; begin < middle_end;) {
    double weight = 0;
    size_t end = begin;
    do weight += static_cast<double>(counts[text[end]]) * weights.idf(text[end]);
    while (++end < middle_end && !options.sentence_ends.empty() && !ends_sentence(text[end - 1]));
    weight /= static_cast<double>(end - begin);
    if (options.sentence_ends.empty()) weight /= static_cast<double>(++met[text[begin]]);
    pieces.push_back({begin, end, weight});
    begin = end;
  }
  std::vector<char> kept(text.size(), 0);
  std::fill_n(kept.begin(), edge, 1);
  std::fill_n(kept.rbegin(), edge, 1);
  mark_heaviest(std::move(pieces), room - 2 * edge, kept);
  for (size_t i = 0; i < text.size(); ++i) {
    if (kept[i]) shortened.push_back(text[i]);
  }
}

EncodedTexts truncate_all(const EncodedTexts& texts, const TruncationOptions& options, const IdWeights* weights) {
  texts.check();
  std::vector<EncodedTexts> chunks(static_cast<size_t>((texts.size() + texts_per_chunk - 1) / texts_per_chunk));
  parallel_for(texts.size(), texts_per_chunk, [&](int64_t begin, int64_t end) {
    EncodedTexts& chunk = chunks[static_cast<size_t>(begin / texts_per_chunk)];
    for (int64_t i = begin; i < end; ++i) {
      truncate(texts[i], options, weights, chunk.ids);
      chunk.offsets.push_back(static_cast<int64_t>(chunk.ids.size()));
    }
  });
  EncodedTexts result;
  for (const EncodedTexts& chunk : chunks) {
    for (int64_t i = 0; i < chunk.size(); ++i) result.push_back(chunk[i]);
  }
  return result;
}

}  // namespace

IdWeights::IdWeights(const EncodedTexts& texts) : texts_(static_cast<double>(texts.size())) {
  texts.check();
  const auto negative = std::find_if(texts.ids.begin(), texts.ids.end(), [](int32_t id) { return id < 0; });
  ROUX_CHECK(negative == texts.ids.end(), "IdWeights", "there is an id ", *negative, "; expected 0 or more");
  const int32_t most = texts.ids.empty() ? -1 : *std::max_element(texts.ids.begin(), texts.ids.end());
  document_frequency_.resize(static_cast<size_t>(most) + 1);
  std::vector<int64_t> last_text(document_frequency_.size(), -1);
  for (int64_t text = 0; text < texts.size(); ++text) {
    for (const int32_t id : texts[text]) {
      const auto index = static_cast<size_t>(id);
      if (std::exchange(last_text[index], text) != text) ++document_frequency_[index];
    }
  }
}

double IdWeights::idf(int32_t id) const {
  const auto index = static_cast<size_t>(id);
  const int64_t known = id >= 0 && index < document_frequency_.size() ? document_frequency_[index] : 0;
  return texts_ > 0 ? std::log(texts_ / static_cast<double>(std::max<int64_t>(known, 1))) : 0.0;
}

void truncate(std::span<const int32_t> text, const TruncationOptions& options, const IdWeights* weights,
              std::vector<int32_t>& shortened) {
  const int64_t marks = options.start.has_value() + options.end.has_value();
  ROUX_CHECK(options.max_length >= std::max<int64_t>(marks, 1), "truncate", "max_length is ", options.max_length,
             "; expected 1 or more, and room for start and end");
  ROUX_CHECK(options.keep != Keep::smart || weights != nullptr, "truncate", "smart truncation needs weights");
  const auto room = static_cast<size_t>(options.max_length - marks);
  const auto append = [&](std::span<const int32_t> ids) { shortened.insert(shortened.end(), ids.begin(), ids.end()); };
  if (options.start) shortened.push_back(*options.start);
  if (text.size() <= room || options.keep == Keep::head) {
    append(text.first(std::min(room, text.size())));
  } else if (options.keep == Keep::tail) {
    append(text.last(room));
  } else if (options.keep == Keep::head_and_tail) {
    append(text.first(room - room / 2));
    append(text.last(room / 2));
  } else {
    keep_heaviest(text, room, options, *weights, shortened);
  }
  if (options.end) shortened.push_back(*options.end);
}

EncodedTexts truncate(const EncodedTexts& texts, const TruncationOptions& options, const IdWeights& weights) {
  return truncate_all(texts, options, &weights);
}

EncodedTexts truncate(const EncodedTexts& texts, const TruncationOptions& options) {
  if (options.keep != Keep::smart) return truncate_all(texts, options, nullptr);
  return truncate(texts, options, IdWeights(texts));
}

Corpus truncate(const Corpus& corpus, const TruncationOptions& options, const IdWeights& weights) {
  corpus.check();
  return {truncate(static_cast<const EncodedTexts&>(corpus), options, weights), corpus.labels};
}

Corpus truncate(const Corpus& corpus, const TruncationOptions& options) {
  corpus.check();
  return {truncate(static_cast<const EncodedTexts&>(corpus), options), corpus.labels};
}

}  // namespace roux::text
