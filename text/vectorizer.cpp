// Counting of terms, choice of columns, weights.
#include "text/vectorizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "tensor/error.h"
#include "tensor/parallel.h"

namespace roux::text {

/// Terms by number: how often each text has which, and how many it has in all.
struct Vectorizer::Counted {
  std::vector<int64_t> indptr{0};
  std::vector<int32_t> numbers;
  std::vector<int32_t> counts;
  std::vector<int64_t> lengths;

  int64_t size() const { return static_cast<int64_t>(lengths.size()); }

  void append(const Counted& other) {
    const auto before = static_cast<int64_t>(numbers.size());
    for (size_t i = 1; i < other.indptr.size(); ++i) indptr.push_back(before + other.indptr[i]);
    numbers.insert(numbers.end(), other.numbers.begin(), other.numbers.end());
    counts.insert(counts.end(), other.counts.begin(), other.counts.end());
    lengths.insert(lengths.end(), other.lengths.begin(), other.lengths.end());
  }
};

namespace {

constexpr int64_t texts_per_chunk = 4096;
constexpr int64_t rows_per_chunk = 1024;

/// Counts the terms of the texts [begin, end). `number_of(term)` gives a term's number, or -1 for one to be left out.
template <class Counted, class NumberOf>
Counted count_terms(const StringList& texts, int64_t begin, int64_t end, const TermOptions& options,
                    NumberOf&& number_of) {
  Counted counted;
  TermSplitter splitter(options);
  std::vector<int64_t> place;  // by number: where the term was counted last; in this text if not before its row
  for (int64_t text = begin; text < end; ++text) {
    const int64_t row = counted.indptr.back();
    int64_t length = 0;
    splitter.for_each(texts[text], [&](std::string_view term) {
      ++length;
      const int32_t number = number_of(term);
      if (number < 0) return;
      const auto index = static_cast<size_t>(number);
      if (index >= place.size()) place.resize(std::max<size_t>(2 * index, 1024), -1);
      if (place[index] >= row) {
        ++counted.counts[static_cast<size_t>(place[index])];
        return;
      }
      place[index] = static_cast<int64_t>(counted.numbers.size());
      counted.numbers.push_back(number);
      counted.counts.push_back(1);
    });
    counted.indptr.push_back(static_cast<int64_t>(counted.numbers.size()));
    counted.lengths.push_back(length);
  }
  return counted;
}

/// Counts all terms, in chunks with tables of their own, which are joined in order: terms are numbered as they are
/// first met, however many threads there are.
template <class Counted>
Counted count_all(const StringList& texts, const TermOptions& options, TermTable& met) {
  const auto insert_into = [](TermTable& table) {
    return [&](std::string_view term) { return table.insert_padded(term); };
  };
  if (num_threads() == 1) return count_terms<Counted>(texts, 0, texts.size(), options, insert_into(met));
  const auto chunk_count = static_cast<size_t>((texts.size() + texts_per_chunk - 1) / texts_per_chunk);
  std::vector<Counted> chunks(chunk_count);
  std::vector<TermTable> tables(chunk_count);
  parallel_for(texts.size(), texts_per_chunk, [&](int64_t begin, int64_t end) {
    const auto chunk = static_cast<size_t>(begin / texts_per_chunk);
    chunks[chunk] = count_terms<Counted>(texts, begin, end, options, insert_into(tables[chunk]));
  });
  std::vector<std::vector<int32_t>> joined(chunk_count);
  for (size_t chunk = 0; chunk < chunk_count; ++chunk) {
    for (int64_t term = 0; term < tables[chunk].size(); ++term)
      joined[chunk].push_back(met.insert(tables[chunk][term]));
  }
  parallel_for(static_cast<int64_t>(chunk_count), 1, [&](int64_t begin, int64_t) {
    const auto chunk = static_cast<size_t>(begin);
    for (int32_t& number : chunks[chunk].numbers) number = joined[chunk][static_cast<size_t>(number)];
  });
  Counted all;
  for (const Counted& chunk : chunks) all.append(chunk);
  return all;
}

/// Sorts values whose upper 32 bits are below `limit` by those, which are distinct. `scratch` keeps its memory.
void sort_by_column(std::vector<uint64_t>& row, uint64_t limit, std::vector<uint64_t>& scratch) {
  if (row.size() < 64) {
    std::sort(row.begin(), row.end());
    return;
  }
  scratch.resize(row.size());
  for (int shift = 32; shift < 64 && limit >> (shift - 32) != 0; shift += 8) {
    std::array<uint32_t, 256> place{};
    for (const uint64_t value : row) ++place[value >> shift & 0xFF];
    uint32_t sum = 0;
    for (uint32_t& count : place) sum += std::exchange(count, sum);
    for (const uint64_t value : row) scratch[place[value >> shift & 0xFF]++] = value;
    row.swap(scratch);
  }
}

}  // namespace

Vectorizer::Vectorizer(const VectorizerOptions& options) : options_(options) {
  check(options.terms);
  const auto at_least = [](const char* name, int64_t value, int64_t least) {
    ROUX_CHECK(value >= least, "Vectorizer", name, " is ", value, "; expected ", least, " or more");
  };
  at_least("min_df", options.min_df, 1);
  at_least("max_df", options.max_df, 0);
  at_least("max_features", options.max_features, 0);
  ROUX_CHECK(options.max_df_share > 0 && options.max_df_share <= 1, "Vectorizer", "max_df_share is ",
             options.max_df_share, "; expected more than 0 and at most 1");
}

void Vectorizer::fit(const StringList& texts) {
  TermTable met;
  const auto counted = count_all<Counted>(texts, options_.terms, met);
  choose_columns(counted, met);
}

CsrMatrix Vectorizer::fit_transform(const StringList& texts) {
  TermTable met;
  const auto counted = count_all<Counted>(texts, options_.terms, met);
  return weigh(counted, choose_columns(counted, met));
}

CsrMatrix Vectorizer::transform(const StringList& texts) const {
  ROUX_CHECK(fitted_texts_ > 0, "transform", "the vectorizer has no columns yet (hint: fit comes first)");
  std::vector<Counted> chunks(static_cast<size_t>((texts.size() + texts_per_chunk - 1) / texts_per_chunk));
  parallel_for(texts.size(), texts_per_chunk, [&](int64_t begin, int64_t end) {
    chunks[static_cast<size_t>(begin / texts_per_chunk)] = count_terms<Counted>(
        texts, begin, end, options_.terms, [&](std::string_view term) { return terms_.find_padded(term); });
  });
  Counted all;
  for (const Counted& chunk : chunks) all.append(chunk);
  std::vector<int32_t> columns(static_cast<size_t>(terms_.size()));
  std::iota(columns.begin(), columns.end(), 0);
  return weigh(all, columns);
}

/// Takes over the terms that get a column; gives the column of each term met, -1 for one without.
std::vector<int32_t> Vectorizer::choose_columns(const Counted& counted, const TermTable& met) {
  ROUX_CHECK(counted.size() > 0, "fit", "there are no texts");
  const auto terms = static_cast<size_t>(met.size());
  std::vector<int64_t> texts_with(terms), occurrences(terms);
  for (size_t i = 0; i < counted.numbers.size(); ++i) {
    const auto number = static_cast<size_t>(counted.numbers[i]);
    ++texts_with[number];
    occurrences[number] += counted.counts[i];
  }
  const double share_limit = options_.max_df_share * static_cast<double>(counted.size());
  const int64_t count_limit = options_.max_df == 0 ? std::numeric_limits<int64_t>::max() : options_.max_df;
  std::vector<int32_t> chosen;
  for (size_t number = 0; number < terms; ++number) {
    const int64_t df = texts_with[number];
    const bool fits = df >= options_.min_df && df <= count_limit && static_cast<double>(df) <= share_limit;
    if (fits) chosen.push_back(static_cast<int32_t>(number));
  }
  const auto most = static_cast<size_t>(options_.max_features);
  if (most > 0 && chosen.size() > most) {
    const auto count_of = [&](int32_t number) { return occurrences[static_cast<size_t>(number)]; };
    std::stable_sort(chosen.begin(), chosen.end(), [&](int32_t a, int32_t b) { return count_of(a) > count_of(b); });
    chosen.resize(most);
    std::sort(chosen.begin(), chosen.end());
  }
  ROUX_CHECK(terms > 0, "fit", "no term in ", counted.size(), counted.size() == 1 ? " text" : " texts");
  ROUX_CHECK(!chosen.empty(), "fit", "none of the ", terms, " terms of ", counted.size(),
             " texts gets a column (hint: lower min_df, or raise max_df)");
  std::vector<int32_t> column_of(terms, -1);
  TermTable kept;
  document_frequency_.clear();
  for (const int32_t number : chosen) {
    column_of[static_cast<size_t>(number)] = kept.insert(met[number]);
    document_frequency_.push_back(texts_with[static_cast<size_t>(number)]);
  }
  terms_ = std::move(kept);
  fitted_texts_ = counted.size();
  set_idf();
  return column_of;
}

void Vectorizer::set_idf() {
  const auto texts = static_cast<double>(fitted_texts_);
  idf_.clear();
  for (const int64_t frequency : document_frequency_) {
    const auto df = static_cast<double>(frequency);
    switch (options_.tfidf) {
      case TfidfForm::table: idf_.push_back(std::log(texts / df)); break;
      case TfidfForm::formula: idf_.push_back(std::log(texts / (1 + df))); break;
      case TfidfForm::smooth: idf_.push_back(std::log((1 + texts) / (1 + df)) + 1); break;
    }
  }
}

/// The rows of the result: columns rise, and counts become weights.
CsrMatrix Vectorizer::weigh(const Counted& counted, const std::vector<int32_t>& column_of) const {
  CsrMatrix result{.rows = counted.size(), .columns = terms_.size(), .indptr = {0}, .indices = {}, .values = {}};
  result.indptr.resize(static_cast<size_t>(counted.size()) + 1);
  const bool all_kept = std::find(column_of.begin(), column_of.end(), -1) == column_of.end();
  const auto kept = [&](int64_t i) {
    return column_of[static_cast<size_t>(counted.numbers[static_cast<size_t>(i)])] >= 0;
  };
  for (size_t row = 0; row < counted.lengths.size(); ++row) {
    int64_t count = counted.indptr[row + 1] - counted.indptr[row];
    for (int64_t i = counted.indptr[row]; i < counted.indptr[row + 1] && !all_kept; ++i) count -= !kept(i);
    result.indptr[row + 1] = result.indptr[row] + count;
  }
  result.indices.resize(static_cast<size_t>(result.indptr.back()));
  result.values.resize(result.indices.size());
  parallel_for(counted.size(), rows_per_chunk, [&](int64_t begin, int64_t end) {
    std::vector<uint64_t> terms, scratch;
    for (auto row = static_cast<size_t>(begin); row < static_cast<size_t>(end); ++row) {
      terms.clear();
      for (auto i = static_cast<size_t>(counted.indptr[row]); i < static_cast<size_t>(counted.indptr[row + 1]); ++i) {
        const int32_t column = column_of[static_cast<size_t>(counted.numbers[i])];
        if (column >= 0)
          terms.push_back(static_cast<uint64_t>(column) << 32 | static_cast<uint32_t>(counted.counts[i]));
      }
      sort_by_column(terms, static_cast<uint64_t>(terms_.size()), scratch);
      const auto first = static_cast<size_t>(result.indptr[row]);
      for (size_t i = 0; i < terms.size(); ++i) result.indices[first + i] = static_cast<int32_t>(terms[i] >> 32);
      weigh_row(terms, counted.lengths[row], result.values.data() + first);
    }
  });
  return result;
}

/// `row`: columns in the upper half, counts in the lower; `terms`: how many terms the text has.
void Vectorizer::weigh_row(const std::vector<uint64_t>& row, int64_t terms, float* values) const {
  const auto count_of = [](uint64_t term) { return static_cast<uint32_t>(term); };
  if (options_.weight != TermWeight::tfidf) {
    const bool one_hot = options_.weight == TermWeight::one_hot;
    for (const uint64_t term : row) *values++ = one_hot ? 1.0f : static_cast<float>(count_of(term));
    return;
  }
  const bool smooth = options_.tfidf == TfidfForm::smooth;
  const double per_term = smooth ? 1.0 : 1 / static_cast<double>(terms);
  double squares = 0;
  const auto weight = [&](uint64_t term) {
    const double count = count_of(term);
    const double tf = options_.sublinear && count > 1 ? 1 + std::log(count) : count;
    return tf * per_term * idf_[term >> 32];
  };
  for (size_t i = 0; i < row.size(); ++i) {
    const double value = weight(row[i]);
    squares += value * value;
    values[i] = static_cast<float>(value);
  }
  if (!smooth || squares == 0) return;
  const double scale = 1 / std::sqrt(squares);
  for (size_t i = 0; i < row.size(); ++i) values[i] = static_cast<float>(weight(row[i]) * scale);
}

int64_t Vectorizer::document_frequency(int32_t column) const {
  ROUX_CHECK(column >= 0 && column < terms_.size(), "Vectorizer", "column ", column, " is outside ", terms_.size());
  return document_frequency_[static_cast<size_t>(column)];
}

}  // namespace roux::text
