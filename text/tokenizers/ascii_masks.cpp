// The masks in the widest instructions that there are.
#include "text/tokenizers/ascii_masks.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace roux::text {

#if defined(__AVX512BW__)
AsciiMasks::AsciiMasks(const char* from) {
  const __m512i bytes = _mm512_loadu_si512(from);
  const __m512i letters = _mm512_sub_epi8(_mm512_or_si512(bytes, _mm512_set1_epi8(0x20)), _mm512_set1_epi8('a'));
  const __m512i digits = _mm512_sub_epi8(bytes, _mm512_set1_epi8('0'));
  word = _mm512_cmplt_epu8_mask(letters, _mm512_set1_epi8(26)) | _mm512_cmplt_epu8_mask(digits, _mm512_set1_epi8(10));
  space = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(' ')) | _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\t')) |
          _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n')) | _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\r'));
  // As signed numbers: below a space lies what is not ASCII too.
  other =
      (_mm512_cmplt_epi8_mask(bytes, _mm512_set1_epi8(' ')) | _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(0x7F))) &
      ~space;
}
#elif defined(__SSE2__)
AsciiMasks::AsciiMasks(const char* from) {
  const auto mask = [](__m128i bytes) { return uint64_t{static_cast<uint16_t>(_mm_movemask_epi8(bytes))}; };
  // Signed comparisons: 0x80 is taken off, so that the lowest number stands for 0.
  const auto below = [](__m128i bytes, char first, int count) {
    const __m128i moved = _mm_add_epi8(bytes, _mm_set1_epi8(static_cast<char>(0x80 - first)));
    return _mm_cmplt_epi8(moved, _mm_set1_epi8(static_cast<char>(-128 + count)));
  };
  for (size_t at = 0; at < block; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at));
    const auto equal = [&](char value) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(value)); };
    const __m128i letters = below(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 26);
    const __m128i spaces = _mm_or_si128(_mm_or_si128(equal(' '), equal('\t')), _mm_or_si128(equal('\n'), equal('\r')));
    const __m128i control = _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(' ')), equal(0x7F));
    word |= mask(_mm_or_si128(letters, below(bytes, '0', 10))) << at;
    space |= mask(spaces) << at;
    other |= mask(_mm_andnot_si128(spaces, control)) << at;
  }
}
#else
AsciiMasks::AsciiMasks(const char* from) {
  for (size_t at = 0; at < block; ++at) {
    const auto byte = static_cast<unsigned char>(from[at]);
    const bool is_word = (byte | 0x20u) - 'a' < 26u || byte - unsigned{'0'} < 10u;
    const bool is_space = byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
    word |= uint64_t{is_word} << at;
    space |= uint64_t{is_space} << at;
    other |= uint64_t{!is_space && (byte < 0x20 || byte >= 0x7F)} << at;
  }
}
#endif

}  // namespace roux::text
