// Byte-level BPE: pieces of the text, most of them met before, and merging for those that were not.
#include "text/tokenizers/bpe.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "tensor/error.h"
#include "text/tokenizers/byte_level.h"
#include "text/tokenizers/encoding_parts.h"
#include "text/unicode.h"

namespace roux::text {

namespace {

constexpr size_t scanned_bytes = 32;     // pieces up to here are merged on the stack
constexpr size_t streamed_bytes = 4096;  // longer ones are not written out as symbols first
constexpr int64_t ids_at_once = 1024;
constexpr int64_t readable_bytes = 16;

// The same key as WordCache::key, without branches, where 16 bytes may be read.
WordKey key_of_readable(const char* begin, size_t length) {
  uint64_t low, high;
  std::memcpy(&low, begin, 8);
  std::memcpy(&high, begin + 8, 8);
  const uint64_t low_mask = length >= 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * length)) - 1;
  const uint64_t high_mask = length <= 8 ? 0 : (uint64_t{1} << (8 * (length - 8))) - 1;
  return {low & low_mask, (high & high_mask) | uint64_t{length} << 56};
}

// How many bytes of UTF-8 the character that stands for a byte takes.
int32_t spelled_length(char byte) { return byte_to_character(static_cast<uint8_t>(byte)) < 0x80 ? 1 : 2; }

std::string_view part_of(std::string_view text, int64_t begin, int64_t end) {
  return {text.data() + begin, static_cast<size_t>(end - begin)};
}

}  // namespace

// ---- Making one -----------------------------------------------------------------------------------------------------

BpeTokenizer::BpeTokenizer(std::vector<std::string> vocabulary, std::vector<std::pair<std::string, std::string>> merges,
                           const BpeOptions& options, AddedTokens added_tokens, PostProcessor post_processor)
    : Tokenizer(std::move(added_tokens), std::move(post_processor)),
      vocabulary_(std::move(vocabulary)),
      merges_(std::move(merges)),
      options_(options) {
  index_vocabulary();
  index_bytes();
  index_merges();
}

void BpeTokenizer::index_vocabulary() {
  token_bytes_.reserve(vocabulary_.size());
  for (size_t id = 0; id < vocabulary_.size(); ++id) {
    const std::string& token = vocabulary_[id];
    std::string bytes;
    append_from_byte_level(token, bytes);
    token_bytes_.push_back(static_cast<int32_t>(bytes.size()));
    white_space_.push_back(white_space_of(token));
    if (token.empty()) continue;
    const int32_t number = tokens_.insert(token);
    ROUX_CHECK(number == static_cast<int32_t>(ids_of_numbers_.size()), "bpe", "the token \"", token,
               "\" has two ids: ", ids_of_numbers_[static_cast<size_t>(number)], " and ", id);
    ids_of_numbers_.push_back(static_cast<int32_t>(id));
  }
}

int32_t BpeTokenizer::id_of(std::string_view token) const {
  const int32_t number = tokens_.find(token);
  return number < 0 ? -1 : ids_of_numbers_[static_cast<size_t>(number)];
}

void BpeTokenizer::index_bytes() {
  for (int byte = 0; byte < 256; ++byte) {
    const char bytes[] = {static_cast<char>(byte)};
    byte_ids_[static_cast<size_t>(byte)] = id_of(to_byte_level({bytes, 1}));
    has_all_bytes_ = has_all_bytes_ && byte_ids_[static_cast<size_t>(byte)] >= 0;
  }
  if (options_.unk_token.empty() || has_all_bytes_) return;
  unk_id_ = id_of(options_.unk_token);
  ROUX_CHECK(unk_id_ >= 0, "bpe", "the unk_token \"", options_.unk_token,
             "\" is not in the vocabulary, which lacks characters for some bytes");
}

void BpeTokenizer::index_merges() {
  std::vector<BpeMerge> merges;
  merges.reserve(merges_.size());
  const auto id_in_merge = [&](const std::string& token) {
    const int32_t id = id_of(token);
    ROUX_CHECK(id >= 0, "bpe", "merge ", merges.size() + 1, " needs the token \"", token,
               "\", which is not in the vocabulary");
    return id;
  };
  for (const auto& [left, right] : merges_) {
    const int32_t left_id = id_in_merge(left);
    const int32_t right_id = id_in_merge(right);
    merges.push_back({left_id, right_id, id_in_merge(left + right)});
  }
  merger_ = BpeMerger(merges);
}

// ---- One piece ------------------------------------------------------------------------------------------------------

// The bytes of a piece as symbols, at most one each. Lengths are in bytes; where the vocabulary lacks bytes, in bytes
// of the characters that stand for them, which is what Hugging Face's offsets follow.
size_t BpeTokenizer::byte_symbols(std::string_view piece, BpeSymbol* symbols) const {
  size_t count = 0;
  if (has_all_bytes_) {
    for (const char byte : piece) symbols[count++] = {byte_ids_[static_cast<uint8_t>(byte)], 1};
    return count;
  }
  bool after_unknown = false;
  for (const char byte : piece) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(byte)];
    const bool unknown = id < 0;
    if (!unknown) {
      symbols[count++] = {id, spelled_length(byte)};
    } else if (unk_id_ >= 0 && after_unknown && options_.fuse_unk) {
      symbols[count - 1].length += spelled_length(byte);
    } else if (unk_id_ >= 0) {
      symbols[count++] = {unk_id_, spelled_length(byte)};
    }
    after_unknown = unknown;
  }
  return count;
}

// The tokens of a piece; `symbols` has room for one a byte.
size_t BpeTokenizer::encode_piece(std::string_view piece, BpeSymbol* symbols) const {
  if (options_.ignore_merges) {
    const std::string spelled = to_byte_level(piece);
    const int32_t id = id_of(spelled);
    if (id >= 0) {
      symbols[0] = {id, static_cast<int32_t>(has_all_bytes_ ? piece.size() : spelled.size())};
      return 1;
    }
  }
  const size_t count = byte_symbols(piece, symbols);
  return merger_.merge({symbols, count});
}

// ---- Texts ----------------------------------------------------------------------------------------------------------

bool BpeTokenizer::needs_prefix_space(std::string_view text) const {
  return options_.add_prefix_space && !text.empty() && text[0] != ' ';
}

int64_t BpeTokenizer::next_pieces(std::string_view text, int64_t at, int64_t* ends) const {
  if (options_.use_regex) return split_pieces(text, at, ends);
  ends[0] = static_cast<int64_t>(text.size());
  return 1;
}

void BpeTokenizer::append_new_piece(std::string_view piece, std::vector<int32_t>& ids) const {
  if (piece.size() > streamed_bytes && has_all_bytes_ && !options_.ignore_merges)
    return merger_.merge_bytes(piece, byte_ids_, ids);
  BpeSymbol on_stack[scanned_bytes];
  std::unique_ptr<BpeSymbol[]> on_heap;
  BpeSymbol* symbols = on_stack;
  if (piece.size() > scanned_bytes) {
    on_heap.reset(new BpeSymbol[piece.size()]);  // not initialised: that would touch all of it once more
    symbols = on_heap.get();
  }
  const size_t count = encode_piece(piece, symbols);
  const size_t before = ids.size();
  ids.resize(before + count);
  for (size_t i = 0; i < count; ++i) ids[before + i] = symbols[i].id;
  if (piece.size() <= WordCache::max_bytes) cache_.insert(WordCache::key(piece), std::span(ids).subspan(before));
}

void BpeTokenizer::append_ids(std::string_view text, std::vector<int32_t>& ids) const {
  const auto size = static_cast<int64_t>(text.size());
  int64_t ends[max_pieces_at_once];
  int32_t found[ids_at_once];
  int64_t count = 0;
  const auto flush = [&] {
    ids.insert(ids.end(), found, found + count);
    count = 0;
  };
  constexpr auto most_ids = static_cast<int64_t>(max_pieces_at_once * WordCache::max_ids);
  for (int64_t at = 0; at < size;) {
    const int64_t pieces = next_pieces(text, at, ends);
    if (count + most_ids > ids_at_once) flush();
    for (int64_t k = 0; k < pieces; ++k) {
      const std::string_view piece = part_of(text, at, ends[k]);
      const WordCache::Slot* slot = nullptr;
      if (piece.size() <= WordCache::max_bytes)
        slot = cache_.find(at + readable_bytes <= size ? key_of_readable(piece.data(), piece.size())
                                                       : WordCache::key(piece));
      if (slot != nullptr) [[likely]] {
        std::memcpy(found + count, slot->ids, sizeof slot->ids);
        count += slot->count.load(std::memory_order_relaxed);
      } else {
        flush();
        append_new_piece(piece, ids);
      }
      at = ends[k];
    }
  }
  flush();
}

void BpeTokenizer::encode_part(std::string_view text, std::vector<int32_t>& ids) const {
  if (!needs_prefix_space(text)) return append_ids(text, ids);
  append_ids(" " + std::string(text), ids);
}

// ---- With spans -----------------------------------------------------------------------------------------------------

// A piece of a vocabulary that lacks bytes. Those that are left out still move the spans of the tokens behind them, as
// they do in Hugging Face's tokenizers.
void BpeTokenizer::append_incomplete_piece(std::string_view text, int64_t begin, int64_t end, std::vector<int32_t>& ids,
                                           std::vector<TextSpan>& bytes) const {
  const std::string_view piece = part_of(text, begin, end);
  std::vector<BpeSymbol> symbols(piece.size());
  symbols.resize(encode_piece(piece, symbols.data()));
  std::vector<int32_t> source;  // for each byte of the spelled piece, the byte of `text`
  for (size_t i = 0; i < piece.size(); ++i)
    source.insert(source.end(), static_cast<size_t>(spelled_length(piece[i])),
                  static_cast<int32_t>(begin + static_cast<int64_t>(i)));
  size_t at = 0;
  for (const BpeSymbol& symbol : symbols) {
    const size_t next = at + static_cast<size_t>(symbol.length);
    ids.push_back(symbol.id);
    bytes.push_back({source[at], source[next - 1] + 1});
    at = next;
  }
}

void BpeTokenizer::append_with_spans(std::string_view text, std::vector<int32_t>& ids,
                                     std::vector<TextSpan>& bytes) const {
  if (has_all_bytes_) {
    const size_t before = ids.size();
    append_ids(text, ids);
    int32_t at = 0;
    for (size_t i = before; i < ids.size(); ++i) {
      const int32_t end = at + token_bytes_[static_cast<size_t>(ids[i])];
      bytes.push_back({at, end});
      at = end;
    }
    return;
  }
  int64_t ends[max_pieces_at_once];
  for (int64_t at = 0; at < static_cast<int64_t>(text.size());) {
    const int64_t pieces = next_pieces(text, at, ends);
    for (int64_t k = 0; k < pieces; ++k) {
      append_incomplete_piece(text, at, ends[k], ids, bytes);
      at = ends[k];
    }
  }
}

void BpeTokenizer::encode_part(std::string_view text, std::vector<int32_t>& ids, std::vector<TextSpan>& bytes) const {
  if (!needs_prefix_space(text)) return append_with_spans(text, ids, bytes);
  const size_t before = bytes.size();
  append_with_spans(" " + std::string(text), ids, bytes);
  // The space that was added counts as part of the first character.
  const int32_t first = decode_utf8(text, 0).length;
  for (size_t i = before; i < bytes.size(); ++i) {
    bytes[i].begin = std::max(bytes[i].begin - 1, 0);
    bytes[i].end = bytes[i].end == 1 ? first : bytes[i].end - 1;
  }
}

BpeTokenizer::WhiteSpace BpeTokenizer::white_space_of(std::string_view token) {
  const int32_t space = byte_to_character(' ');
  WhiteSpace result{0, 0};
  bool only_white_space = true;
  for (int64_t at = 0; at < static_cast<int64_t>(token.size());) {
    const CodePoint character = decode_utf8(token, at);
    at += character.length;
    if (character.value == space || character_class(character.value) == CharacterClass::white_space) {
      result.leading += only_white_space ? 1 : 0;
      ++result.trailing;
    } else {
      only_white_space = false;
      result.trailing = 0;
    }
  }
  return result;
}

// As Hugging Face's process_offsets: spans become empty, but never begin behind their end, and a space at the beginning
// is told from one that the tokenizer put there only by being alone.
void BpeTokenizer::adjust_offsets(Encoding& encoding) const {
  if (!options_.trim_offsets) return;
  bool first = true;  // of the tokens of its text
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    if (encoding.special_tokens_mask[i] != 0 || (i > 0 && encoding.type_ids[i] != encoding.type_ids[i - 1]))
      first = true;
    if (encoding.special_tokens_mask[i] != 0) continue;
    const bool is_added = !added_tokens().empty() && added_tokens().find(encoding.ids[i]) != nullptr;
    WhiteSpace trimmed = is_added ? WhiteSpace{0, 0} : white_space_[static_cast<size_t>(encoding.ids[i])];
    TextSpan& span = encoding.offsets[i];
    if (trimmed.leading == 1 && options_.trim_keeps_first_space && first) trimmed.leading = 0;
    span.begin = std::min(span.begin + trimmed.leading, span.end);
    if (span.end >= trimmed.trailing) span.end = std::max(span.end - trimmed.trailing, span.begin);
    first = false;
  }
}

// An added token shows without the white space that it has taken along.
TextSpan BpeTokenizer::trim_added_token(std::string_view text, TextSpan bytes) const {
  if (!options_.trim_offsets) return bytes;
  const auto length_at = [&](int32_t at) { return decode_utf8(text, at).length; };
  const std::string_view token =
      text.substr(static_cast<size_t>(bytes.begin), static_cast<size_t>(bytes.end - bytes.begin));
  WhiteSpace trimmed = white_space_of(token);
  if (trimmed.leading == 1 && options_.trim_keeps_first_space && bytes.begin == 0) trimmed.leading = 0;
  for (; trimmed.leading > 0 && bytes.begin < bytes.end; --trimmed.leading) bytes.begin += length_at(bytes.begin);
  for (; trimmed.trailing > 0 && bytes.begin < bytes.end; --trimmed.trailing)
    bytes.end = static_cast<int32_t>(character_before(text, bytes.end));
  return bytes;
}

// ---- Tokens and ids -------------------------------------------------------------------------------------------------

std::string BpeTokenizer::decode_tokens(std::span<const std::string> tokens) const {
  std::string bytes;
  for (const std::string& token : tokens) append_from_byte_level(token, bytes);
  return is_valid_utf8(bytes) ? bytes : repaired_utf8(bytes);
}

std::optional<int32_t> BpeTokenizer::model_token_to_id(std::string_view token) const {
  const int32_t id = id_of(token);
  return id < 0 ? std::nullopt : std::optional(id);
}

std::optional<std::string_view> BpeTokenizer::model_id_to_token(int32_t id) const {
  if (id < 0 || id >= static_cast<int32_t>(vocabulary_.size()) || vocabulary_[static_cast<size_t>(id)].empty())
    return std::nullopt;
  return vocabulary_[static_cast<size_t>(id)];
}

int64_t BpeTokenizer::model_size() const { return tokens_.size(); }

}  // namespace roux::text
