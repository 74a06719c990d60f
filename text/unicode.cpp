// UTF-8 decoding and character classes over utf8proc.
#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstring>

#if defined(__SSSE3__)
#include <immintrin.h>
#endif

#include "tensor/error.h"

namespace roux::text {
namespace {

/// How many of the bytes from `at` on are ASCII, in whole steps of 8.
size_t ascii_run(std::string_view text, size_t at) {
  const size_t start = at;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    if (word & 0x8080808080808080u) break;
  }
  return at - start;
}

CodePoint decode(std::string_view text, size_t at) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at;
  utf8proc_int32_t value = -1;
  const auto available = static_cast<utf8proc_ssize_t>(std::min<size_t>(text.size() - at, 4));
  const utf8proc_ssize_t length = utf8proc_iterate(bytes, available, &value);
  return length > 0 ? CodePoint{value, static_cast<int32_t>(length)} : CodePoint{-1, 1};
}

#if defined(__SSSE3__)
/// What two neighbouring bytes cannot be, as sets of the values of three half bytes (bit v: the value v): the upper and
/// the lower half of the first byte, the upper half of the second. An error is found where all three agree on a rule.
/// The method: Keiser, Lemire: Validating UTF-8 in less than one instruction per byte, 2020, arXiv 2010.03090.
struct PairRule {
  uint16_t first_upper;
  uint16_t first_lower;
  uint16_t second_upper;
};

constexpr uint16_t any = 0xFFFF;
constexpr uint16_t ascii = 0x00FF;         // 0 to 7
constexpr uint16_t continuation = 0x0F00;  // 8 to B
constexpr uint16_t lead = 0xF000;          // C to F
constexpr int two_continuations = 7;       // the rule that is no error behind the first bytes of three and four

constexpr std::array<PairRule, 8> pair_rules = {{
    {lead, any, ascii | lead},         // a sequence that stops short
    {ascii, any, continuation},        // a continuation of nothing
    {1 << 0xE, 1 << 0x0, 0x0300},      // E0 80 to E0 9F: three bytes for what fits in two
    {1 << 0xE, 1 << 0xD, 0x0C00},      // ED A0 to ED BF: surrogates
    {1 << 0xC, 0x0003, continuation},  // C0, C1: two bytes for ASCII
    {1 << 0xF, 0xFFF0, 0x0E00},        // F4 90 and more: above U+10FFFF
    {1 << 0xF, 0xFFE1, 1 << 0x8},      // F5 80 and more: the same; F0 80 to F0 8F: four bytes for what fits in three
    {continuation, any, continuation},
}};

/// For each value of a half byte the rules that it is part of.
constexpr std::array<uint8_t, 16> rules_of(uint16_t PairRule::*half) {
  std::array<uint8_t, 16> rules{};
  for (size_t value = 0; value < 16; ++value)
    for (size_t rule = 0; rule < pair_rules.size(); ++rule)
      if (pair_rules[rule].*half >> value & 1) rules[value] = static_cast<uint8_t>(rules[value] | 1 << rule);
  return rules;
}

constexpr std::array<uint8_t, 16> first_upper_rules = rules_of(&PairRule::first_upper);
constexpr std::array<uint8_t, 16> first_lower_rules = rules_of(&PairRule::first_lower);
constexpr std::array<uint8_t, 16> second_upper_rules = rules_of(&PairRule::second_upper);

class Utf8Check {
 public:
  void add(const char* from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i before1 = _mm_alignr_epi8(bytes, previous_, 15);
    const __m128i rules = _mm_and_si128(
        _mm_and_si128(look_up(first_upper_rules, upper(before1)), look_up(first_lower_rules, lower(before1))),
        look_up(second_upper_rules, upper(bytes)));
    // Two or three bytes behind the first of a sequence that long, two continuations must meet; nowhere else may they.
    const __m128i third = _mm_subs_epu8(_mm_alignr_epi8(bytes, previous_, 14), _mm_set1_epi8(0xE0 - 0x80));
    const __m128i fourth = _mm_subs_epu8(_mm_alignr_epi8(bytes, previous_, 13), _mm_set1_epi8(0xF0 - 0x80));
    const __m128i expected =
        _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8(static_cast<char>(1 << two_continuations)));
    errors_ = _mm_or_si128(errors_, _mm_xor_si128(rules, expected));
    previous_ = bytes;
  }
  bool ok() const { return _mm_movemask_epi8(_mm_cmpeq_epi8(errors_, _mm_setzero_si128())) == 0xFFFF; }

 private:
  static __m128i lower(__m128i bytes) { return _mm_and_si128(bytes, _mm_set1_epi8(0x0F)); }
  static __m128i upper(__m128i bytes) { return lower(_mm_srli_epi16(bytes, 4)); }
  static __m128i look_up(const std::array<uint8_t, 16>& table, __m128i values) {
    return _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table.data())), values);
  }

  __m128i previous_ = _mm_setzero_si128();
  __m128i errors_ = _mm_setzero_si128();
};
#endif

}  // namespace

CodePoint decode_utf8(std::string_view text, int64_t at) {
  ROUX_CHECK(at >= 0 && at < static_cast<int64_t>(text.size()), "decode_utf8", "byte ", at, " is outside a text of ",
             text.size(), " bytes");
  return decode(text, static_cast<size_t>(at));
}

bool is_valid_utf8(std::string_view text) {
  size_t at = ascii_run(text, 0);
  if (at + 8 > text.size()) {
    while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
    if (at == text.size()) return true;
  }
#if defined(__SSSE3__)
  Utf8Check check;  // `at` is where a sequence begins
  for (; at + 16 <= text.size(); at += 16) check.add(text.data() + at);
  std::array<char, 16> rest{};  // a sequence that the text breaks off is followed by ASCII, which is an error
  std::memcpy(rest.data(), text.data() + at, text.size() - at);
  check.add(rest.data());
  return check.ok();
#else
  while (at < text.size()) {
    const CodePoint point = decode(text, at);
    if (point.value < 0) return false;
    at += static_cast<size_t>(point.length);
    at += ascii_run(text, at);
  }
  return true;
#endif
}

bool append_utf8(uint32_t code_point, std::string& text) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) return false;
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
  return true;
}

bool is_white_space(int32_t code_point) {
  switch (code_point) {
    case 0x20:
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000: return true;
    default:
      return (code_point >= 0x09 && code_point <= 0x0D) || (code_point >= 0x1C && code_point <= 0x1F) ||
             (code_point >= 0x2000 && code_point <= 0x200A);
  }
}

bool has_white_space_property(int32_t code_point) {
  return is_white_space(code_point) && !(code_point >= 0x1C && code_point <= 0x1F);
}

bool is_letter(int32_t code_point) {
  switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return true;
    default: return false;
  }
}

}  // namespace roux::text
