// What encoding a text is made of: repair of its bytes, offsets in characters, truncation, special tokens.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizers/tokenizer.h"

namespace roux::text {

/// `text` with U+FFFD for each maximal part of a sequence that is not valid UTF-8, as Python's errors="replace" reads
/// it (Unicode 15, section 3.9, table 3-8).
std::string repaired_utf8(std::string_view text);

/// Turns spans of bytes of a valid text into spans of characters; one that begins or ends inside a character takes all
/// of it in. `character_of` is memory that is used again.
void to_characters(std::string_view text, std::vector<TextSpan>& spans, std::vector<int32_t>& character_of);

/// Tokens [begin, end) of a text.
struct TokenRange {
  int64_t begin = 0;
  int64_t end = 0;
};

/// The tokens of a text, or of a part of it; seen, not owned.
struct TokensView {
  std::span<const int32_t> ids;
  std::span<const TextSpan> offsets;
};

/// How many tokens of a text (`second` = -1) or of a pair may stay when `room` is what both may have together.
struct Kept {
  int64_t first = 0;
  int64_t second = 0;
};
Kept truncate(int64_t first, int64_t second, int64_t room, TruncationStrategy strategy);

/// The piece of `kept` of `size` tokens that stays, and behind it, when `all` is set, those that hold the rest.
std::vector<TokenRange> pieces_of(int64_t size, int64_t kept, const EncodeOptions& options);

/// The texts in a template, without `overflowing`.
Encoding fill_template(std::span<const TemplatePiece> pieces, const TokensView& first, const TokensView& second,
                       bool add_special_tokens);

}  // namespace roux::text
