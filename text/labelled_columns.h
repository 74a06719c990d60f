// Which columns of a table hold texts and labels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/labelled_rows.h"

namespace roux::text {

/// The names of the columns that `options` ask for, or where they ask for none, the one column with a usual name
/// (text/labelled_rows.h lists them). Throws, naming `source`, when there is none or there are several.
std::string text_column(const ReadOptions& options, const std::vector<std::string>& columns, const std::string& source);
std::string label_column(const ReadOptions& options, const std::vector<std::string>& columns,
                         const std::string& source);
/// Whether there is a column of labels.
bool has_label_column(const ReadOptions& options, const std::vector<std::string>& columns);

/// Where a TSV file holds what.
struct TsvColumns {
  int64_t count = 0;
  int64_t text = 0;
  int64_t label = 0;
  bool has_header = false;  ///< the first line names the columns
};

/// Finds that out from the first line. It names the columns when what the options name is there, or they name nothing
/// and a usual name of texts and one of labels are there.
TsvColumns tsv_columns(std::string_view first_line, const std::string& source, const ReadOptions& options);

/// Whether this line names the columns of a CSV file, one of texts among them.
bool is_csv_header(std::string_view line, const ReadOptions& options);

}  // namespace roux::text
