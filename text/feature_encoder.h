// From any text to the ids of its runs of words, of their shapes, and of characters: the input of a linear classifier.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/string_list.h"

namespace roux::text {

/// Which features a text is made into.
struct FeatureOptions {
  int64_t word_ngrams = 2;      ///< runs of 1 to this many words; 0: none
  int64_t shape_ngrams = 3;     ///< runs of the shapes of 1 to this many words; 0: none
  int64_t char_ngrams_min = 3;  ///< runs of this many ...
  int64_t char_ngrams_max = 5;  ///< ... to this many characters, over the bounds of words; 0 and 0: none
  bool openings = true;         ///< the first word and the first two beside each later one
  int64_t min_count = 2;        ///< features of fewer training texts are left out
  double char_share = 0.4;      ///< the weight of a run of characters beside a run of words

  bool operator==(const FeatureOptions&) const = default;
};

/// Turns texts into ids; built from the training texts alone.
///
/// A text is lower-cased and taken apart into words: runs of letters, digits and whatever is not ASCII, and each other
/// visible character for itself. A mark stands before the first and behind the last. Features are runs of words, marks
/// included; runs of their shapes, which keep what lower-casing takes and the digits hide: "iPhone" has the shape aAa,
/// and "2007" has 0000; how the text opens, its first word and its first two, beside each later word; and runs of
/// characters, which go on from one word, over the space between, into the next. Two features are one when their 64-bit
/// hashes are equal. Ids: padding 0, then by falling number of texts, equals in the order they were first met. A text
/// gives each of its features once, in the order of the ids; unknown ones are left out.
class FeatureEncoder {
 public:
  static constexpr int32_t pad = 0;  ///< the id of padding

  /// Counts the features of `texts`. Throws when an option makes no sense.
  FeatureEncoder(const StringList& texts, const FeatureOptions& options);

  /// Appends the ids of a text. Several threads may call it at once.
  void encode(std::string_view text, std::vector<int32_t>& ids) const;
  /// The number of ids, with the padding's.
  int64_t size() const { return static_cast<int64_t>(weights_.size()); }
  const FeatureOptions& options() const { return options_; }
  /// How much an id says: 1 + ln((1 + n) / (1 + its texts)) of n texts (the smoothed inverse document frequency of
  /// scikit-learn), times `char_share` for characters; 0 for padding.
  const std::vector<float>& weights() const { return weights_; }

  /// Writes `features.safetensors` into a folder that exists.
  void save(const std::string& folder) const;
  /// Throws when the file is missing or damaged: weights that are not finite, two features with one hash.
  static FeatureEncoder load(const std::string& folder);

 private:
  struct Slot {
    uint64_t hash = 0;
    int32_t id = 0;  // 0: free
  };

  explicit FeatureEncoder(const FeatureOptions& options) : options_(options) {}
  void fill_slots();
  int32_t find(uint64_t hash) const;

  FeatureOptions options_;
  std::vector<uint64_t> hashes_;  // by id
  std::vector<float> weights_;    // by id
  std::vector<Slot> slots_;       // a power of two, at most half full
};

}  // namespace roux::text
