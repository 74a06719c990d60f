// Tokenizers in files: loading what users have, saving, and every kind of file that is refused.
#include "text/tokenizers/tokenizer_files.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tests/message_of.h"
#include "tests/temporary_folder.h"
#include "text/tokenizers/bpe.h"
#include "tensor/json_value.h"
#include "text/tokenizers/tokenizer_json.h"
#include "text/tokenizers/word_tokenizer.h"
#include "text/tokenizers/wordpiece.h"

using namespace roux::text;
using nlohmann::json;
using roux::parse_json;

namespace {

using Ids = std::vector<int32_t>;

const std::string vocab_txt = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n##b\ncafe\ncaf\xC3\xA9\nA\n";

void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

/// A tokenizer.json with all its parts.
json wordpiece_file() {
  return json::parse(R"({"version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [
      {"id": 1, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true},
      {"id": 2, "content": "[SEP]", "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true}],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
        "strip_accents": null, "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 2]},
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
      "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "##b": 5}}})");
}

json bpe_file() {
  json file =
      json::parse(R"({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
    "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null,
      "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
      "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}})");
  return file;
}

std::unique_ptr<Tokenizer> parse(const json& file) { return parse_tokenizer_json(file.dump(), "t.json"); }

std::string refusal(json file, const std::function<void(json&)>& change) {
  change(file);
  return message_of([&] { parse(file); });
}

/// Whether `change` makes the file be refused with this text in the message.
void check_refused(const json& file, const std::string& text, const std::function<void(json&)>& change) {
  const std::string message = refusal(file, change);
  CHECK_MESSAGE(message.find("[load_tokenizer] 't.json'") == 0, message);
  CHECK_MESSAGE(message.find(text) != std::string::npos, message);
}

}  // namespace

TEST_CASE("a vocab.txt by itself is that of an uncased BERT") {
  const TemporaryFolder folder;
  write(folder / "vocab.txt", vocab_txt);
  for (const std::string& path : {folder / "vocab.txt", folder.path().string()}) {
    const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(path);
    CHECK(tokenizer->encode("A ab Caf\xC3\xA9 [MASK] zz").ids == Ids{2, 5, 5, 7, 8, 4, 1, 3});
    CHECK(tokenizer->encode_pair("a", "b").type_ids == Ids{0, 0, 0, 1, 1});
    CHECK(tokenizer->pad_id() == 0);
    CHECK(tokenizer->decode(tokenizer->encode("ab a").ids) == "ab a");
  }
}

TEST_CASE("tokenizer_config.json and special_tokens_map.json beside a vocab.txt") {
  const TemporaryFolder folder;
  write(folder / "vocab.txt", vocab_txt + "<begin>\n");
  write(folder / "tokenizer_config.json",
        R"({"do_lower_case": false, "strip_accents": true, "tokenizer_class": "BertTokenizer", "model_max_length": 512,
            "padding_side": "left", "cls_token": {"content": "<begin>", "lstrip": false}, "unknown_field": [1],
            "added_tokens_decoder": {"12": {"content": "<new>", "special": true, "lstrip": true}}})");
  write(folder / "special_tokens_map.json", R"({"additional_special_tokens": ["<more>"], "mask_token": "[MASK]"})");
  write(folder / "added_tokens.json", R"({"<old>": 14})");
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(folder.path());
  CHECK(tokenizer->encode("A caf\xC3\xA9").ids == Ids{11, 10, 8, 3});
  CHECK(tokenizer->encode("a <new> <old><more>").ids == Ids{11, 5, 12, 14, 15, 3});
  CHECK(tokenizer->defaults().model_max_length == 512);
  CHECK(tokenizer->defaults().padding_side == Side::left);

  write(folder / "tokenizer_config.json", R"({"tokenizer_class": "XLNetTokenizer"})");
  CHECK(message_of([&] { load_tokenizer(folder.path()); }).find("is for a XLNetTokenizer; known") != std::string::npos);
  write(folder / "tokenizer_config.json", R"({"do_lower_case": "yes"})");
  CHECK(message_of([&] { load_tokenizer(folder.path()); }).find(".do_lower_case is \"yes\"; expected true or false") !=
        std::string::npos);
  write(folder / "tokenizer_config.json", R"({"added_tokens_decoder": {"3": {"content": "<new>"}}})");
  CHECK(message_of([&] { load_tokenizer(folder.path()); }).find("which does not fit the vocabulary") !=
        std::string::npos);
}

TEST_CASE("tokenizer.json goes before vocab.txt, and tokenizer_config.json over it") {
  const TemporaryFolder folder;
  write(folder / "vocab.txt", vocab_txt);
  write(folder / "tokenizer.json", wordpiece_file().dump());
  CHECK(load_tokenizer(folder.path())->encode("A").ids == Ids{1, 3, 2});
  write(folder / "tokenizer_config.json", R"({"do_lower_case": false, "pad_token": "b",
      "added_tokens_decoder": {"1": {"content": "[CLS]"}, "6": {"content": "<new>"}}})");
  const std::unique_ptr<Tokenizer> cased = load_tokenizer(folder.path());
  CHECK(cased->encode("A<new>").ids == Ids{1, 0, 6, 2});
  CHECK(cased->pad_id() == 4);
}

TEST_CASE("vocab.json and merges.txt") {
  const TemporaryFolder folder;
  write(folder / "vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3, "\u0120": 4})");
  write(folder / "merges.txt", "#version: 0.2\na b\n");
  const std::unique_ptr<Tokenizer> gpt = load_tokenizer(folder.path());
  CHECK(gpt->encode("abb<|endoftext|>a").ids == Ids{2, 1, 3, 0});
  CHECK(gpt->decode(Ids{2, 4, 1}) == "ab b");

  write(folder / "vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<s>": 3, "</s>": 4, "<mask>": 5, "\u0120": 6})");
  write(folder / "tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizerFast"})");
  const Encoding roberta = load_tokenizer(folder.path())->encode_pair("ab <mask>", "a");
  CHECK(roberta.ids == Ids{3, 2, 5, 4, 4, 0, 4});
  CHECK(roberta.type_ids == Ids(7, 0));
  CHECK(roberta.offsets[2] == TextSpan{3, 9});

  write(folder / "merges.txt", "a b\na b c\n");
  CHECK(message_of([&] { load_tokenizer(folder.path()); }).find("merges.txt', line 2 is 'a b c'") != std::string::npos);
  write(folder / "merges.txt", "a b\n");
  write(folder / "vocab.json", R"({"a": 0, "b": 2})");
  CHECK(message_of([&] { load_tokenizer(folder.path()); }).find("'b' has the id 2; expected 0 to 1") !=
        std::string::npos);
  write(folder / "vocab.json", R"({"a": 0, "b": 0})");
  CHECK(message_of([&] { load_tokenizer(folder.path()); }).find("'a' and 'b' have the same id, 0") !=
        std::string::npos);
}

TEST_CASE("what is saved loads with the same ids") {
  const TemporaryFolder folder;
  json file = wordpiece_file();
  file["truncation"] = {{"max_length", 7}, {"strategy", "OnlyFirst"}, {"stride", 2}, {"direction", "Left"}};
  file["padding"] = {{"strategy", {{"Fixed", 12}}},
                     {"direction", "Left"},
                     {"pad_to_multiple_of", 8},
                     {"pad_id", 0},
                     {"pad_type_id", 3},
                     {"pad_token", "[UNK]"}};
  file["added_tokens"].push_back({{"id", 6},
                                  {"content", "<n>"},
                                  {"single_word", true},
                                  {"lstrip", true},
                                  {"rstrip", true},
                                  {"normalized", true},
                                  {"special", false}});
  file["normalizer"]["strip_accents"] = false;
  file["decoder"] = nullptr;
  const std::unique_ptr<Tokenizer> original = parse(file);
  save_tokenizer(*original, folder / "deep/saved");
  const std::unique_ptr<Tokenizer> loaded = load_tokenizer(folder / "deep/saved");
  CHECK(loaded->added_tokens().tokens() == original->added_tokens().tokens());
  CHECK(loaded->post_processor().single() == original->post_processor().single());
  CHECK(loaded->post_processor().pair() == original->post_processor().pair());
  CHECK(loaded->defaults() == original->defaults());
  CHECK(loaded->defaults().encode.max_length == 7);
  CHECK(loaded->defaults().padding_length == 12);
  CHECK(loaded->defaults().padding_type_id == 3);
  const auto& options = dynamic_cast<const WordPieceTokenizer&>(*loaded).options();
  CHECK(options == dynamic_cast<const WordPieceTokenizer&>(*original).options());
  CHECK(loaded->decode(Ids{3, 5}) == "a ##b");
  CHECK(to_tokenizer_json(*loaded) == to_tokenizer_json(*original));
  CHECK(roux::read_file(folder / "deep/saved/vocab.txt") == "[UNK]\n[CLS]\n[SEP]\na\nb\n##b\n");

  std::filesystem::remove(folder / "deep/saved/tokenizer.json");
  CHECK(load_tokenizer(folder / "deep/saved")->encode("ab a <n>").ids == original->encode("ab a <n>").ids);
}

TEST_CASE("a saved BPE tokenizer loads with the same ids") {
  const TemporaryFolder folder;
  json file = bpe_file();
  file["model"]["vocab"]["\""] = 3;
  file["post_processor"] = {
      {"type", "Sequence"},
      {"processors",
       {{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}},
        {{"type", "RobertaProcessing"},
         {"add_prefix_space", true},
         {"trim_offsets", false},
         {"cls", {"a", 0}},
         {"sep", {"b", 1}}}}}};
  const std::unique_ptr<Tokenizer> original = parse(file);
  save_tokenizer(*original, folder.path());
  const std::unique_ptr<Tokenizer> loaded = load_tokenizer(folder.path());
  CHECK(loaded->encode("ab\"ab").ids == Ids{0, 2, 3, 2, 1});
  CHECK(to_tokenizer_json(*loaded) == to_tokenizer_json(*original));
  std::filesystem::remove(folder / "tokenizer.json");
  CHECK(load_tokenizer(folder.path())->encode("ab\"ab", {.add_special_tokens = false}).ids == Ids{2, 3, 2});
}

TEST_CASE("what a folder held before does not come back") {
  const TemporaryFolder folder;
  save_tokenizer(WordTokenizer::build({"old words"}), folder.path());
  write(folder / "added_tokens.json", R"({"<old>": 6})");
  write(folder / "vocab.txt", "old\n");
  json file = wordpiece_file();
  file["model"]["vocab"]["line\nfeed"] = 6;
  save_tokenizer(*parse(file), folder.path());
  const std::unique_ptr<Tokenizer> loaded = load_tokenizer(folder.path());
  CHECK(loaded->encode("ab").ids == Ids{1, 3, 5, 2});
  CHECK_FALSE(loaded->token_to_id("<old>"));
  CHECK_FALSE(std::filesystem::exists(folder / "vocab.txt"));
  save_tokenizer(WordTokenizer::build({"new words"}), folder.path());
  CHECK(load_tokenizer(folder.path())->token_to_id("new") == 1);
}

TEST_CASE("ids behind the largest are refused") {
  const TemporaryFolder folder;
  write(folder / "vocab.txt", vocab_txt);
  write(folder / "added_tokens.json", R"({"<last>": 2147483646})");
  write(folder / "special_tokens_map.json", R"({"additional_special_tokens": ["<one>", "<two>"]})");
  CHECK(message_of([&] { load_tokenizer(folder.path()); }).find("there is no id left for '<two>'") !=
        std::string::npos);
}

TEST_CASE("paths and files that hold no tokenizer") {
  const TemporaryFolder folder;
  CHECK(message_of([&] { load_tokenizer(folder / "none"); }).find("is not there") != std::string::npos);
  CHECK(message_of([&] { load_tokenizer(folder.path()); }).find("has no roux_tokenizer.json, tokenizer.json") !=
        std::string::npos);
  const auto vocab = [&](const std::string& text) {
    write(folder / "vocab.txt", text);
    return message_of([&] { load_tokenizer(folder / "vocab.txt"); });
  };
  CHECK(vocab("").find("is empty") != std::string::npos);
  CHECK(vocab("[UNK]\n\xFF\n").find("line 2 is not valid UTF-8") != std::string::npos);
  CHECK(vocab("[UNK]\na\n[CLS]\na \n").find("line 4: 'a' stands in line 2 already") != std::string::npos);
  CHECK(vocab("[CLS]\n[SEP]\n").find("has no '[UNK]'") != std::string::npos);
  CHECK(vocab("[UNK]\n[SEP]\n").find("has no '[CLS]'") != std::string::npos);
  CHECK(vocab("[UNK]\r\n\r\n[CLS] \n[SEP]\xE3\x80\x80\n").find("nothing was thrown") == 0);
  for (const char* const own :
       {R"({"format": "roux word tokenizer", "version": 1})", R"({"format": "roux tokenizer", "version": 1})",
        R"({"format": "roux character tokenizer", "version": 2})", R"({"format": "roux )"}) {
    write(folder / "roux_tokenizer.json", own);
    CHECK_THROWS_AS(load_tokenizer(folder.path()), roux::Error);
  }
}

TEST_CASE("a file is told by what is in it, whatever its name and its white space") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.jsn";
  write(path, "\n" + wordpiece_file().dump(1));
  CHECK(load_tokenizer(path)->encode("ab").ids == Ids{1, 3, 5, 2});
  const WordTokenizer words = WordTokenizer::build({"my dog"});
  const json own = json::parse(to_own_json(words));
  for (const int indent : {-1, 0, 8}) {
    write(path, own.dump(indent));
    CHECK(load_tokenizer(path)->encode("my dog").ids == words.encode("my dog").ids);
  }
  CHECK_FALSE(is_own_json(R"({"model": {"format": "roux word tokenizer"}})"));

  const auto message = [&](const std::string& name, const std::string& text) {
    write(folder / name, text);
    return message_of([&] { load_tokenizer(folder / name); });
  };
  CHECK(
      message("merges.txt", "#version: 0.2\na b\n").find("holds merges, which say nothing without vocab.json (hint:") !=
      std::string::npos);
  CHECK(message("vocab.json", R"({"a": 0, "version": 1})")
            .find(".model is missing, so this is no tokenizer.json (hint:") != std::string::npos);
  CHECK(message("vocab.json", R"({"model": 0, "format": 1})").find(".model is no object") != std::string::npos);
}

TEST_CASE("JSON that is none, or goes too far") {
  const auto message = [](const std::string& text) {
    return message_of([&] { parse_tokenizer_json(text, "t.json"); });
  };
  const std::string whole = wordpiece_file().dump();
  for (size_t length = 0; length < whole.size(); length += 7) {
    CAPTURE(length);
    CHECK(message(whole.substr(0, length)).find("[load_tokenizer] 't.json' is no valid JSON at byte ") == 0);
  }
  CHECK(message(whole + "x").find("is no valid JSON") != std::string::npos);
  CHECK(message("[]").find("expected an object") != std::string::npos);
  CHECK(message("{}").find("'t.json'.model is missing") != std::string::npos);
  CHECK(message(std::string(1000000, '[')).find("nested deeper than 32") != std::string::npos);
  CHECK(message(R"({"a": {"b": 1, "b": 2}})").find("has the key 'b' twice") != std::string::npos);
  CHECK(message(R"({"a": "\ud800"})").find("is no valid JSON") != std::string::npos);
  CHECK(message(R"({"a": "\udc00\ud800"})").find("is no valid JSON") != std::string::npos);
  CHECK(message("{\"a\": \"\xFF\"}").find("is no valid JSON") != std::string::npos);
  CHECK(message(R"({"a": 18446744073709551615})").find("too large") != std::string::npos);
  CHECK(parse_json("[1, -2.5, true, null, \"\\u0000\"]", "s", "o").items.size() == 5);
}

TEST_CASE("a WordPiece file that asks for what is not done is refused by name") {
  const json file = wordpiece_file();
  CHECK(parse(file)->encode("ab [SEP]").ids == Ids{1, 3, 5, 2, 2});
  const auto refused = [&](const std::string& text, const std::function<void(json&)>& change) {
    check_refused(file, text, change);
  };
  refused(".version is \"2.0\"", [](json& f) { f["version"] = "2.0"; });
  refused(".extra is 1, and that field is not known here", [](json& f) { f["extra"] = 1; });
  refused(".normalizer.type is \"NFC\"; expected BertNormalizer", [](json& f) { f["normalizer"] = {{"type", "NFC"}}; });
  refused(".normalizer.lowercase is missing", [](json& f) { f["normalizer"].erase("lowercase"); });
  refused(".normalizer.extra is true", [](json& f) { f["normalizer"]["extra"] = true; });
  refused(".pre_tokenizer.type is \"Whitespace\"", [](json& f) { f["pre_tokenizer"]["type"] = "Whitespace"; });
  refused(".pre_tokenizer is missing", [](json& f) { f["pre_tokenizer"] = nullptr; });
  refused(".decoder.type is \"BPEDecoder\"", [](json& f) { f["decoder"]["type"] = "BPEDecoder"; });
  refused(".decoder.prefix is \"@@\"", [](json& f) { f["decoder"]["prefix"] = "@@"; });
  refused(".model.type is \"Unigram\"; expected WordPiece or BPE", [](json& f) { f["model"]["type"] = "Unigram"; });
  refused(".model.unk_token is missing", [](json& f) { f["model"].erase("unk_token"); });
  refused(".model.new_field is \"x\"", [](json& f) { f["model"]["new_field"] = "x"; });
  refused(".model.max_input_chars_per_word is -1", [](json& f) { f["model"]["max_input_chars_per_word"] = -1; });
  refused("has no '<unk>', the unknown token", [](json& f) { f["model"]["unk_token"] = "<unk>"; });
  CHECK(refusal(file, [](json& f) { f["model"]["new_flag"] = false; }) == "nothing was thrown");
  CHECK(refusal(file, [](json& f) { f["model"].erase("type"); }) == "nothing was thrown");
  CHECK(refusal(file, [](json& f) { f.erase("version"); }) == "nothing was thrown");
}

TEST_CASE("ids that are missing, there twice, or not those of the vocabulary are refused") {
  const json file = wordpiece_file();
  const auto refused = [&](const std::string& text, const std::function<void(json&)>& change) {
    check_refused(file, text, change);
  };
  refused("'##b' and 'b' have the same id, 4", [](json& f) { f["model"]["vocab"]["##b"] = 4; });
  refused("a smaller id is missing", [](json& f) { f["model"]["vocab"]["b"] = 1000000000; });
  refused("no token has the id 4", [](json& f) { f["model"]["vocab"]["b"] = 6; });
  refused("'a' has the id -1", [](json& f) { f["model"]["vocab"]["a"] = -1; });
  refused("'a' has the id \"3\"", [](json& f) { f["model"]["vocab"]["a"] = "3"; });
  refused(".model.vocab is an array", [](json& f) { f["model"]["vocab"] = json::array(); });
  refused("'new' has the id 99, and a smaller id has no token", [](json& f) {
    f["added_tokens"].push_back(f["added_tokens"][0]);
    f["added_tokens"].back()["content"] = "new";
    f["added_tokens"].back()["id"] = 99;
  });
  refused("'[CLS]' has the id 7, and in the model's vocabulary 1", [](json& f) { f["added_tokens"][0]["id"] = 7; });
  refused("which is that of 'a' in the model's", [](json& f) {
    f["added_tokens"][0] = f["added_tokens"][0];
    f["added_tokens"][0]["content"] = "new";
    f["added_tokens"][0]["id"] = 3;
  });
  refused(".added_tokens[0].normalized is missing", [](json& f) { f["added_tokens"][0].erase("normalized"); });
  refused(".added_tokens[1].special is 1", [](json& f) { f["added_tokens"][1]["special"] = 1; });
  CHECK(refusal(file, [](json& f) {
          f["added_tokens"].push_back(f["added_tokens"][0]);
        }).find("'[CLS]' is there twice") != std::string::npos);
}

TEST_CASE("post-processors, truncation and padding that are not known are refused") {
  const json file = wordpiece_file();
  const auto refused = [&](const std::string& text, const std::function<void(json&)>& change) {
    check_refused(file, text, change);
  };
  const json bert = file["post_processor"];
  refused(".post_processor.type is \"Magic\"", [](json& f) { f["post_processor"]["type"] = "Magic"; });
  refused(".post_processor.sep is \"x\"; expected an array", [](json& f) { f["post_processor"]["sep"] = "x"; });
  refused("special token '[SEP]' has the id 9", [](json& f) { f["post_processor"]["sep"][1] = 9; });
  refused("special token 'q' has the id 9, and is not in the vocabulary", [](json& f) {
    f["post_processor"]["sep"] = {"q", 9};
  });
  refused("for the second time", [&](json& f) {
    f["post_processor"] = {{"type", "Sequence"}, {"processors", {bert, bert}}};
  });
  refused("no Sequence in a Sequence", [](json& f) {
    f["post_processor"] = {{"type", "Sequence"},
                           {"processors", {{{"type", "Sequence"}, {"processors", json::array()}}}}};
  });
  refused("special_tokens.[X] is missing", [](json& f) {
    f["post_processor"] = {{"type", "TemplateProcessing"},
                           {"special_tokens", json::object()},
                           {"pair", json::array()},
                           {"single", {{{"SpecialToken", {{"id", "[X]"}, {"type_id", 0}}}}}}};
  });
  refused("id is \"C\"; expected A or B", [](json& f) {
    f["post_processor"] = {{"type", "TemplateProcessing"},
                           {"special_tokens", json::object()},
                           {"pair", json::array()},
                           {"single", {{{"Sequence", {{"id", "C"}, {"type_id", 0}}}}}}};
  });
  refused("trims offsets", [](json& f) {
    f["post_processor"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}};
  });
  refused(".truncation.strategy is \"Never\"", [](json& f) {
    f["truncation"] = {{"max_length", 3}, {"strategy", "Never"}, {"stride", 0}, {"direction", "Right"}};
  });
  refused(".truncation.max_length is -3", [](json& f) {
    f["truncation"] = {{"max_length", -3}, {"strategy", "OnlyFirst"}, {"stride", 0}};
  });
  const auto with_padding = [](int id, int type_id, const char* token) {
    return [=](json& f) {
      f["padding"] = {{"strategy", "BatchLongest"},
                      {"direction", "Right"},
                      {"pad_id", id},
                      {"pad_type_id", type_id},
                      {"pad_token", token}};
    };
  };
  CHECK(refusal(file, with_padding(0, 1, "[UNK]")) == "nothing was thrown");
  refused(".padding.pad_type_id is -1", with_padding(0, -1, "[UNK]"));
  refused(".padding.pad_id is 3, and pad_token '[UNK]' has the id 0", with_padding(3, 0, "[UNK]"));
  refused(".padding.pad_id is 0, and pad_token '[PAD]' is not in the vocabulary", with_padding(0, 0, "[PAD]"));
  refused(".padding.strategy is \"Much\"", [](json& f) { f["padding"] = {{"strategy", "Much"}}; });
}

TEST_CASE("a BPE file that asks for what is not done is refused by name") {
  const json file = bpe_file();
  CHECK(parse(file)->encode("abb").ids == Ids{2, 1});
  const auto refused = [&](const std::string& text, const std::function<void(json&)>& change) {
    check_refused(file, text, change);
  };
  refused(".normalizer.type is \"NFC\"; expected no normalizer", [](json& f) { f["normalizer"] = {{"type", "NFC"}}; });
  refused(".model.dropout is 0.1", [](json& f) { f["model"]["dropout"] = 0.1; });
  refused(".model.byte_fallback is true", [](json& f) { f["model"]["byte_fallback"] = true; });
  refused(".model.end_of_word_suffix is \"</w>\"", [](json& f) { f["model"]["end_of_word_suffix"] = "</w>"; });
  refused("merges[0] is \"ab\"; expected two tokens", [](json& f) { f["model"]["merges"] = {"ab"}; });
  refused(".pre_tokenizer.type is \"Metaspace\"", [](json& f) { f["pre_tokenizer"] = {{"type", "Metaspace"}}; });
  refused(".pre_tokenizer is missing", [](json& f) { f["pre_tokenizer"] = nullptr; });
  refused(".decoder.type is \"WordPiece\"", [](json& f) { f["decoder"] = {{"type", "WordPiece"}}; });
  CHECK_THROWS_AS(parse([&] {
                    json f = file;
                    f["model"]["merges"] = {{"a", "q"}};
                    return f;
                  }()),
                  roux::Error);
  CHECK(refusal(file, [](json& f) { f["model"]["merges"] = {"a b"}; }) == "nothing was thrown");
}
