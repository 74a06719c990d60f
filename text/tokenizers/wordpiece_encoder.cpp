// The inner loop of WordPiece. 64 bytes at a time, masks say where ASCII words and punctuation begin and end; a word of
// up to 15 bytes is two registers, lower-cased there, and mostly found in the cache. Everything else (other characters,
// control characters, words of 64 bytes and more) goes code point by code point through the table, its bytes straight
// into the matcher.
#include "text/tokenizers/wordpiece_encoder.h"

#include <array>
#include <bit>
#include <cstring>

#include "tensor/error.h"
#include "text/tokenizers/ascii_masks.h"
#include "text/tokenizers/bert_normalizer.h"

namespace roux::text {
namespace {

constexpr size_t block = AsciiMasks::block;
constexpr size_t readable = block + 16;  // what may be read behind the beginning of a block

/// The lowest `count` bits, 0 to 64.
uint64_t lowest(size_t count) { return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }

/// By length: which bytes of two registers belong to a word.
constexpr std::array<WordKey, WordCache::max_bytes + 1> key_masks = [] {
  std::array<WordKey, WordCache::max_bytes + 1> masks{};
  for (size_t length = 0; length < masks.size(); ++length)
    for (size_t i = 0; i < length; ++i)
      (i < 8 ? masks[length].low : masks[length].high) |= uint64_t{255} << (i % 8 * 8);
  return masks;
}();

/// One text. Ids gather in a buffer; `with_spans` decides whether spans are written at all.
template <bool with_spans>
class Encoder {
 public:
  Encoder(const WordPieceModel& model, std::string_view text, std::vector<int32_t>& ids, std::vector<TextSpan>* spans)
      : model_(model), text_(text.data()), end_(text.data() + text.size()), ids_(ids), spans_(spans) {
    if constexpr (with_spans) spans_before_ = spans->size() - ids.size();
  }

  bool run() {
    const char* at = text_;
    const size_t size = static_cast<size_t>(end_ - at);
    if (size >= readable) at = encode_until(at, end_ - readable + 1);
    if (at == nullptr) return false;
    // The rest, where reading past the end does no harm. Spaces end its last word.
    std::array<char, 2 * readable> rest;
    rest.fill(' ');
    const auto rest_size = static_cast<size_t>(end_ - at);
    std::memcpy(rest.data(), at, rest_size);
    offset_ = at - text_;
    text_ = rest.data();
    if (encode_until(text_, text_ + rest_size) == nullptr) return false;
    if (in_characters_) end_word();
    flush();
    return true;
  }

 private:
  static constexpr size_t buffer_size = 1024;

  // ---- Output -------------------------------------------------------------------------------------------------------

  /// Not initialised where it is declared.
  struct Span {
    int32_t begin, end;
    operator TextSpan() const { return {begin, end}; }
  };

  void flush() {
    ids_.insert(ids_.end(), buffer_.data(), buffer_.data() + buffered_);
    if constexpr (with_spans) spans_->insert(spans_->end(), span_buffer_.data(), span_buffer_.data() + buffered_);
    buffered_ = 0;
  }
  void make_room() {
    if (buffered_ > buffer_size - block - WordCache::max_ids) flush();
  }
  size_t count() const { return ids_.size() + buffered_; }
  /// Takes back all ids from `count` on.
  void resize(size_t count) {
    if (count >= ids_.size()) {
      buffered_ = count - ids_.size();
    } else {
      ids_.resize(count);
      if constexpr (with_spans) spans_->resize(count + spans_before_);
      buffered_ = 0;
    }
  }
  /// The span of the id at `index`.
  void set_span(size_t index, Span span) {
    if (index >= ids_.size()) {
      span_buffer_[index - ids_.size()] = span;
    } else {
      (*spans_)[index + spans_before_] = span;
    }
  }
  /// Its span is set behind.
  void push(int32_t id) {
    if (buffered_ == buffer_size) flush();
    buffer_[buffered_++] = id;
  }
  void push_unknown() {
    // Said only when it is needed: a vocabulary of all characters can do without.
    ROUX_CHECK(model_.unknown >= 0, "encode",
               "a word is not in the vocabulary, nor is there a token for unknown words");
    push(model_.unknown);
  }
  Span span(const char* begin, const char* end) const {
    return {static_cast<int32_t>(begin - text_ + offset_), static_cast<int32_t>(end - text_ + offset_)};
  }
  int32_t piece_bytes(int32_t id, bool is_first) const {
    return model_.piece_bytes[static_cast<size_t>(id)] - (is_first ? 0 : model_.prefix_bytes);
  }

  // ---- ASCII --------------------------------------------------------------------------------------------------------

  /// Encodes from `at` to `limit` or a little further; returns where it stopped, or null where the text has to be
  /// normalised first.
  const char* encode_until(const char* at, const char* limit) {
    while (at != nullptr && at < limit) at = in_characters_ ? encode_characters(at, limit) : encode_block(at);
    return at;
  }

  /// Encodes what is whole among the 64 bytes at `at` and ASCII, and returns where to go on.
  const char* encode_block(const char* at) {
    const AsciiMasks masks(at);
    const auto first_other = static_cast<size_t>(std::countr_zero(masks.other));
    // The word that reaches up to there is not complete.
    const uint64_t ends_word = ~masks.word & lowest(first_other);
    const auto cut = static_cast<size_t>(64 - std::countl_zero(ends_word));
    const uint64_t whole = lowest(cut);
    const uint64_t alone = ~(masks.word | masks.space);
    uint64_t begins = (alone | (masks.word & ~(masks.word << 1))) & whole;
    uint64_t ends = (alone | (masks.word & ~(masks.word >> 1))) & whole;
    make_room();
    const uint64_t lower = model_.table.lowercase() ? 0x2020202020202020u : 0;
    for (; begins != 0; begins &= begins - 1, ends &= ends - 1) {
      const auto begin = static_cast<size_t>(std::countr_zero(begins));
      const auto length = static_cast<size_t>(std::countr_zero(ends)) + 1 - begin;
      encode_ascii(at + begin, length, (masks.word >> begin & 1) != 0 ? lower : 0);
    }
    if (first_other < block || cut == 0) {
      in_characters_ = true;
      begin_word();
    }
    return at + cut;
  }

  /// A word of ASCII, or a punctuation mark; `lower` is or-ed to its bytes.
  void encode_ascii(const char* word, size_t length, uint64_t lower) {
    if (length > WordCache::max_bytes) [[unlikely]]
      return encode_long_ascii(word, length, lower);
    uint64_t low, high;
    std::memcpy(&low, word, 8);
    std::memcpy(&high, word + 8, 8);
    const WordKey& mask = key_masks[length];
    const WordKey key{(low | lower) & mask.low, ((high | lower) & mask.high) | uint64_t{length} << 56};
    const WordCache::Slot* const slot = model_.cache.find(key);
    if (slot == nullptr) [[unlikely]]
      return encode_new_ascii(word, length, key);
    std::memcpy(buffer_.data() + buffered_, slot->ids, sizeof slot->ids);
    const size_t ids = slot->count.load(std::memory_order_relaxed);
    if constexpr (with_spans) set_spans(word, length, ids);
    buffered_ += ids;
  }

  /// The spans of the `ids` ids that lie at the end of the buffer, not counted yet.
  void set_spans(const char* word, size_t length, size_t ids) {
    if (ids == 1) [[likely]] {
      span_buffer_[buffered_] = span(word, word + length);
      return;
    }
    for (size_t i = 0; i < ids; ++i) {
      const int32_t bytes = piece_bytes(buffer_[buffered_ + i], i == 0);
      span_buffer_[buffered_ + i] = span(word, word + bytes);
      word += bytes;
    }
  }

  [[gnu::noinline]] void encode_new_ascii(const char* word, size_t length, const WordKey& key) {
    std::array<char, 16> bytes;
    std::memcpy(bytes.data(), &key, bytes.size());
    const size_t first = buffered_;
    match(std::string_view(bytes.data(), length));
    const size_t ids = buffered_ - first;
    model_.cache.insert(key, std::span(buffer_).subspan(first, ids));
    buffered_ = first;
    if constexpr (with_spans) set_spans(word, length, ids);
    buffered_ += ids;
  }

  [[gnu::noinline]] void encode_long_ascii(const char* word, size_t length, uint64_t lower) {
    std::array<char, block> bytes;
    for (size_t i = 0; i < length; ++i) bytes[i] = static_cast<char>(word[i] | static_cast<char>(lower));
    const size_t first = buffered_;
    match(std::string_view(bytes.data(), length));
    const size_t ids = buffered_ - first;
    buffered_ = first;
    if constexpr (with_spans) set_spans(word, length, ids);
    buffered_ += ids;
  }

  /// Appends the ids of a word of ASCII, for which there is room.
  void match(std::string_view word) {
    const size_t first = buffered_;
    const auto take = [&](int32_t id) { buffer_[buffered_++] = id; };
    int32_t node = WordPieceMatcher::root;
    bool known = static_cast<int64_t>(word.size()) <= model_.max_characters;
    for (size_t i = 0; i < word.size() && known; ++i) known = model_.matcher.step(node, word[i], take);
    if (known && model_.matcher.finish(node, take)) return;
    buffered_ = first;
    push_unknown();
  }

  // ---- Everything else
  // ------------------------------------------------------------------------------------------------

  /// Encodes code point by code point, until a word has ended and ASCII follows, or the limit.
  const char* encode_characters(const char* at, const char* limit) {
    while (at < limit) {
      const Character character = read(at);
      const WordPieceTable::Entry& entry = model_.table[character.value];
      const char* const next = at + character.length;
      switch (entry.kind) {
        case WordPieceKind::foreign:
          known_ = false;
          add({}, 1, at, next);
          break;
        case WordPieceKind::word: add_letter(entry, at, next); break;
        case WordPieceKind::hangul: add_hangul(character.value, at, next); break;
        case WordPieceKind::dropped: break;
        case WordPieceKind::reordered: return nullptr;
        case WordPieceKind::alone:
          end_word();
          push_alone(static_cast<int32_t>(entry.value), at, next);
          if (ascii_follows(next)) return leave_characters(next);
          break;
        case WordPieceKind::white_space:
          end_word();
          if (ascii_follows(next)) return leave_characters(next);
          break;
      }
      at = known_ ? next : pass_word(next, limit);
    }
    return at;
  }

  /// Passes over the rest of a word that is unknown already.
  const char* pass_word(const char* at, const char* limit) {
    while (at < limit) {
      const Character character = read(at);
      const WordPieceKind kind = model_.table[character.value].kind;
      if (kind > WordPieceKind::dropped) break;
      at += character.length;
      if constexpr (with_spans) word_span_.end = kind == WordPieceKind::dropped ? word_span_.end : span(at, at).end;
    }
    return at;
  }

  const char* leave_characters(const char* at) {
    in_characters_ = false;
    return at;
  }

  struct Character {
    uint32_t value;
    uint32_t length;
  };

  /// A character of a valid text, without branches: four bytes may be read.
  static Character read(const char* at) {
    uint32_t bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    constexpr std::array<uint8_t, 16> lengths = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    constexpr std::array<uint32_t, 5> masks = {0, 0x7F, 0x1F3F, 0x0F3F3F, 0x073F3F3F};
    const uint32_t length = lengths[(bytes >> 4) & 15];
    const uint32_t bits = __builtin_bswap32(bytes) >> (32 - 8 * length) & masks[length];
    const uint32_t value = (bits & 0x7F) | (bits & 0x3F00) >> 2 | (bits & 0x3F0000) >> 4 | (bits & 0x07000000) >> 6;
    return {value, length};
  }

  void push_alone(int32_t id, const char* at, const char* next) {
    if (id < 0) [[unlikely]]
      return push_unknown();
    push(id);
    if constexpr (with_spans) set_span(count() - 1, span(at, next));
    ++word_count_;
  }

  static bool ascii_follows(const char* at) {
    uint64_t bytes;
    std::memcpy(&bytes, at, 8);
    return (bytes & 0x8080808080808080u) == 0;
  }

  void begin_word() {
    node_ = WordPieceMatcher::root;
    known_ = true;
    characters_ = 0;
    word_count_ = count();
    if constexpr (with_spans) origins_.clear();
  }

  void end_word() {
    if (characters_ == 0) return;
    const auto take = [&](int32_t id) { push(id); };
    if (known_ && model_.matcher.finish(node_, take)) {
      if constexpr (with_spans) set_word_spans();
    } else {
      resize(word_count_);
      push_unknown();
      if constexpr (with_spans) set_span(word_count_, word_span_);
    }
    begin_word();
  }

  /// The spans of a word's ids, from the origins of its bytes.
  void set_word_spans() {
    size_t at = 0;
    for (size_t i = word_count_; i < count(); ++i) {
      const int32_t id = i < ids_.size() ? ids_[i] : buffer_[i - ids_.size()];
      const auto bytes = static_cast<size_t>(piece_bytes(id, i == word_count_));
      set_span(i, {origins_[at].begin, origins_[at + bytes - 1].end});
      at += bytes;
    }
  }

  void add_letter(const WordPieceTable::Entry& entry, const char* at, const char* next) {
    std::string_view bytes(at, static_cast<size_t>(next - at));
    if (entry.length > sizeof entry.value) [[unlikely]] {
      bytes = {model_.table.longer(entry), entry.length};
    } else if (entry.length > 0) {
      bytes = {reinterpret_cast<const char*>(&entry.value), entry.length};
    }
    add(bytes, entry.characters, at, next);
  }

  void add_hangul(uint32_t syllable, const char* at, const char* next) {
    std::array<char, 9> letters;
    const auto size = static_cast<size_t>(write_hangul(syllable, letters.data()) - letters.data());
    add({letters.data(), size}, static_cast<int64_t>(size / 3), at, next);
  }

  void add(std::string_view bytes, int64_t characters, const char* at, const char* next) {
    if constexpr (with_spans) {
      const Span origin = span(at, next);
      if (characters_ == 0) word_span_ = origin;
      word_span_.end = origin.end;
      if (known_) origins_.insert(origins_.end(), bytes.size(), origin);
    }
    characters_ += characters;
    if (!known_) return;
    if (characters_ > model_.max_characters) {
      known_ = false;
      return;
    }
    const auto take = [&](int32_t id) { push(id); };
    for (const char byte : bytes) {
      if (model_.matcher.step(node_, byte, take)) continue;
      known_ = false;
      return;
    }
  }

  const WordPieceModel& model_;
  const char* text_;
  const char* end_;
  std::vector<int32_t>& ids_;
  std::vector<TextSpan>* spans_;
  size_t spans_before_ = 0;  // more spans than ids, when both began (modulo 2^64)
  ptrdiff_t offset_ = 0;     // of text_ in the text
  bool in_characters_ = false;
  size_t buffered_ = 0;
  std::array<int32_t, buffer_size> buffer_;
  std::array<Span, with_spans ? buffer_size : 0> span_buffer_;

  // The word under way in encode_characters.
  int32_t node_ = WordPieceMatcher::root;
  bool known_ = true;       // whether the vocabulary may still have tokens for it
  int64_t characters_ = 0;  // normalised
  size_t word_count_ = 0;   // how many ids there were before it
  Span word_span_{};
  std::vector<Span> origins_;  // one a byte
};

}  // namespace

bool encode_wordpieces(const WordPieceModel& model, std::string_view text, std::vector<int32_t>& ids) {
  return Encoder<false>(model, text, ids, nullptr).run();
}

bool encode_wordpieces(const WordPieceModel& model, std::string_view text, std::vector<int32_t>& ids,
                       std::vector<TextSpan>& bytes) {
  return Encoder<true>(model, text, ids, &bytes).run();
}

}  // namespace roux::text
