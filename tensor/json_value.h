// JSON as model and tokenizer files hold it: parsed with its depth bounded, read field by field, so that nothing in it
// is ignored unnoticed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace roux {

struct JsonValue {
  enum class Type { null, logical, integer, number, string, array, object };

  Type type = Type::null;
  bool boolean = false;
  int64_t integer = 0;
  std::string text;               ///< of a string; of a number as it is written
  std::vector<std::string> keys;  ///< of an object, beside `items`
  std::vector<JsonValue> items;   ///< of an array or an object
};

/// Throws Error `[operation] 'source' ...` on what is no JSON, lone surrogates and invalid UTF-8 included, on a key
/// that appears twice in an object, on numbers beyond 64 bits, and on values nested deeper than 32.
JsonValue parse_json(std::string_view bytes, const std::string& source, const char* operation);

/// The fields of an object. Whoever is done with it calls `finish`.
class JsonObject {
 public:
  /// `place` names the object in errors: "'tokenizer.json': model". Throws unless `value` is an object. Refers to both.
  JsonObject(const JsonValue& value, std::string place, const char* operation);

  /// The value of a field; null when it is missing, or is null itself.
  const JsonValue* find(std::string_view key) const;
  const JsonValue& at(std::string_view key) const;

  // Throw when the field is of another type; those without `otherwise` also when it is missing.
  std::string text(std::string_view key) const;
  std::string text(std::string_view key, const std::string& otherwise) const;
  bool boolean(std::string_view key) const;
  bool boolean(std::string_view key, bool otherwise) const;
  int64_t integer(std::string_view key, int64_t low, int64_t high) const;
  int64_t integer(std::string_view key, int64_t low, int64_t high, int64_t otherwise) const;
  double number(std::string_view key, double low, double high, double otherwise) const;
  JsonObject object(std::string_view key) const;
  const std::vector<JsonValue>& array(std::string_view key) const;

  std::string place(std::string_view key) const { return place_ + "." + std::string(key); }
  const std::string& place() const { return place_; }
  const JsonValue& value() const { return value_; }

  /// Throws on a field that was not asked for, unless it is null or false.
  void finish() const;
  /// Throws: this field is there and asks for what is not done here.
  [[noreturn]] void refuse(std::string_view key, const std::string& expected) const;

 private:
  const JsonValue& value_;
  std::string place_;
  const char* operation_;
  mutable std::vector<bool> read_;
};

/// What a value is, for errors: `"text"`, 3, true, an array.
std::string describe(const JsonValue& value);

}  // namespace roux
