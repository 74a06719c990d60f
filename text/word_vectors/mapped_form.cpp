// Our own form, which opens without being read: a safetensors file with the vectors, the words, where each ends, and
// the table in which they are found.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tensor/error.h"
#include "tensor/ops.h"
#include "tensor/safetensors.h"
#include "text/word_vectors/forms.h"

namespace roux::text {
namespace {

constexpr const char* loading = "load_word_vectors";
constexpr const char* form_key = "form";
constexpr const char* form_name = "roux word vectors 1";
constexpr const char* min_key = "min_chars";
constexpr const char* max_key = "max_chars";

int64_t chars_of(const SafetensorsFile& file, const std::string& key, const std::string& source) {
  for (const auto& [name, value] : file.metadata) {
    int64_t chars = 0;
    const char* const end = value.data() + value.size();
    if (name == key && std::from_chars(value.data(), end, chars).ptr == end) return chars;
  }
  fail(loading, "'", source, "' has sub-words, but does not say their ", key);
}

WordVectors chosen_words(const WordVectors& all, const LoadOptions& options, const std::string& source) {
  std::vector<int64_t> rows;
  for (int32_t i = 0; i < options.words->size(); ++i) {
    if (const int32_t row = all.find((*options.words)[i]); row >= 0) rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end());
  if (options.max_words > 0 && static_cast<int64_t>(rows.size()) > options.max_words)
    rows.resize(static_cast<size_t>(options.max_words));
  ROUX_CHECK(!rows.empty(), loading, "'", source, "' has no word that was asked for");
  StringTable kept;
  for (const int64_t row : rows) kept.insert(all.word(row));
  ROUX_CHECK(kept.size() == static_cast<int64_t>(rows.size()), loading, "'", source, "' has a word twice");
  return WordVectors(std::move(kept), index_select(all.vectors(), 0, Tensor::from(rows)), all.shared_subwords());
}

// Files that say nothing may be anybody's, with the same tensors; a form to come says so.
void check_form(const SafetensorsFile& file, const std::string& source) {
  for (const auto& [name, value] : file.metadata)
    ROUX_CHECK(name != form_key || value == form_name, loading, "'", source, "' has the form '", value, "', expected '",
               form_name, "'");
}

WordVectors vectors_of(const SafetensorsFile& file, const std::string& source, const LoadOptions& options) {
  check_form(file, source);
  const auto tensor = [&](const char* name) {
    const Tensor* const found = file.find(name);
    ROUX_CHECK(found != nullptr, loading, "'", source, "' has no tensor '", name, "'; expected word vectors that ",
               "`word_vectors convert` wrote");
    return *found;
  };
  Tensor vectors = tensor("vectors"), ends = tensor("word_ends");
  ROUX_CHECK(vectors.dim() == 2 && ends.dim() == 1 && vectors.size(0) == ends.size(0), loading, "'", source,
             "' has vectors of shape ", vectors.shape(), " and ends of words of shape ", ends.shape(),
             "; expected (words, dim) and (words)");
  if (options.max_words > 0 && options.words == nullptr) {
    vectors = vectors.slice(0, 0, options.max_words);
    ends = ends.slice(0, 0, options.max_words);
  }
  WordList words({.bytes = tensor("words"), .ends = ends, .slots = tensor("word_slots")}, source);
  std::shared_ptr<const Subwords> subwords;
  if (const Tensor* const table = file.find("subwords")) {
    const SubwordRule rule{.min_chars = chars_of(file, min_key, source),
                           .max_chars = chars_of(file, max_key, source),
                           .buckets = table->dim() > 0 ? table->size(0) : 0};
    subwords = std::make_shared<const Subwords>(rule, *table);
  }
  if (options.report != nullptr) *options.report = LoadReport{.form = "safetensors"};
  WordVectors all(std::move(words), std::move(vectors), std::move(subwords));
  return options.words == nullptr ? all : chosen_words(all, options, source);
}

}  // namespace

bool is_safetensors(std::string_view head) {
  uint64_t header_bytes = 0;
  if (head.size() <= sizeof header_bytes || head[sizeof header_bytes] != '{') return false;
  std::memcpy(&header_bytes, head.data(), sizeof header_bytes);
  return header_bytes <= 100'000'000;
}

WordVectors load_mapped(const std::string& path, const LoadOptions& options) {
  return vectors_of(load_safetensors(path), path, options);
}

WordVectors load_mapped(std::string bytes, const std::string& name, const LoadOptions& options) {
  const auto kept = std::make_shared<std::string>(std::move(bytes));
  return vectors_of(parse_safetensors(Storage::external(kept->data(), kept->size(), [kept] {}), name), name, options);
}

void save_mapped(const std::string& path, const WordVectors& vectors) {
  const WordList::Tensors words = vectors.words().tensors();
  NamedTensors tensors{
      {"vectors", vectors.vectors()}, {"words", words.bytes}, {"word_ends", words.ends}, {"word_slots", words.slots}};
  Metadata metadata{{form_key, form_name}};
  if (const Subwords* const subwords = vectors.subwords()) {
    tensors.emplace_back("subwords", subwords->table());
    metadata.emplace_back(min_key, std::to_string(subwords->rule().min_chars));
    metadata.emplace_back(max_key, std::to_string(subwords->rule().max_chars));
  }
  save_safetensors(path, tensors, metadata);
}

}  // namespace roux::text
