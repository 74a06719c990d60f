// Questions to word vectors: the course's figures, gensim's answers, and that the quick search misses nothing.
#include "text/word_vectors/nearest.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tests/message_of.h"
#include "tests/thread_count_guard.h"

using namespace roux;
using namespace roux::text;

namespace {

using Names = std::vector<std::string>;
using Rows = std::vector<RowScore>;

std::span<const float> row_of(const Tensor& x, int64_t row) {
  return {x.data<float>() + row * x.size(1), static_cast<size_t>(x.size(1))};
}

/// Every row compared in full.
Rows all_compared(const Tensor& rows, const Tensor& queries, int64_t query, int64_t top_n,
                  const std::vector<int32_t>& excluded = {}) {
  Rows all;
  for (int32_t i = 0; i < rows.size(0); ++i)
    if (std::find(excluded.begin(), excluded.end(), i) == excluded.end())
      all.push_back({i, cosine(row_of(queries, query), row_of(rows, i))});
  std::stable_sort(all.begin(), all.end(), [](const RowScore& a, const RowScore& b) { return a.score > b.score; });
  all.resize(std::min(all.size(), static_cast<size_t>(top_n)));
  return all;
}

void check_exact(const Tensor& rows, const Tensor& queries, int64_t top_n) {
  CAPTURE(rows.shape());
  CAPTURE(queries.shape());
  CAPTURE(top_n);
  const std::vector<Rows> found = NearestRows(rows).find(queries, top_n);
  REQUIRE(static_cast<int64_t>(found.size()) == queries.size(0));
  for (int64_t q = 0; q < queries.size(0); ++q)
    CHECK(found[static_cast<size_t>(q)] == all_compared(rows, queries, q, top_n));
}

/// Words w0, w1, ... for the rows.
WordVectors numbered_words(const Tensor& rows) {
  StringTable words;
  for (int64_t i = 0; i < rows.size(0); ++i) words.insert("w" + std::to_string(i));
  return WordVectors(std::move(words), rows);
}

WordVectors toy_words() {
  StringTable words;
  for (const char* word : {"king", "man", "woman", "queen", "nothing"}) words.insert(word);
  return WordVectors(
      std::move(words),
      Tensor::from<float>({4.2f, 1.8f, 7.5f, 2.1f, 0.9f, 5.0f, 2.0f, 1.0f, 5.1f, 4.2f, 2.1f, 7.4f, 0, 0, 0}, {5, 3}));
}

}  // namespace

TEST_CASE("the course's king - man + woman with glove.6B.100d") {
  const char* data = std::getenv("ROUX_DATA");
  if (data == nullptr) {
    MESSAGE("skipped: ROUX_DATA does not name the folder of the data sets");
    return;
  }
  const WordVectors glove = load_word_vectors(std::string(data) + "/glove/glove.6B.100d.subset.txt");
  const NearestWords nearest(glove);
  // "throne", third with all words, is not among these.
  const std::vector<Neighbour> expected = {
      {"queen", 0.7834}, {"monarch", 0.6934}, {"daughter", 0.6809}, {"prince", 0.6713}};
  const Tensor wanted = glove.vector("king") - glove.vector("man") + glove.vector("woman");
  const std::vector<std::vector<Neighbour>> both = {nearest.analogy({"king", "woman"}, {"man"}, 4),
                                                    nearest.find_closest_words(wanted, {"king", "man", "woman"}, 4)};
  for (const std::vector<Neighbour>& found : both) {
    REQUIRE(found.size() == 4);
    for (size_t i = 0; i < 4; ++i) {
      CHECK(found[i].word == expected[i].word);
      CHECK(found[i].score == doctest::Approx(expected[i].score).epsilon(5e-5 / 0.6713));
    }
  }
  CHECK(nearest.analogy({"king", "woman"}, {"man"}, 1, AnalogyForm::unit)[0].score ==
        doctest::Approx(0.76985).epsilon(1e-5));
}

TEST_CASE("gensim gives the same answers") {
  const nlohmann::json oracle = nlohmann::json::parse(read_file("tests/oracle/nearest.json"));
  StringTable words;
  std::vector<float> values;
  for (const auto& word : oracle["words"]) words.insert(word.get<std::string>());
  for (const auto& vector : oracle["vectors"])
    for (const auto& value : vector) values.push_back(value.get<float>());
  const WordVectors vectors(std::move(words), Tensor::from(values, {12, 5}));
  const NearestWords nearest(vectors);
  const auto same = [&](const std::vector<Neighbour>& found, const char* name) {
    CAPTURE(name);
    REQUIRE(found.size() == oracle[name].size());
    for (size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i].word == oracle[name][i][0].get<std::string>());
      CHECK(found[i].score == doctest::Approx(oracle[name][i][1].get<double>()).epsilon(2e-6));
    }
  };
  same(nearest.find_closest_words(vectors.vector("apple"), {}, 4), "closest_to_apple");
  same(nearest.analogy({"king", "woman"}, {"man"}, 4), "plain_analogy");
  same(nearest.analogy({"king", "woman"}, {"man"}, 4, AnalogyForm::unit), "unit_analogy");
  for (const auto& group : oracle["odd"])
    CHECK(odd_one_out(vectors, group[0].get<Names>()) == group[1].get<std::string>());
  const Tensor cosines = similarity_matrix(vectors.vectors().slice(0, 0, 4));
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t j = 0; j < 4; ++j)
      CHECK(cosines.select(0, i).select(0, j).item() ==
            doctest::Approx(oracle["cosines"][static_cast<size_t>(i)][static_cast<size_t>(j)].get<double>())
                .epsilon(1e-8));
}

TEST_CASE("the quick search finds what comparing everything finds") {
  Generator generator(3);
  for (const int64_t n : {1, 15, 16, 17, 300, 3000})
    for (const int64_t dim : {1, 3, 4, 17, 100})
      for (const int64_t queries : {1, 3, 8, 71})
        for (const int64_t top_n : {1, 10, 400})
          if (n * queries < 50000)
            check_exact(Tensor::randn({n, dim}, float32, cpu, generator),
                        Tensor::randn({queries, dim}, float32, cpu, generator), top_n);
}

TEST_CASE("nor does it miss anything where cosines are hard to tell apart") {
  Generator generator(4);
  const Tensor queries = Tensor::randn({5, 50}, float32, cpu, generator);
  const Tensor noise = Tensor::randn({5000, 50}, float32, cpu, generator);
  SUBCASE("all rows close to the query") { check_exact(queries.slice(0, 0, 1) + noise * 1e-4, queries, 20); }
  SUBCASE("all rows equal") { check_exact(Tensor::ones({5000, 50}), queries, 20); }
  SUBCASE("each row several times") { check_exact(cat({noise, noise * 2, noise}), queries, 20); }
  SUBCASE("one large number in each row") {
    check_exact(noise * 1e-3 + cat({Tensor::ones({5000, 1}), Tensor::zeros({5000, 49})}, 1), queries, 20);
  }
  SUBCASE("the closest rows last") {
    const Tensor steps = Tensor::arange(0, 5000).to(float32).reshape({5000, 1});
    check_exact(steps * queries.slice(0, 2, 3) * 0.01 + noise, queries, 20);
  }
  SUBCASE("very small and very large rows") {
    check_exact(cat({noise * 1e-40, noise * 1e30, Tensor::zeros({40, 50}), noise * 1e-20}), queries * 1e-38, 20);
  }
  SUBCASE("rows of zeros among the answers") {
    check_exact(cat({queries * -1, Tensor::zeros({40, 50}), queries.slice(0, 0, 2)}), queries, 45);
  }
}

TEST_CASE("the bounds of the compact form hold") {
  Generator generator(5);
  for (const int64_t dim : {2, 7, 100, 301}) {
    const Tensor rows = Tensor::randn({160, dim}, float32, cpu, generator);
    const Tensor queries = Tensor::randn({8, dim}, float32, cpu, generator);
    const CompactRows compact(rows);
    std::vector<CompactQuery> all;
    for (int64_t q = 0; q < 8; ++q) {
      std::vector<double> unit = queries.select(0, q).to_vector<double>();
      double square = 0;
      for (const double x : unit) square += x * x;
      for (double& x : unit) x /= std::sqrt(square);
      all.push_back(compact.query(unit));
    }
    const CompactRows::Together together = CompactRows::together(all);
    std::array<int32_t, 128> sums, plain;
    for (int64_t block = 0; block < compact.blocks(); ++block) {
      compact.products(block, together, sums.data());
      compact.plain_products(block, together, plain.data());
      CHECK(sums == plain);
      for (size_t q = 0; q < 8; ++q) {
        for (int64_t r = 0; r < 16; ++r) {
          const float scale = compact.scales(block)[r];
          const float middle = scale * (all[q].step * static_cast<float>(sums[q * 16 + static_cast<size_t>(r)]));
          const float half = scale * all[q].spread + all[q].slack;
          const double exact = cosine(row_of(queries, static_cast<int64_t>(q)), row_of(rows, block * 16 + r));
          CHECK(std::fabs(exact - static_cast<double>(middle)) <= static_cast<double>(half));
          CHECK(half < 0.03f);  // or it would tell nothing
        }
      }
    }
  }
}

TEST_CASE("threads make no difference to the closest rows, and parallel callers get the same") {
  Generator generator(6);
  const Tensor rows = Tensor::randn({20000, 20}, float32, cpu, generator);
  const Tensor queries = Tensor::randn({150, 20}, float32, cpu, generator);
  const ThreadCountGuard guard;
  set_num_threads(1);
  const NearestRows nearest(rows);
  const std::vector<Rows> expected = nearest.find(queries, 7);
  for (const int threads : {2, 5}) {
    set_num_threads(threads);
    CHECK(NearestRows(rows).find(queries, 7) == expected);
    for (const int64_t q : {0, 77, 149})
      CHECK(nearest.find(queries.slice(0, q, q + 1), 7)[0] == expected[static_cast<size_t>(q)]);
  }
}

TEST_CASE("excluded words are not found, others take their place") {
  Generator generator(7);
  const Tensor rows = Tensor::randn({500, 10}, float32, cpu, generator);
  const WordVectors vectors = numbered_words(rows);
  const NearestWords nearest(vectors);
  const std::vector<Neighbour> all = nearest.find_closest_words(rows.select(0, 3), {}, 500);
  CHECK(all.size() == 500);
  CHECK(all[0].word == "w3");
  CHECK(all[0].score == doctest::Approx(1));
  const std::vector<Neighbour> rest =
      nearest.find_closest_words(rows.select(0, 3), {all[0].word, all[2].word, "not there", all[2].word}, 3);
  CHECK(rest == std::vector<Neighbour>{all[1], all[3], all[4]});
  CHECK(nearest.find_closest_words(rows.select(0, 3), {}, 0).empty());

  const auto both = nearest.find_closest_words_each(rows.slice(0, 3, 5), {{"w3"}, {}}, 2);
  CHECK(both[0] == std::vector<Neighbour>{all[1], all[2]});
  CHECK(both[1][0].word == "w4");
  CHECK(nearest.find_closest_words_each(Tensor::empty({0, 10}), {}, 2).empty());
}

TEST_CASE("the course's toy vectors, cosines and vectors of zeros") {
  const WordVectors vectors = toy_words();
  const NearestWords nearest(vectors);
  CHECK(nearest.analogy({"king", "woman"}, {"man"}, 1)[0].word == "queen");
  CHECK(cosine(Tensor::from<float>({3, 4}), Tensor::from<float>({4, 3})) == doctest::Approx(0.96));
  CHECK(cosine(vectors.vector("king"), vectors.vector("nothing")) == 0);
  CHECK(cosine(vectors.vector("nothing"), vectors.vector("nothing")) == 0);
  const Tensor all = similarity_matrix(vectors.vectors());
  CHECK(all.select(0, 0).select(0, 0).item() == 1);
  CHECK(all.select(0, 4).select(0, 4).item() == 0);
  CHECK(all.select(0, 1).select(0, 3).item() == all.select(0, 3).select(0, 1).item());
  // A word of zeros is as far as what stands at a right angle: before what points away, behind what does not.
  const std::vector<Neighbour> away = nearest.find_closest_words(vectors.vector("king") * -1, {}, 5);
  CHECK(away[0] == Neighbour{"nothing", 0.0});
  CHECK(away[4].word == "king");
  CHECK(odd_one_out(vectors, {"king", "queen", "man", "nothing"}) == "nothing");
}

TEST_CASE("bad questions are refused") {
  const WordVectors vectors = toy_words();
  const NearestWords nearest(vectors);
  const auto closest = [&](const Tensor& vector, int64_t top_n) {
    return message_of([&] { nearest.find_closest_words(vector, {}, top_n); });
  };
  const auto holds = [](const std::string& text, const std::string& part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  holds(closest(Tensor::zeros({3}), 1), "a vector of zeros, which has no direction");
  holds(closest(Tensor::from<float>({1, nan, 2}), 1), "not a finite number");
  holds(closest(Tensor::from<float>({1, inf, 2}), 1), "not a finite number");
  holds(closest(Tensor::ones({4}), 1), "expected float32 queries of shape (queries, 3), found (1, 4)");
  holds(closest(Tensor::ones({1, 3}), 1), "expected a float32 vector");
  holds(closest(Tensor::ones({3}), -1), "top_n must be at least 0, found -1");
  holds(message_of([&] { nearest.analogy({}, {}); }), "there are no words");
  holds(message_of([&] { nearest.analogy({"king"}, {"king"}); }), "a vector of zeros");
  holds(message_of([&] { nearest.analogy({"kign"}, {}); }), "'kign'");
  holds(message_of([&] { odd_one_out(vectors, {"king", "queen"}); }), "three words or more, found 2");
  holds(message_of([&] { cosine(Tensor::ones({3}), Tensor::ones({2})); }), "3 and 2 numbers");
  holds(message_of([&] { analogy_form("cosine"); }), "plain, unit");
  holds(message_of([&] { NearestRows(Tensor::from<float>({1, 2, nan, 4}, {2, 2})); }), "row 1 has a value");
  holds(message_of([&] {
          NearestRows(Tensor::ones({2, 2})).find(Tensor::ones({2, 2}), 1, {{0}});
        }),
        "2 queries and 1 lists");
  CHECK(nearest.analogy({"qeen"}, {"king"}, 1, AnalogyForm::plain, UnknownWord::zeros).size() == 1);
}
