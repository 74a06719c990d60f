// A strict reader of the part of XML that pictures are written in.
#include "tests/apps/svg_document.h"

#include <cctype>
#include <stdexcept>

#include "text/unicode.h"

namespace {

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {
    require(roux::text::is_valid_utf8(text), "not UTF-8");
    for (size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      require((byte >= 0x20 && byte != 0x7F) || byte == '\n', "a control character");
    }
  }

  XmlElement document() {
    XmlElement element = read_element();
    skip_space();
    require(at_ == text_.size(), "something behind the document");
    return element;
  }

 private:
  void require(bool condition, const std::string& what) const {
    if (!condition) throw std::runtime_error(what + " at byte " + std::to_string(at_) + ": " + text_.substr(at_, 60));
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void expect(char c) {
    require(peek() == c, std::string("no ") + c);
    ++at_;
  }
  void skip_space() {
    while (peek() == ' ' || peek() == '\n') ++at_;
  }
  std::string read_name() {
    const size_t begin = at_;
    while (std::isalnum(static_cast<unsigned char>(peek())) || peek() == '-' || peek() == ':') ++at_;
    require(at_ > begin, "no name");
    return text_.substr(begin, at_ - begin);
  }
  std::string read_entity() {
    static const std::map<std::string, std::string> known = {
        {"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"#39", "'"}};
    expect('&');
    const size_t end = text_.find(';', at_);
    require(end != std::string::npos, "an entity without end");
    const auto found = known.find(text_.substr(at_, end - at_));
    require(found != known.end(), "an unknown entity");
    at_ = end + 1;
    return found->second;
  }
  std::string read_text(char end) {
    std::string result;
    while (peek() != end) {
      require(at_ < text_.size() && peek() != '<', "a text that does not end");
      if (peek() == '&')
        result += read_entity();
      else
        result += text_[at_++];
    }
    return result;
  }
  XmlElement read_element() {
    XmlElement element;
    expect('<');
    element.name = read_name();
    for (skip_space(); peek() != '>' && peek() != '/'; skip_space()) {
      const std::string name = read_name();
      expect('=');
      expect('"');
      require(element.attributes.emplace(name, read_text('"')).second, "an attribute twice");
      expect('"');
    }
    if (peek() == '/') {
      expect('/');
      expect('>');
      return element;
    }
    expect('>');
    for (;;) {
      element.text += read_text('<');
      if (text_.compare(at_, 2, "</") == 0) break;
      element.children.push_back(read_element());
    }
    at_ += 2;
    require(read_name() == element.name, "an element that is not closed");
    expect('>');
    return element;
  }

  const std::string& text_;
  size_t at_ = 0;
};

void collect(const XmlElement& element, const std::string& name, std::vector<const XmlElement*>& found) {
  if (element.name == name) found.push_back(&element);
  for (const XmlElement& child : element.children) collect(child, name, found);
}

}  // namespace

std::vector<const XmlElement*> XmlElement::all(const std::string& wanted) const {
  std::vector<const XmlElement*> found;
  collect(*this, wanted, found);
  return found;
}

double XmlElement::number(const std::string& attribute) const {
  const std::string& digits = attributes.at(attribute);
  size_t used = 0;
  const double value = std::stod(digits, &used);
  if (used != digits.size()) throw std::runtime_error(attribute + " is no number: " + digits);
  return value;
}

XmlElement parse_xml(const std::string& document) { return Reader(document).document(); }
