// Many texts as ids, in flat arrays, and a whole data set: those with a label each. Batches are gathered from them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "text/string_list.h"

namespace roux::text {

/// Text i has the ids [offsets[i], offsets[i + 1]). A text may have none.
struct EncodedTexts {
  std::vector<int32_t> ids;         ///< of all texts, one after the other
  std::vector<int64_t> offsets{0};  ///< one more than there are texts

  /// The number of texts.
  int64_t size() const { return static_cast<int64_t>(offsets.size()) - 1; }
  /// The ids of a text. Throws on a text outside, or with ids outside `ids`.
  std::span<const int32_t> operator[](int64_t text) const;
  /// Adds a text behind the others.
  void push_back(std::span<const int32_t> text);
  /// Throws when the arrays do not fit together: offsets that do not start at 0, fall, or do not end at the number of
  /// ids.
  void check() const;
};

/// Texts with a label each.
struct Corpus : EncodedTexts {
  std::vector<int64_t> labels;  ///< one a text

  /// As `EncodedTexts::check`, and throws when there is another number of labels than of texts.
  void check() const;
};

/// Appends the ids of a text; called from several threads at once.
using EncodeFunction = std::function<void(std::string_view text, std::vector<int32_t>& ids)>;

/// Encodes every text, in parallel; the result does not depend on the number of threads.
EncodedTexts encode_texts(const EncodeFunction& encode, const StringList& texts);
/// The same with a label for each. Throws unless there are as many labels as texts.
Corpus encode_corpus(const EncodeFunction& encode, const StringList& texts, std::span<const int64_t> labels);

/// Anything that has `encode(std::string_view, std::vector<int32_t>&) const`, such as NgramEncoder and all tokenizers.
template <class T>
concept TextEncoder = requires(const T& encoder, std::vector<int32_t>& ids) {
  encoder.encode(std::string_view(), ids);
};

/// The same with an encoder.
template <TextEncoder Encoder>
EncodedTexts encode_texts(const Encoder& encoder, const StringList& texts) {
  const EncodeFunction encode = [&](std::string_view text, std::vector<int32_t>& ids) { encoder.encode(text, ids); };
  return encode_texts(encode, texts);
}
template <TextEncoder Encoder>
Corpus encode_corpus(const Encoder& encoder, const StringList& texts, std::span<const int64_t> labels) {
  const EncodeFunction encode = [&](std::string_view text, std::vector<int32_t>& ids) { encoder.encode(text, ids); };
  return encode_corpus(encode, texts, labels);
}

}  // namespace roux::text
