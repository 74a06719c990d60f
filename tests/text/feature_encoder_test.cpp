// Features of any text: which there are, their weights, and that they come back from a folder.
#include "text/feature_encoder.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tensor/safetensors.h"
#include "tests/temporary_folder.h"

using namespace roux;
using namespace roux::text;

namespace {

StringList texts(const std::vector<std::string>& all) {
  StringList list;
  for (const std::string& each : all) list.push_back(each);
  return list;
}

std::vector<int32_t> ids_of(const FeatureEncoder& encoder, std::string_view text) {
  std::vector<int32_t> ids;
  encoder.encode(text, ids);
  return ids;
}

FeatureEncoder words_alone(const std::vector<std::string>& all, int64_t min_count = 1) {
  return {texts(all),
          {.word_ngrams = 1,
           .shape_ngrams = 0,
           .char_ngrams_min = 0,
           .char_ngrams_max = 0,
           .openings = false,
           .min_count = min_count}};
}

}  // namespace

TEST_CASE("features: words, marks and punctuation, each once") {
  const FeatureEncoder encoder = words_alone({"Hi, you!", "hi hi"});
  CHECK(encoder.size() == 1 + 6);  // padding; two marks, hi, comma, you, !
  CHECK(ids_of(encoder, "HI,you!").size() == 6);
  CHECK(ids_of(encoder, "hi hi hi").size() == 3);
  CHECK(ids_of(encoder, "unknown words").size() == 2);  // the marks
  CHECK(ids_of(encoder, "").size() == 2);
  CHECK(ids_of(encoder, "\xc3\x84 h\xff i").size() == 2);  // bytes that are no UTF-8 part words
  CHECK(ids_of(words_alone({"\xc3\x84pfel"}), "\xc3\xa4PFEL").size() == 3);
}

TEST_CASE("features: weights are smoothed inverse document frequencies") {
  const FeatureEncoder encoder = words_alone({"a b", "a a", "a c", "b"});
  const std::vector<int32_t> ids = ids_of(encoder, "a b c");
  std::vector<double> weights;
  for (const int32_t id : ids) weights.push_back(encoder.weights()[static_cast<size_t>(id)]);
  // The marks are in all four texts, a in three, b in two, c in one; ids fall with that.
  const std::vector<double> expected = {1, 1, 1 + std::log(5.0 / 4), 1 + std::log(5.0 / 3), 1 + std::log(5.0 / 2)};
  REQUIRE(weights.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) CHECK(weights[i] == doctest::Approx(expected[i]));
  CHECK(encoder.weights()[FeatureEncoder::pad] == 0);
}

TEST_CASE("features: runs of words, openings and runs of characters") {
  const StringList one = texts({"who is it ?"});
  const auto count = [&](const FeatureOptions& options) { return FeatureEncoder(one, options).size() - 1; };
  const FeatureOptions none{.word_ngrams = 1,
                            .shape_ngrams = 0,
                            .char_ngrams_min = 0,
                            .char_ngrams_max = 0,
                            .openings = false,
                            .min_count = 1};
  FeatureOptions pairs = none, openings = none, runs = none;
  pairs.word_ngrams = 2;
  openings.openings = true;
  runs.char_ngrams_min = runs.char_ngrams_max = 3;
  CHECK(count(none) == 6);
  CHECK(count(pairs) == 6 + 5);
  CHECK(count(openings) == 6 + 3 + 2);  // who beside is, it, ?; who is beside it, ?
  CHECK(count(runs) == 6 + 13);         // of the 15 characters with the marks and the spaces between
  runs.char_ngrams_max = 100;
  CHECK(count(runs) == 6 + 13 * 14 / 2);
}

TEST_CASE("features: shapes keep the case of letters and the number of digits") {
  // Of the words the marks alone are known, so that only shapes tell texts apart.
  const auto shapes_shared = [](const std::string& known, const std::string& text) {
    const FeatureOptions options{.word_ngrams = 0,
                                 .shape_ngrams = 1,
                                 .char_ngrams_min = 100,
                                 .char_ngrams_max = 100,
                                 .openings = false,
                                 .min_count = 1};
    return ids_of(FeatureEncoder(texts({known}), options), text).size() - 2;  // without those of the two marks
  };
  CHECK(shapes_shared("WINNER", "FREE") == 1);
  CHECK(shapes_shared("WINNER", "free") == 0);
  CHECK(shapes_shared("iPhone", "eBay") == 1);
  CHECK(shapes_shared("08712", "12345") == 1);
  CHECK(shapes_shared("08712", "123") == 0);
  CHECK(shapes_shared("\xc3\x84pfel", "Pears") == 1);
  CHECK(shapes_shared("a!", "b?") == 1);  // a mark is its own shape
  const auto count = [](int64_t longest) {
    FeatureOptions options{.word_ngrams = 1, .shape_ngrams = longest, .char_ngrams_min = 0, .char_ngrams_max = 0};
    options.min_count = 1;
    options.openings = false;
    return FeatureEncoder(texts({"In 2007 ."}), options).size() - 1;
  };
  CHECK(count(0) == 5);
  CHECK(count(1) == 5 + 5);
  CHECK(count(3) == 5 + 5 + 4 + 3);
}

TEST_CASE("features: rare ones are left out, equal ones are one") {
  const FeatureEncoder encoder = words_alone({"rare common", "common twice twice"}, 2);
  CHECK(encoder.size() == 1 + 3);
  CHECK(ids_of(encoder, "rare twice common").size() == 3);
}

TEST_CASE("features come back from a folder; damage is found") {
  const TemporaryFolder folder;
  const FeatureEncoder encoder(texts({"Who wrote it?", "Who is it?"}), {});
  encoder.save(folder.path().string());
  const FeatureEncoder loaded = FeatureEncoder::load(folder.path().string());
  CHECK(loaded.options() == encoder.options());
  CHECK(loaded.weights() == encoder.weights());
  CHECK(ids_of(loaded, "who is who?") == ids_of(encoder, "who is who?"));
  const std::string path = folder / "features.safetensors";
  const std::string bytes = read_file(path);
  write_file_atomically(path, bytes.substr(0, bytes.size() / 2));
  CHECK_THROWS_AS(FeatureEncoder::load(folder.path().string()), Error);
  std::filesystem::remove(path);
  CHECK_THROWS_AS(FeatureEncoder::load(folder.path().string()), Error);
}

TEST_CASE("features of a folder must have finite weights and hashes of their own") {
  const TemporaryFolder folder;
  const std::string path = folder / "features.safetensors";
  FeatureEncoder(texts({"Who wrote it?", "Who is it?"}), {}).save(folder.path().string());
  const SafetensorsFile saved = load_safetensors(path);
  const Tensor hashes = *saved.find("hashes"), weights = *saved.find("weights");
  const auto check_damaged = [&](const Tensor& first, const Tensor& second, const char* text) {
    save_safetensors(path, {{"hashes", first}, {"weights", second}}, saved.metadata);
    CHECK_THROWS_WITH_AS(FeatureEncoder::load(folder.path().string()), doctest::Contains(text), Error);
  };
  for (const float wrong : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> values = weights.to_vector<float>();
    values[2] = wrong;
    check_damaged(hashes, Tensor::from(values), "features.safetensors is damaged: the weight of feature 2 is");
  }
  std::vector<int64_t> twice = hashes.to_vector<int64_t>();
  twice[3] = twice[1];
  check_damaged(Tensor::from(twice), weights, "features 1 and 3 have one hash");
}

TEST_CASE("features of a long text are those of a short one, each once") {
  const FeatureEncoder encoder(texts({"Who wrote it?", "Who is it?"}), {});
  std::string text = "Who is it? ";
  const std::vector<int32_t> twice = ids_of(encoder, text + text);
  while (text.size() < (1 << 16)) text += text;
  CHECK(ids_of(encoder, text) == twice);
}

TEST_CASE("features refuse options that make no sense") {
  const StringList one = texts({"a"});
  CHECK_THROWS_WITH_AS(FeatureEncoder(one, {.word_ngrams = -1}), doctest::Contains("word_ngrams is -1"), Error);
  CHECK_THROWS_WITH_AS(FeatureEncoder(one, {.shape_ngrams = -1}), doctest::Contains("shape_ngrams is -1"), Error);
  CHECK_THROWS_WITH_AS(FeatureEncoder(one, {.char_ngrams_min = 3, .char_ngrams_max = 2}),
                       doctest::Contains("char_ngrams_max is 2"), Error);
  CHECK_THROWS_WITH_AS(FeatureEncoder(one, {.char_share = 0}), doctest::Contains("char_share"), Error);
}
