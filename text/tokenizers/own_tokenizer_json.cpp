// Word and character tokenizers as JSON of our own.
#include <nlohmann/json.hpp>

#include "tensor/error.h"
#include "text/tokenizers/char_tokenizer.h"
#include "tensor/json_value.h"
#include "text/tokenizers/tokenizer_json.h"
#include "text/tokenizers/word_tokenizer.h"

namespace roux::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* word_format = "roux word tokenizer";
constexpr const char* char_format = "roux character tokenizer";

Json specials_json(const SpecialTokens& specials) {
  return Json{{"tokens", specials.tokens}, {"unknown", specials.unknown}, {"around", to_string(specials.around)}};
}

Json vocabulary_json(const StringTable& table) {
  Json list = Json::array();
  for (int32_t id = 0; id < table.size(); ++id) list.push_back(table[id]);
  return list;
}

std::vector<std::string> texts_of(const JsonObject& object, std::string_view key) {
  std::vector<std::string> texts;
  for (const JsonValue& value : object.array(key)) {
    if (value.type != JsonValue::Type::string) object.refuse(key, "strings");
    texts.push_back(value.text);
  }
  return texts;
}

SpecialTokens specials_of(const JsonObject& root) {
  const JsonObject object = root.object("special_tokens");
  SpecialTokens specials{texts_of(object, "tokens"), object.text("unknown"), around_from(object.text("around"))};
  object.finish();
  return specials;
}

std::unique_ptr<Tokenizer> words_of(const JsonObject& root) {
  WordOptions options;
  options.lowercase = root.boolean("lowercase");
  options.strip_accents = root.boolean("strip_accents");
  options.punctuation = punctuation_from(root.text("punctuation"));
  options.expand_contractions = root.boolean("expand_contractions");
  return std::make_unique<WordTokenizer>(texts_of(root, "vocabulary"), options, specials_of(root));
}

std::unique_ptr<Tokenizer> characters_of(const JsonObject& root) {
  if (root.find("vocabulary") == nullptr) return std::make_unique<CharTokenizer>(specials_of(root));
  return std::make_unique<CharTokenizer>(texts_of(root, "vocabulary"), specials_of(root));
}

}  // namespace

std::string to_own_json(const Tokenizer& tokenizer) {
  Json root;
  if (const auto* words = dynamic_cast<const WordTokenizer*>(&tokenizer)) {
    const WordOptions& options = words->options();
    root = Json{{"format", word_format},
                {"version", 1},
                {"lowercase", options.lowercase},
                {"strip_accents", options.strip_accents},
                {"punctuation", to_string(options.punctuation)},
                {"expand_contractions", options.expand_contractions},
                {"special_tokens", specials_json(words->special_tokens())},
                {"vocabulary", vocabulary_json(words->vocabulary())}};
  } else if (const auto* characters = dynamic_cast<const CharTokenizer*>(&tokenizer)) {
    root =
        Json{{"format", char_format}, {"version", 1}, {"special_tokens", specials_json(characters->special_tokens())}};
    root["vocabulary"] = characters->has_vocabulary() ? vocabulary_json(characters->vocabulary()) : Json(nullptr);
  } else {
    fail("save_tokenizer",
         "there are files for word, character, WordPiece and BPE tokenizers, and this one is of another class (hint: "
         "save what it is made of)");
  }
  try {
    return root.dump(1) + "\n";
  } catch (const nlohmann::json::exception& error) {
    fail("save_tokenizer", "a token is not valid UTF-8: ", error.what());
  }
}

bool is_own_json(std::string_view json) {
  // A tokenizer.json, which may be large, is not parsed for this.
  if (json.find("\"roux ") == std::string_view::npos) return false;
  try {
    const JsonValue parsed = parse_json(json, "", "load_tokenizer");
    return JsonObject(parsed, "", "load_tokenizer").text("format", "").starts_with("roux ");
  } catch (const Error&) {
    return false;
  }
}

std::unique_ptr<Tokenizer> parse_own_json(std::string_view json, const std::string& source) {
  const JsonValue parsed = parse_json(json, source, "load_tokenizer");
  const JsonObject root(parsed, "'" + source + "'", "load_tokenizer");
  const std::string format = root.text("format");
  if (format != word_format && format != char_format)
    root.refuse("format", "\"" + std::string(word_format) + "\" or \"" + char_format + "\"");
  root.integer("version", 1, 1);
  try {
    std::unique_ptr<Tokenizer> tokenizer = format == word_format ? words_of(root) : characters_of(root);
    root.finish();
    return tokenizer;
  } catch (const Error& error) {
    const std::string text = error.what();
    if (text.find(source) != std::string::npos) throw;
    fail("load_tokenizer", "'", source, "': ", text);
  }
}

}  // namespace roux::text
