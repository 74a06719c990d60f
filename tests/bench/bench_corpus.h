// The titles that training on a device is timed with: the recipes where ROUX_DATA has them, else titles like theirs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/file.h"
#include "tensor/tensor.h"
#include "text/corpus.h"
#include "text/dataset.h"
#include "text/ngram_encoder.h"

namespace roux::bench {

struct BenchCorpus {
  std::string name;
  text::Corpus corpus;
  int64_t rows = 0;  ///< of a table for its ids
  int64_t classes = 2;
};

inline void append_title(text::Corpus& corpus, int64_t label, const std::vector<int32_t>& ids) {
  corpus.ids.insert(corpus.ids.end(), ids.begin(), ids.end());
  corpus.offsets.push_back(static_cast<int64_t>(corpus.ids.size()));
  corpus.labels.push_back(label);
}

/// Titles of 1 to 7 words, four on average, of words by Zipf's law (the one of rank r occurs in proportion to 1 / r);
/// a fifth is of class 0.
inline BenchCorpus synthetic_corpus(int64_t titles, int64_t words) {
  std::vector<double> shares;
  double sum = 0;
  for (int64_t rank = 1; rank <= words - 2; ++rank) shares.push_back(sum += 1 / static_cast<double>(rank));
  Generator generator(1);
  const auto draw = [&](int64_t n) { return Tensor::rand({n}, float64, cpu, generator).to_vector<double>(); };
  BenchCorpus result{.name = "titles by Zipf's law", .corpus = {}, .rows = words};
  for (const double fraction : draw(titles)) {
    std::vector<int32_t> ids;
    for (const double word : draw(1 + static_cast<int64_t>(fraction * 7))) {
      const auto found = std::lower_bound(shares.begin(), shares.end() - 1, word * sum);
      ids.push_back(static_cast<int32_t>(found - shares.begin()) + 2);  // 0 and 1: <pad>, <unk>
    }
    append_title(result.corpus, draw(1)[0] < 0.8 ? 1 : 0, ids);
  }
  return result;
}

/// All titles of a CSV file.
inline BenchCorpus corpus_of_file(const std::string& path) {
  const text::LabelledTexts texts = text::read_labelled(path);
  const text::NgramEncoder encoder(texts.texts, {});
  return {.name = std::filesystem::path(path).filename().string(),
          .corpus = text::encode_corpus(encoder, texts.texts, texts.labels),
          .rows = encoder.size(),
          .classes = texts.num_classes()};
}

inline BenchCorpus bench_corpus(int64_t titles, int64_t words) {
  const char* const data = std::getenv("ROUX_DATA");
  const std::string file = data ? std::string(data) + "/recipes/recipes_fruit_veg.csv" : "";
  return !file.empty() && std::filesystem::exists(file) ? corpus_of_file(file) : synthetic_corpus(titles, words);
}

/// As text: the rows of the table and the number of classes; then a line a title, its label and its ids.
inline void write_corpus(const std::string& path, const BenchCorpus& data) {
  std::string out = std::to_string(data.rows) + " " + std::to_string(data.classes) + "\n";
  for (size_t i = 0; i < data.corpus.labels.size(); ++i) {
    out += std::to_string(data.corpus.labels[i]);
    for (int64_t k = data.corpus.offsets[i]; k < data.corpus.offsets[i + 1]; ++k)
      out += " " + std::to_string(data.corpus.ids[static_cast<size_t>(k)]);
    out += "\n";
  }
  write_file_atomically(path, out);
}

}  // namespace roux::bench
