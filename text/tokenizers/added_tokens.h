// Added tokens: strings that are one token wherever they stand in a text, such as [SEP], whatever the model would make
// of them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace roux::text {

/// An entry of `added_tokens` in tokenizer.json. The options mean what they mean in Hugging Face's tokenizers.
struct AddedToken {
  std::string content;       ///< as it stands in texts
  int32_t id = 0;            ///< what it is encoded as
  bool special = false;      ///< left out by `decode` when asked; changes nothing in encoding
  bool single_word = false;  ///< only where no word character stands before or after it
  bool lstrip = false;       ///< takes the white space before it along
  bool rstrip = false;       ///< takes the white space after it along
  bool normalized = false;   ///< looked for in the normalised text, as the normaliser leaves `content`

  bool operator==(const AddedToken&) const = default;
};

/// Where an added token stands, in bytes: strip options included. `token` is an index into `AddedTokens::tokens()`.
struct AddedTokenMatch {
  int64_t begin = 0;  ///< its first byte
  int64_t end = 0;    ///< behind its last
  int32_t token = 0;  ///< which one
};

/// Finds any of some patterns, the leftmost first and of those that begin together the longest. Patterns are sorted, so
/// that a text is compared with all of them at once, a byte at a time; places where none can begin are passed over by
/// memchr when few bytes begin patterns.
class PatternMatcher {
 public:
  /// A string to look for.
  struct Pattern {
    std::string bytes;  ///< compared as they are
    int32_t token = 0;  ///< what matches name
  };

  /// A pattern that is empty is never found; of equal ones the first is.
  explicit PatternMatcher(std::vector<Pattern> patterns = {});

  bool empty() const { return patterns_.empty(); }

  /// The match that begins first at or behind `from`.
  std::optional<AddedTokenMatch> find(std::string_view text, int64_t from) const;

 private:
  size_t next_candidate(std::string_view text, size_t from) const;

  std::vector<Pattern> patterns_;   // in the order of bytes
  std::array<bool, 256> begins_{};  // whether a pattern begins with that byte
  std::string first_bytes_;         // the bytes for which that is so
};

/// A tokenizer's added tokens.
class AddedTokens {
 public:
  AddedTokens() = default;
  /// Throws on a token without content, a negative id, a content or an id that appears twice.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  /// In the order in which they were given.
  const std::vector<AddedToken>& tokens() const { return tokens_; }
  bool empty() const { return tokens_.empty(); }
  /// Whether some are looked for in the normalised text.
  bool any_normalized() const { return any_normalized_; }

  /// Null where there is none.
  const AddedToken* find(std::string_view content) const;
  const AddedToken* find(int32_t id) const;

  /// Looks for those of the raw text (normalized = false) with the others left alone, or the reverse. `normalize` gives
  /// what the normaliser makes of a string; of tokens that are the same then, special ones go first.
  PatternMatcher raw_matcher() const;
  PatternMatcher normalized_matcher(const std::function<std::string(std::string_view)>& normalize) const;

  /// Calls `on_text(begin, end)` and `on_token(match)` for the parts of `text` from left to right; none is empty. White
  /// space that two tokens would strip belongs to the first. As in Hugging Face's tokenizers, a token that begins with
  /// white space is found even where the one before has stripped that.
  template <class OnText, class OnToken>
  void split(const PatternMatcher& matcher, std::string_view text, OnText&& on_text, OnToken&& on_token) const {
    int64_t done = 0;
    int64_t from = 0;
    while (const std::optional<AddedTokenMatch> found = matcher.find(text, from)) {
      from = found->end;
      AddedTokenMatch match = *found;
      if (!applies(text, done, match)) continue;
      if (done < match.begin) on_text(done, match.begin);
      on_token(match);
      done = match.end;
    }
    if (done < static_cast<int64_t>(text.size())) on_text(done, static_cast<int64_t>(text.size()));
  }

 private:
  /// Whether a found token counts, and widens it to the white space that it takes along.
  bool applies(std::string_view text, int64_t done, AddedTokenMatch& match) const;

  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string, int32_t> by_content_;
  std::unordered_map<int32_t, int32_t> by_id_;
  bool any_normalized_ = false;
};

}  // namespace roux::text
