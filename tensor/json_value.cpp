// Parsing JSON by events, which needs no recursion, and reading its fields.
#include "tensor/json_value.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "tensor/error.h"

namespace roux {
namespace {

using Type = JsonValue::Type;

constexpr size_t max_depth = 32;

/// Builds a JsonValue from the parser's events. Returning false ends the parsing; `problem` says why.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonValue root;
  std::string problem;

  bool null() override { return add({}); }
  bool boolean(bool value) override { return add(make(Type::logical, {}, value)); }
  bool number_integer(number_integer_t value) override {
    return add(make(Type::integer, std::to_string(value), false, value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<int64_t>::max()))
      return stop("has the number " + std::to_string(value) + ", which is too large");
    return number_integer(static_cast<number_integer_t>(value));
  }
  bool number_float(number_float_t, const string_t& text) override { return add(make(Type::number, text)); }
  bool string(string_t& value) override { return add(make(Type::string, std::move(value))); }
  bool binary(binary_t&) override { return stop("has bytes"); }

  bool start_object(size_t) override { return open(Type::object); }
  bool end_object() override { return check_keys(*open_.back()) && close(); }
  bool start_array(size_t) override { return open(Type::array); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override {
    open_.back()->keys.push_back(std::move(value));
    return true;
  }
  bool parse_error(size_t position, const std::string& token, const nlohmann::detail::exception& error) override {
    const std::string what = error.what();
    const size_t colon = what.find(": ");  // "[json.exception...] parse error at line 1, column 2: syntax error ..."
    stop("is no valid JSON at byte " + std::to_string(position) + ", near '" + token.substr(0, 40) +
         "': " + (colon == std::string::npos ? what : what.substr(colon + 2)));
    return false;
  }

 private:
  static JsonValue make(Type type, std::string text, bool boolean = false, int64_t integer = 0) {
    JsonValue value;
    value.type = type;
    value.boolean = boolean;
    value.integer = integer;
    value.text = std::move(text);
    return value;
  }
  bool stop(const std::string& why) {
    problem = why;
    return false;
  }
  JsonValue& place(JsonValue value) {
    if (open_.empty()) return root = std::move(value);
    return open_.back()->items.emplace_back(std::move(value));
  }
  bool add(JsonValue value) {
    place(std::move(value));
    return true;
  }
  // Pointers to the values that are open stay good: only the innermost one grows.
  bool open(Type type) {
    if (open_.size() == max_depth) return stop("is nested deeper than " + std::to_string(max_depth));
    open_.push_back(&place(make(type, {})));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  bool check_keys(const JsonValue& object) {
    std::unordered_set<std::string_view> seen(object.keys.size());
    for (const std::string& name : object.keys)
      if (!seen.insert(name).second) return stop("has the key '" + name + "' twice in one object");
    return true;
  }

  std::vector<JsonValue*> open_;
};

}  // namespace

JsonValue parse_json(std::string_view bytes, const std::string& source, const char* operation) {
  Builder builder;
  bool parsed = false;
  try {
    parsed = nlohmann::json::sax_parse(bytes.begin(), bytes.end(), &builder);
  } catch (const nlohmann::json::exception& error) {
    builder.problem = error.what();
  }
  ROUX_CHECK(parsed, operation, "'", source, "' ", builder.problem);
  return std::move(builder.root);
}

std::string describe(const JsonValue& value) {
  switch (value.type) {
    case Type::null: return "null";
    case Type::logical: return value.boolean ? "true" : "false";
    case Type::integer:
    case Type::number: return value.text;
    case Type::string: return "\"" + value.text.substr(0, 80) + "\"";
    case Type::array: return "an array";
    case Type::object: return "an object";
  }
  return {};
}

JsonObject::JsonObject(const JsonValue& value, std::string place, const char* operation)
    : value_(value), place_(std::move(place)), operation_(operation), read_(value.keys.size()) {
  ROUX_CHECK(value.type == Type::object, operation_, place_, " is ", describe(value), "; expected an object");
}

const JsonValue* JsonObject::find(std::string_view key) const {
  const auto found = std::find(value_.keys.begin(), value_.keys.end(), key);
  if (found == value_.keys.end()) return nullptr;
  const auto index = static_cast<size_t>(found - value_.keys.begin());
  read_[index] = true;
  const JsonValue& value = value_.items[index];
  return value.type == Type::null ? nullptr : &value;
}

const JsonValue& JsonObject::at(std::string_view key) const {
  const JsonValue* value = find(key);
  ROUX_CHECK(value != nullptr, operation_, place(key), " is missing");
  return *value;
}

std::string JsonObject::text(std::string_view key) const {
  const JsonValue& value = at(key);
  if (value.type != Type::string) refuse(key, "a string");
  return value.text;
}

std::string JsonObject::text(std::string_view key, const std::string& otherwise) const {
  return find(key) == nullptr ? otherwise : text(key);
}

bool JsonObject::boolean(std::string_view key) const {
  const JsonValue& value = at(key);
  if (value.type != Type::logical) refuse(key, "true or false");
  return value.boolean;
}

bool JsonObject::boolean(std::string_view key, bool otherwise) const {
  return find(key) == nullptr ? otherwise : boolean(key);
}

int64_t JsonObject::integer(std::string_view key, int64_t low, int64_t high) const {
  const JsonValue& value = at(key);
  if (value.type != Type::integer || value.integer < low || value.integer > high)
    refuse(key, "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return value.integer;
}

int64_t JsonObject::integer(std::string_view key, int64_t low, int64_t high, int64_t otherwise) const {
  return find(key) == nullptr ? otherwise : integer(key, low, high);
}

double JsonObject::number(std::string_view key, double low, double high, double otherwise) const {
  const JsonValue* value = find(key);
  if (value == nullptr) return otherwise;
  double result = 0;
  const bool is_number = value->type == Type::integer || value->type == Type::number;
  const auto [end, error] = std::from_chars(value->text.data(), value->text.data() + value->text.size(), result);
  if (!is_number || error != std::errc() || !(result >= low && result <= high))
    refuse(key, "a number from " + detail::error_text(low) + " to " + detail::error_text(high));
  return result;
}

JsonObject JsonObject::object(std::string_view key) const { return JsonObject(at(key), place(key), operation_); }

const std::vector<JsonValue>& JsonObject::array(std::string_view key) const {
  const JsonValue& value = at(key);
  if (value.type != Type::array) refuse(key, "an array");
  return value.items;
}

void JsonObject::finish() const {
  for (size_t i = 0; i < read_.size(); ++i) {
    const JsonValue& value = value_.items[i];
    const bool asks_for_nothing = value.type == Type::null || (value.type == Type::logical && !value.boolean);
    ROUX_CHECK(read_[i] || asks_for_nothing, operation_, place(value_.keys[i]), " is ", describe(value),
               ", and that field is not known here");
  }
}

void JsonObject::refuse(std::string_view key, const std::string& expected) const {
  fail(operation_, place(key), " is ", describe(at(key)), "; expected ", expected);
}

}  // namespace roux
