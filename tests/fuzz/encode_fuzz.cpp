// Fuzzes encoding: WordPiece and byte-level BPE, with and without added tokens. Any bytes must encode; ids alone must
// be those of whole encodings, offsets in order and inside the text, and both kinds what their simplest forms give.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "tests/text/tokenizers/simple_wordpiece.h"
#include "text/tokenizers/bpe.h"
#include "text/tokenizers/byte_level.h"
#include "text/tokenizers/encoding_parts.h"
#include "text/tokenizers/wordpiece.h"

namespace {

using namespace roux::text;
using Ids = std::vector<int32_t>;
using Merges = std::vector<std::pair<std::string, std::string>>;

void require(bool condition) {
  if (!condition) std::abort();
}

const std::vector<std::string> wordpiece_vocabulary = {
    "[UNK]",      "[CLS]",  "[SEP]",  "a",        "b",      "ab",     "abc",      "##a",          "##b",
    "##ab",       "##bcd",  "##c",    "##d",      "e",      "##e",    "o",        "##",           "#",
    "##\u0301",   "\u00e9", "\u00df", "##\u00df", "\u4e2d", "\u8c48", "\u1100",   "##\u1161",     "!",
    ",",          "\u3001", "0",      "##0",      "##00",   "\u1b44", "##\u1b44", "##\U0001d165", "##\u1dfb",
    "\U0001f600", "ABC",    "A"};

/// Every byte, and some merges of the bytes that texts here have.
Merges bpe_merges() {
  Merges merges;
  const auto merge = [&](const char* a, const char* b) { merges.emplace_back(to_byte_level(a), to_byte_level(b)); };
  merge("a", "b");
  merge(" ", "a");
  merge("a", "a");
  merge("ab", "c");
  merge("b", "ab");
  merge("aa", "aa");
  merge("\xC3", "\xA9");
  merge("0", "0");
  merge(" ", " ");
  merge("\xE4", "\xB8");
  merge("\xB8", "\xAD");
  merge("abc", "abc");
  merge("  ", "  ");
  merge(" a", "b");
  return merges;
}

std::vector<std::string> bpe_vocabulary() {
  std::vector<std::string> vocabulary;
  for (int byte = 0; byte < 256; ++byte) vocabulary.push_back(to_byte_level(std::string(1, static_cast<char>(byte))));
  for (const auto& [first, second] : bpe_merges()) vocabulary.push_back(first + second);
  return vocabulary;
}

/// The merges as pairs of ids: merge number r makes token 256 + r.
std::vector<std::pair<int32_t, int32_t>> merges_of_ids() {
  const std::vector<std::string> vocabulary = bpe_vocabulary();
  const auto id_of = [&](const std::string& token) {
    return static_cast<int32_t>(std::find(vocabulary.begin(), vocabulary.end(), token) - vocabulary.begin());
  };
  std::vector<std::pair<int32_t, int32_t>> merges;
  for (const auto& [first, second] : bpe_merges()) merges.emplace_back(id_of(first), id_of(second));
  return merges;
}

/// A piece by its merges: all pairs of one rank from left to right, and again from the first rank on where there was
/// one.
void merge_simply(std::string_view piece, Ids& ids) {
  static const auto merges = merges_of_ids();
  Ids parts;
  for (const char byte : piece) parts.push_back(static_cast<unsigned char>(byte));
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    size_t kept = 0;
    for (size_t at = 0; at < parts.size(); ++at, ++kept) {
      parts[kept] = parts[at];
      if (at + 1 == parts.size() || parts[at] != merges[rank].first || parts[at + 1] != merges[rank].second) continue;
      parts[kept] = 256 + static_cast<int32_t>(rank);
      ++at;
    }
    if (kept < parts.size()) rank = static_cast<size_t>(-1);
    parts.resize(kept);
  }
  ids.insert(ids.end(), parts.begin(), parts.end());
}

Ids simple_bpe(std::string_view text) {
  Ids ids;
  for (size_t at = 0; at < text.size();) {
    const auto end = static_cast<size_t>(piece_end(text, static_cast<int64_t>(at)));
    merge_simply(text.substr(at, end - at), ids);
    at = end;
  }
  return ids;
}

AddedTokens added_tokens(int32_t first) {
  return AddedTokens({{"[CLS]", first, true},
                      {"[SEP]", first + 1, true},
                      {"ab", first + 2, false, true},
                      {"\u00c9x", first + 3, false, false, true, true, true},
                      {" !", first + 4, false, false, false, true, true}});
}

/// What holds for every tokenizer and text.
Encoding check(const Tokenizer& tokenizer, const std::string& text, const std::string& repaired, bool in_order) {
  Encoding encoding = tokenizer.encode(text);
  Ids ids;
  tokenizer.encode(text, ids);
  require(ids == encoding.ids);
  const auto characters = static_cast<int32_t>(std::count_if(
      repaired.begin(), repaired.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  TextSpan last;
  for (size_t i = 0; i < ids.size(); ++i) {
    require(ids[i] >= 0 && ids[i] < 1000);
    const TextSpan span = encoding.offsets[i];
    require(0 <= span.begin && span.begin <= span.end && span.end <= characters);
    if (in_order) require(span.begin >= last.begin && span.end >= last.end);
    last = span;
  }
  tokenizer.decode(ids);
  return encoding;
}

const WordPieceOptions wordpiece_options[] = {
    {},
    {.lowercase = false},
    {.clean_text = false, .handle_chinese_chars = false, .strip_accents = false, .lowercase = false},
    {.clean_text = false, .strip_accents = true, .lowercase = false, .max_input_chars_per_word = 5},
};

void check_wordpiece(size_t index, const std::string& text, const std::string& repaired, bool with_added) {
  constexpr size_t count = std::size(wordpiece_options);
  static std::unique_ptr<WordPieceTokenizer> plain[count], added[count];
  static std::unique_ptr<simple::WordPiece> simple_forms[count];
  if (!plain[index]) {
    const WordPieceOptions& options = wordpiece_options[index];
    plain[index] = std::make_unique<WordPieceTokenizer>(wordpiece_vocabulary, options);
    added[index] = std::make_unique<WordPieceTokenizer>(wordpiece_vocabulary, options, added_tokens(100),
                                                        PostProcessor::bert("[CLS]", 1, "[SEP]", 2));
    simple_forms[index] = std::make_unique<simple::WordPiece>(wordpiece_vocabulary, options);
  }
  const Encoding found = check(with_added ? *added[index] : *plain[index], text, repaired, !with_added);
  if (with_added) return;
  simple::Tokens expected = simple_forms[index]->encode(repaired);
  std::vector<int32_t> characters;
  to_characters(repaired, expected.spans, characters);
  require(found.ids == expected.ids);
  require(found.offsets == expected.spans);
}

/// Some bytes have no token.
std::vector<std::string> incomplete_vocabulary() {
  std::vector<std::string> vocabulary = bpe_vocabulary();
  for (const unsigned char byte : {'x', 'y', ',', '\xE3', '\xCC', '\x9F'}) vocabulary[byte].clear();
  return vocabulary;
}

void check_bpe(bool complete, const std::string& text, const std::string& repaired, bool with_added) {
  static const BpeTokenizer plain(bpe_vocabulary(), bpe_merges());
  static const BpeTokenizer added(bpe_vocabulary(), bpe_merges(), {.add_prefix_space = true, .trim_offsets = true},
                                  added_tokens(300));
  static const BpeTokenizer incomplete(incomplete_vocabulary(), bpe_merges(), {.unk_token = "?", .fuse_unk = true});
  static const BpeTokenizer silent(incomplete_vocabulary(), bpe_merges(), {.use_regex = false, .ignore_merges = true});
  if (!complete) {
    check(with_added ? silent : incomplete, text, repaired, false);
    return;
  }
  const Encoding found = check(with_added ? added : plain, text, repaired, !with_added);
  if (with_added) return;
  require(found.ids == simple_bpe(repaired));
}

}  // namespace

/// A byte chooses what is fuzzed; the text follows. In few cases, because that is slow, it is repeated until BPE merges
/// it in blocks.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 0xFA) == 0xFA && size > 1 && std::accumulate(data, data + size, 0u) % 16 == 0) {
    for (const std::string once = text; text.size() < 5000;) text += once;
  }
  const std::string repaired = repaired_utf8(text);
  const bool with_added = data[0] & 1;
  if (data[0] & 2) {
    check_bpe((data[0] & 4) == 0, text, repaired, with_added);
  } else {
    check_wordpiece(data[0] >> 2 & 3, text, repaired, with_added);
  }
  return 0;
}
