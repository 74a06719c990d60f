// Formatting of tables, numbers and progress.
#include "apps/common/table.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace roux::apps {
namespace {

// Characters that a terminal shows, not bytes: continuation bytes of UTF-8 take no room.
size_t width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

double seconds_between(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

}  // namespace

std::string Table::to_string() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  size_t total = 0;
  for (const size_t w : widths) total += w + 2;
  std::string text;
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t i = 0; i < rows_[r].size(); ++i) {
      const std::string padding(widths[i] - width(rows_[r][i]), ' ');
      line += i == 0 ? rows_[r][i] + padding : "  " + padding + rows_[r][i];
    }
    text += line + "\n";
    if (r == 0) text += std::string(total - 2, '-') + "\n";
  }
  return text;
}

std::string fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

std::string duration(double seconds) {
  if (seconds < 10) return fixed(seconds, 1) + " s";
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole < 60) return std::to_string(whole) + " s";
  const std::string rest = std::to_string(whole % 60);
  return std::to_string(whole / 60) + " min " + (rest.size() < 2 ? "0" : "") + rest + " s";
}

Progress::Progress(int64_t total)
    : total_(total), terminal_(isatty(STDOUT_FILENO) != 0), start_(std::chrono::steady_clock::now()), last_(start_) {}

Progress::~Progress() {
  const std::lock_guard lock(mutex_);
  erase();
  std::fflush(stdout);
}

void Progress::advance(int64_t count) {
  const std::lock_guard lock(mutex_);
  done_ += count;
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (seconds_between(last_, now) < 0.1) return;
  last_ = now;
  draw();
}

void Progress::print(const std::string& line) {
  const std::lock_guard lock(mutex_);
  erase();
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void Progress::draw() {
  const double share = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 1;
  const double elapsed = seconds_between(start_, last_);
  const int bar = static_cast<int>(share * 30);
  std::printf("\r[%s%s] %3.0f %%, %s left \x1b[K", std::string(static_cast<size_t>(bar), '=').c_str(),
              std::string(static_cast<size_t>(30 - bar), ' ').c_str(), 100 * share,
              duration(share > 0 ? elapsed / share - elapsed : 0).c_str());
  std::fflush(stdout);
  drawn_ = true;
}

void Progress::erase() {
  if (drawn_) std::printf("\r\x1b[K");
  drawn_ = false;
}

}  // namespace roux::apps
