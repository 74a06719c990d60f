// Binary forms, and every form written and read: against files of gensim and fastText, and damaged in many ways.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tensor/file.h"
#include "tensor/safetensors.h"
#include "tests/message_of.h"
#include "tests/temporary_folder.h"
#include "text/word_vectors/word_vectors.h"

using namespace roux;
using namespace roux::text;
using nlohmann::json;

namespace {

const json& oracle() {
  static const json json = json::parse(read_file("tests/oracle/word_vectors.json"));
  return json;
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::vector<std::string> words_of(const WordVectors& vectors) {
  std::vector<std::string> words;
  for (int64_t row = 0; row < vectors.size(); ++row) words.emplace_back(vectors.word(row));
  return words;
}

std::string refused(const std::string& bytes, const std::string& name = "test") {
  return message_of([&] { parse_word_vectors(bytes, name); });
}

bool has(const std::string& text, const std::string& part) {
  CHECK_MESSAGE(text.find(part) != std::string::npos, text);
  return text.find(part) != std::string::npos;
}

WordVectors small_vectors(std::shared_ptr<const Subwords> subwords = nullptr) {
  StringTable words;
  for (const char* word : {"the", "cr\xC3\xA8me", "1", "x-y"}) words.insert(word);
  const std::vector<float> numbers{0.1f, -1e-7f, 3e38f, 0, -0.0f, 1, 1.0f / 3, -16777216, 5e-45f, 0.5f, 2, 12345.678f};
  return WordVectors(std::move(words), Tensor::from(numbers, {4, 3}), std::move(subwords));
}

void check_same(const WordVectors& a, const WordVectors& b) {
  CHECK(words_of(a) == words_of(b));
  CHECK(a.vectors().to_vector<float>() == b.vectors().to_vector<float>());
}

}  // namespace

TEST_CASE("gensim's files are read, and written to the byte") {
  const json& expected = oracle().at("gensim");
  const TemporaryFolder folder;
  const std::string binary = from_hex(expected.at("binary"));
  for (const std::string& bytes : {binary, expected.at("text").get<std::string>()}) {
    const WordVectors vectors = parse_word_vectors(bytes, "test");
    CHECK(words_of(vectors) == expected.at("words").get<std::vector<std::string>>());
    CHECK(vectors.vectors().to_vector<float>() == expected.at("vectors").get<std::vector<float>>());
    save_word_vectors(folder / "out.vec", vectors);
    check_same(load_word_vectors(folder / "out.vec"), vectors);
    save_word_vectors(folder / "out.bin", vectors);
    check_same(load_word_vectors(folder / "out.bin"), vectors);
    // gensim leaves out the line feeds that word2vec itself writes.
    std::string written = read_file(folder / "out.bin");
    for (size_t row = 0, at = binary.find('\n') + 1; row < expected.at("words").size(); ++row) {
      at += expected.at("words")[row].get<std::string>().size() + 1 + 3 * sizeof(float);
      written.erase(at, 1);
    }
    CHECK(written == binary);
  }
}

TEST_CASE("fastText's models give the vectors that fastText prints") {
  for (const auto& model : oracle().at("models").items()) {
    const std::string name = model.key();
    const json& expected = model.value();
    CAPTURE(name);
    LoadReport report;
    const WordVectors vectors = parse_word_vectors(from_hex(expected.at("bin")), "test", {.report = &report});
    CHECK(report.form == "fastText model");
    CHECK((vectors.subwords() != nullptr) ==
          (name != "no_subwords" && name != "supervised" && name != "supervised_word_ngrams"));
    const auto unknown = vectors.subwords() != nullptr ? UnknownWord::subwords : UnknownWord::zeros;
    for (size_t i = 0; i < oracle().at("asked").size(); ++i) {
      const std::string word = oracle().at("asked")[i];
      CAPTURE(word);
      const std::vector<float> found = vectors.vector(word, unknown).to_vector<float>();
      const auto printed = expected.at("vectors")[i].get<std::vector<double>>();
      REQUIRE(found.size() == printed.size());
      for (size_t j = 0; j < found.size(); ++j)
        CHECK(std::abs(static_cast<double>(found[j]) - printed[j]) <= 5e-5 * std::abs(printed[j]) + 1e-9);
    }
    if (!expected.contains("vec")) continue;
    const WordVectors text = parse_word_vectors(expected.at("vec"), "test");
    CHECK(words_of(text) == words_of(vectors));
    for (int64_t i = 0; i < text.vectors().numel(); ++i) {
      const auto of_text = static_cast<double>(text.vectors().data<float>()[i]);
      CHECK(std::abs(of_text - static_cast<double>(vectors.vectors().data<float>()[i])) <=
            5e-5 * std::abs(of_text) + 1e-6);
    }
  }
}

TEST_CASE("fastText's models: first words, given words, cut off, quantised") {
  const std::string bytes = from_hex(oracle().at("models").at("skipgram").at("bin"));
  const WordVectors all = parse_word_vectors(bytes, "test");
  const WordVectors first = parse_word_vectors(bytes, "test", {.max_words = 2});
  CHECK(words_of(first) == std::vector<std::string>{std::string(all.word(0)), std::string(all.word(1))});
  StringTable wanted;
  wanted.insert("apple");
  const WordVectors given = parse_word_vectors(bytes, "test", {.words = &wanted});
  CHECK(words_of(given) == std::vector<std::string>{"apple"});
  CHECK(given.vector("apple").to_vector<float>() == all.vector("apple").to_vector<float>());
  for (const char* word : {"pears", "leek"}) {  // of which the second is known to the whole only
    CHECK(given.vector(word, UnknownWord::subwords).dim() == 1);
  }
  const size_t output =
      static_cast<size_t>(all.size() * all.dim()) * sizeof(float);  // the output matrix, and a bit, may be missing
  for (size_t size = 4; size < bytes.size() - output - 17; size += size < 400 ? 1 : 13) {
    const std::string message = refused(bytes.substr(0, size));
    CHECK_MESSAGE(
        (message.find("cut off") != std::string::npos || message.find("model of fastText") != std::string::npos), size,
        message);
  }
  CHECK(has(refused(from_hex(oracle().at("quantised"))), "quantised (.ftz), which is not read (hint: the .bin"));
  std::string other = bytes;
  other[4] = 13;
  CHECK(has(refused(other), "version 13, expected 11 or 12"));
  other = bytes;
  other[8] = 6;  // the dimension
  CHECK(has(refused(other), "its matrix is "));
}

TEST_CASE("word2vec's binary form is refused when it is cut off or goes on") {
  const std::string bytes = from_hex(oracle().at("gensim").at("binary"));
  for (size_t size = 17; size < bytes.size(); ++size) {
    const std::string message = refused(bytes.substr(0, size));
    CHECK_MESSAGE(message.find("is cut off in record") != std::string::npos, size, message);
  }
  CHECK(has(refused(bytes + "more"), "announces 5 words, but more bytes follow"));
  CHECK(parse_word_vectors(bytes + "\n", "test").size() == 5);
  CHECK(has(refused("9000000000000000000" + bytes.substr(1)), "is cut off in record 6"));
  CHECK(has(refused("5 2000000" + bytes.substr(3)), "announces 2000000 numbers a word"));
  CHECK(has(refused("1 3\n" + std::string(2'000'000, '\x01'), "test.bin"), "record 1 has no space behind its word"));
}

TEST_CASE("records of word2vec's binary form that are damaged are skipped and told") {
  const float numbers[][2] = {{1, 2},
                              {3, std::numeric_limits<float>::quiet_NaN()},
                              {5, 6},
                              {7, 8},
                              {std::numeric_limits<float>::infinity(), 0}};
  const char* const words[] = {"a", "b", "", "a", "d"};
  std::string bytes = "5 2\n";
  for (int i = 0; i < 5; ++i) {
    bytes += std::string(words[i]) + " ";
    bytes.append(reinterpret_cast<const char*>(numbers[i]), sizeof numbers[i]);
  }
  LoadReport report;
  const WordVectors vectors = parse_word_vectors(bytes, "test", {.report = &report});
  CHECK(words_of(vectors) == std::vector<std::string>{"a"});
  CHECK(report.form == "word2vec binary");
  CHECK(report.duplicates == 1);
  REQUIRE(report.bad_rows == 3);
  CHECK(report.first_bad[0].line == 2);
  CHECK(report.first_bad[0].reason == "'b' has a number that is not finite");
  CHECK(report.first_bad[1].reason == "there is no word before the numbers");
  CHECK(report.first_bad[2].line == 5);
}

TEST_CASE("every form gives back what was written") {
  const TemporaryFolder folder;
  const WordVectors vectors = small_vectors();
  const char* const forms[][2] = {
      {".txt", "GloVe text"}, {".vec", "word2vec text"}, {".bin", "word2vec binary"}, {".safetensors", "safetensors"}};
  StringTable wanted;
  for (const char* word : {"x-y", "the", "none"}) wanted.insert(word);
  for (const auto& names : forms) {
    const std::string extension = names[0], form = names[1];
    CAPTURE(extension);
    const std::string path = folder / ("vectors" + extension);
    save_word_vectors(path, vectors);
    LoadReport report;
    const WordVectors loaded = load_word_vectors(path, {.report = &report});
    check_same(loaded, vectors);
    CHECK(std::signbit(loaded.vectors().to_vector<float>()[4]));
    CHECK(report.form == form);
    check_same(parse_word_vectors(read_file(path), "test" + extension), vectors);
    CHECK(words_of(load_word_vectors(path, {.max_words = 2})) == std::vector<std::string>{"the", "cr\xC3\xA8me"});
    CHECK(load_word_vectors(path, {.max_words = 2}).find("1") == -1);
    CHECK(load_word_vectors(path, {.max_words = 9}).size() == 4);
    CHECK(words_of(load_word_vectors(path, {.words = &wanted})) == std::vector<std::string>{"the", "x-y"});
    CHECK(words_of(load_word_vectors(path, {.max_words = 1, .words = &wanted})) == std::vector<std::string>{"the"});
    const StringTable none;
    CHECK(has(message_of([&] { load_word_vectors(path, {.words = &none}); }), "no word that was asked for"));
  }
  CHECK(has(message_of([&] { save_word_vectors(folder / "x.json", vectors); }), "expected .txt (GloVe text), .vec"));
}

TEST_CASE("words that would not come back are not written, and the old file stays") {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& word, const std::string& extension) {
    const std::string path = folder / ("a" + extension);
    write_file_atomically(path, "old");
    StringTable words;
    words.insert(word);
    const std::string text = message_of([&] {
      save_word_vectors(path, WordVectors(std::move(words), Tensor::ones({1, 2})));
    });
    CHECK((text == "nothing was thrown") == (read_file(path) != "old"));
    return text;
  };
  CHECK(has(message("", ".txt"), "is empty"));
  CHECK(has(message("a\nb", ".vec"), "has a line feed"));
  CHECK(has(message(" a", ".txt"), "begins or ends with a blank"));
  CHECK(has(message("a\r", ".txt"), "begins or ends with a blank"));
  CHECK(has(message("a 1", ".txt"), "ends with a number"));
  CHECK(has(message("a b", ".bin"), "has a space or a line feed"));
  CHECK(message("a b", ".txt") == "nothing was thrown");
  CHECK(message("a 1\n", ".safetensors") == "nothing was thrown");
  CHECK(words_of(load_word_vectors(folder / "a.safetensors")) == std::vector<std::string>{"a 1\n"});
}

TEST_CASE("our own form keeps sub-words, and is refused when it lies") {
  const TemporaryFolder folder;
  const SubwordRule rule{.min_chars = 2, .max_chars = 11, .buckets = 7};
  const auto subwords = std::make_shared<const Subwords>(rule, Tensor::arange(0, 21, 1, float32).reshape({7, 3}));
  const std::string path = folder / "a.safetensors";
  save_word_vectors(path, small_vectors(subwords));
  const WordVectors loaded = load_word_vectors(path);
  REQUIRE(loaded.subwords() != nullptr);
  CHECK(loaded.subwords()->rule() == rule);
  CHECK(loaded.vector("unseen", UnknownWord::subwords).to_vector<float>() ==
        small_vectors(subwords).vector("unseen", UnknownWord::subwords).to_vector<float>());

  const auto message = [&](const std::string& name, const Tensor& tensor, bool keeps_metadata = true) {
    SafetensorsFile file = load_safetensors(path);
    NamedTensors tensors;
    for (const auto& [key, value] : file.tensors)
      if (key != name) tensors.emplace_back(key, value);
    if (tensor.defined()) tensors.emplace_back(name, tensor);
    save_safetensors(folder / "b.safetensors", tensors, keeps_metadata ? file.metadata : Metadata{});
    return message_of([&] { load_word_vectors(folder / "b.safetensors"); });
  };
  CHECK(message("nothing", {}) == "nothing was thrown");
  CHECK(
      has(message("vectors", {}), "has no tensor 'vectors'; expected word vectors that `word_vectors convert` wrote"));
  CHECK(has(message("vectors", Tensor::zeros({3, 3})), "vectors of shape (3, 3) and ends of words of shape (4)"));
  CHECK(has(message("vectors", Tensor::zeros({4, 3}, float64)), "expected float32"));
  CHECK(has(message("vectors", Tensor::zeros({4})), "vectors of shape (4)"));
  CHECK(has(message("word_ends", Tensor::zeros({4}, int32)), "their ends as int64"));
  CHECK(has(message("word_ends", Tensor::full({4}, 1000, int64)), "the ends of the words do not rise"));
  CHECK(has(message("subwords", Tensor::zeros({7, 2})), "sub-words have 2 numbers, expected 3"));
  CHECK(has(message("subwords", Tensor::zeros({})), "expected"));
  CHECK(has(message("nothing", {}, false), "has sub-words, but does not say their min_chars"));
  save_safetensors(folder / "b.safetensors", load_safetensors(path).tensors, {{"form", "roux word vectors 2"}});
  CHECK(has(message_of([&] { load_word_vectors(folder / "b.safetensors"); }),
            "has the form 'roux word vectors 2', expected 'roux word vectors 1'"));
  write_file_atomically(path, read_file(path).substr(0, 300));
  CHECK(has(message_of([&] { load_word_vectors(path); }), "safetensors"));
}

TEST_CASE("any form may be packed by gzip") {
  const TemporaryFolder folder;
  const WordVectors vectors = small_vectors();
  for (const char* extension : {".txt", ".vec", ".bin", ".safetensors"}) {
    const std::string path = folder / ("a" + std::string(extension));
    save_word_vectors(path, vectors);
    REQUIRE(std::system(("gzip -f '" + path + "'").c_str()) == 0);
    check_same(load_word_vectors(path + ".gz"), vectors);
    const std::string packed = read_file(path + ".gz");
    write_file_atomically(path + ".gz", packed.substr(0, packed.size() - 9));
    CHECK(has(message_of([&] { load_word_vectors(path + ".gz"); }), "cut off"));
  }
}
