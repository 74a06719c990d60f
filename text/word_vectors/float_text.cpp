// Numbers of the usual spelling, `-0.12345`, sixteen characters at a time; all others through std::from_chars.
#include "text/word_vectors/float_text.h"

#if defined(__SSE4_1__)
#include <immintrin.h>
#endif

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace roux::text {
namespace {

constexpr double powers_of_ten[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};

/// digits / 10^decimals, for at most 13 digits and 12 decimals, rounded to float32.
///
/// The quotient of two exact float64 is the float64 nearest to the number, and rounding that once more gives the
/// float32 nearest to the number unless it lies in the middle m of two float32 and the number x does not. But that
/// cannot be: m is M / 2^j with M below 2^25, so that x - m is a whole multiple of 1 / (2^j 5^decimals), or of 1 /
/// 10^decimals where j is less than decimals. The first is more than m / 2^53, as 5^12 is less than 2^28, the second as
/// digits are less than 2^53: x would not have been rounded to m.
float scaled(uint64_t digits, size_t decimals, unsigned negative) {
  const double quotient = static_cast<double>(static_cast<int64_t>(digits)) / powers_of_ten[decimals];
  return std::bit_cast<float>(std::bit_cast<uint32_t>(static_cast<float>(quotient)) ^ (negative << 31));
}

#if defined(__SSE4_1__)

/// For a number with `point` digits before its point and `end` characters in all: where each of its digits goes in a
/// row of sixteen that ends with the last one.
struct DigitPlaces {
  alignas(16) std::array<std::array<int8_t, 16>, 256> places{};

  constexpr DigitPlaces() {
    for (int point = 0; point < 16; ++point) {
      for (int end = 0; end < 16; ++end) {
        auto& row = places[static_cast<size_t>(16 * point + end)];
        const int digits = end - 1;
        for (int at = 0; at < 16; ++at) {
          const int digit = at - (16 - digits);
          row[static_cast<size_t>(at)] = static_cast<int8_t>(digit < 0 ? -1 : digit < point ? digit : digit + 1);
        }
      }
    }
  }
};

constexpr DigitPlaces digit_places;

/// The number at `p` when it is written as usual: an optional minus, digits, a point, digits, `length` characters in
/// all and at most thirteen of them behind the minus. False when it is not.
inline bool parse_usual(const char* p, size_t length, float& to) {
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i values = _mm_sub_epi8(text, _mm_set1_epi8('0'));
  const __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
  // Not `*p == '-'`: g++ 12 makes of it a wait for the number before.
  const unsigned negative = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('-')))) & 1;
  // The minus counts as a digit 0.
  const unsigned others = 0xFFFFu ^ (static_cast<unsigned>(_mm_movemask_epi8(is_digit)) | negative);
  const unsigned behind_point = others & (others - 1);
  const auto point = static_cast<size_t>(std::countr_zero(others));
  if (length - 2 - negative > 11 || static_cast<size_t>(std::countr_zero(behind_point)) != length || p[point] != '.')
      [[unlikely]]
    return false;
  const auto* const places = digit_places.places[16 * point + length].data();
  const __m128i digits =
      _mm_shuffle_epi8(_mm_and_si128(values, is_digit), _mm_load_si128(reinterpret_cast<const __m128i*>(places)));
  const __m128i pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010A));
  const __m128i fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00010064));
  const __m128i eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(0x00012710));
  const auto both = static_cast<uint64_t>(_mm_cvtsi128_si64(eights));
  const uint64_t number = (both & 0xFFFFFFFF) * 100'000'000 + (both >> 32);
  to = scaled(number, length - point - 1, negative);
  return true;
}

#else

inline bool parse_usual(const char* p, size_t length, float& to) {
  const unsigned negative = *p == '-';
  if (length - 2 - negative > 11) return false;
  const char *const end = p + length, *point = nullptr;
  uint64_t number = 0;
  for (p += negative; p != end; ++p) {
    const auto digit = static_cast<unsigned char>(*p - '0');
    if (digit <= 9) {
      number = 10 * number + digit;
    } else if (*p == '.' && point == nullptr) {
      point = p;
    } else {
      return false;
    }
  }
  if (point == nullptr) return false;
  to = scaled(number, static_cast<size_t>(end - point - 1), negative);
  return true;
}

#endif

constexpr int chunk = 64;

/// Bit i says whether byte i of 64 is `c`.
inline uint64_t places_of(const char* bytes, char c) {
#if defined(__AVX512BW__)
  return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(bytes), _mm512_set1_epi8(c));
#else
  uint64_t places = 0;
  for (int i = 0; i < chunk; i += 16) {
#if defined(__SSE4_1__)
    const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + i));
    const auto found = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(part, _mm_set1_epi8(c))));
    places |= uint64_t{found} << i;
#else
    for (int j = i; j < i + 16; ++j) places |= uint64_t{bytes[j] == c} << j;
#endif
  }
  return places;
#endif
}

/// The number that is all of [begin, end), which no blank and no line feed is part of.
inline bool parse_field(const char* begin, const char* end, float& to) {
  const auto length = static_cast<size_t>(end - begin);
  return parse_usual(begin, length, to) || parse_float({begin, length}, to) == FloatText::number;
}

}  // namespace

FloatText parse_float(std::string_view text, float& to) {
  const char* begin = text.data();
  const char* const end = begin + text.size();
  if (begin != end && *begin == '+') ++begin;
  if (begin != text.data() && begin != end && *begin == '-') return FloatText::no_number;
  const auto [stop, error] = std::from_chars(begin, end, to);
  if (stop != end || begin == end || error == std::errc::invalid_argument) return FloatText::no_number;
  if (error == std::errc::result_out_of_range) {
    double wide = 0;
    if (std::from_chars(begin, end, wide).ec != std::errc() || std::abs(wide) >= 1) return FloatText::out_of_range;
    to = static_cast<float>(wide);
  }
  return std::isfinite(to) ? FloatText::number : FloatText::not_finite;
}

const char* parse_floats(const char* begin, float* to, int64_t count) {
  const float* const behind = to + count;
  for (const char* bytes = begin;; bytes += chunk) {
    const uint64_t line_feeds = places_of(bytes, '\n');
    uint64_t blanks = places_of(bytes, ' ') | places_of(bytes, '\t');
    blanks &= line_feeds ^ (line_feeds - 1);  // those before the first line feed
    for (; blanks != 0; blanks &= blanks - 1) {
      const char* const end = bytes + std::countr_zero(blanks);
      if (to == behind || !parse_field(begin, end, *to++)) return nullptr;
      begin = end + 1;
    }
    if (line_feeds == 0) continue;
    const char* const line_end = bytes + std::countr_zero(line_feeds);
    const char* const end = line_end - (line_end != begin && line_end[-1] == '\r');
    if (begin != end && (to == behind || !parse_field(begin, end, *to++))) return nullptr;
    return to == behind ? line_end : nullptr;
  }
}

}  // namespace roux::text
