// Vectorizers in files: a line of JSON with the settings, then the terms, one a line.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "tensor/error.h"
#include "tensor/file.h"
#include "text/hash.h"
#include "text/string_table.h"
#include "text/vectorizer.h"

namespace roux::text {
namespace {

using Json = nlohmann::ordered_json;

const char* const format_name = "roux vectorizer 1";

constexpr std::array<std::string_view, 3> kind_names{"words", "characters", "characters_in_words"};
constexpr std::array<std::string_view, 3> weight_names{"one_hot", "count", "tfidf"};
constexpr std::array<std::string_view, 3> tfidf_names{"table", "formula", "smooth"};

template <class Enum>
std::string_view name_of(const std::array<std::string_view, 3>& names, Enum value) {
  return names[static_cast<size_t>(value)];
}

template <class Enum>
Enum value_of(const std::array<std::string_view, 3>& names, const Json& name) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name.get<std::string>()) return static_cast<Enum>(i);
  }
  fail("Vectorizer", "'", name.get<std::string>(), "' is not among ", names[0], ", ", names[1], ", ", names[2]);
}

Json to_json(const VectorizerOptions& options) {
  const TermOptions& terms = options.terms;
  return {{"kind", name_of(kind_names, terms.kind)},
          {"ngram_min", terms.ngram_min},
          {"ngram_max", terms.ngram_max},
          {"lowercase", terms.lowercase},
          {"min_word_length", terms.min_word_length},
          {"weight", name_of(weight_names, options.weight)},
          {"tfidf", name_of(tfidf_names, options.tfidf)},
          {"sublinear", options.sublinear},
          {"min_df", options.min_df},
          {"max_df", options.max_df},
          {"max_df_share", options.max_df_share},
          {"max_features", options.max_features}};
}

VectorizerOptions options_from(const Json& json) {
  return {.terms = {.kind = value_of<TermKind>(kind_names, json.at("kind")),
                    .ngram_min = json.at("ngram_min").get<int64_t>(),
                    .ngram_max = json.at("ngram_max").get<int64_t>(),
                    .lowercase = json.at("lowercase").get<bool>(),
                    .min_word_length = json.at("min_word_length").get<int64_t>()},
          .weight = value_of<TermWeight>(weight_names, json.at("weight")),
          .tfidf = value_of<TfidfForm>(tfidf_names, json.at("tfidf")),
          .sublinear = json.at("sublinear").get<bool>(),
          .min_df = json.at("min_df").get<int64_t>(),
          .max_df = json.at("max_df").get<int64_t>(),
          .max_df_share = json.at("max_df_share").get<double>(),
          .max_features = json.at("max_features").get<int64_t>()};
}

}  // namespace

void Vectorizer::save(const std::string& path) const {
  ROUX_CHECK(fitted_texts_ > 0, "save", "the vectorizer has no columns yet (hint: fit comes first)");
  StringTable terms;
  for (int64_t column = 0; column < terms_.size(); ++column) terms.insert(terms_[column]);
  const std::string lines = terms.to_lines();
  const Json settings = {{"format", format_name},
                         {"options", to_json(options_)},
                         {"fitted_texts", fitted_texts_},
                         {"document_frequency", document_frequency_},
                         {"terms", {{"bytes", lines.size()}, {"fnv1a", fnv1a(lines)}}}};
  write_file_atomically(path, settings.dump() + "\n" + lines);
}

Vectorizer Vectorizer::load(const std::string& path) {
  const std::string bytes = read_file(path);
  const size_t end = std::min(bytes.find('\n'), bytes.size());
  const std::string_view lines = std::string_view(bytes).substr(std::min(end + 1, bytes.size()));
  try {
    const Json settings = Json::parse(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end));
    ROUX_CHECK(settings.is_object() && settings.value("format", "") == format_name, "Vectorizer", "'", path,
               "' is of another format; expected \"", format_name, "\"");
    ROUX_CHECK(settings.at("terms") == Json({{"bytes", lines.size()}, {"fnv1a", fnv1a(lines)}}), "Vectorizer", "'",
               path, "' is damaged: its terms are not those that its first line describes");
    Vectorizer result(options_from(settings.at("options")));
    const StringTable terms = StringTable::from_lines(lines, path);
    for (int32_t column = 0; column < terms.size(); ++column) result.terms_.insert(terms[column]);
    result.fitted_texts_ = settings.at("fitted_texts").get<int64_t>();
    result.document_frequency_ = settings.at("document_frequency").get<std::vector<int64_t>>();
    const auto possible = [&](int64_t df) { return df >= 1 && df <= result.fitted_texts_; };
    ROUX_CHECK(static_cast<int64_t>(result.document_frequency_.size()) == terms.size() && terms.size() > 0 &&
                   std::all_of(result.document_frequency_.begin(), result.document_frequency_.end(), possible),
               "Vectorizer", "'", path, "' is damaged: its document frequencies do not fit its terms and texts");
    result.set_idf();
    return result;
  } catch (const Json::exception& error) {
    fail("Vectorizer", "'", path, "' is damaged: ", error.what());
  }
}

}  // namespace roux::text
