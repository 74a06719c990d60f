// Special tokens around encoded texts: [CLS] A [SEP], and for pairs [CLS] A [SEP] B [SEP].
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace roux::text {

/// A piece of a template: one of the texts, or a special token with the ids that it stands for (mostly one).
struct TemplatePiece {
  /// The first text, the second, or a special token.
  enum class Kind { first, second, special };

  Kind kind = Kind::first;   ///< which of the three it is
  int32_t type_id = 0;       ///< of all its ids
  std::string token;         ///< special: its name
  std::vector<int32_t> ids;  ///< special

  /// Pieces of each kind.
  static TemplatePiece first_text(int32_t type_id = 0) { return {Kind::first, type_id, {}, {}}; }
  static TemplatePiece second_text(int32_t type_id = 1) { return {Kind::second, type_id, {}, {}}; }
  static TemplatePiece special_token(std::string token, int32_t id, int32_t type_id = 0) {
    return {Kind::special, type_id, std::move(token), {id}};
  }

  bool operator==(const TemplatePiece&) const = default;
};

/// What stands around a text and around a pair. By default nothing: the text alone, and the pair one after the other
/// with type ids 0 and 1.
class PostProcessor {
 public:
  PostProcessor();
  /// Throws unless `single` holds the first text once and `pair` both texts once each, or where an id or a type id is
  /// negative or a special token has no ids.
  PostProcessor(std::vector<TemplatePiece> single, std::vector<TemplatePiece> pair);

  /// [CLS] A [SEP] and [CLS] A [SEP] B [SEP], type id 1 from B on.
  static PostProcessor bert(const std::string& cls, int32_t cls_id, const std::string& sep, int32_t sep_id);
  /// <s> A </s> and <s> A </s></s> B </s>, all of type 0.
  static PostProcessor roberta(const std::string& cls, int32_t cls_id, const std::string& sep, int32_t sep_id);

  /// The templates of a text and of a pair.
  const std::vector<TemplatePiece>& single() const { return single_; }
  const std::vector<TemplatePiece>& pair() const { return pair_; }
  /// How many special tokens are put around a text or a pair.
  int64_t special_tokens(bool is_pair) const { return is_pair ? pair_specials_ : single_specials_; }
  /// Whether the first text of a pair stands before the second.
  bool first_comes_first() const { return first_comes_first_; }

  /// The special ids in front of a single text and behind it.
  const std::vector<int32_t>& before() const { return before_; }
  const std::vector<int32_t>& after() const { return after_; }

 private:
  std::vector<TemplatePiece> single_;
  std::vector<TemplatePiece> pair_;
  std::vector<int32_t> before_;
  std::vector<int32_t> after_;
  int64_t single_specials_ = 0;
  int64_t pair_specials_ = 0;
  bool first_comes_first_ = true;
};

}  // namespace roux::text
