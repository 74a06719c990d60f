// GPT-2's splitting and the alphabet of bytes.
#include "text/tokenizers/byte_level.h"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <vector>

#include "text/unicode.h"

using namespace roux::text;

namespace {

std::vector<std::string> pieces(std::string_view text) {
  std::vector<std::string> result;
  int64_t ends[max_pieces_at_once];
  for (int64_t at = 0; at < static_cast<int64_t>(text.size());) {
    const int count = split_pieces(text, at, ends);
    REQUIRE(count >= 1);
    for (int i = 0; i < count; ++i) {
      REQUIRE(ends[i] > at);
      result.emplace_back(text.substr(static_cast<size_t>(at), static_cast<size_t>(ends[i] - at)));
      at = ends[i];
    }
  }
  return result;
}

std::vector<std::string> pieces_one_by_one(std::string_view text) {
  std::vector<std::string> result;
  for (int64_t at = 0; at < static_cast<int64_t>(text.size());) {
    const int64_t end = piece_end(text, at);
    REQUIRE(end > at);
    result.emplace_back(text.substr(static_cast<size_t>(at), static_cast<size_t>(end - at)));
    at = end;
  }
  return result;
}

using Pieces = std::vector<std::string>;

}  // namespace

TEST_CASE("GPT-2's pieces") {
  CHECK(pieces("") == Pieces{});
  CHECK(pieces("Hello world") == Pieces{"Hello", " world"});
  CHECK(pieces("a  b   c ") == Pieces{"a", " ", " b", "  ", " c", " "});
  CHECK(pieces("a\n b\n\nc\td") == Pieces{"a", "\n", " b", "\n", "\n", "c", "\t", "d"});
  CHECK(pieces("   ") == Pieces{"   "});
  CHECK(pieces("abc123...x") == Pieces{"abc", "123", "...", "x"});
  CHECK(pieces("don't we'll've I'LL") == Pieces{"don", "'t", " we", "'ll", "'ve", " I", "'", "LL"});
  CHECK(pieces("'s's 's") == Pieces{"'s", "'s", " '", "s"});
  CHECK(pieces("it''s don'ts") == Pieces{"it", "''", "s", " don", "'t", "s"});
  CHECK(pieces("'r 're") == Pieces{"'", "r", " '", "re"});
  CHECK(pieces("x'") == Pieces{"x", "'"});
  CHECK(pieces("Crème brûlée ½²") == Pieces{"Crème", " brûlée", " ½²"});
  CHECK(pieces("日本 語。x") == Pieces{"日本", " 語", "。", "x"});
  CHECK(pieces("a\u3000\u3000b") == Pieces{"a", "\u3000", "\u3000", "b"});
  CHECK(pieces("e\u0301x") == Pieces{"e", "\u0301", "x"});  // a combining mark is no letter
}

TEST_CASE("windows of ASCII are cut as single pieces are") {
  const std::string_view characters[] = {" ", " ", " ", "a",  "b",  "s",  "t",    "l",    "r", "e",  "'",      "'", "1",
                                         "2", ".", ",", "\n", "\t", "\v", "\x7f", "\x01", "é", "日", "\u00a0", "½"};
  std::mt19937 random(1);
  const auto draw = [&](size_t n) { return random() % n; };
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    const size_t kinds = 2 + draw(std::size(characters) - 1);
    for (size_t length = draw(200); text.size() < length;) text += characters[draw(kinds)];
    REQUIRE(pieces(text) == pieces_one_by_one(text));
  }
}

TEST_CASE("pieces are cut at every place of a window") {
  for (size_t shift = 0; shift < 130; ++shift) {
    const std::string text = std::string(shift, 'x') + "'ll  y's \n" + std::string(70, '1') + " 've";
    REQUIRE(pieces(text) == pieces_one_by_one(text));
    REQUIRE(pieces(text.substr(0, text.size() - 3)) == pieces_one_by_one(text.substr(0, text.size() - 3)));
  }
}

TEST_CASE("classes of characters are those of tokenizers 0.23.3") {
  std::array<int, 4> counts{};
  for (int32_t i = 0; i < 0x110000; ++i) ++counts[static_cast<size_t>(character_class(i))];
  CHECK(counts[static_cast<size_t>(CharacterClass::letter)] == 141028);
  CHECK(counts[static_cast<size_t>(CharacterClass::number)] == 1911);
  CHECK(counts[static_cast<size_t>(CharacterClass::white_space)] == 25);
  CHECK(character_class(0x85) == CharacterClass::white_space);
  CHECK(character_class(0x1C) == CharacterClass::other);     // white space to Python
  CHECK(character_class(0x200B) == CharacterClass::other);   // zero width
  CHECK(character_class(0x1C89) == CharacterClass::letter);  // new in Unicode 16
  CHECK(character_class(0xBD) == CharacterClass::number);    // one half
  CHECK(character_class(0x301) == CharacterClass::other);    // a combining accent
  CHECK(character_class(0x10FFFF) == CharacterClass::other);
  CHECK(character_class(-1) == CharacterClass::other);
  CHECK(character_class(0x110000) == CharacterClass::other);
}

TEST_CASE("every byte has a character of its own") {
  std::vector<bool> seen(0x144);
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    const int32_t character = byte_to_character(static_cast<uint8_t>(byte));
    REQUIRE(character_to_byte(character) == byte);
    REQUIRE(!seen[static_cast<size_t>(character)]);
    seen[static_cast<size_t>(character)] = true;
    all.push_back(static_cast<char>(byte));
  }
  CHECK(to_byte_level(" a\n\xC3\xA9") == "ĠaĊÃ©");
  CHECK(byte_to_character(0) == 0x100);
  CHECK(byte_to_character(0xAD) == 0x143);  // the last of the 68
  CHECK(character_to_byte(0x144) == -1);
  CHECK(character_to_byte(' ') == -1);
  std::string back = "before ";
  append_from_byte_level(to_byte_level(all), back);
  CHECK(back == "before " + all);
  std::string literal = "<";
  append_from_byte_level("Ġa b", literal);  // the space stands for no byte: the token is taken as it is
  CHECK(literal == "<Ġa b");
}
