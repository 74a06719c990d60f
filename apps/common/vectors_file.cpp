// Loading word vectors for a program.
#include "apps/common/vectors_file.h"

#include <cstdio>
#include <memory>
#include <utility>

#include "apps/common/table.h"
#include "tensor/error.h"

namespace roux::apps {

text::WordVectors load_vectors(const std::string& path, text::LoadOptions options) {
  constexpr int64_t bytes_worth_progress = 64'000'000;
  std::unique_ptr<Progress> progress;
  int64_t told = 0;
  options.progress = [&](int64_t done, int64_t total) {
    if (total < bytes_worth_progress) return;
    if (progress == nullptr) progress = std::make_unique<Progress>(total);
    progress->advance(done - told);
    told = done;
  };
  return text::load_word_vectors(path, options);
}

text::WordVectors load_vectors_for_use(const std::string& path, text::LoadOptions options) {
  text::LoadReport report;
  options.report = &report;
  text::WordVectors vectors = load_vectors(path, std::move(options));
  if (report.bad_rows > 0) {
    const text::LoadReport::BadRow first =
        report.first_bad.empty() ? text::LoadReport::BadRow{0, "unknown"} : report.first_bad[0];
    std::fprintf(stderr, "%s: %s bad rows were skipped, the first in line %lld: %s\n", path.c_str(),
                 with_commas(report.bad_rows).c_str(), static_cast<long long>(first.line), first.reason.c_str());
  }
  return vectors;
}

text::UnknownWord unknown_of(const text::WordVectors& vectors) {
  return vectors.subwords() != nullptr ? text::UnknownWord::subwords : text::UnknownWord::refuse;
}

std::string lost_in(const std::string& path, const text::WordVectors& vectors) {
  if (vectors.subwords() == nullptr || path.ends_with(".safetensors")) return {};
  return "the vectors of sub-words are not in this form, so that words it lacks have none "
         "(hint: a name that ends in .safetensors keeps them)\n";
}

text::WordVectors load_vectors_of(const std::string& path, const text::NgramEncoder& encoder) {
  const text::StringTable words = text::words_of(encoder.words());
  text::WordVectors vectors = load_vectors_for_use(path, {.words = &words});
  const text::EmbeddingTable table = table_of(encoder, vectors, 0);
  ROUX_CHECK(table.found + table.from_subwords > 0, "vectors", "none of the ", with_commas(table.words()),
             " words of the texts is in ", path, " (hint: words are lower-cased and cleaned to letters a to z)");
  return vectors;
}

text::EmbeddingTable table_of(const text::NgramEncoder& encoder, const text::WordVectors& vectors, uint64_t seed) {
  return text::embedding_table(encoder.words(), vectors, {.rows = encoder.size(), .seed = seed});
}

}  // namespace roux::apps
