// The normaliser of BERT's tokenizers, as Hugging Face's tokenizers have it: what WordPiece reads in the place of a
// text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/tokenizers/character_table.h"
#include "text/tokenizers/tokenizer.h"

namespace roux::text {

/// Options of `BertNormalizer`; the defaults are those of bert-base-uncased.
struct BertNormalizerOptions {
  bool clean_text = true;                            ///< drops control characters, makes every white space a space
  bool handle_chinese_chars = true;                  ///< puts spaces around ideographs
  std::optional<bool> strip_accents = std::nullopt;  ///< decomposes (NFD) and drops marks; not said: as `lowercase`
  bool lowercase = true;                             ///< whether letters become small

  bool operator==(const BertNormalizerOptions&) const = default;
};

/// Applies the steps in the order of the options. The ideographs are those of the fast tokenizer, whose range from
/// U+2B920 begins 256 code points behind that of the original BERT.
class BertNormalizer {
 public:
  /// Builds the table that the options ask for.
  explicit BertNormalizer(const BertNormalizerOptions& options = {});

  /// `text` is valid UTF-8. Each code point's origin is the code point of the original that it came from; where marks
  /// change places their origins do not, as in Hugging Face's tokenizers. Throws where the result would have more than
  /// 2^31 - 1 bytes (a Hangul syllable's letters take 9 for its 3).
  NormalizedText normalize(std::string_view text) const;

  /// What becomes of each code point.
  const CharacterTable& table() const { return table_; }

 private:
  CharacterTable table_;
};

/// Appends the two or three letters that a Hangul syllable consists of (Unicode 15, section 3.12); 6 or 9 bytes.
char* write_hangul(uint32_t syllable, char* to);

}  // namespace roux::text
