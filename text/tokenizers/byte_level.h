// How byte-level BPE (GPT-2, RoBERTa) sees text: cut into pieces that are never merged with each other, and every byte
// written as one visible character, so that 256 characters spell any text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace roux::text {

/// What the splitting below asks about a character. Unicode categories L and N and the property White_Space, in the
/// version of Unicode that Hugging Face's tokenizers know (byte_level_table.h).
enum class CharacterClass : uint8_t { other, letter, number, white_space };

/// The class of a code point; `other` for what is none.
CharacterClass character_class(int32_t code_point);

/// The end of the piece that begins at byte `at` of valid UTF-8, where 0 <= at < text.size() and a piece begins there.
/// Pieces follow GPT-2's pattern (Radford et al. 2019, encoder.py), the first alternative that matches:
///   's 't 're 've 'm 'll 'd  ·  one space or none, then letters  ·  the same with numbers  ·  the same with others  ·
///   white space up to the end or to the last white space before something else  ·  white space.
int64_t piece_end(std::string_view text, int64_t at);

/// How many ends `split_pieces` writes at most.
constexpr int max_pieces_at_once = 64;

/// Cuts some of the pieces that follow byte `at`, a window of 64 bytes at a time: writes their ends to `ends`,
/// ascending, and returns their number, at least 1. The next call begins at the last of them.
int split_pieces(std::string_view text, int64_t at, int64_t* ends);

/// The character that stands for a byte: visible Latin-1 characters for themselves, the other 68 bytes in order for
/// U+0100 to U+0143.
int32_t byte_to_character(uint8_t byte);
/// The reverse; -1 for a character that stands for no byte.
int32_t character_to_byte(int32_t code_point);

/// Bytes as the characters that stand for them, in UTF-8.
std::string to_byte_level(std::string_view bytes);
/// Appends the bytes that the characters of `token` stand for. Where one of them stands for none, the bytes of the
/// token itself, as Hugging Face's decoder does.
void append_from_byte_level(std::string_view token, std::string& bytes);

}  // namespace roux::text
