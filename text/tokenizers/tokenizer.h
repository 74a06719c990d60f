// What every tokenizer does: text to ids and back, with where each token stands in the text.
//
// A tokenizer finds added tokens in the raw text first (text/tokenizers/added_tokens.h), encodes what lies between them
// (the virtual functions at the end, one class a kind of tokenizer), puts special tokens around it
// (text/tokenizers/post_processor.h), and truncates. Padding belongs to batches: text/padding.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/string_list.h"
#include "text/tokenizers/added_tokens.h"
#include "text/tokenizers/post_processor.h"

namespace roux::text {

/// The part [begin, end) of a text: characters (Unicode code points) in an Encoding, bytes where that is said.
struct TextSpan {
  int32_t begin = 0;  ///< the first character
  int32_t end = 0;    ///< behind the last one

  bool operator==(const TextSpan&) const = default;
};

/// A text, or a pair of texts, as tokens. All lists are equally long.
struct Encoding {
  std::vector<int32_t> ids;             ///< a token each
  std::vector<int32_t> type_ids;        ///< 0 for the first text, 1 for the second
  std::vector<uint8_t> attention_mask;  ///< 1; padding adds 0
  std::vector<uint8_t>
      special_tokens_mask;            ///< 1 for tokens that the post-processor put there, 0 for those of the text
  std::vector<TextSpan> offsets;      ///< in characters of the text that the token is from; (0, 0) for special ones
  std::vector<Encoding> overflowing;  ///< what truncation cut off, where EncodeOptions::overflowing asks for it

  /// How many tokens there are.
  int64_t size() const { return static_cast<int64_t>(ids.size()); }
};

/// Which text loses tokens when there are too many.
enum class TruncationStrategy {
  longest_first,  ///< the longer of the two, token by token
  only_first,
  only_second,
};

enum class Side { left, right };

/// How a text or a pair is encoded.
struct EncodeOptions {
  bool add_special_tokens = true;  ///< whether the template's tokens stand around it
  int64_t max_length = 0;          ///< tokens, special ones included; 0: no truncation
  TruncationStrategy truncation = TruncationStrategy::longest_first;  ///< which text loses tokens
  Side truncation_side = Side::right;                                 ///< where tokens are cut off
  bool overflowing = false;  ///< whether what is cut off is kept, in pieces of the same length
  int64_t stride = 0;        ///< how many tokens of a text such a piece repeats of the one before it

  bool operator==(const EncodeOptions&) const = default;
};

/// What a tokenizer's files say beyond how to encode a text. But for the last, nothing is applied unless it is asked
/// for.
struct TokenizerDefaults {
  EncodeOptions encode;                               ///< to hand to `encode`: truncation, where the files name one
  std::map<std::string, std::string> special_tokens;  ///< names such as pad_token and the tokens that have them
  bool asks_for_padding = false;                      ///< tokenizer.json has a section for it
  std::optional<Side> padding_side;                   ///< which end is filled up
  int32_t padding_type_id = 0;                        ///< the type of padding
  int64_t padding_length = 0;                         ///< 0: to the longest of a batch
  int64_t padding_multiple_of = 0;                    ///< 0: any length
  int64_t model_max_length = 0;                       ///< what the model was trained for; 0: not said
  bool joins_tokens_by_spaces = false;  ///< the files name no decoder: `decode` gives the tokens as they are

  bool operator==(const TokenizerDefaults&) const = default;
};

/// A text as a normaliser left it, and for each of its bytes the bytes of the original that it came from.
struct NormalizedText {
  std::string text;              ///< UTF-8
  std::vector<TextSpan> origin;  ///< of each byte: where it was in the text
};

/// The interface of all tokenizers. Several threads may use one at once.
class Tokenizer {
 public:
  virtual ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  /// Invalid UTF-8 is read as U+FFFD, one for each maximal part of a sequence, as Python's errors="replace" does.
  /// Throws where max_length leaves no room for the special tokens, stride none for progress, the chosen text is not
  /// there or shorter than what must go, or a text has more than 2^31 - 2 bytes.
  Encoding encode(std::string_view text, const EncodeOptions& options = {}) const;
  Encoding encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options = {}) const;
  /// Each text as `encode` does, each two as `encode_pair` does, in parallel. Throws unless there are as many second
  /// texts as first ones.
  std::vector<Encoding> encode_batch(const StringList& texts, const EncodeOptions& options = {}) const;
  std::vector<Encoding> encode_batch(const StringList& firsts, const StringList& seconds,
                                     const EncodeOptions& options = {}) const;

  /// Appends the ids alone: the same as `encode(text, {.add_special_tokens = ...}).ids`, and faster. Where it throws,
  /// a part of them may have been appended.
  void encode(std::string_view text, std::vector<int32_t>& ids, bool add_special_tokens = true) const;

  /// The text of some ids. Throws on an id outside the vocabulary.
  std::string decode(std::span<const int32_t> ids, bool skip_special_tokens = true) const;

  /// The id of a token, added ones included.
  std::optional<int32_t> token_to_id(std::string_view token) const;
  /// The token of an id, added ones included. Throws on an id that has none.
  std::string id_to_token(int32_t id) const;
  /// The number of tokens, added ones included. Ids may be larger, where added tokens leave some out.
  int64_t vocabulary_size() const;

  /// What is found in the text before the model sees it.
  const AddedTokens& added_tokens() const { return added_tokens_; }
  /// Which special tokens stand around a text or a pair.
  const PostProcessor& post_processor() const { return post_processor_; }

  /// What the files say of truncation, padding and length.
  const TokenizerDefaults& defaults() const { return defaults_; }
  /// Sets what `defaults` gives.
  void set_defaults(TokenizerDefaults defaults) { defaults_ = std::move(defaults); }
  /// The id to pad with: that of the `pad_token` of the defaults, else of "[PAD]", "<pad>" or "<PAD>"; else nothing.
  std::optional<int32_t> pad_id() const;

 protected:
  /// With the added tokens and the template that every tokenizer has.
  Tokenizer(AddedTokens added_tokens, PostProcessor post_processor);

 private:
  // ---- What a kind of tokenizer provides. `text` is valid UTF-8 and holds no added token. --------------------------

  /// Appends the ids of `text`.
  virtual void encode_part(std::string_view text, std::vector<int32_t>& ids) const = 0;
  /// The same, and for each id the bytes of `text` that it stands for.
  virtual void encode_part(std::string_view text, std::vector<int32_t>& ids, std::vector<TextSpan>& bytes) const = 0;
  /// Whether there is a normaliser, and what it makes of a text. Asked only where an added token is to be found in
  /// normalised text; here: none, the text as it is.
  virtual bool normalizes() const { return false; }
  virtual NormalizedText normalize(std::string_view text) const;
  /// `encode_part` for a text that `normalize` has been applied to; here: `encode_part`.
  virtual void encode_normalized(std::string_view text, std::vector<int32_t>& ids, std::vector<TextSpan>& bytes) const;
  /// The bytes that the offsets of an added token show, which was found at `bytes`; here: those.
  virtual TextSpan trim_added_token(std::string_view text, TextSpan bytes) const;
  /// What a tokenizer changes in the offsets of an encoding, special tokens in it; here: nothing.
  virtual void adjust_offsets(Encoding& encoding) const;
  /// The text of tokens, added ones among them, in order.
  virtual std::string decode_tokens(std::span<const std::string> tokens) const = 0;
  virtual std::optional<int32_t> model_token_to_id(std::string_view token) const = 0;
  /// Nothing for an id that the model does not have.
  virtual std::optional<std::string_view> model_id_to_token(int32_t id) const = 0;
  virtual int64_t model_size() const = 0;

  // ---- What the parts have in common ------------------------------------------------------------------------------

  struct Sequence;  // the tokens of one text
  struct Scratch;   // memory that the texts of a batch share
  struct NormalizedPatterns;

  void encode_text(std::string_view text, std::vector<int32_t>& ids) const;
  void encode_between(std::string_view part, std::vector<int32_t>& ids) const;
  void encode_sequence(std::string_view text, Scratch& scratch, Sequence& sequence) const;
  void encode_text(std::string_view text, Sequence& sequence) const;
  void encode_between(std::string_view part, int64_t begin, Sequence& sequence) const;
  void encode_in_normalized(std::string_view part, int64_t begin, Sequence& sequence) const;
  Encoding assemble(const Sequence& first, const Sequence* second, const EncodeOptions& options) const;
  std::vector<Encoding> encode_texts(const StringList& firsts, const StringList* seconds,
                                     const EncodeOptions& options) const;
  const PatternMatcher& normalized_patterns() const;

  AddedTokens added_tokens_;
  PostProcessor post_processor_;
  TokenizerDefaults defaults_;
  PatternMatcher raw_patterns_;
  std::unique_ptr<NormalizedPatterns> normalized_patterns_;
};

}  // namespace roux::text
