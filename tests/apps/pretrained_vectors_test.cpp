// Classifiers that start from word vectors: frozen and trained ones, and the programs' --vectors and --freeze.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/common/classifiers.h"
#include "apps/common/train_classifier.h"
#include "apps/common/vectors_file.h"
#include "tests/apps/programs.h"
#include "tests/message_of.h"
#include "tests/temporary_folder.h"
#include "text/corpus.h"

using namespace roux;
using namespace roux::apps;
using nlohmann::json;

namespace {

const text::StringList texts{"apple pie", "pear tart", "carrot soup", "leek soup"};
const std::vector<int64_t> labels{0, 0, 1, 1};
constexpr const char* vectors_text =
    "apple 1 0 0\npear 0.9 0.1 0\ncarrot 0 1 0.5\nsoup 0 0.8 1\nwords 0.4 0.4 0.4\nof 0 0.1 0\n";

Tensor table_of(TextClassifier& model) {
  if (auto* bag = dynamic_cast<EmbeddingBagClassifier*>(&model)) return bag->embedding_bag.weight.data();
  return dynamic_cast<PooledClassifier&>(model).embedding.weight.data();
}

std::string titles_csv() {
  std::string csv = "name,category\n";
  for (int i = 0; i < 20; ++i) {
    const std::string number = std::string(1, static_cast<char>('a' + i));
    csv += "apple pie of " + number + number + ",fruit\npear tart with " + number + number + ",fruit\n";
    csv += "carrot soup of " + number + number + ",vegetable\nleek soup with " + number + number + ",vegetable\n";
  }
  return csv;
}

}  // namespace

TEST_CASE("frozen word vectors stay as they are under every optimizer, others are trained") {
  const text::NgramEncoder encoder(texts, {.min_count = 1});
  const text::Corpus corpus = text::encode_corpus(encoder, texts, labels), none;
  Generator generator(1);
  const Tensor table = Tensor::randn({encoder.size(), 3}, float32, cpu, generator);
  for (const char* name : {"embedding_bag", "max"}) {
    for (const char* optimizer : {"adam", "adamw", "sgd", "sparse_adam"}) {
      for (const bool freeze : {true, false}) {
        CAPTURE(std::string(name) + " " + optimizer);
        CAPTURE(freeze);
        const auto model = make_classifier(name, {.vocabulary_size = encoder.size(), .embedding_dim = 3});
        start_from(*model, table, freeze);
        const Tensor first = model->state_dict().back().second.clone();
        train_classifier(*model, corpus, none, {.epochs = 3, .optimizer = optimizer, .lr = 0.1});
        CHECK((table_of(*model).to_vector<float>() == table.to_vector<float>()) == freeze);
        CHECK(model->state_dict().back().second.to_vector<float>() != first.to_vector<float>());
      }
    }
  }
}

TEST_CASE("start_from refuses what does not fit") {
  const auto bag = make_classifier("embedding_bag", {.vocabulary_size = 4, .embedding_dim = 3});
  CHECK(message_of([&] {
          start_from(*bag, Tensor::ones({4, 2}), false);
        }) == "[classifier] found word vectors of shape (4, 2), expected (4, 3)");
  const auto linear = make_classifier(linear_classifier, {.vocabulary_size = 4, .embedding_dim = 3});
  CHECK(message_of([&] {
          start_from(*linear, Tensor::ones({4, 2}), false);
        }).find("hint: embedding_bag") != std::string::npos);
}

TEST_CASE("load_vectors_of keeps an encoder's words, and refuses a file that has none") {
  const TemporaryFolder folder;
  const std::string file = folder / "vectors.txt";
  write_text(file, vectors_text);
  const text::NgramEncoder encoder(texts, {.min_count = 1, .word_ngrams = 2, .ngram_min_count = 1});
  const text::WordVectors vectors = load_vectors_of(file, encoder);
  CHECK(vectors.size() == 4);
  const text::EmbeddingTable table = apps::table_of(encoder, vectors, 0);
  CHECK(table.found == 4);
  CHECK(table.not_found == 3);  // pie, tart, leek
  CHECK(table.table.size(0) == encoder.size());
  write_text(file, "zucchini 1 2 3\n");
  CHECK(message_of([&] { load_vectors_of(file, encoder); }).find("[") == 0);
}

TEST_CASE("train_recipes and classify start from word vectors, and save what they made") {
  if (!programs_built()) {
    MESSAGE("skipped: ROUX_APPS does not name the folder of the programs");
    return;
  }
  const TemporaryFolder folder;
  const std::string data = folder / "titles.csv", file = folder / "vectors.txt", saved = folder / "saved";
  write_text(data, titles_csv());
  write_text(file, vectors_text);
  const std::string results = folder / "results.json";
  const ProgramRun recipes = run_shell("$APPS/train_recipes --data " + data + " --vectors " + file +
                                       " --freeze --model embedding_bag --save " + saved + " --json " + results);
  CHECK(recipes.status == 0);
  CAPTURE(recipes.errors);
  CHECK(recipes.output.find("words have vectors") != std::string::npos);
  const json run = json::parse(run_shell("cat " + results).output);
  CHECK(run["vectors"]["dim"] == 3);
  CHECK(run["vectors"]["found"].get<int>() >= 4);
  CHECK(run_shell("$APPS/predict " + saved + " 'apple pie'").status == 0);

  const std::string learned = folder / "learned";
  const ProgramRun classify = run_shell("$APPS/classify train --json --data " + data + " --vectors " + file +
                                        " --model mean --word-ngrams 2 --epochs 40 --lr 0.1 --save " + learned);
  CAPTURE(classify.errors);
  CHECK(classify.status == 0);
  CHECK(json::parse(classify.output)["vectors"]["dim"] == 3);
  const ProgramRun predicted = run_shell("$APPS/classify predict " + learned + " 'carrot soup'");
  CHECK(predicted.status == 0);
  CHECK(predicted.output.find("vegetable\t") == 0);
  CHECK(json::parse(run_shell("$APPS/classify test --json " + learned + " --data " + data).output)["accuracy"] == 1.0);
}

TEST_CASE("--vectors and --freeze are refused where they make no sense") {
  if (!programs_built()) {
    MESSAGE("skipped: ROUX_APPS does not name the folder of the programs");
    return;
  }
  const TemporaryFolder folder;
  const std::string data = folder / "titles.csv", file = folder / "vectors.txt", save = " --save " + (folder / "x");
  write_text(data, titles_csv());
  write_text(file, "zucchini 1 2 3\n");
  const std::string recipes = "$APPS/train_recipes --data " + data,
                    classify = "$APPS/classify train --data " + data + save;
  check_refused(recipes + " --vectors " + file, "[");
  check_refused(recipes + " --vectors " + (folder / "missing.txt"), "missing.txt");
  check_refused(recipes + " --freeze", "--freeze belongs to --vectors");
  check_refused(recipes + " --dim 8 --vectors " + file, "--dim excludes --vectors");
  check_refused(classify + " --vectors " + file, "(hint: --model embedding_bag)");
  check_refused(classify + " --freeze", "--freeze belongs to --vectors");
  check_refused(classify + " --model mean --word-ngrams 0 --char-ngrams 3-5 --vectors " + file, "--word-ngrams 0");
}
