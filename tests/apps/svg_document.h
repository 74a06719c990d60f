// Reads an SVG document strictly, for tests: what is not well-formed XML throws.
#pragma once

#include <map>
#include <string>
#include <vector>

/// An element with the text that stands directly in it, entities resolved.
struct XmlElement {
  std::string name;
  std::map<std::string, std::string> attributes;
  std::string text;
  std::vector<XmlElement> children;

  /// All elements of this name at any depth, in the order of the document.
  std::vector<const XmlElement*> all(const std::string& name) const;
  double number(const std::string& attribute) const;
};

/// The document's one element. Throws on markup that does not nest, attributes without quotes or given twice, unknown
/// entities, bytes that are not UTF-8, and characters that XML does not take.
XmlElement parse_xml(const std::string& document);
