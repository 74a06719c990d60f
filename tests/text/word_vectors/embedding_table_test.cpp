// A table for a vocabulary: rows found and not found, and the layers that start from it.
#include "text/word_vectors/embedding_table.h"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/embedding.h"
#include "tensor/ops.h"
#include "tests/message_of.h"

using namespace roux;
using namespace roux::text;

namespace {

Vocabulary vocabulary_of(const std::vector<std::string>& words, const VocabularyOptions& options = {}) {
  TokenCounts counts;
  for (const std::string& word : words) counts.add(word);
  return Vocabulary(counts, options);
}

WordVectors fruit(std::shared_ptr<const Subwords> subwords = nullptr) {
  StringTable words;
  for (const char* word : {"apple", "pear", "<unk>", "<pad>"}) words.insert(word);
  return WordVectors(std::move(words), Tensor::from<float>({1, 2, 3, 4, 5, 6, 7, 8}, {4, 2}), std::move(subwords));
}

std::vector<float> row(const EmbeddingTable& table, int64_t id) { return table.table.select(0, id).to_vector<float>(); }

using Numbers = std::vector<float>;

}  // namespace

TEST_CASE("words that are found get their vectors, padding zeros, others are drawn") {
  const EmbeddingTable table = embedding_table(vocabulary_of({"pear", "quince", "apple"}), fruit(), {.seed = 3});
  CHECK(table.table.shape() == Shape{5, 2});
  CHECK(row(table, 0) == Numbers{0, 0});  // though the vectors have a word <pad>
  CHECK(row(table, 1) == Numbers{5, 6});
  CHECK(row(table, 2) == Numbers{3, 4});
  CHECK(row(table, 4) == Numbers{1, 2});
  CHECK(row(table, 3) != Numbers{0, 0});
  CHECK(table.found == 2);
  CHECK(table.not_found == 1);
  CHECK(table.from_subwords == 0);
  CHECK(table.first_not_found == std::vector<std::string>{"quince"});
  CHECK(to_string(table) == "2 of 3 words have vectors (66.7 %), 1 start at random: quince");
}

TEST_CASE("what starts at random has the size of what was found, and is the same for the same seed") {
  std::vector<std::string> words = {"apple", "pear"};
  for (int i = 0; i < 3000; ++i) words.push_back("w" + std::to_string(i));
  const Vocabulary vocabulary = vocabulary_of(words, {.unk = std::nullopt});
  const EmbeddingTable table = embedding_table(vocabulary, fruit(), {.seed = 3});
  const Tensor drawn = table.table.slice(0, 3, 3003);
  const double size = std::sqrt((1 + 4 + 9 + 16) / 4.0);
  CHECK(std::sqrt(mean(square(drawn)).item()) == doctest::Approx(size).epsilon(0.04));
  CHECK(std::fabs(mean(drawn).item()) < 0.1 * size);
  CHECK(embedding_table(vocabulary, fruit(), {.seed = 3}).table.to_vector<float>() == table.table.to_vector<float>());
  CHECK(embedding_table(vocabulary, fruit(), {.seed = 4}).table.to_vector<float>() != table.table.to_vector<float>());
  CHECK(table.first_not_found.size() == 10);
  CHECK(to_string(table) ==
        "2 of 3,002 words have vectors (0.1 %), 3,000 start at random: w0, w1, w2, w3, w4, w5, "
        "w6, w7, w8, w9, ...");
}

TEST_CASE("words that are not there get the mean of their sub-words where there are some") {
  const SubwordRule rule{.min_chars = 3, .max_chars = 3, .buckets = 7};
  const auto subwords = std::make_shared<const Subwords>(rule, Tensor::full({7, 2}, 0.5));
  const WordVectors vectors = fruit(subwords);
  const Vocabulary vocabulary = vocabulary_of({"pears", "apple"});
  const EmbeddingTable table = embedding_table(vocabulary, vectors);
  CHECK(row(table, 2) == Numbers{0.5f, 0.5f});
  CHECK(table.from_subwords == 1);
  CHECK(table.not_found == 0);
  CHECK(to_string(table) == "1 of 2 words have vectors (50.0 %), 1 those of their sub-words");
  CHECK(embedding_table(vocabulary, vectors, {.subwords = false}).not_found == 1);
}

TEST_CASE("rows behind the vocabulary's are drawn and not counted") {
  const EmbeddingTable table = embedding_table(vocabulary_of({"apple"}), fruit(), {.rows = 6});
  CHECK(table.table.shape() == Shape{6, 2});
  CHECK(row(table, 5) != Numbers{0, 0});
  CHECK(table.words() == 1);
  CHECK(message_of([] {
          embedding_table(vocabulary_of({"apple"}), fruit(), {.rows = 2});
        }).find("found 2 rows for 3 ids") != std::string::npos);
  const EmbeddingTable none = embedding_table(Vocabulary(), fruit());
  CHECK(to_string(none) == "0 of 0 words have vectors");
  const StringTable words = words_of(vocabulary_of({"apple", "pear"}));
  CHECK(words.size() == 3);
  CHECK(words.find("<pad>") == -1);
}

TEST_CASE("Embedding and EmbeddingBag start from the table, frozen or not") {
  const EmbeddingTable table = embedding_table(vocabulary_of({"pear", "apple"}), fruit());
  const Tensor ids = Tensor::from<int64_t>({2, 3}), offsets = Tensor::from<int64_t>({0});
  for (const bool freeze : {true, false}) {
    nn::Embedding embedding = nn::Embedding::from_pretrained(table.table, freeze);
    nn::EmbeddingBag bag = nn::EmbeddingBag::from_pretrained(table.table, freeze, {.mode = Pooling::mean});
    CHECK(embedding(ids).data().to_vector<float>() == Numbers{3, 4, 1, 2});
    CHECK(bag(ids, offsets).data().to_vector<float>() == Numbers{2, 3});
    CHECK(embedding.weight.requires_grad() != freeze);
    CHECK(bag.weight.requires_grad() != freeze);
  }
}
