// Truncation as Hugging Face's tokenizers do it, and filling templates.
#include "text/tokenizers/encoding_parts.h"

#include <algorithm>
#include <cstring>

#include "tensor/error.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

bool is_ascii(std::string_view text) {
  size_t at = 0;
  uint64_t seen = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    seen |= word;
  }
  for (; at < text.size(); ++at) seen |= static_cast<unsigned char>(text[at]);
  return (seen & 0x8080808080808080u) == 0;
}

/// How many bytes at `at`, where no valid sequence begins, are the beginning of one; 1 if none are.
size_t broken_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned lead = byte(at);
  const size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                        : lead >= 0xE0 && lead <= 0xEF ? 3
                        : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                       : 1;
  // The second byte has a range of its own behind some first bytes: no overlong forms, surrogates, or values too large.
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (length == 1 || byte(at + 1) < low || byte(at + 1) > high) return 1;
  return length == 4 && byte(at + 2) >= 0x80 && byte(at + 2) <= 0xBF ? 3 : 2;
}

/// Both texts share the room; the longer one gives tokens first.
Kept longest_first(int64_t first, int64_t second, int64_t room) {
  int64_t shorter = std::min(first, second);
  int64_t longer = shorter > room ? shorter : std::max(shorter, room - shorter);
  if (shorter + longer > room) {
    shorter = room / 2;
    longer = room - shorter;
  }
  return first > second ? Kept{longer, shorter} : Kept{shorter, longer};
}

/// The part of `size` tokens that piece `number` holds, counted from the side that is not cut off.
TokenRange piece_at(int64_t size, int64_t kept, int64_t step, int64_t number, Side side) {
  const int64_t begin = number * step;
  const int64_t end = std::min(begin + kept, size);
  return side == Side::right ? TokenRange{begin, end} : TokenRange{size - end, size - begin};
}

}  // namespace

std::string repaired_utf8(std::string_view text) {
  std::string repaired;
  repaired.reserve(text.size() + text.size() / 8);
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, static_cast<int64_t>(at));
    const auto length = static_cast<size_t>(point.length);
    if (point.value >= 0) {
      repaired.append(text.substr(at, length));
      at += length;
    } else {
      repaired.append("\xEF\xBF\xBD");
      at += broken_length(text, at);
    }
  }
  return repaired;
}

void to_characters(std::string_view text, std::vector<TextSpan>& spans, std::vector<int32_t>& character_of) {
  if (is_ascii(text)) return;
  character_of.resize(text.size() + 1);
  int32_t character = -1;
  for (size_t at = 0; at < text.size(); ++at) character_of[at] = character += !continues_character(text[at]);
  character_of[text.size()] = character + 1;
  for (TextSpan& span : spans) {
    const int32_t begin = character_of[static_cast<size_t>(span.begin)];
    span = {begin, span.end > span.begin ? character_of[static_cast<size_t>(span.end - 1)] + 1 : begin};
  }
}

Kept truncate(int64_t first, int64_t second, int64_t room, TruncationStrategy strategy) {
  const bool is_pair = second >= 0;
  const int64_t excess = first + std::max<int64_t>(second, 0) - room;
  if (excess <= 0) return {first, second};
  if (room == 0) return {0, is_pair ? 0 : -1};
  if (strategy == TruncationStrategy::longest_first)
    return is_pair ? longest_first(first, second, room) : Kept{room, second};
  const bool from_first = strategy == TruncationStrategy::only_first;
  ROUX_CHECK(from_first || is_pair, "encode", "truncation only_second, and there is no second text");
  const int64_t size = from_first ? first : second;
  ROUX_CHECK(size > excess, "encode", excess, " tokens too many, and the ", from_first ? "first" : "second",
             " text, which alone may be truncated, has ", size, " (hint: truncation longest_first)");
  return from_first ? Kept{first - excess, second} : Kept{first, second - excess};
}

std::vector<TokenRange> pieces_of(int64_t size, int64_t kept, const EncodeOptions& options) {
  if (kept >= size) return {{0, size}};
  std::vector<TokenRange> pieces;
  if (kept == 0) {
    pieces = {{0, 0}, {0, size}};
  } else {
    ROUX_CHECK(options.stride >= 0 && options.stride < kept, "encode", "stride is ", options.stride,
               "; expected 0 or more, and less than the ", kept, " tokens of a text that there is room for");
    const int64_t step = kept - options.stride;
    do {
      pieces.push_back(piece_at(size, kept, step, static_cast<int64_t>(pieces.size()), options.truncation_side));
    } while (options.overflowing &&
             (options.truncation_side == Side::right ? pieces.back().end < size : pieces.back().begin > 0));
  }
  if (!options.overflowing) pieces.resize(1);
  return pieces;
}

Encoding fill_template(std::span<const TemplatePiece> pieces, const TokensView& first, const TokensView& second,
                       bool add_special_tokens) {
  size_t size = first.ids.size() + second.ids.size();
  for (const TemplatePiece& piece : pieces) size += add_special_tokens ? piece.ids.size() : 0;
  Encoding encoding;
  encoding.ids.reserve(size);
  encoding.type_ids.reserve(size);
  encoding.attention_mask.assign(size, 1);
  encoding.special_tokens_mask.assign(size, 0);
  encoding.offsets.reserve(size);
  for (const TemplatePiece& piece : pieces) {
    const bool is_special = piece.kind == TemplatePiece::Kind::special;
    if (is_special && !add_special_tokens) continue;
    const TokensView& text = piece.kind == TemplatePiece::Kind::first ? first : second;
    const std::span<const int32_t> ids = is_special ? std::span<const int32_t>(piece.ids) : text.ids;
    const size_t begin = encoding.ids.size();
    encoding.ids.insert(encoding.ids.end(), ids.begin(), ids.end());
    encoding.type_ids.resize(begin + ids.size(), piece.type_id);
    if (is_special) {
      std::fill_n(encoding.special_tokens_mask.begin() + static_cast<int64_t>(begin), ids.size(), uint8_t{1});
      encoding.offsets.resize(begin + ids.size());
    } else {
      encoding.offsets.insert(encoding.offsets.end(), text.offsets.begin(), text.offsets.end());
    }
  }
  return encoding;
}

}  // namespace roux::text
