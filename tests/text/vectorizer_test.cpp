// Vectorizers: the course's table, agreement with scikit-learn, limits, files; and the sparse matrix.
#include "text/vectorizer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tensor/parallel.h"
#include "tests/temporary_folder.h"
#include "tests/thread_count_guard.h"

using namespace roux::text;
using roux::Shape;

namespace {

using Names = std::vector<std::string>;
using Row = std::map<std::string, double>;

/// The course's two texts; the columns are i love my dog, then love dog for the doubled word, cat.
const StringList course{"I love love my dog", "I love my cat"};

Names columns_of(const Vectorizer& vectorizer) {
  Names names;
  for (int64_t i = 0; i < vectorizer.terms().size(); ++i) names.emplace_back(vectorizer.terms()[i]);
  return names;
}

Row row_of(const Vectorizer& vectorizer, const CsrMatrix& matrix, int64_t row) {
  Row result;
  const auto indices = matrix.row_indices(row);
  for (size_t i = 0; i < indices.size(); ++i) {
    result[std::string(vectorizer.terms()[indices[i]])] = matrix.row_values(row)[i];
  }
  return result;
}

bool same(const CsrMatrix& a, const CsrMatrix& b) {
  return a.rows == b.rows && a.columns == b.columns && a.indptr == b.indptr && a.indices == b.indices &&
         a.values == b.values;
}

Row row_from(const nlohmann::json& json) { return json.get<Row>(); }

bool close(const Row& a, const Row& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [term, value] : a) {
    if (b.count(term) == 0 || std::abs(value - b.at(term)) > 1e-6) return false;
  }
  return true;
}

StringList many_texts(int64_t n) {
  StringList texts;
  for (int64_t i = 0; i < n; ++i) {
    std::string text;
    for (int64_t word = 0; word < i % 9; ++word)
      text += "w" + std::to_string((i * 7919 + word * word * 31) % 4001) + " ";
    texts.push_back(text);
  }
  return texts;
}

}  // namespace

TEST_CASE("the course's table of TF-IDF: 0.139 and 0.173, else 0") {
  Vectorizer vectorizer;
  const CsrMatrix matrix = vectorizer.fit_transform(course);
  CHECK(columns_of(vectorizer) == Names{"i", "love", "my", "dog", "cat"});
  const std::vector<float> table = matrix.to_tensor().to_vector<float>();
  const std::vector<double> printed{0, 0, 0, 0.139, 0, 0, 0, 0, 0, 0.173};
  for (size_t i = 0; i < table.size(); ++i) CHECK(std::abs(table[i] - printed[i]) < 5e-4);
  CHECK(matrix.at(0, 3) == doctest::Approx(std::log(2.0) / 5));
  CHECK(vectorizer.document_frequency(1) == 2);
  CHECK(vectorizer.document_frequency(4) == 1);
}

TEST_CASE("the formula beside the table gives 0 there and less than 0 elsewhere") {
  Vectorizer vectorizer({.tfidf = TfidfForm::formula});
  const CsrMatrix matrix = vectorizer.fit_transform(course);
  CHECK(matrix.at(0, 3) == 0);
  CHECK(matrix.at(0, 4) == 0);
  CHECK(matrix.at(0, 1) == doctest::Approx(0.4 * std::log(2.0 / 3)));
}

TEST_CASE("the course's counts, and one-hot") {
  Vectorizer count({.weight = TermWeight::count});
  CHECK(count.fit_transform(course).to_tensor().to_vector<float>() == std::vector<float>{1, 2, 1, 1, 0, 1, 1, 1, 0, 1});
  Vectorizer one_hot({.weight = TermWeight::one_hot});
  CHECK(one_hot.fit_transform(course).to_tensor().to_vector<float>() ==
        std::vector<float>{1, 1, 1, 1, 0, 1, 1, 1, 0, 1});
  const CsrMatrix other = count.transform({"cat cat horse", "", "horse"});
  CHECK(other.to_tensor().to_vector<float>() == std::vector<float>{0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("terms that have no column count for the length of a text") {
  Vectorizer vectorizer;
  vectorizer.fit(course);
  CHECK(vectorizer.transform({"cat and horse with"}).at(0, 4) == doctest::Approx(std::log(2.0) / 4));
}

TEST_CASE("what scikit-learn makes of the same texts") {
  const nlohmann::json oracle = nlohmann::json::parse(roux::read_file("tests/oracle/vectorizer.json"));
  StringList texts;
  for (const auto& text : oracle.at("texts")) texts.push_back(text.get<std::string>());
  const std::map<std::string, TermKind> kinds{{"words", TermKind::words},
                                              {"characters", TermKind::characters},
                                              {"characters_in_words", TermKind::characters_in_words}};
  REQUIRE(oracle.at("cases").size() == 10);
  for (const auto& expected : oracle.at("cases")) {
    VectorizerOptions options{.terms = {.kind = kinds.at(expected.at("kind").get<std::string>()),
                                        .ngram_min = expected.at("ngram_min").get<int64_t>(),
                                        .ngram_max = expected.at("ngram_max").get<int64_t>(),
                                        .lowercase = expected.at("lowercase").get<bool>(),
                                        .min_word_length = expected.at("min_word_length").get<int64_t>()},
                              .tfidf = TfidfForm::smooth,
                              .sublinear = expected.at("sublinear").get<bool>(),
                              .min_df = expected.at("min_df").get<int64_t>(),
                              .max_df_share = expected.at("max_df_share").get<double>()};
    for (const char* form : {"tfidf", "count"}) {
      options.weight = form == std::string("count") ? TermWeight::count : TermWeight::tfidf;
      Vectorizer vectorizer(options);
      const CsrMatrix matrix = vectorizer.fit_transform(texts);
      CHECK_NOTHROW(matrix.check());
      for (int64_t row = 0; row < matrix.rows; ++row) {
        CAPTURE(expected.at("kind").get<std::string>());
        CAPTURE(row);
        CAPTURE(form);
        CHECK(close(row_of(vectorizer, matrix, row), row_from(expected.at(form)[static_cast<size_t>(row)])));
      }
      CHECK(same(vectorizer.transform(texts), matrix));
    }
  }
}

TEST_CASE("limits on columns") {
  const StringList texts{"a b c", "a b", "a d d d", "a b"};
  const auto columns = [&](const VectorizerOptions& options) {
    Vectorizer vectorizer(options);
    vectorizer.fit(texts);
    return columns_of(vectorizer);
  };
  CHECK(columns({}) == Names{"a", "b", "c", "d"});
  CHECK(columns({.min_df = 2}) == Names{"a", "b"});
  CHECK(columns({.max_df = 3}) == Names{"b", "c", "d"});
  CHECK(columns({.max_df_share = 0.75}) == Names{"b", "c", "d"});
  CHECK(columns({.max_df_share = 0.74}) == Names{"c", "d"});
  CHECK(columns({.max_features = 2}) == Names{"a", "b"});
  CHECK(columns({.max_df = 3, .max_features = 1}) == Names{"b"});
  CHECK_THROWS_WITH_AS(columns({.min_df = 5}),
                       "[fit] none of the 4 terms of 4 texts gets a column (hint: lower min_df, or raise max_df)",
                       roux::Error);
}

TEST_CASE("options and uses that make no sense") {
  CHECK_THROWS_AS(Vectorizer({.min_df = 0}), roux::Error);
  CHECK_THROWS_AS(Vectorizer({.max_df = -1}), roux::Error);
  CHECK_THROWS_AS(Vectorizer({.max_df_share = 0}), roux::Error);
  CHECK_THROWS_AS(Vectorizer({.max_df_share = std::nan("")}), roux::Error);
  CHECK_THROWS_AS(Vectorizer({.max_features = -1}), roux::Error);
  CHECK_THROWS_AS(Vectorizer({.terms = {.ngram_min = 2, .ngram_max = 1}}), roux::Error);
  CHECK_THROWS_AS(Vectorizer({.terms = {.ngram_min = 0}}), roux::Error);
  CHECK_THROWS_AS(Vectorizer({.terms = {.min_word_length = 0}}), roux::Error);
  Vectorizer vectorizer;
  CHECK_THROWS_WITH_AS(vectorizer.transform(course),
                       "[transform] the vectorizer has no columns yet (hint: fit comes first)", roux::Error);
  CHECK_THROWS_WITH_AS(vectorizer.fit({}), "[fit] there are no texts", roux::Error);
  CHECK_THROWS_AS(vectorizer.fit({"", "!"}), roux::Error);
  CHECK_THROWS_AS(vectorizer.save("x"), roux::Error);
}

TEST_CASE("invalid UTF-8 and long terms") {
  Vectorizer characters({.terms = {.kind = TermKind::characters}, .weight = TermWeight::count});
  CHECK(row_of(characters, characters.fit_transform({"\xFFq\xC3"}), 0) == Row{{"\uFFFD", 2}, {"q", 1}});
  const std::string word(100'000, 'x');
  Vectorizer words({.terms = {.ngram_max = 2}, .weight = TermWeight::count});
  CHECK(row_of(words, words.fit_transform({word + " y"}), 0) == Row{{word, 1}, {"y", 1}, {word + " y", 1}});
}

TEST_CASE("the table of terms: short and long ones, NULs, and the same by either way in") {
  TermTable table;
  const std::vector<std::string> terms{
      "",        "a",        std::string(1, '\0'), std::string(2, '\0'),          "a\0b",
      "1234567", "12345678", "123456789",          "\xFF\xFF\xFF\xFF\xFF\xFF\xFF"};
  std::map<std::string, int32_t> numbers;
  for (const std::string& term : terms) numbers.emplace(term, static_cast<int32_t>(numbers.size()));
  for (int round = 0; round < 2; ++round) {
    for (const std::string& term : terms) {
      const std::string padded = term + "padding!";
      const std::string_view view = std::string_view(padded).substr(0, term.size());
      CHECK((round == 0 ? table.insert(view) : table.insert_padded(view)) == numbers.at(term));
      CHECK(table.find_padded(view) == numbers.at(term));
      CHECK(table.find(view) == numbers.at(term));
      CHECK(table[numbers.at(term)] == term);
    }
  }
  CHECK(table.find("absent") == -1);
  CHECK(TermTable().find("absent") == -1);
  for (int i = 0; i < 20'000; ++i) table.insert("term " + std::to_string(i));
  for (const auto& [term, number] : numbers) CHECK(table.find(term) == number);
  CHECK(table.find("term 12345") == static_cast<int32_t>(numbers.size()) + 12345);
}

TEST_CASE("vectorizers in parallel give the same matrix") {
  const StringList texts = many_texts(10'000);
  for (const VectorizerOptions& options :
       {VectorizerOptions{.terms = {.ngram_max = 2}}, VectorizerOptions{.tfidf = TfidfForm::smooth, .min_df = 3},
        VectorizerOptions{.terms = {.kind = TermKind::characters, .ngram_max = 4}, .max_features = 5000}}) {
    const ThreadCountGuard guard;
    roux::set_num_threads(1);
    Vectorizer alone(options);
    const CsrMatrix one = alone.fit_transform(texts);
    roux::set_num_threads(3);
    Vectorizer together(options);
    const CsrMatrix three = together.fit_transform(texts);
    CHECK(same(one, three));
    CHECK(columns_of(alone) == columns_of(together));
    CHECK(same(together.transform(texts), one));
    CHECK(one.rows == 10'000);
    CHECK_NOTHROW(one.check());
  }
}

TEST_CASE("a vectorizer in a file") {
  const TemporaryFolder folder;
  const std::string path = folder / "vectorizer";
  const StringList texts{"Cr\u00E8me br\u00FBl\u00E9e", "line\nbreak \\ and more", "more and more"};
  Vectorizer saved({.terms = {.kind = TermKind::characters, .ngram_min = 2, .ngram_max = 9},
                    .tfidf = TfidfForm::smooth,
                    .sublinear = true,
                    .max_df_share = 0.7});
  const CsrMatrix matrix = saved.fit_transform(texts);
  saved.save(path);
  const Vectorizer loaded = Vectorizer::load(path);
  CHECK(loaded.options() == saved.options());
  CHECK(columns_of(loaded) == columns_of(saved));
  CHECK(loaded.fitted_texts() == 3);
  CHECK(same(loaded.transform(texts), matrix));

  const std::string bytes = roux::read_file(path);
  const auto refused = [&](const std::string& damaged) {
    roux::write_file_atomically(path, damaged);
    CHECK_THROWS_AS(Vectorizer::load(path), roux::Error);
  };
  for (size_t length = 0; length < bytes.size(); length += 7) refused(bytes.substr(0, length));
  refused(bytes + "x\n");
  refused("[]\n");
  refused("{\"format\": 3}\n");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = bytes;
    REQUIRE(changed.find(from) != std::string::npos);
    return changed.replace(changed.find(from), from.size(), to);
  };
  refused(with("\"fitted_texts\":3", "\"fitted_texts\":0"));
  refused(with("\"smooth\"", "\"rough\""));
  refused(with("\"ngram_min\":2", "\"ngram_min\":20"));
  refused(with("\"document_frequency\":[", "\"document_frequency\":[1,"));
  CHECK_THROWS_AS(Vectorizer::load(folder / "none"), roux::Error);
}

TEST_CASE("sparse matrices: places, damage, and no dense one by accident") {
  const CsrMatrix matrix{.rows = 2, .columns = 4, .indptr = {0, 2, 3}, .indices = {1, 3, 0}, .values = {5, 6, 7}};
  CHECK_NOTHROW(matrix.check());
  CHECK(matrix.nnz() == 3);
  CHECK(matrix.at(0, 3) == 6);
  CHECK(matrix.at(0, 2) == 0);
  CHECK(matrix.to_tensor().shape() == Shape{2, 4});
  CHECK(matrix.to_tensor().to_vector<float>() == std::vector<float>{0, 5, 0, 6, 7, 0, 0, 0});
  CHECK_THROWS_AS(matrix.at(0, 4), roux::Error);
  CHECK_THROWS_AS(matrix.at(2, 0), roux::Error);
  CHECK_NOTHROW(CsrMatrix{}.check());
  const auto damaged = [&](auto change) {
    CsrMatrix copy = matrix;
    change(copy);
    CHECK_THROWS_AS(copy.check(), roux::Error);
    CHECK_THROWS_AS(copy.to_tensor(), roux::Error);
  };
  damaged([](CsrMatrix& m) { m.indices = {3, 1, 0}; });
  damaged([](CsrMatrix& m) { m.indices = {1, 4, 0}; });
  damaged([](CsrMatrix& m) { m.indices = {-1, 3, 0}; });
  damaged([](CsrMatrix& m) { m.indptr = {0, 4, 3}; });
  damaged([](CsrMatrix& m) { m.indptr = {0, 3}; });
  damaged([](CsrMatrix& m) { m.values.pop_back(); });

  CsrMatrix titles;
  titles.rows = 43'513;
  titles.columns = 9006;
  titles.indptr.assign(43'514, 0);
  CHECK_THROWS_WITH_AS(
      titles.to_tensor(),
      "[to_tensor] a dense matrix of (43513, 9006) takes more than 268435456 bytes, and 0 of its values "
      "are not 0 (hint: to_tensor(max_bytes) allows more)",
      roux::Error);
  CHECK_THROWS_AS(matrix.to_tensor(31), roux::Error);
  CHECK_NOTHROW(matrix.to_tensor(32));
}
