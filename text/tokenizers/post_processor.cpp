// Templates of special tokens, checked once.
#include "text/tokenizers/post_processor.h"

#include <algorithm>

#include "tensor/error.h"

namespace roux::text {
namespace {

using Kind = TemplatePiece::Kind;

int64_t count(const std::vector<TemplatePiece>& pieces, Kind kind) {
  return std::count_if(pieces.begin(), pieces.end(), [kind](const TemplatePiece& p) { return p.kind == kind; });
}

int64_t checked_specials(const std::vector<TemplatePiece>& pieces) {
  int64_t specials = 0;
  for (const TemplatePiece& piece : pieces) {
    ROUX_CHECK(piece.type_id >= 0, "PostProcessor", "a type id of ", piece.type_id, "; expected 0 or more");
    if (piece.kind != Kind::special) continue;
    ROUX_CHECK(!piece.ids.empty(), "PostProcessor", "special token '", piece.token, "' has no ids");
    for (const int32_t id : piece.ids)
      ROUX_CHECK(id >= 0, "PostProcessor", "special token '", piece.token, "' has the id ", id);
    specials += static_cast<int64_t>(piece.ids.size());
  }
  return specials;
}

}  // namespace

PostProcessor::PostProcessor()
    : PostProcessor({TemplatePiece::first_text()}, {TemplatePiece::first_text(), TemplatePiece::second_text()}) {}

PostProcessor::PostProcessor(std::vector<TemplatePiece> single, std::vector<TemplatePiece> pair)
    : single_(std::move(single)), pair_(std::move(pair)) {
  ROUX_CHECK(count(single_, Kind::first) == 1 && count(single_, Kind::second) == 0, "PostProcessor",
             "the template of one text has it ", count(single_, Kind::first), " times and a second one ",
             count(single_, Kind::second), " times; expected the one text, once");
  ROUX_CHECK(count(pair_, Kind::first) == 1 && count(pair_, Kind::second) == 1, "PostProcessor",
             "the template of a pair has the first text ", count(pair_, Kind::first), " times and the second ",
             count(pair_, Kind::second), " times; expected each once");
  single_specials_ = checked_specials(single_);
  pair_specials_ = checked_specials(pair_);
  const auto text =
      std::find_if(pair_.begin(), pair_.end(), [](const TemplatePiece& p) { return p.kind != Kind::special; });
  first_comes_first_ = text->kind == Kind::first;
  bool seen = false;
  for (const TemplatePiece& piece : single_) {
    seen = seen || piece.kind == Kind::first;
    std::vector<int32_t>& side = seen ? after_ : before_;
    side.insert(side.end(), piece.ids.begin(), piece.ids.end());
  }
}

PostProcessor PostProcessor::bert(const std::string& cls, int32_t cls_id, const std::string& sep, int32_t sep_id) {
  const TemplatePiece begin = TemplatePiece::special_token(cls, cls_id);
  const TemplatePiece end = TemplatePiece::special_token(sep, sep_id);
  const TemplatePiece second_end = TemplatePiece::special_token(sep, sep_id, 1);
  return PostProcessor({begin, TemplatePiece::first_text(), end},
                       {begin, TemplatePiece::first_text(), end, TemplatePiece::second_text(), second_end});
}

PostProcessor PostProcessor::roberta(const std::string& cls, int32_t cls_id, const std::string& sep, int32_t sep_id) {
  const TemplatePiece begin = TemplatePiece::special_token(cls, cls_id);
  const TemplatePiece end = TemplatePiece::special_token(sep, sep_id);
  return PostProcessor({begin, TemplatePiece::first_text(), end},
                       {begin, TemplatePiece::first_text(), end, end, TemplatePiece::second_text(0), end});
}

}  // namespace roux::text
