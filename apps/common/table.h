// Tables and progress for people at a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "text/with_commas.h"

namespace roux::apps {

/// Rows of text in aligned columns: the first to the left, the others to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// The header, a rule, the rows.
  std::string to_string() const;
  /// The header and the rows.
  const std::vector<std::vector<std::string>>& rows() const { return rows_; }

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// A number with a fixed count of decimals.
std::string fixed(double value, int decimals);
using text::with_commas;
/// A share as a percentage: 20.4 %.
std::string percent(double share);
/// A duration for people: 0.4 s, 12 s, 3 min 05 s.
std::string duration(double seconds);

/// One line at the bottom of a terminal that says how far a long job is and how long it will still take. Where standard
/// output is no terminal it writes nothing but the lines given to `print`. May be used from several threads.
class Progress {
 public:
  explicit Progress(int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `count` more units are done.
  void advance(int64_t count);
  /// A line that stays, above the progress line.
  void print(const std::string& line);

 private:
  void draw();
  void erase();

  std::mutex mutex_;
  int64_t total_, done_ = 0;
  bool terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

}  // namespace roux::apps
