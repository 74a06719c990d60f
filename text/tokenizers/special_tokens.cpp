// Special tokens of word and character tokenizers.
#include "text/tokenizers/special_tokens.h"

#include <algorithm>

#include "tensor/error.h"

namespace roux::text {
namespace {

/// The place of a token that must be there.
int32_t index_of(const std::vector<std::string>& tokens, std::string_view token, const char* what_for) {
  const auto found = std::find(tokens.begin(), tokens.end(), token);
  ROUX_CHECK(found != tokens.end(), "SpecialTokens", what_for, " '", token, "' is not among the special tokens");
  return static_cast<int32_t>(found - tokens.begin());
}

}  // namespace

void SpecialTokens::check() const {
  for (size_t i = 0; i < tokens.size(); ++i) {
    ROUX_CHECK(!tokens[i].empty(), "SpecialTokens", "token ", i, " is empty");
    ROUX_CHECK(std::find(tokens.begin(), tokens.begin() + static_cast<int64_t>(i), tokens[i]) ==
                   tokens.begin() + static_cast<int64_t>(i),
               "SpecialTokens", "'", tokens[i], "' is there twice");
  }
  unknown_id(0);
  post_processor(0);
}

AddedTokens SpecialTokens::added_tokens(int32_t first_id) const {
  std::vector<AddedToken> added;
  for (const std::string& token : tokens) {
    AddedToken& last = added.emplace_back();
    last.content = token;
    last.id = first_id + static_cast<int32_t>(added.size()) - 1;
    last.special = true;
  }
  return AddedTokens(std::move(added));
}

PostProcessor SpecialTokens::post_processor(int32_t first_id) const {
  if (around == Around::nothing) return {};
  const char* const begin = around == Around::start_end ? "<START>" : "<CLS>";
  const char* const end = around == Around::start_end ? "<END>" : "<SEP>";
  return PostProcessor::bert(begin, first_id + index_of(tokens, begin, "the token to begin a text with,"), end,
                             first_id + index_of(tokens, end, "the token to end a text with,"));
}

int32_t SpecialTokens::unknown_id(int32_t first_id) const {
  return unknown.empty() ? -1 : first_id + index_of(tokens, unknown, "the unknown token");
}

std::string to_string(Around around) {
  return around == Around::start_end ? "start_end" : around == Around::cls_sep ? "cls_sep" : "nothing";
}

Around around_from(std::string_view name) {
  for (const Around around : {Around::nothing, Around::start_end, Around::cls_sep})
    if (to_string(around) == name) return around;
  fail("SpecialTokens", "'", name, "' to put around texts; expected nothing, start_end or cls_sep");
}

}  // namespace roux::text
