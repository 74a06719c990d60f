// Reading tokenizer.json.
#include "text/tokenizers/tokenizer_json.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "tensor/error.h"
#include "text/tokenizers/bpe.h"
#include "tensor/json_value.h"
#include "text/tokenizers/wordpiece.h"

namespace roux::text {
namespace {

using Type = JsonValue::Type;

constexpr const char* operation = "load_tokenizer";
constexpr int64_t max_id = std::numeric_limits<int32_t>::max() - 1;

std::string type_of(const JsonObject& object) { return object.text("type"); }

/// The vocabulary of a model with id = index.
std::vector<std::string> vocabulary_of(const JsonObject& model, const std::vector<AddedToken>& added) {
  const JsonObject tokens = model.object("vocab");
  const std::vector<std::string>& keys = tokens.value().keys;
  // Ids without holes are below this; one of a thousand millions must not take all memory.
  const auto limit = static_cast<int64_t>(keys.size() + added.size());
  std::vector<std::string> vocabulary(keys.size());
  std::vector<bool> taken(keys.size());
  size_t size = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    const JsonValue& value = tokens.value().items[i];
    ROUX_CHECK(value.type == Type::integer && value.integer >= 0, operation, tokens.place(), ": '", keys[i],
               "' has the id ", describe(value), "; expected a whole number from 0 on");
    ROUX_CHECK(value.integer < limit, operation, tokens.place(), ": '", keys[i], "' has the id ", value.integer,
               ", and with ", keys.size(), " tokens and ", added.size(), " added ones a smaller id is missing");
    const auto id = static_cast<size_t>(value.integer);
    if (id >= vocabulary.size()) {
      vocabulary.resize(static_cast<size_t>(limit));
      taken.resize(static_cast<size_t>(limit));
    }
    ROUX_CHECK(!taken[id], operation, tokens.place(), ": '", vocabulary[id], "' and '", keys[i], "' have the same id, ",
               value.integer);
    taken[id] = true;
    vocabulary[id] = keys[i];
    size = std::max(size, id + 1);
  }
  vocabulary.resize(size);
  std::unordered_set<int32_t> added_ids;
  for (const AddedToken& token : added) added_ids.insert(token.id);
  for (size_t id = 0; id < size; ++id)
    ROUX_CHECK(taken[id] || added_ids.contains(static_cast<int32_t>(id)), operation, tokens.place(),
               ": no token has the id ", id, ", and there are larger ones");
  return vocabulary;
}

std::vector<AddedToken> added_tokens_of(const JsonObject& root) {
  std::vector<AddedToken> tokens;
  if (root.find("added_tokens") == nullptr) return tokens;
  const std::vector<JsonValue>& entries = root.array("added_tokens");
  for (size_t i = 0; i < entries.size(); ++i) {
    const JsonObject entry(entries[i], root.place("added_tokens[" + std::to_string(i) + "]"), operation);
    tokens.push_back({entry.text("content"), static_cast<int32_t>(entry.integer("id", 0, max_id)),
                      entry.boolean("special"), entry.boolean("single_word"), entry.boolean("lstrip"),
                      entry.boolean("rstrip"), entry.boolean("normalized")});
    entry.finish();
  }
  return tokens;
}

/// Throws where an added token has another id in the model, the id of another token, or one with a hole below it.
void check_added_tokens(const std::vector<AddedToken>& added, const std::vector<std::string>& vocabulary,
                        const std::string& place) {
  if (added.empty()) return;
  std::unordered_map<std::string_view, int64_t> wanted;
  size_t size = vocabulary.size();
  for (const AddedToken& token : added) {
    wanted.emplace(token.content, token.id);
    const auto id = static_cast<size_t>(token.id);
    size += id >= vocabulary.size();
    ROUX_CHECK(id >= vocabulary.size() || vocabulary[id].empty() || vocabulary[id] == token.content, operation, place,
               ": '", token.content, "' has the id ", token.id, ", which is that of '",
               id < vocabulary.size() ? vocabulary[id] : "", "' in the model's vocabulary");
  }
  for (size_t id = 0; id < vocabulary.size(); ++id) {
    const auto found = wanted.find(vocabulary[id]);
    ROUX_CHECK(found == wanted.end() || found->second == static_cast<int64_t>(id), operation, place, ": '",
               vocabulary[id], "' has the id ", found == wanted.end() ? 0 : found->second,
               ", and in the model's vocabulary ", id);
  }
  for (const AddedToken& token : added)
    ROUX_CHECK(static_cast<size_t>(token.id) < size, operation, place, ": '", token.content, "' has the id ", token.id,
               ", and a smaller id has no token");
}

// ---- Post-processors ------------------------------------------------------------------------------------------------

/// What the post-processors of a file ask for together.
struct PostProcessing {
  std::optional<PostProcessor> specials;
  bool trim_offsets = false;
  bool keeps_first_space = true;
};

struct NamedId {
  std::string token;
  int32_t id;
};

NamedId named_id(const JsonObject& object, std::string_view key) {
  const std::vector<JsonValue>& pair = object.array(key);
  if (pair.size() != 2 || pair[0].type != Type::string || pair[1].type != Type::integer || pair[1].integer < 0 ||
      pair[1].integer > max_id)
    object.refuse(key, "a token and its id");
  return {pair[0].text, static_cast<int32_t>(pair[1].integer)};
}

std::vector<int32_t> special_ids(const JsonObject& specials, const std::string& token) {
  const JsonObject entry = specials.object(token);
  ROUX_CHECK(entry.text("id") == token, operation, entry.place(), ".id is '", entry.text("id"), "'; expected '", token,
             "'");
  std::vector<int32_t> ids;
  for (const JsonValue& id : entry.array("ids")) {
    if (id.type != Type::integer || id.integer < 0 || id.integer > max_id) entry.refuse("ids", "a list of ids");
    ids.push_back(static_cast<int32_t>(id.integer));
  }
  entry.find("tokens");  // the names of the ids, which the vocabulary has too
  entry.finish();
  return ids;
}

std::vector<TemplatePiece> template_of(const JsonObject& object, const char* key, const JsonObject& specials) {
  std::vector<TemplatePiece> pieces;
  const std::vector<JsonValue>& entries = object.array(key);
  for (size_t i = 0; i < entries.size(); ++i) {
    const JsonObject entry(entries[i], object.place(std::string(key) + "[" + std::to_string(i) + "]"), operation);
    const bool is_text = entry.find("Sequence") != nullptr;
    const JsonObject piece = entry.object(is_text ? "Sequence" : "SpecialToken");
    const std::string id = piece.text("id");
    const auto type_id = static_cast<int32_t>(piece.integer("type_id", 0, max_id));
    if (is_text && id != "A" && id != "B") piece.refuse("id", "A or B");
    if (is_text) {
      pieces.push_back(id == "A" ? TemplatePiece::first_text(type_id) : TemplatePiece::second_text(type_id));
    } else {
      pieces.push_back({TemplatePiece::Kind::special, type_id, id, special_ids(specials, id)});
    }
    piece.finish();
    entry.finish();
  }
  return pieces;
}

PostProcessor template_processor(const JsonObject& object) {
  const JsonObject specials = object.object("special_tokens");
  return PostProcessor(template_of(object, "single", specials), template_of(object, "pair", specials));
}

void add_post_processor(const JsonObject& object, PostProcessing& result) {
  const std::string type = type_of(object);
  if (type == "Sequence") {
    const std::vector<JsonValue>& parts = object.array("processors");
    for (size_t i = 0; i < parts.size(); ++i) {
      const JsonObject part(parts[i], object.place("processors[" + std::to_string(i) + "]"), operation);
      if (part.text("type") == "Sequence") part.refuse("type", "no Sequence in a Sequence");
      add_post_processor(part, result);
    }
    object.finish();
    return;
  }
  if (type == "ByteLevel" || type == "RobertaProcessing") {
    const bool trims = object.boolean("trim_offsets");
    const bool keeps_space = object.boolean("add_prefix_space");
    ROUX_CHECK(!trims || !result.trim_offsets, operation, object.place(), " trims offsets for the second time");
    result.trim_offsets = result.trim_offsets || trims;
    if (trims) result.keeps_first_space = keeps_space;
    object.find("use_regex");  // says how to split texts; after they are split that changes nothing
  }
  if (type != "ByteLevel") {
    ROUX_CHECK(!result.specials, operation, object.place(), " puts special tokens around for the second time");
    if (type == "TemplateProcessing") {
      result.specials = template_processor(object);
    } else if (type == "BertProcessing" || type == "RobertaProcessing") {
      const NamedId cls = named_id(object, "cls");
      const NamedId sep = named_id(object, "sep");
      const auto make = type == "BertProcessing" ? &PostProcessor::bert : &PostProcessor::roberta;
      result.specials = make(cls.token, cls.id, sep.token, sep.id);
    } else {
      object.refuse("type", "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel or a Sequence of them");
    }
  }
  object.finish();
}

// ---- Defaults -------------------------------------------------------------------------------------------------------

void read_truncation(const JsonObject& object, EncodeOptions& options) {
  options.max_length = object.integer("max_length", 0, max_id);
  options.stride = object.integer("stride", 0, max_id);
  const std::string strategy = object.text("strategy");
  if (strategy == "OnlyFirst") {
    options.truncation = TruncationStrategy::only_first;
  } else if (strategy == "OnlySecond") {
    options.truncation = TruncationStrategy::only_second;
  } else if (strategy != "LongestFirst") {
    object.refuse("strategy", "LongestFirst, OnlyFirst or OnlySecond");
  }
  const std::string direction = object.text("direction", "Right");
  if (direction == "Left") {
    options.truncation_side = Side::left;
  } else if (direction != "Right") {
    object.refuse("direction", "Left or Right");
  }
  object.finish();
}

void read_padding(const JsonObject& object, TokenizerDefaults& defaults) {
  const JsonValue& strategy = object.at("strategy");
  if (strategy.type == Type::object) {
    const JsonObject fixed = object.object("strategy");
    defaults.padding_length = fixed.integer("Fixed", 0, max_id);
    fixed.finish();
  } else if (strategy.text != "BatchLongest") {
    object.refuse("strategy", "\"BatchLongest\" or {\"Fixed\": length}");
  }
  const std::string direction = object.text("direction");
  if (direction != "Left" && direction != "Right") object.refuse("direction", "Left or Right");
  defaults.asks_for_padding = true;
  defaults.padding_side = direction == "Left" ? Side::left : Side::right;
  if (object.find("pad_to_multiple_of") != nullptr)
    defaults.padding_multiple_of = object.integer("pad_to_multiple_of", 0, max_id);
  defaults.padding_type_id = static_cast<int32_t>(object.integer("pad_type_id", 0, max_id));
  object.find("pad_id");  // that of pad_token: check_padding
  defaults.special_tokens["pad_token"] = object.text("pad_token");
  object.finish();
}

// ---- Models ---------------------------------------------------------------------------------------------------------

/// Whether `decode` joins tokens by spaces, because the file names no decoder.
bool has_no_decoder(const JsonObject& root) { return root.find("decoder") == nullptr; }

WordPieceOptions normalizer_options(const JsonObject& root, const TokenizerOverrides& overrides) {
  WordPieceOptions options;
  if (root.find("normalizer") == nullptr) {
    options.clean_text = options.handle_chinese_chars = options.lowercase = false;
    options.strip_accents = false;
  } else {
    const JsonObject normalizer = root.object("normalizer");
    if (type_of(normalizer) != "BertNormalizer") normalizer.refuse("type", "BertNormalizer");
    options.clean_text = normalizer.boolean("clean_text");
    options.handle_chinese_chars = normalizer.boolean("handle_chinese_chars");
    if (normalizer.find("strip_accents") != nullptr) options.strip_accents = normalizer.boolean("strip_accents");
    options.lowercase = normalizer.boolean("lowercase");
    normalizer.finish();
    options.lowercase = overrides.lowercase.value_or(options.lowercase);
    options.handle_chinese_chars = overrides.handle_chinese_chars.value_or(options.handle_chinese_chars);
    if (overrides.strip_accents) options.strip_accents = overrides.strip_accents;
  }
  return options;
}

std::unique_ptr<Tokenizer> wordpiece_of(const JsonObject& root, const JsonObject& model, std::vector<AddedToken> added,
                                        const PostProcessing& post, const TokenizerOverrides& overrides) {
  WordPieceOptions options = normalizer_options(root, overrides);
  const JsonObject splitter = root.object("pre_tokenizer");
  if (type_of(splitter) != "BertPreTokenizer") splitter.refuse("type", "BertPreTokenizer, the one for WordPiece here");
  splitter.finish();
  options.unk_token = model.text("unk_token");
  options.continuing_subword_prefix = model.text("continuing_subword_prefix");
  options.max_input_chars_per_word = model.integer("max_input_chars_per_word", 0, max_id);
  if (!has_no_decoder(root)) {
    const JsonObject decoder = root.object("decoder");
    if (type_of(decoder) != "WordPiece") decoder.refuse("type", "WordPiece, the decoder for such a model here");
    if (decoder.text("prefix") != options.continuing_subword_prefix)
      decoder.refuse("prefix", "the model's, \"" + options.continuing_subword_prefix + "\"");
    options.cleanup = decoder.boolean("cleanup");
    decoder.finish();
  }
  ROUX_CHECK(!post.trim_offsets, operation, root.place("post_processor"),
             " trims offsets, which is done for byte-level models alone");
  std::vector<std::string> vocabulary = vocabulary_of(model, added);
  check_added_tokens(added, vocabulary, root.place("added_tokens"));
  ROUX_CHECK(std::find(vocabulary.begin(), vocabulary.end(), options.unk_token) != vocabulary.end(), operation,
             model.place("vocab"), " has no '", options.unk_token, "', the unknown token");
  model.finish();
  return std::make_unique<WordPieceTokenizer>(std::move(vocabulary), options, AddedTokens(std::move(added)),
                                              post.specials.value_or(PostProcessor()));
}

std::vector<std::pair<std::string, std::string>> merges_of(const JsonObject& model) {
  std::vector<std::pair<std::string, std::string>> merges;
  const std::vector<JsonValue>& entries = model.array("merges");
  merges.reserve(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const JsonValue& entry = entries[i];
    const size_t space = entry.text.find(' ');
    const bool is_list = entry.type == Type::array && entry.items.size() == 2 && entry.items[0].type == Type::string &&
                         entry.items[1].type == Type::string;
    const bool is_text = entry.type == Type::string && space != std::string::npos &&
                         entry.text.find(' ', space + 1) == std::string::npos;
    ROUX_CHECK(is_list || is_text, operation, model.place("merges"), "[", i, "] is ", describe(entry),
               "; expected two tokens");
    if (is_list) {
      merges.emplace_back(entry.items[0].text, entry.items[1].text);
    } else {
      merges.emplace_back(entry.text.substr(0, space), entry.text.substr(space + 1));
    }
  }
  return merges;
}

std::unique_ptr<Tokenizer> bpe_of(const JsonObject& root, const JsonObject& model, std::vector<AddedToken> added,
                                  const PostProcessing& post, const TokenizerOverrides& overrides) {
  BpeOptions options;
  if (root.find("normalizer") != nullptr)
    root.object("normalizer").refuse("type", "no normalizer for a BPE model here");
  const JsonObject splitter = root.object("pre_tokenizer");
  if (type_of(splitter) != "ByteLevel") splitter.refuse("type", "ByteLevel, the one for BPE here");
  options.add_prefix_space = overrides.add_prefix_space.value_or(splitter.boolean("add_prefix_space"));
  options.use_regex = splitter.boolean("use_regex", true);
  splitter.boolean("trim_offsets");  // of a pre-tokenizer it changes nothing; the post-processor's counts
  splitter.finish();
  if (!has_no_decoder(root)) {
    const JsonObject decoder = root.object("decoder");
    if (type_of(decoder) != "ByteLevel") decoder.refuse("type", "ByteLevel, the decoder for such a model here");
    for (const char* const unused : {"add_prefix_space", "trim_offsets", "use_regex"}) decoder.find(unused);
    decoder.finish();
  }
  options.unk_token = model.text("unk_token", "");
  options.fuse_unk = model.boolean("fuse_unk", false);
  options.ignore_merges = model.boolean("ignore_merges", false);
  for (const char* const affix : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!model.text(affix, "").empty()) model.refuse(affix, "none");
  options.trim_offsets = post.trim_offsets;
  options.trim_keeps_first_space = post.keeps_first_space;
  std::vector<std::string> vocabulary = vocabulary_of(model, added);
  check_added_tokens(added, vocabulary, root.place("added_tokens"));
  std::vector<std::pair<std::string, std::string>> merges = merges_of(model);
  model.finish();
  return std::make_unique<BpeTokenizer>(std::move(vocabulary), std::move(merges), options,
                                        AddedTokens(std::move(added)), post.specials.value_or(PostProcessor()));
}

/// The model's kind; files of old versions leave it out.
std::string model_type(const JsonObject& model) {
  if (model.find("type") != nullptr) return model.text("type");
  return model.find("merges") != nullptr ? "BPE" : model.find("max_input_chars_per_word") ? "WordPiece" : "";
}

/// What every special token of a template must be: a token with the id that the template gives it.
void check_templates(const Tokenizer& tokenizer, const std::string& place) {
  for (const auto* pieces : {&tokenizer.post_processor().single(), &tokenizer.post_processor().pair()})
    for (const TemplatePiece& piece : *pieces)
      for (const int32_t id : piece.ids) {
        const std::optional<int32_t> known = tokenizer.token_to_id(piece.token);
        ROUX_CHECK(piece.ids.size() > 1 || known == id, operation, place, ": special token '", piece.token,
                   "' has the id ", id,
                   known ? ", and in the vocabulary " + std::to_string(*known)
                         : std::string(", and is not in the vocabulary"));
      }
}

/// Padding is by `pad_token`; with another id than `pad_id` it would not be what the file says.
void check_padding(const Tokenizer& tokenizer, const JsonObject& padding) {
  const std::string token = padding.text("pad_token");
  const int64_t id = padding.integer("pad_id", 0, max_id);
  const std::optional<int32_t> known = tokenizer.token_to_id(token);
  ROUX_CHECK(known == id, operation, padding.place("pad_id"), " is ", id, ", and pad_token '", token,
             known ? "' has the id " + std::to_string(*known) : std::string("' is not in the vocabulary"));
}

}  // namespace

std::unique_ptr<Tokenizer> parse_tokenizer_json(std::string_view json, const std::string& source,
                                                const TokenizerOverrides& overrides) {
  const JsonValue parsed = parse_json(json, source, operation);
  const JsonObject root(parsed, "'" + source + "'", operation);
  const JsonValue* const has_model = root.find("model");
  ROUX_CHECK(has_model != nullptr && has_model->type == Type::object, operation, root.place("model"),
             has_model == nullptr ? " is missing" : " is no object",
             ", so this is no tokenizer.json (hint: for vocab.json with merges.txt, name the folder)");
  const JsonObject model = root.object("model");
  if (root.text("version", "1.0") != "1.0") root.refuse("version", "\"1.0\"");
  std::vector<AddedToken> added = added_tokens_of(root);
  for (const AddedToken& token : overrides.added_tokens) {
    const auto same = [&](const AddedToken& other) { return other.content == token.content; };
    if (std::none_of(added.begin(), added.end(), same)) added.push_back(token);
  }
  PostProcessing post;
  if (root.find("post_processor") != nullptr) add_post_processor(root.object("post_processor"), post);
  TokenizerDefaults defaults;
  if (root.find("truncation") != nullptr) read_truncation(root.object("truncation"), defaults.encode);
  if (root.find("padding") != nullptr) read_padding(root.object("padding"), defaults);

  const std::string type = model_type(model);
  std::unique_ptr<Tokenizer> tokenizer;
  if (type == "WordPiece") {
    tokenizer = wordpiece_of(root, model, std::move(added), post, overrides);
  } else if (type == "BPE") {
    tokenizer = bpe_of(root, model, std::move(added), post, overrides);
  } else {
    fail(operation, model.place("type"), " is \"", type, "\"; expected WordPiece or BPE");
  }
  root.finish();
  check_templates(*tokenizer, root.place("post_processor"));
  if (defaults.asks_for_padding) check_padding(*tokenizer, root.object("padding"));
  defaults.joins_tokens_by_spaces = has_no_decoder(root);
  tokenizer->set_defaults(std::move(defaults));
  return tokenizer;
}

}  // namespace roux::text
