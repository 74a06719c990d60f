// Writing tokenizer.json.
#include <nlohmann/json.hpp>

#include "tensor/error.h"
#include "text/tokenizers/bpe.h"
#include "text/tokenizers/tokenizer_json.h"
#include "text/tokenizers/wordpiece.h"

namespace roux::text {
namespace {

using Json = nlohmann::ordered_json;

Json added_tokens_json(const AddedTokens& tokens) {
  Json list = Json::array();
  for (const AddedToken& token : tokens.tokens())
    list.push_back(Json{{"id", token.id},
                        {"content", token.content},
                        {"single_word", token.single_word},
                        {"lstrip", token.lstrip},
                        {"rstrip", token.rstrip},
                        {"normalized", token.normalized},
                        {"special", token.special}});
  return list;
}

Json truncation_json(const EncodeOptions& options) {
  if (options.max_length == 0) return nullptr;
  const char* const strategies[] = {"LongestFirst", "OnlyFirst", "OnlySecond"};
  return Json{{"direction", options.truncation_side == Side::left ? "Left" : "Right"},
              {"max_length", options.max_length},
              {"strategy", strategies[static_cast<int>(options.truncation)]},
              {"stride", options.stride}};
}

Json padding_json(const Tokenizer& tokenizer) {
  const TokenizerDefaults& defaults = tokenizer.defaults();
  const std::optional<int32_t> pad = tokenizer.pad_id();
  if (!defaults.padding_side || !pad || !defaults.asks_for_padding) return nullptr;
  return Json{
      {"strategy", defaults.padding_length > 0 ? Json{{"Fixed", defaults.padding_length}} : Json("BatchLongest")},
      {"direction", defaults.padding_side == Side::left ? "Left" : "Right"},
      {"pad_to_multiple_of", defaults.padding_multiple_of > 0 ? Json(defaults.padding_multiple_of) : Json(nullptr)},
      {"pad_id", *pad},
      {"pad_type_id", defaults.padding_type_id},
      {"pad_token", tokenizer.id_to_token(*pad)}};
}

Json pieces_json(const std::vector<TemplatePiece>& pieces) {
  Json list = Json::array();
  for (const TemplatePiece& piece : pieces) {
    if (piece.kind == TemplatePiece::Kind::special) {
      list.push_back(Json{{"SpecialToken", {{"id", piece.token}, {"type_id", piece.type_id}}}});
    } else {
      const char* const name = piece.kind == TemplatePiece::Kind::first ? "A" : "B";
      list.push_back(Json{{"Sequence", {{"id", name}, {"type_id", piece.type_id}}}});
    }
  }
  return list;
}

/// A template, or nothing where texts stay alone.
Json template_json(const Tokenizer& tokenizer) {
  const PostProcessor& post = tokenizer.post_processor();
  if (post.single() == PostProcessor().single() && post.pair() == PostProcessor().pair()) return nullptr;
  Json specials = Json::object();
  for (const auto* pieces : {&post.single(), &post.pair()})
    for (const TemplatePiece& piece : *pieces) {
      if (piece.kind != TemplatePiece::Kind::special) continue;
      Json names = Json::array();
      for (const int32_t id : piece.ids) names.push_back(tokenizer.id_to_token(id));
      specials[piece.token] = Json{{"id", piece.token}, {"ids", piece.ids}, {"tokens", names}};
    }
  return Json{{"type", "TemplateProcessing"},
              {"single", pieces_json(post.single())},
              {"pair", pieces_json(post.pair())},
              {"special_tokens", specials}};
}

/// The tokens in the order of ids; nlohmann's own object would look each up in a list.
Json vocabulary_json(const std::vector<std::string>& vocabulary) {
  Json tokens = Json::object();
  auto& entries = tokens.get_ref<Json::object_t&>();
  entries.reserve(vocabulary.size());
  for (size_t id = 0; id < vocabulary.size(); ++id)
    if (!vocabulary[id].empty()) entries.push_back({vocabulary[id], id});
  return tokens;
}

void add_wordpiece(const WordPieceTokenizer& tokenizer, Json& root) {
  const WordPieceOptions& options = tokenizer.options();
  root["normalizer"] = Json{{"type", "BertNormalizer"},
                            {"clean_text", options.clean_text},
                            {"handle_chinese_chars", options.handle_chinese_chars},
                            {"strip_accents", options.strip_accents ? Json(*options.strip_accents) : Json(nullptr)},
                            {"lowercase", options.lowercase}};
  root["pre_tokenizer"] = Json{{"type", "BertPreTokenizer"}};
  root["post_processor"] = template_json(tokenizer);
  root["decoder"] =
      Json{{"type", "WordPiece"}, {"prefix", options.continuing_subword_prefix}, {"cleanup", options.cleanup}};
  root["model"] = Json{{"type", "WordPiece"},
                       {"unk_token", options.unk_token},
                       {"continuing_subword_prefix", options.continuing_subword_prefix},
                       {"max_input_chars_per_word", options.max_input_chars_per_word}};
  root["model"]["vocab"] = vocabulary_json(tokenizer.vocabulary());
}

Json byte_level(bool add_prefix_space, bool trim_offsets, bool use_regex) {
  return Json{{"type", "ByteLevel"},
              {"add_prefix_space", add_prefix_space},
              {"trim_offsets", trim_offsets},
              {"use_regex", use_regex}};
}

void add_bpe(const BpeTokenizer& tokenizer, Json& root) {
  const BpeOptions& options = tokenizer.options();
  root["normalizer"] = nullptr;
  root["pre_tokenizer"] = byte_level(options.add_prefix_space, true, options.use_regex);
  const Json around = template_json(tokenizer);
  const Json trim = byte_level(options.trim_keeps_first_space, options.trim_offsets, true);
  root["post_processor"] =
      around.is_null() ? trim : Json{{"type", "Sequence"}, {"processors", Json::array({trim, around})}};
  root["decoder"] = byte_level(true, true, true);
  root["model"] = Json{{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", options.unk_token.empty() ? Json(nullptr) : Json(options.unk_token)},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", options.fuse_unk},
                       {"byte_fallback", false},
                       {"ignore_merges", options.ignore_merges}};
  root["model"]["vocab"] = vocabulary_json(tokenizer.vocabulary());
  Json merges = Json::array();
  for (const auto& [left, right] : tokenizer.merges()) merges.push_back(Json::array({left, right}));
  root["model"]["merges"] = std::move(merges);
}

}  // namespace

std::string to_tokenizer_json(const Tokenizer& tokenizer) {
  Json root = Json{{"version", "1.0"},
                   {"truncation", truncation_json(tokenizer.defaults().encode)},
                   {"padding", padding_json(tokenizer)},
                   {"added_tokens", added_tokens_json(tokenizer.added_tokens())}};
  if (const auto* wordpiece = dynamic_cast<const WordPieceTokenizer*>(&tokenizer)) {
    add_wordpiece(*wordpiece, root);
  } else if (const auto* bpe = dynamic_cast<const BpeTokenizer*>(&tokenizer)) {
    add_bpe(*bpe, root);
  } else {
    fail("save_tokenizer", "tokenizer.json holds WordPiece and BPE; this tokenizer is another");
  }
  if (tokenizer.defaults().joins_tokens_by_spaces) root["decoder"] = nullptr;
  try {
    return root.dump(2) + "\n";
  } catch (const nlohmann::json::exception& error) {
    fail("save_tokenizer", "a token is not valid UTF-8: ", error.what());
  }
}

}  // namespace roux::text
