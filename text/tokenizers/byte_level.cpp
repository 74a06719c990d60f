// GPT-2's splitting, and the alphabet of bytes. Windows of ASCII are cut with masks of 64 bits, a bit a byte; the rest
// goes character by character.
#include "text/tokenizers/byte_level.h"

#include <array>
#include <bit>
#include <memory>

#include "text/tokenizers/byte_level_table.h"
#include "text/unicode.h"

#if defined(__AVX512BW__) || defined(__AVX2__)
#include <immintrin.h>
#endif

namespace roux::text {

namespace {

constexpr int32_t code_points = 0x110000;

std::unique_ptr<const CharacterClass[]> expanded_classes() {
  std::unique_ptr<CharacterClass[]> classes(new CharacterClass[code_points]);
  for (int run = 0; run < byte_level_run_count; ++run) {
    const uint32_t begin = byte_level_runs[run] >> 2;
    const uint32_t end = run + 1 < byte_level_run_count ? byte_level_runs[run + 1] >> 2 : code_points;
    for (uint32_t i = begin; i < end; ++i) classes[i] = static_cast<CharacterClass>(byte_level_runs[run] & 3);
  }
  return classes;
}

const CharacterClass* class_table() {
  static const std::unique_ptr<const CharacterClass[]> classes = expanded_classes();
  return classes.get();
}

constexpr std::array<CharacterClass, 128> ascii_classes = [] {
  std::array<CharacterClass, 128> classes{};
  for (int c = 'a'; c <= 'z'; ++c) classes[c] = classes[c - 'a' + 'A'] = CharacterClass::letter;
  for (int c = '0'; c <= '9'; ++c) classes[c] = CharacterClass::number;
  for (int c = '\t'; c <= '\r'; ++c) classes[c] = CharacterClass::white_space;
  classes[' '] = CharacterClass::white_space;
  return classes;
}();

struct ClassedCharacter {
  CharacterClass character_class;
  int32_t length;
};

// Valid UTF-8 is the base class's promise; a stray byte is still one character of class other.
ClassedCharacter character_at(std::string_view text, int64_t at) {
  const auto byte = static_cast<unsigned char>(text[static_cast<size_t>(at)]);
  if (byte < 0x80) return {ascii_classes[byte], 1};
  const CodePoint decoded = decode_utf8(text, at);
  return {decoded.value < 0 ? CharacterClass::other : class_table()[decoded.value], decoded.length};
}

// The length of a contraction at the beginning of `rest`, its apostrophe included; 0 where there is none.
int contraction_length(const char* rest, int64_t size) {
  if (size < 2) return 0;
  switch (rest[1]) {
    case 's':
    case 't':
    case 'm':
    case 'd': return 2;
    case 'r':
    case 'v': return size > 2 && rest[2] == 'e' ? 3 : 0;
    case 'l': return size > 2 && rest[2] == 'l' ? 3 : 0;
    default: return 0;
  }
}

// The end of the white space that begins at `at`, less its last character where something else follows more than one.
int64_t white_space_end(std::string_view text, int64_t at) {
  const auto size = static_cast<int64_t>(text.size());
  int64_t last = at;
  int64_t end = at;
  while (end < size) {
    const ClassedCharacter next = character_at(text, end);
    if (next.character_class != CharacterClass::white_space) return last > at ? last : end;
    last = end;
    end += next.length;
  }
  return end;
}

// ---- A window of up to 64 bytes ------------------------------------------------------------------------------------

// Bit i tells of byte i; bits past the end of the window are 0.
struct WindowMasks {
  uint64_t letter = 0;
  uint64_t number = 0;
  uint64_t white_space = 0;
  uint64_t space = 0;
  uint64_t apostrophe = 0;
  uint64_t beyond_ascii = 0;
};

constexpr uint64_t bits_below(int count) { return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }

#if defined(__AVX512BW__)

WindowMasks window_masks(const char* text, int size) {
  const __m512i bytes = _mm512_maskz_loadu_epi8(bits_below(size), text);
  const auto within = [&](__m512i value, char from, char span) {
    return _mm512_cmple_epu8_mask(_mm512_sub_epi8(value, _mm512_set1_epi8(from)), _mm512_set1_epi8(span));
  };
  WindowMasks masks;
  masks.letter = within(_mm512_or_si512(bytes, _mm512_set1_epi8(0x20)), 'a', 25);
  masks.number = within(bytes, '0', 9);
  masks.space = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(' '));
  masks.white_space = within(bytes, '\t', 4) | masks.space;
  masks.apostrophe = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\''));
  masks.beyond_ascii = _mm512_movepi8_mask(bytes);
  return masks;
}

#else

#if defined(__AVX2__)

uint64_t mask_of(__m256i low, __m256i high) {
  return static_cast<uint32_t>(_mm256_movemask_epi8(low)) |
         static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(high))) << 32;
}

WindowMasks whole_window_masks(const char* text) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + 32));
  const auto half_within = [](__m256i value, char from, char span) {
    const __m256i distance = _mm256_sub_epi8(value, _mm256_set1_epi8(from));
    return _mm256_cmpeq_epi8(_mm256_min_epu8(distance, _mm256_set1_epi8(span)), distance);
  };
  const auto within = [&](__m256i first, __m256i second, char from, char span) {
    return mask_of(half_within(first, from, span), half_within(second, from, span));
  };
  const __m256i lower = _mm256_set1_epi8(0x20);
  WindowMasks masks;
  masks.letter = within(_mm256_or_si256(low, lower), _mm256_or_si256(high, lower), 'a', 25);
  masks.number = within(low, high, '0', 9);
  masks.space = within(low, high, ' ', 0);
  masks.white_space = within(low, high, '\t', 4) | masks.space;
  masks.apostrophe = within(low, high, '\'', 0);
  masks.beyond_ascii = mask_of(low, high);
  return masks;
}

#else

WindowMasks whole_window_masks(const char* text) {
  WindowMasks masks;
  for (int i = 0; i < 64; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const uint64_t bit = uint64_t{1} << i;
    if (byte >= 0x80) {
      masks.beyond_ascii |= bit;
      continue;
    }
    const CharacterClass found = ascii_classes[byte];
    masks.letter |= found == CharacterClass::letter ? bit : 0;
    masks.number |= found == CharacterClass::number ? bit : 0;
    masks.white_space |= found == CharacterClass::white_space ? bit : 0;
    masks.space |= byte == ' ' ? bit : 0;
    masks.apostrophe |= byte == '\'' ? bit : 0;
  }
  return masks;
}

#endif

WindowMasks window_masks(const char* text, int size) {
  if (size == 64) return whole_window_masks(text);
  char window[64] = {};
  for (int i = 0; i < size; ++i) window[i] = text[i];
  return whole_window_masks(window);
}

#endif

// Where pieces begin in a window of ASCII whose first byte begins one. What lies past `size` counts as white space, so
// that white space there is one piece; bits whose piece depends on bytes past the window are the caller's to drop.
uint64_t piece_begins(const char* text, int size, WindowMasks masks) {
  const uint64_t inside = bits_below(size);
  const uint64_t white_space = masks.white_space | ~inside;
  const uint64_t other = inside & ~(masks.letter | masks.number | white_space);
  const uint64_t as_before =
      (masks.letter & masks.letter << 1) | (masks.number & masks.number << 1) | (other & other << 1);
  // A single space belongs to what follows it; of more white space only the last character stands alone.
  uint64_t begins = (~white_space & ~as_before & ~(masks.space << 1)) |
                    (white_space & (~(white_space << 1) | ~(white_space >> 1))) | 1;
  for (uint64_t left = begins & masks.apostrophe; left != 0; left &= left - 1) {
    const int at = std::countr_zero(left);
    const int length = contraction_length(text + at, size - at);
    if (length == 0) continue;
    begins &= ~(uint64_t{2} << at);
    if (at + length < 64) begins |= uint64_t{1} << (at + length);
  }
  return begins;
}

}  // namespace

CharacterClass character_class(int32_t code_point) {
  return code_point < 0 || code_point >= code_points ? CharacterClass::other : class_table()[code_point];
}

int64_t piece_end(std::string_view text, int64_t at) {
  const auto size = static_cast<int64_t>(text.size());
  if (text[static_cast<size_t>(at)] == '\'') {
    const int length = contraction_length(text.data() + at, size - at);
    if (length > 0) return at + length;
  }
  ClassedCharacter first = character_at(text, at);
  if (first.character_class == CharacterClass::white_space) {
    const bool joins = text[static_cast<size_t>(at)] == ' ' && at + 1 < size;
    const ClassedCharacter second = joins ? character_at(text, at + 1) : first;
    if (second.character_class == CharacterClass::white_space) return white_space_end(text, at);
    first = second;
    ++at;
  }
  int64_t end = at + first.length;
  while (end < size) {
    const ClassedCharacter next = character_at(text, end);
    if (next.character_class != first.character_class) break;
    end += next.length;
  }
  return end;
}

int split_pieces(std::string_view text, int64_t at, int64_t* ends) {
  const int64_t left = static_cast<int64_t>(text.size()) - at;
  const char* const window = text.data() + at;
  int size = static_cast<int>(left < 64 ? left : 64);
  const WindowMasks masks = window_masks(window, size);
  uint64_t decided;  // positions at which nothing past the window can change whether a piece begins
  if (masks.beyond_ascii == 0 && left < 64) {
    decided = bits_below(size);
  } else {
    if (masks.beyond_ascii != 0) size = std::countr_zero(masks.beyond_ascii);
    decided = bits_below(size > 0 ? size - 1 : 0);
  }
  int count = 0;
  for (uint64_t begins = piece_begins(window, size, masks) & decided & ~uint64_t{1}; begins != 0; begins &= begins - 1)
    ends[count++] = at + std::countr_zero(begins);
  if (masks.beyond_ascii == 0 && left < 64) ends[count++] = at + left;
  if (count == 0) ends[count++] = piece_end(text, at);
  return count;
}

// ---- The alphabet --------------------------------------------------------------------------------------------------

namespace {

constexpr bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<int16_t, 256> characters_of_bytes = [] {
  std::array<int16_t, 256> characters{};
  int16_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte)
    characters[byte] = stands_for_itself(byte) ? static_cast<int16_t>(byte) : next++;
  return characters;
}();

constexpr std::array<int16_t, 0x144> bytes_of_characters = [] {
  std::array<int16_t, 0x144> bytes{};
  for (int16_t& byte : bytes) byte = -1;
  for (int byte = 0; byte < 256; ++byte) bytes[characters_of_bytes[byte]] = static_cast<int16_t>(byte);
  return bytes;
}();

}  // namespace

int32_t byte_to_character(uint8_t byte) { return characters_of_bytes[byte]; }

int32_t character_to_byte(int32_t code_point) {
  return code_point < 0 || code_point >= static_cast<int32_t>(bytes_of_characters.size())
             ? -1
             : bytes_of_characters[static_cast<size_t>(code_point)];
}

std::string to_byte_level(std::string_view bytes) {
  std::string result;
  result.reserve(bytes.size() + bytes.size() / 4);
  for (const char byte : bytes)
    append_utf8(static_cast<uint32_t>(byte_to_character(static_cast<uint8_t>(byte))), result);
  return result;
}

void append_from_byte_level(std::string_view token, std::string& bytes) {
  const size_t before = bytes.size();
  for (int64_t at = 0; at < static_cast<int64_t>(token.size());) {
    const CodePoint character = decode_utf8(token, at);
    const int32_t byte = character_to_byte(character.value);
    if (byte < 0) {
      bytes.resize(before);
      bytes += token;
      return;
    }
    bytes.push_back(static_cast<char>(byte));
    at += character.length;
  }
}

}  // namespace roux::text
