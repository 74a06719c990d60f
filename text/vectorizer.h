// Texts as rows of numbers, one column a term: which terms they have, how often, or how much those say (TF-IDF).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/csr.h"
#include "text/string_list.h"
#include "text/term_table.h"
#include "text/terms.h"

namespace roux::text {

/// What stands in a column.
enum class TermWeight {
  one_hot,  ///< 1 for a term that the text has
  count,    ///< how often the text has it
  tfidf,
};

/// The forms of TF-IDF. N texts were fitted, df of them have the term, and the text at hand has n terms, c of them
/// this.
enum class TfidfForm {
  table,    ///< c/n * ln(N / df): what the course's table holds
  formula,  ///< c/n * ln(N / (1 + df)): what the formula beside that table says; 0 or less for terms of N-1 or N texts
  smooth,   ///< c * (ln((1 + N) / (1 + df)) + 1), each row divided by its l2 norm: scikit-learn's TfidfVectorizer
};

/// Options of a `Vectorizer`.
struct VectorizerOptions {
  TermOptions terms = {};                 ///< what the columns are
  TermWeight weight = TermWeight::tfidf;  ///< what the numbers say
  TfidfForm tfidf = TfidfForm::table;     ///< which form, where the weight is tfidf
  bool sublinear = false;                 ///< tfidf: 1 + ln(c) in the place of c
  int64_t min_df = 1;                     ///< terms that fewer texts have get no column
  int64_t max_df = 0;                     ///< nor do those that more texts have; 0: no limit
  double max_df_share = 1.0;              ///< the same as a share of the texts, in (0, 1]
  int64_t max_features = 0;  ///< columns at most: the terms met most often, of equals the first met; 0: no limit

  bool operator==(const VectorizerOptions&) const = default;
};

/// Learns the columns from texts and makes texts into rows. Columns are in the order in which the terms were first met;
/// the work is shared among threads, and the result does not depend on their number.
///
///     Vectorizer vectorizer({.tfidf = TfidfForm::smooth});
///     const CsrMatrix train = vectorizer.fit_transform(train_texts);
///     const CsrMatrix test = vectorizer.transform(test_texts);
///
/// A term without a column counts for nothing but the n of `TfidfForm`. Values of 0 (a term that all texts have, in the
/// form `table`) are kept as values.
class Vectorizer {
 public:
  /// Throws when an option makes no sense.
  explicit Vectorizer(const VectorizerOptions& options = {});

  /// Learns the columns anew. Throws when there are no texts, or none of their terms gets a column.
  void fit(const StringList& texts);
  /// Throws unless fitted.
  CsrMatrix transform(const StringList& texts) const;
  /// The same as `fit`, then `transform`, in one pass over the texts.
  CsrMatrix fit_transform(const StringList& texts);

  /// The term of each column.
  const TermTable& terms() const { return terms_; }
  /// How many of the texts fitted have the term of a column; how many there were.
  int64_t document_frequency(int32_t column) const;
  int64_t fitted_texts() const { return fitted_texts_; }
  const VectorizerOptions& options() const { return options_; }

  /// One file; it is replaced as a whole.
  void save(const std::string& path) const;
  /// Throws when the file is missing, damaged, or something else.
  static Vectorizer load(const std::string& path);

 private:
  struct Counted;
  std::vector<int32_t> choose_columns(const Counted& counted, const TermTable& met);
  CsrMatrix weigh(const Counted& counted, const std::vector<int32_t>& column_of) const;
  void weigh_row(const std::vector<uint64_t>& row, int64_t terms, float* values) const;
  void set_idf();

  VectorizerOptions options_;
  TermTable terms_;
  std::vector<int64_t> document_frequency_;
  std::vector<double> idf_;
  int64_t fitted_texts_ = 0;
};

}  // namespace roux::text
