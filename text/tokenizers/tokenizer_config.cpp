// Reading and writing what stands beside a vocabulary.
#include "text/tokenizers/tokenizer_config.h"

#include <charconv>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "tensor/error.h"
#include "tensor/file.h"
#include "text/tokenizers/bpe.h"
#include "tensor/json_value.h"
#include "text/tokenizers/wordpiece.h"

namespace roux::text {
namespace {

using Type = JsonValue::Type;
using Json = nlohmann::ordered_json;

constexpr const char* operation = "load_tokenizer";
constexpr int64_t max_id = std::numeric_limits<int32_t>::max() - 1;
constexpr const char* token_names[] = {"unk_token",  "sep_token", "pad_token", "cls_token",
                                       "mask_token", "bos_token", "eos_token"};

/// A token given as its text or as an object; it has no id.
AddedToken token_of(const JsonValue& value, const std::string& place) {
  AddedToken token;
  token.special = true;
  if (value.type == Type::string) {
    token.content = value.text;
    return token;
  }
  const JsonObject object(value, place, operation);
  token.content = object.text("content");
  token.single_word = object.boolean("single_word", false);
  token.lstrip = object.boolean("lstrip", false);
  token.rstrip = object.boolean("rstrip", false);
  token.normalized = object.boolean("normalized", false);
  return token;
}

void add_special(const AddedToken& token, std::vector<AddedToken>& tokens) {
  for (const AddedToken& known : tokens)
    if (known.content == token.content) return;
  tokens.push_back(token);
}

void read_special_tokens(const JsonObject& root, TokenizerConfig& config) {
  for (const char* const name : token_names) {
    const JsonValue* value = root.find(name);
    if (value == nullptr) continue;
    const AddedToken token = token_of(*value, root.place(name));
    config.defaults.special_tokens.emplace(name, token.content);
    add_special(token, config.special_tokens);
  }
  if (root.find("additional_special_tokens") == nullptr) return;
  for (const JsonValue& value : root.array("additional_special_tokens"))
    add_special(token_of(value, root.place("additional_special_tokens")), config.special_tokens);
}

void read_added_tokens_decoder(const JsonObject& root, TokenizerConfig& config) {
  if (root.find("added_tokens_decoder") == nullptr) return;
  const JsonObject decoder = root.object("added_tokens_decoder");
  for (size_t i = 0; i < decoder.value().keys.size(); ++i) {
    const std::string& key = decoder.value().keys[i];
    const JsonObject entry(decoder.value().items[i], decoder.place(key), operation);
    AddedToken token = token_of(entry.value(), entry.place());
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.id);
    ROUX_CHECK(error == std::errc() && end == key.data() + key.size() && token.id >= 0 && token.id <= max_id, operation,
               decoder.place(), " has the key '", key, "'; expected an id");
    token.special = entry.boolean("special", false);
    config.overrides.added_tokens.push_back(token);
  }
}

Side side_of(const JsonObject& root, const char* key) {
  const std::string side = root.text(key);
  if (side != "left" && side != "right") root.refuse(key, "left or right");
  return side == "left" ? Side::left : Side::right;
}

std::optional<bool> optional_flag(const JsonObject& root, const char* key) {
  if (root.find(key) == nullptr) return std::nullopt;
  return root.boolean(key);
}

void read_config(const JsonObject& root, TokenizerConfig& config) {
  config.tokenizer_class = root.text("tokenizer_class", "");
  config.overrides.lowercase = optional_flag(root, "do_lower_case");
  config.overrides.strip_accents = optional_flag(root, "strip_accents");
  config.overrides.handle_chinese_chars = optional_flag(root, "tokenize_chinese_chars");
  config.overrides.add_prefix_space = optional_flag(root, "add_prefix_space");
  if (root.find("padding_side") != nullptr) config.defaults.padding_side = side_of(root, "padding_side");
  if (root.find("truncation_side") != nullptr)
    config.defaults.encode.truncation_side = side_of(root, "truncation_side");
  // "No limit" is written as a number of thirty digits.
  const JsonValue* length = root.find("model_max_length");
  if (length != nullptr && length->type == Type::integer && length->integer > 0 && length->integer <= max_id)
    config.defaults.model_max_length = length->integer;
  read_added_tokens_decoder(root, config);
  read_special_tokens(root, config);
}

/// Calls `read` with the object in a file of the folder, if there is one.
template <class Read>
void read_if_there(const std::string& folder, const char* name, Read&& read) {
  const std::string path = folder + "/" + name;
  if (!std::filesystem::exists(path)) return;
  const JsonValue value = parse_json(read_file(path), path, operation);
  read(JsonObject(value, "'" + path + "'", operation));
}

Json token_json(const AddedToken& token) {
  return Json{{"content", token.content}, {"lstrip", token.lstrip},           {"normalized", token.normalized},
              {"rstrip", token.rstrip},   {"single_word", token.single_word}, {"special", token.special}};
}

/// The names of special tokens that the tokenizer was given, or those that their tokens commonly have.
std::map<std::string, std::string> names_of(const Tokenizer& tokenizer) {
  std::map<std::string, std::string> names = tokenizer.defaults().special_tokens;
  if (!names.empty()) return names;
  constexpr std::pair<const char*, const char*> usual[] = {
      {"unk_token", "[UNK]"},   {"sep_token", "[SEP]"},         {"pad_token", "[PAD]"},
      {"cls_token", "[CLS]"},   {"mask_token", "[MASK]"},       {"unk_token", "<unk>"},
      {"bos_token", "<s>"},     {"eos_token", "</s>"},          {"pad_token", "<pad>"},
      {"mask_token", "<mask>"}, {"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}};
  for (const auto& [name, content] : usual) {
    const AddedToken* token = tokenizer.added_tokens().find(content);
    if (token != nullptr && token->special) names.emplace(name, content);
  }
  return names;
}

}  // namespace

TokenizerConfig read_tokenizer_config(const std::string& folder) {
  TokenizerConfig config;
  read_if_there(folder, "tokenizer_config.json", [&](const JsonObject& root) { read_config(root, config); });
  read_if_there(folder, "special_tokens_map.json", [&](const JsonObject& root) { read_special_tokens(root, config); });
  read_if_there(folder, "added_tokens.json", [&](const JsonObject& root) {
    for (const std::string& content : root.value().keys) {
      AddedToken token;
      token.content = content;
      token.id = static_cast<int32_t>(root.integer(content, 0, max_id));
      add_special(token, config.overrides.added_tokens);
    }
  });
  return config;
}

void write_tokenizer_config(const Tokenizer& tokenizer, const std::string& folder) {
  const TokenizerDefaults& defaults = tokenizer.defaults();
  // The class that takes tokenizer.json as it is; others put tokens of their own to it.
  Json config = Json{{"tokenizer_class", "PreTrainedTokenizerFast"}};
  if (const auto* wordpiece = dynamic_cast<const WordPieceTokenizer*>(&tokenizer)) {
    const WordPieceOptions& options = wordpiece->options();
    config["do_lower_case"] = options.lowercase;
    config["strip_accents"] = options.strip_accents ? Json(*options.strip_accents) : Json(nullptr);
    config["tokenize_chinese_chars"] = options.handle_chinese_chars;
  }
  if (const auto* bpe = dynamic_cast<const BpeTokenizer*>(&tokenizer))
    config["add_prefix_space"] = bpe->options().add_prefix_space;
  if (defaults.model_max_length > 0) config["model_max_length"] = defaults.model_max_length;
  if (defaults.padding_side) config["padding_side"] = defaults.padding_side == Side::left ? "left" : "right";
  if (defaults.encode.truncation_side == Side::left) config["truncation_side"] = "left";
  Json decoder = Json::object();
  for (const AddedToken& token : tokenizer.added_tokens().tokens())
    decoder[std::to_string(token.id)] = token_json(token);
  config["added_tokens_decoder"] = decoder;
  Json map = Json::object();
  for (const auto& [name, content] : names_of(tokenizer)) config[name] = map[name] = content;
  write_file_atomically(folder + "/tokenizer_config.json", config.dump(2) + "\n");
  write_file_atomically(folder + "/special_tokens_map.json", map.dump(2) + "\n");
}

}  // namespace roux::text
