// Finding out what a folder or a file holds, and reading it.
#include "text/tokenizers/tokenizer_files.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "tensor/error.h"
#include "tensor/file.h"
#include "text/string_table.h"
#include "text/tokenizers/bpe.h"
#include "tensor/json_value.h"
#include "text/tokenizers/tokenizer_config.h"
#include "text/tokenizers/tokenizer_json.h"
#include "text/tokenizers/wordpiece.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

namespace fs = std::filesystem;

constexpr const char* operation = "load_tokenizer";
constexpr const char* own_file = "roux_tokenizer.json";

/// `line` without white space at its end.
std::string_view trimmed(std::string_view line) {
  while (!line.empty()) {
    const int64_t at = character_before(line, static_cast<int64_t>(line.size()));
    if (!has_white_space_property(decode_utf8(line, at).value)) break;
    line = line.substr(0, static_cast<size_t>(at));
  }
  return line;
}

/// Calls `f(line, number)` for each line, counted from 1.
template <class F>
void for_each_line(std::string_view bytes, F&& f) {
  for (int64_t number = 1; !bytes.empty(); ++number) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    f(bytes.substr(0, end), number);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
}

/// A token a line, whose number, from 0, is its id; an empty line is an id without a token.
std::vector<std::string> parse_vocab_txt(const std::string& bytes, const std::string& path) {
  const int64_t lines = std::count(bytes.begin(), bytes.end(), '\n') + 1;
  std::vector<std::string> vocabulary;
  vocabulary.reserve(static_cast<size_t>(lines));
  StringTable tokens;
  tokens.reserve(lines);
  for_each_line(bytes, [&](std::string_view line, int64_t number) {
    ROUX_CHECK(is_valid_utf8(line), operation, "'", path, "', line ", number, " is not valid UTF-8");
    const std::string_view token = trimmed(line);
    if (!token.empty()) {
      const int64_t before = tokens.size();
      ROUX_CHECK(tokens.insert(token) == before, operation, "'", path, "', line ", number, ": '", token,
                 "' stands in line ", std::find(vocabulary.begin(), vocabulary.end(), token) - vocabulary.begin() + 1,
                 " already");
    }
    vocabulary.emplace_back(token);
  });
  ROUX_CHECK(tokens.size() > 0, operation, "'", path, "' is empty; expected a token a line");
  return vocabulary;
}

std::vector<std::string> read_vocab_json(const std::string& path) {
  const JsonValue value = parse_json(read_file(path), path, operation);
  const JsonObject root(value, "'" + path + "'", operation);
  const size_t size = value.keys.size();
  std::vector<std::string> vocabulary(size);
  std::vector<bool> taken(size);
  for (size_t i = 0; i < size; ++i) {
    const JsonValue& id = value.items[i];
    ROUX_CHECK(id.type == JsonValue::Type::integer && id.integer >= 0 && id.integer < static_cast<int64_t>(size),
               operation, "'", path, "': '", value.keys[i], "' has the id ", describe(id), "; expected 0 to ", size - 1,
               " for ", size, " tokens");
    const auto at = static_cast<size_t>(id.integer);
    ROUX_CHECK(!taken[at], operation, "'", path, "': '", vocabulary[at], "' and '", value.keys[i],
               "' have the same id, ", id.integer);
    taken[at] = true;
    vocabulary[at] = value.keys[i];
  }
  return vocabulary;
}

std::vector<std::pair<std::string, std::string>> read_merges(const std::string& path) {
  const std::string bytes = read_file(path);
  std::vector<std::pair<std::string, std::string>> merges;
  for_each_line(bytes, [&](std::string_view line, int64_t number) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || (number == 1 && line.substr(0, 8) == "#version")) return;
    const size_t space = line.find(' ');
    ROUX_CHECK(space != std::string_view::npos && line.find(' ', space + 1) == std::string_view::npos, operation, "'",
               path, "', line ", number, " is '", line.substr(0, 80), "'; expected two tokens with a space between");
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  });
  return merges;
}

// ---- Folders without tokenizer.json ---------------------------------------------------------------------------------

int32_t id_in(const std::vector<std::string>& vocabulary, const std::string& token, const std::string& path) {
  const auto found = std::find(vocabulary.begin(), vocabulary.end(), token);
  ROUX_CHECK(!token.empty() && found != vocabulary.end(), operation, "'", path, "' has no '", token,
             "', which such a tokenizer needs");
  return static_cast<int32_t>(found - vocabulary.begin());
}

/// The tokens that the files name, those that are not in the vocabulary behind it.
AddedTokens added_tokens_of(const TokenizerConfig& config, const std::vector<std::string>& vocabulary,
                            const std::string& path) {
  std::vector<AddedToken> tokens = config.overrides.added_tokens;
  std::unordered_map<std::string_view, int32_t> ids;  // of those that the vocabulary has
  for (const auto* list : {&config.overrides.added_tokens, &config.special_tokens})
    for (const AddedToken& token : *list) ids.emplace(token.content, -1);
  for (size_t id = 0; id < vocabulary.size(); ++id)
    if (const auto found = ids.find(vocabulary[id]); found != ids.end() && found->second < 0)
      found->second = static_cast<int32_t>(id);
  std::erase_if(ids, [](const auto& entry) { return entry.second < 0; });
  auto next = static_cast<int64_t>(vocabulary.size());
  for (const AddedToken& token : tokens) {
    const auto found = ids.find(token.content);
    const auto id = static_cast<size_t>(token.id);
    ROUX_CHECK(found != ids.end() ? found->second == token.id : id >= vocabulary.size() || vocabulary[id].empty(),
               operation, "'", path, "': added token '", token.content, "' has the id ", token.id,
               ", which does not fit the vocabulary");
    next = std::max(next, int64_t{token.id} + 1);
  }
  for (AddedToken token : config.special_tokens) {
    const auto same = [&](const AddedToken& other) { return other.content == token.content; };
    if (std::any_of(tokens.begin(), tokens.end(), same)) continue;
    const auto found = ids.find(token.content);
    ROUX_CHECK(found != ids.end() || next <= std::numeric_limits<int32_t>::max(), operation, "'", path,
               "': there is no id left for '", token.content, "' behind ", next - 1);
    token.id = found != ids.end() ? found->second : static_cast<int32_t>(next++);
    tokens.push_back(token);
  }
  return AddedTokens(std::move(tokens));
}

/// The token with this name; without one, `usual`, which is noted where the vocabulary has it.
std::string token_named(const char* name, const char* usual, const std::vector<std::string>& vocabulary,
                        TokenizerConfig& config) {
  const auto found = config.defaults.special_tokens.find(name);
  if (found != config.defaults.special_tokens.end()) return found->second;
  if (std::find(vocabulary.begin(), vocabulary.end(), usual) == vocabulary.end()) return usual;
  config.defaults.special_tokens[name] = usual;
  AddedToken token;
  token.content = usual;
  token.special = true;
  token.lstrip = std::string_view(usual) == "<mask>";
  const auto same = [&](const AddedToken& other) { return other.content == token.content; };
  auto& tokens = config.special_tokens;
  if (std::none_of(tokens.begin(), tokens.end(), same)) tokens.push_back(token);
  return usual;
}

void check_class(const TokenizerConfig& config, std::initializer_list<const char*> known, const std::string& path) {
  std::string name = config.tokenizer_class;
  if (name.size() > 4 && name.compare(name.size() - 4, 4, "Fast") == 0) name.resize(name.size() - 4);
  std::string names;
  for (const char* const one : known) {
    if (name == one) return;
    names += std::string(names.empty() ? "" : ", ") + one;
  }
  ROUX_CHECK(name.empty() || name == "PreTrainedTokenizer", operation, "'", path, "' is for a ", config.tokenizer_class,
             "; known for such a folder: ", names, " (hint: a tokenizer.json says all that is needed)");
}

std::unique_ptr<Tokenizer> parse_bert(const std::string& bytes, const std::string& path, TokenizerConfig config) {
  check_class(config, {"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer"}, path);
  std::vector<std::string> vocabulary = parse_vocab_txt(bytes, path);
  WordPieceOptions options;
  options.unk_token = token_named("unk_token", "[UNK]", vocabulary, config);
  const std::string cls = token_named("cls_token", "[CLS]", vocabulary, config);
  const std::string sep = token_named("sep_token", "[SEP]", vocabulary, config);
  token_named("pad_token", "[PAD]", vocabulary, config);
  token_named("mask_token", "[MASK]", vocabulary, config);
  id_in(vocabulary, options.unk_token, path);
  options.lowercase = config.overrides.lowercase.value_or(true);
  options.strip_accents = config.overrides.strip_accents;
  options.handle_chinese_chars = config.overrides.handle_chinese_chars.value_or(true);
  PostProcessor around = PostProcessor::bert(cls, id_in(vocabulary, cls, path), sep, id_in(vocabulary, sep, path));
  AddedTokens added = added_tokens_of(config, vocabulary, path);
  auto tokenizer =
      std::make_unique<WordPieceTokenizer>(std::move(vocabulary), options, std::move(added), std::move(around));
  tokenizer->set_defaults(std::move(config.defaults));
  return tokenizer;
}

std::unique_ptr<Tokenizer> load_vocab_json(const std::string& folder, TokenizerConfig config) {
  const std::string path = folder + "/vocab.json";
  check_class(config, {"GPT2Tokenizer", "RobertaTokenizer", "BartTokenizer"}, path);
  std::vector<std::string> vocabulary = read_vocab_json(path);
  const bool is_roberta =
      config.tokenizer_class.rfind("Roberta", 0) == 0 || config.tokenizer_class.rfind("Bart", 0) == 0;
  BpeOptions options;
  options.add_prefix_space = config.overrides.add_prefix_space.value_or(false);
  PostProcessor around;
  if (is_roberta) {
    const std::string cls = token_named("cls_token", "<s>", vocabulary, config);
    const std::string sep = token_named("sep_token", "</s>", vocabulary, config);
    token_named("pad_token", "<pad>", vocabulary, config);
    token_named("unk_token", "<unk>", vocabulary, config);
    token_named("mask_token", "<mask>", vocabulary, config);
    around = PostProcessor::roberta(cls, id_in(vocabulary, cls, path), sep, id_in(vocabulary, sep, path));
    options.trim_offsets = true;
    options.trim_keeps_first_space = options.add_prefix_space;
  } else {
    token_named("bos_token", "<|endoftext|>", vocabulary, config);
    token_named("eos_token", "<|endoftext|>", vocabulary, config);
  }
  AddedTokens added = added_tokens_of(config, vocabulary, path);
  auto tokenizer = std::make_unique<BpeTokenizer>(std::move(vocabulary), read_merges(folder + "/merges.txt"), options,
                                                  std::move(added), std::move(around));
  tokenizer->set_defaults(std::move(config.defaults));
  return tokenizer;
}

/// What tokenizer.json says of lengths and sides goes before what stands beside it.
void merge_defaults(const TokenizerDefaults& beside, Tokenizer& tokenizer) {
  TokenizerDefaults defaults = tokenizer.defaults();
  defaults.special_tokens.insert(beside.special_tokens.begin(), beside.special_tokens.end());
  if (!defaults.padding_side) defaults.padding_side = beside.padding_side;
  if (defaults.encode.max_length == 0) defaults.encode.truncation_side = beside.encode.truncation_side;
  defaults.model_max_length = beside.model_max_length;
  tokenizer.set_defaults(std::move(defaults));
}

std::unique_ptr<Tokenizer> load_folder(const std::string& folder) {
  const auto has = [&](const char* name) { return fs::exists(fs::path(folder) / name); };
  if (has(own_file)) return parse_own_json(read_file(folder + "/" + own_file), folder + "/" + own_file);
  TokenizerConfig config = read_tokenizer_config(folder);
  if (has("tokenizer.json")) {
    const std::string path = folder + "/tokenizer.json";
    std::unique_ptr<Tokenizer> tokenizer = parse_tokenizer_json(read_file(path), path, config.overrides);
    merge_defaults(config.defaults, *tokenizer);
    return tokenizer;
  }
  if (has("vocab.txt")) {
    const std::string path = folder + "/vocab.txt";
    return parse_bert(read_file(path), path, std::move(config));
  }
  ROUX_CHECK(has("vocab.json") && has("merges.txt"), operation, "'", folder, "' has no ", own_file,
             ", tokenizer.json, vocab.txt, or vocab.json with merges.txt");
  return load_vocab_json(folder, std::move(config));
}

// ---- Writing --------------------------------------------------------------------------------------------------------

void remove_file(const std::string& path) {
  std::error_code error;
  fs::remove(path, error);
  ROUX_CHECK(!error, "save_tokenizer", "cannot remove '", path,
             "', which belongs to another tokenizer: ", error.message());
}

void write_vocab_txt(const WordPieceTokenizer& tokenizer, const std::string& path) {
  std::string lines;
  for (const std::string& token : tokenizer.vocabulary()) {
    if (trimmed(token).size() != token.size() || token.find('\n') != std::string::npos) return remove_file(path);
    lines += token + "\n";
  }
  write_file_atomically(path, lines);
}

void write_vocab_json(const BpeTokenizer& tokenizer, const std::string& folder) {
  std::string vocabulary = "{";
  for (size_t id = 0; id < tokenizer.vocabulary().size(); ++id) {
    const std::string& token = tokenizer.vocabulary()[id];
    if (token.empty()) continue;
    vocabulary += (vocabulary.size() == 1 ? "" : ",") + nlohmann::json(token).dump() + ":" + std::to_string(id);
  }
  write_file_atomically(folder + "/vocab.json", vocabulary + "}\n");
  std::string merges = "#version: 0.2\n";
  for (const auto& [left, right] : tokenizer.merges()) merges.append(left).append(" ").append(right).append("\n");
  write_file_atomically(folder + "/merges.txt", merges);
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  ROUX_CHECK(fs::exists(status), operation, "'", path,
             "' is not there; expected a model's folder or a tokenizer's file");
  if (fs::is_directory(status)) return load_folder(path);
  const std::string bytes = read_file(path);
  ROUX_CHECK(!bytes.starts_with("#version"), operation, "'", path,
             "' holds merges, which say nothing without vocab.json (hint: name the folder of both)");
  const size_t begin = bytes.find_first_not_of(" \t\r\n");
  const bool is_json = fs::path(path).extension() == ".json" || (begin != std::string::npos && bytes[begin] == '{');
  if (!is_json) return parse_bert(bytes, path, {});
  return is_own_json(bytes) ? parse_own_json(bytes, path) : parse_tokenizer_json(bytes, path);
}

void save_tokenizer(const Tokenizer& tokenizer, const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  ROUX_CHECK(!error, "save_tokenizer", "cannot make the folder '", folder, "': ", error.message());
  const auto* wordpiece = dynamic_cast<const WordPieceTokenizer*>(&tokenizer);
  const auto* bpe = dynamic_cast<const BpeTokenizer*>(&tokenizer);
  if (wordpiece == nullptr && bpe == nullptr) {
    write_file_atomically(folder + "/" + own_file, to_own_json(tokenizer));
    return;
  }
  const std::string json = to_tokenizer_json(tokenizer);  // throws, if at all, before anything is written
  // At any moment the folder loads as what was there or as this one. tokenizer.json is whole by itself: what would
  // change its meaning goes before it is replaced, and comes after.
  for (const std::string name : {"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"})
    remove_file(folder + "/" + name);
  write_file_atomically(folder + "/tokenizer.json", json);
  remove_file(folder + "/" + own_file);  // of a tokenizer that was saved here before: it would be loaded instead
  if (wordpiece != nullptr) write_vocab_txt(*wordpiece, folder + "/vocab.txt");
  if (bpe != nullptr) write_vocab_json(*bpe, folder);
  write_tokenizer_config(tokenizer, folder);
}

}  // namespace roux::text
