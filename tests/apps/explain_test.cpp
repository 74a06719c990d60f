// Explanations add up to the scores, whatever the model and the encoder, and name the right words.
#include <doctest/doctest.h>

#include <numeric>

#include "apps/common/explain.h"
#include "tests/apps/programs.h"
#include "tests/temporary_folder.h"

using namespace roux;
using namespace roux::apps;

namespace {

text::StringList training_texts() {
  text::StringList texts;
  for (const char* each : {"hot apple pie", "apple pie with cheese", "onion soup", "hot onion soup with cheese",
                           "apple soup", "pie pie pie", "Who wrote hot apple pie ?", "hot apple soup"})
    texts.push_back(each);
  return texts;
}

const std::vector<std::string> asked = {"hot apple pie",
                                        "Apple pie & onion soup with xyzzy, hot apple pie!",
                                        "soup soup soup soup",
                                        "nothing known",
                                        "",
                                        "123 !?",
                                        "hot",
                                        "a\x1b[31m\xff b"};

// Checks that shares and bias are the scores that the model gives, and that words come first, in their order.
void check_sums(TextClassifier& model, const Encoder& encoder) {
  model.eval();
  for (const std::string& asked_text : asked) {
    CAPTURE(asked_text);
    text::StringList texts;
    texts.push_back(asked_text);
    const Tensor scores = model.logits(encode_corpus(encoder, texts, {0}));
    const Tensor expected = probabilities(model, encoder, texts, 0.7);
    const Explanation why = explain(model, encoder, asked_text, 0.7);
    REQUIRE(why.scores.size() == static_cast<size_t>(model.num_classes()));
    for (size_t c = 0; c < why.scores.size(); ++c) {
      double sum = why.bias[c];
      for (const WordShare& word : why.words) sum += word.shares[c];
      const auto at = static_cast<int64_t>(c);
      CHECK(sum == doctest::Approx(why.scores[c]).epsilon(1e-9));
      CHECK(sum == doctest::Approx(scores.select(0, 0).select(0, at).item()).epsilon(1e-5).scale(10));
      CHECK(why.probabilities[c] == doctest::Approx(expected.select(0, 0).select(0, at).item()).epsilon(1e-4));
    }
    CHECK(why.predicted == argmax(scores, 1).item());
    const std::vector<std::string> labels = {"fruit", "vegetable", "other"};
    for (const bool colours : {false, true})
      CHECK(explanation_text(why, labels, colours).find("\x1b[31m") == std::string::npos);
  }
}

const WordShare* find(const Explanation& why, const std::string& words) {
  for (const WordShare& word : why.words)
    if (word.words == words) return &word;
  return nullptr;
}

double sum_of(const WordShare& word) { return std::accumulate(word.shares.begin(), word.shares.end(), 0.0); }

}  // namespace

TEST_CASE("shares and bias add up to the score for every model and kind of feature") {
  const text::StringList texts = training_texts();
  const text::NgramOptions options[] = {
      {.min_count = 1},
      {.min_count = 2, .word_ngrams = 3, .ngram_min_count = 1},
      {.min_count = 1, .word_ngrams = 5, .char_ngrams_min = 2, .char_ngrams_max = 4},
      {.min_count = 1, .word_ngrams = 4, .char_ngrams_min = 1, .char_ngrams_max = 3, .buckets = 5}};
  for (const std::string& name : classifier_names) {
    CAPTURE(name);
    for (const text::NgramOptions& each : options) {
      manual_seed(3);
      const Encoder encoder = text::NgramEncoder(texts, each);
      check_sums(*make_classifier(name, {.vocabulary_size = size_of(encoder), .embedding_dim = 5, .num_classes = 3}),
                 encoder);
    }
    const Encoder encoder = text::FeatureEncoder(texts, {.min_count = 1});
    check_sums(*make_classifier(name, {.vocabulary_size = size_of(encoder), .embedding_dim = 7, .num_classes = 3}),
               encoder);
  }
  const text::FeatureEncoder features(texts, {.min_count = 1});
  LinearClassifier linear({.vocabulary_size = features.size(), .num_classes = 3});
  linear.table.weight.mutable_data().copy_(Tensor::randn({features.size(), 3}));
  linear.feature_weights.copy_(Tensor::from(features.weights()).unsqueeze(1));
  check_sums(linear, features);
}

TEST_CASE("a word's share of a mean is its vector through the linear layer, over the number of words") {
  const Encoder encoder = text::NgramEncoder(training_texts(), {.min_count = 1});
  const text::Vocabulary& words = std::get<text::NgramEncoder>(encoder).words();
  manual_seed(5);
  PooledClassifier model({.vocabulary_size = size_of(encoder), .embedding_dim = 4, .num_classes = 2}, Pooling::mean);
  const Tensor table = model.embedding.weight.data(), weight = model.fc.weight.data();
  const auto expected = [&](const std::string& word, int64_t label) {
    double sum = 0;
    for (int64_t d = 0; d < 4; ++d)
      sum += table.select(0, words.id(word)).select(0, d).item() * weight.select(0, label).select(0, d).item();
    return sum / 4;
  };
  const Explanation why = explain(model, encoder, "Hot apple, apple qqq");
  REQUIRE(why.words.size() == 4);
  CHECK(why.words[0].words == "hot");
  CHECK(why.words[3].words == "qqq");
  CHECK(why.words[0].known);
  CHECK(!why.words[3].known);
  for (size_t label = 0; label < 2; ++label) {
    CHECK(why.words[0].shares[label] == doctest::Approx(expected("hot", static_cast<int64_t>(label))));
    CHECK(why.words[1].shares[label] == doctest::Approx(expected("apple", static_cast<int64_t>(label))));
    CHECK(why.words[2].shares[label] == doctest::Approx(why.words[1].shares[label]));
    CHECK(why.words[3].shares[label] == doctest::Approx(expected("<unk>", static_cast<int64_t>(label))));
  }
}

TEST_CASE("a maximum is explained by the word each dimension comes from") {
  const Encoder encoder = text::NgramEncoder(training_texts(), {.min_count = 1});
  const text::Vocabulary& words = std::get<text::NgramEncoder>(encoder).words();
  PooledClassifier model({.vocabulary_size = size_of(encoder), .embedding_dim = 3, .num_classes = 2}, Pooling::max);
  Tensor& table = model.embedding.weight.mutable_data();
  table.zero_();
  const auto set = [&](const char* word, const std::vector<float>& vector) {
    table.select(0, words.id(word)).copy_(Tensor::from(vector));
  };
  set("hot", {5, -1, -9});
  set("apple", {4, 2, -9});
  set("pie", {-1, -1, -8});
  model.fc.weight.mutable_data().copy_(Tensor::from(std::vector<float>{1, 10, 100, 0, 0, 1}, {2, 3}));
  model.fc.bias.mutable_data().copy_(Tensor::from(std::vector<float>{0.5F, 0}));
  const Explanation why = explain(model, encoder, "hot apple pie");
  CHECK(why.by_maximum);
  REQUIRE(why.words.size() == 3);
  CHECK(why.words[0].shares == std::vector<double>{5, 0});
  CHECK(why.words[1].shares == std::vector<double>{20, 0});
  CHECK(why.words[2].shares == std::vector<double>{-800, -8});
  for (const WordShare& word : why.words) CHECK(word.dimensions == 1);
  CHECK(why.scores == std::vector<double>{-774.5, -8});
  CHECK(why.predicted == 1);
  CHECK(why.second == 0);
  CHECK(explanation_text(why, {"fruit", "vegetable"}, false).find("dimensions") != std::string::npos);
}

TEST_CASE("features belong to the shortest run of words that has them") {
  // All rows are 1, so that a share counts the features.
  const Encoder encoder = text::NgramEncoder(
      training_texts(),
      {.min_count = 1, .word_ngrams = 3, .char_ngrams_min = 3, .char_ngrams_max = 3, .ngram_min_count = 1});
  PooledClassifier model({.vocabulary_size = size_of(encoder), .embedding_dim = 1, .num_classes = 1}, Pooling::sum);
  model.embedding.weight.mutable_data().fill_(1);
  model.fc.weight.mutable_data().fill_(1);
  model.fc.bias.mutable_data().fill_(0);
  const Explanation why = explain(model, encoder, "hot apple pie with onion pie");
  CHECK(sum_of(*find(why, "hot")) == 1 + 3);    // the word, and <ho hot ot>
  CHECK(sum_of(*find(why, "apple")) == 1 + 5);  // <ap app ppl ple le>
  CHECK(sum_of(*find(why, "pie")) == 1 + 3);
  CHECK(sum_of(*find(why, "hot apple")) == 1);
  CHECK(sum_of(*find(why, "hot apple pie")) == 1);
  CHECK(sum_of(*find(why, "apple pie with")) == 1);
  CHECK(find(why, "with onion") == nullptr);  // never met
  CHECK(find(why, "words apart") == nullptr);
  CHECK(why.words.front().words == "hot");
  CHECK(why.words[5].words == "pie");
  CHECK(why.words[5].length == 1);

  const Explanation shown = with_strongest_runs(why, 1);
  REQUIRE(shown.words.size() == 8);
  CHECK(shown.words[6].length > 1);
  CHECK(shown.words[7].words == "all other runs");
  double all = 0, kept = 0;
  for (const WordShare& word : why.words) all += sum_of(word);
  for (const WordShare& word : shown.words) kept += sum_of(word);
  CHECK(all == doctest::Approx(kept));
}

TEST_CASE("predict --explain prints what each word adds") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "data.csv", small_csv(40));
  const std::string saved = folder / "saved";
  for (const std::string& model : classifier_names) {
    CAPTURE(model);
    const ProgramRun trained = run_shell("$APPS/train_recipes --lr 0.02 --model " + model + " --data '" +
                                         (folder / "data.csv") + "' --save '" + saved + "'");
    REQUIRE_MESSAGE(trained.status == 0, trained.errors);
    const ProgramRun run = run_shell("$APPS/predict --explain '" + saved + "' 'Apple Pie'");
    CHECK(run.status == 0);
    CHECK(run.output.find("fruit\t") == 0);
    CHECK(run.output.find("\n  apple ") != std::string::npos);
    CHECK(run.output.find("for fruit") != std::string::npos);
    CHECK(run.output.find("over vegetable") != std::string::npos);
    CHECK(run.output.find("\x1b[") == std::string::npos);  // standard output is no terminal
    // Without the option nothing changes.
    CHECK(run_shell("$APPS/predict '" + saved + "' 'Apple Pie'").output ==
          run.output.substr(0, run.output.find('\n') + 1));
  }
}
