// GloVe's and word2vec's text: a line a word, the word, then its numbers.
//
// Blocks of the file pass through a window. While a block is read its lines are counted piece by piece, so that every
// line's slot in the table is known, and the pieces are parsed in parallel into their slots; then the words are entered
// one after the other, which finds duplicates and closes the holes that damaged rows left.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/parallel.h"
#include "text/hash.h"
#include "text/word_vectors/float_text.h"
#include "text/word_vectors/forms.h"
#include "text/word_vectors/row_collector.h"

namespace roux::text {
namespace {

constexpr const char* loading = "load_word_vectors";
constexpr size_t longest_line = 64 << 20;
constexpr int sampled_lines = 10;

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view without_blanks_behind(std::string_view text) {
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Cuts the last field off `line`.
std::string_view cut_last_field(std::string_view& line) {
  line = without_blanks_behind(line);
  size_t begin = line.size();
  while (begin > 0 && !is_blank(line[begin - 1])) --begin;
  const std::string_view field = line.substr(begin);
  line = line.substr(0, begin);
  return field;
}

int64_t count_lines(std::string_view bytes) {
  int64_t count = 0;
  for (; !bytes.empty(); bytes.remove_prefix(std::min<size_t>(bytes.size(), 128))) {
    uint8_t part = 0;  // a short sum of bytes is what vectorises best
    for (const char c : bytes.substr(0, 128)) part = static_cast<uint8_t>(part + (c == '\n'));
    count += part;
  }
  return count;
}

struct Row {
  enum class State : uint8_t { good, bad, blank, unwanted };
  std::string_view line;  ///< without its line feed
  uint64_t hash = 0;      ///< of the word
  uint32_t word_bytes = 0;
  State state = State::bad;

  std::string_view word() const { return line.substr(0, word_bytes); }
};

std::string shortened(std::string_view text) { return std::string(text.size() <= 40 ? text : text.substr(0, 40)); }

/// Takes a line apart from its right end, for words with spaces in them and whatever else is unusual. Returns what is
/// wrong, or an empty text.
std::string parse_from_right(Row& row, float* to, int64_t dim) {
  std::string_view rest = row.line;
  std::string wrong;
  for (int64_t i = dim - 1; i >= 0; --i) {
    const std::string_view field = cut_last_field(rest);
    if (rest.empty()) {
      return "found " + std::to_string(dim - 1 - i) + " numbers behind the word, expected " + std::to_string(dim);
    }
    const FloatText found = parse_float(field, to[i]);
    if (found == FloatText::number) continue;
    wrong = "number " + std::to_string(i + 1) + " is '" + shortened(field) + "'" +
            (found == FloatText::not_finite     ? ", expected a finite one"
             : found == FloatText::out_of_range ? ", which float32 cannot hold"
                                                : "");
  }
  if (!wrong.empty()) return wrong;
  rest = without_blanks_behind(rest);
  if (rest.empty() || is_blank(rest[0])) return "there is no word before the numbers";
  row.word_bytes = static_cast<uint32_t>(rest.size());
  float ignored = 0;
  const std::string_view last = cut_last_field(rest);
  if (!rest.empty() && parse_float(last, ignored) != FloatText::no_number) {
    return "found more than " + std::to_string(dim) + " numbers";
  }
  return "";
}

class TextLoader {
 public:
  TextLoader(InputWindow& input, const Word2vecHeader& header, const LoadOptions& options)
      : input_(input), header_(header), collector_(dimension(), options), options_(options) {
    if (header_.bytes > 0) ++line_;
    for (int32_t i = 0; options_.words != nullptr && i < options_.words->size(); ++i) {
      wants_blanks_ |= (*options_.words)[i].find_first_of(" \t") != std::string_view::npos;
    }
  }

  WordVectors load() {
    while (!collector_.full() && read_block()) {
      parse_block();
      input_.drop(input_.bytes().rfind('\n') + 1);
      if (options_.progress) options_.progress(input_.bytes_read(), input_.bytes_total());
    }
    if (header_.bytes > 0 && !collector_.full()) check_header_count();
    return collector_.finish(header_.bytes > 0 ? "word2vec text" : "GloVe text", input_.name());
  }

 private:
  int64_t dimension();
  bool read_block();
  int64_t expected_lines(int64_t lines) const;
  void parse_block();
  void parse_piece(size_t piece, int64_t first, float* slots);
  const char* parse_line(const char* line, Row& row, float* to) const;
  void enter_rows();
  void check_header_count() const;

  InputWindow& input_;
  Word2vecHeader header_;
  RowCollector collector_;
  const LoadOptions& options_;
  bool wants_blanks_ = false;         // whether words with blanks in them were asked for
  std::vector<size_t> piece_ends_;    // of the window
  std::vector<int64_t> piece_lines_;  // how many lines end in each piece
  std::vector<Row> rows_;             // of the window
  int64_t line_ = 1, rows_seen_ = 0;
};

/// The header's; without one, what most of the first lines have.
int64_t TextLoader::dimension() {
  while (count_lines(input_.bytes()) < sampled_lines && input_.bytes().size() < longest_line && input_.fill() > 0) {
  }
  std::string_view rest = input_.bytes();
  std::vector<int64_t> found;  // lines without any number say nothing
  int lines = 0;
  while (!rest.empty() && lines < sampled_lines) {
    const std::string_view line = without_blanks_behind(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(std::min(rest.size(), rest.find('\n') == rest.npos ? rest.npos : rest.find('\n') + 1));
    lines += !line.empty();
    if (const int64_t count = count_numbers(line); count > 0) found.push_back(count);
  }
  if (lines == 0) return 1;
  const auto often = [&](int64_t dim) { return std::count(found.begin(), found.end(), dim); };
  const auto most =
      std::max_element(found.begin(), found.end(), [&](int64_t a, int64_t b) { return often(a) < often(b); });
  ROUX_CHECK(most != found.end(), loading, "'", input_.name(),
             "' is no file of word vectors; expected lines of a word and numbers");
  if (header_.bytes == 0) return *most;
  ROUX_CHECK(often(header_.dim) > 0, loading, "'", input_.name(), "': its first line announces ", header_.dim,
             " numbers a word, but the lines that follow have ", *most);
  return header_.dim;
}

/// Adds a block to the window and cuts it into pieces; false at the end of the file.
bool TextLoader::read_block() {
  size_t end = input_.bytes().size();
  piece_lines_.assign(1 + InputWindow::block_pieces, 0);
  piece_lines_[0] = count_lines(input_.bytes());  // of what was there before: the beginning of a line, mostly
  const size_t added = input_.fill([this](int64_t piece, std::string_view bytes) {
    piece_lines_[static_cast<size_t>(1 + piece)] = count_lines(bytes);
  });
  if (added == 0 && end == 0) return false;
  if (added == 0 && input_.bytes().back() != '\n') {
    input_.append('\n');
    ++piece_lines_[0];
    ++end;
  }
  piece_ends_.assign(1, end);
  const size_t size = input_.bytes().size();
  while (end < size) piece_ends_.push_back(end = std::min(size, end + InputWindow::piece_bytes));
  return true;
}

/// About as many lines as the file has when its bytes are like those of the window, which has `lines`.
int64_t TextLoader::expected_lines(int64_t lines) const {
  const double window = static_cast<double>(input_.bytes().size()), total = static_cast<double>(input_.bytes_total());
  const double most =
      total / static_cast<double>(2 * collector_.dim() + 2);  // a word of one byte, numbers of one digit
  return static_cast<int64_t>(std::min(1.05 * static_cast<double>(lines) * total / window, most));
}

void TextLoader::parse_block() {
  const int64_t lines = std::accumulate(piece_lines_.begin(), piece_lines_.end(), int64_t{0});
  ROUX_CHECK(lines > 0 || input_.bytes().size() < longest_line, loading, "'", input_.name(), "': line ", line_,
             " is longer than ", longest_line, " bytes (is it a file of word vectors?)");
  rows_.resize(static_cast<size_t>(lines));
  if (rows_seen_ == 0) collector_.expect(expected_lines(lines));
  float* const slots = collector_.open_slots(lines);
  parallel_for(static_cast<int64_t>(piece_ends_.size()), 1, [&](int64_t piece, int64_t) {
    const auto first = std::accumulate(piece_lines_.begin(), piece_lines_.begin() + piece, int64_t{0});
    parse_piece(static_cast<size_t>(piece), first, slots);
  });
  enter_rows();
}

/// Parses the lines that end in a piece; `first` is the place of the first of them in the window.
void TextLoader::parse_piece(size_t piece, int64_t first, float* slots) {
  const std::string_view bytes = input_.bytes();
  const size_t begin = piece == 0 ? 0 : piece_ends_[piece - 1];
  const char* line = bytes.data();
  if (begin > 0) line += bytes.substr(0, begin).rfind('\n') + 1;  // npos + 1 is 0
  for (int64_t i = first; i < first + piece_lines_[piece]; ++i) {
    line = parse_line(line, rows_[static_cast<size_t>(i)], slots + i * collector_.dim()) + 1;
  }
}

/// Returns the line feed behind the line.
const char* TextLoader::parse_line(const char* line, Row& row, float* to) const {
  const char* at = line;
  row.hash = fnv1a_basis;
  for (; !is_blank(*at) && *at != '\n'; ++at) row.hash = fnv1a({at, 1}, row.hash);
  row.line = {line, static_cast<size_t>(at - line)};
  row.word_bytes = static_cast<uint32_t>(at - line);
  row.state = Row::State::good;
  const bool wanted = collector_.wants(row.word(), row.hash);
  if (at != line && *at != '\n' && wanted) {
    if (const char* const end = parse_floats(at + 1, to, collector_.dim())) return end;
  }
  const size_t rest = input_.bytes().size() - static_cast<size_t>(at - input_.bytes().data());
  const char* const end = static_cast<const char*>(std::memchr(at, '\n', rest));
  row.line = {line, static_cast<size_t>(end - line)};
  if (without_blanks_behind(row.line).empty()) {
    row.state = Row::State::blank;
  } else if (at != line && !wanted && !wants_blanks_) {
    row.state = Row::State::unwanted;
  } else if (!parse_from_right(row, to, collector_.dim()).empty()) {
    row.state = Row::State::bad;
  } else {
    row.hash = fnv1a(row.word());
    if (!collector_.wants(row.word(), row.hash)) row.state = Row::State::unwanted;
  }
  return end;
}

/// Enters the rows of the window, in their order.
void TextLoader::enter_rows() {
  std::vector<float> unused(static_cast<size_t>(collector_.dim()));
  constexpr size_t ahead = 16;
  for (size_t i = 0; i < rows_.size() && !collector_.full(); ++i, ++line_) {
    Row& row = rows_[i];
    if (i + ahead < rows_.size()) collector_.prepare(rows_[i + ahead].hash);
    rows_seen_ += row.state != Row::State::blank;
    if (row.state == Row::State::good) collector_.keep(row.word(), row.hash, static_cast<int64_t>(i));
    if (row.state != Row::State::bad) continue;
    collector_.skip(line_, collector_.wants_reasons() ? parse_from_right(row, unused.data(), collector_.dim()) : "");
  }
}

void TextLoader::check_header_count() const {
  ROUX_CHECK(rows_seen_ == header_.words, loading, "'", input_.name(), "': its first line announces ", header_.words,
             " words, but ", rows_seen_, " lines follow",
             rows_seen_ < header_.words ? " (is it cut off? hint: " : " (hint: ",
             "without the first line it is read as it is)");
}

}  // namespace

int64_t count_numbers(std::string_view line) {
  int64_t count = 0;
  for (float value = 0;; ++count) {
    const std::string_view field = cut_last_field(line);
    if (line.empty() || parse_float(field, value) == FloatText::no_number) return count;
  }
}

WordVectors load_text(InputWindow& input, const Word2vecHeader& header, const LoadOptions& options) {
  return TextLoader(input, header, options).load();
}

}  // namespace roux::text
