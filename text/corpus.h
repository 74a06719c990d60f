// A whole data set as ids, in three flat arrays: batches are gathered from it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "text/string_list.h"

namespace roux::text {

/// Text i has the ids [offsets[i], offsets[i + 1]) and the label labels[i]. A text may have no ids.
struct Corpus {
  std::vector<int32_t> ids;
  std::vector<int64_t> offsets{0};  ///< one more than there are texts
  std::vector<int64_t> labels;      ///< one a text

  /// The number of texts.
  int64_t size() const { return static_cast<int64_t>(labels.size()); }
  /// Throws when the three arrays do not fit together: offsets that do not start at 0, fall, or do not end at the
  /// number of ids, another number of labels than of texts.
  void check() const;
};

/// Appends the ids of a text; called from several threads at once.
using EncodeFunction = std::function<void(std::string_view text, std::vector<int32_t>& ids)>;

/// Encodes every text, in parallel; the result does not depend on the number of threads. Throws unless there are as
/// many labels as texts.
Corpus encode_corpus(const EncodeFunction& encode, const StringList& texts, std::span<const int64_t> labels);

/// The same with anything that has `encode(std::string_view, std::vector<int32_t>&) const`, such as NgramEncoder.
template <class Encoder>
requires requires(const Encoder& encoder, std::vector<int32_t>& ids) { encoder.encode(std::string_view(), ids); }
Corpus encode_corpus(const Encoder& encoder, const StringList& texts, std::span<const int64_t> labels) {
  const EncodeFunction encode = [&](std::string_view text, std::vector<int32_t>& ids) { encoder.encode(text, ids); };
  return encode_corpus(encode, texts, labels);
}

}  // namespace roux::text
