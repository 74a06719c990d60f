// The parser of Python list literals.
#include "text/python_list.h"

#include <charconv>
#include <string>

#include "text/unicode.h"

namespace roux::text {
namespace {

class ListParser {
 public:
  explicit ListParser(std::string_view text) : text_(text) {}

  std::optional<StringList> parse() {
    StringList strings;
    skip_space();
    if (!take('[')) return std::nullopt;
    skip_space();
    while (!take(']')) {
      if (!parse_string()) return std::nullopt;
      strings.push_back(string_);
      skip_space();
      const bool comma = take(',');
      skip_space();
      if (!comma && peek() != ']') return std::nullopt;
    }
    skip_space();
    if (at_ != text_.size()) return std::nullopt;
    return strings;
  }

 private:
  static constexpr int end = -1;
  int peek() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : end; }
  bool take(char c) {
    if (peek() != static_cast<unsigned char>(c)) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (peek() != end && text_[at_] <= ' ' && text_[at_] > 0 && is_white_space(text_[at_])) ++at_;
  }

  bool parse_string() {
    string_.clear();
    const int quote = peek();
    if (quote != '\'' && quote != '"') return false;
    ++at_;
    for (;;) {
      const size_t stop = text_.find_first_of(quote == '"' ? "\"\\" : "'\\", at_);
      if (stop == std::string_view::npos) return false;
      string_.append(text_, at_, stop - at_);
      at_ = stop + 1;
      if (text_[stop] != '\\') return true;
      if (!parse_escape()) return false;
    }
  }

  /// What follows a backslash.
  bool parse_escape() {
    static constexpr std::string_view codes = "\\'\"/abfnrtv", meanings = "\\'\"/\a\b\f\n\r\t\v";
    if (at_ == text_.size()) return false;
    const char code = text_[at_++];
    if (const size_t found = codes.find(code); found != std::string_view::npos) {
      string_ += meanings[found];
      return true;
    }
    return code == 'x'   ? parse_code_point(2)
           : code == 'u' ? parse_code_point(4)
           : code == 'U' ? parse_code_point(8)
                         : false;
  }

  bool parse_code_point(size_t digits) {
    uint32_t value = 0;
    if (text_.size() - at_ < digits) return false;
    const char* const begin = text_.data() + at_;
    const auto [stop, error] = std::from_chars(begin, begin + digits, value, 16);
    if (error != std::errc() || stop != begin + digits) return false;
    at_ += digits;
    return append_utf8(value, string_);
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string string_;
};

}  // namespace

std::optional<StringList> parse_python_list(std::string_view text) { return ListParser(text).parse(); }

}  // namespace roux::text
