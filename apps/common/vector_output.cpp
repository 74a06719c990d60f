// Vectors as JSON and as rows of numbers.
#include "apps/common/vector_output.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/common/table.h"

namespace roux::apps {
namespace {

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The first numbers of a vector, for people.
std::string first_numbers(const Tensor& vector) {
  constexpr size_t shown = 6;
  const std::vector<float> values = vector.to_vector<float>();
  std::string text;
  for (size_t i = 0; i < std::min(values.size(), shown); ++i) {
    const std::string number = fixed(values[i], 4);
    text += (number[0] == '-' ? " " : "  ") + number;
  }
  return text + (values.size() > shown ? " ... (" + std::to_string(values.size()) + ")" : "");
}

}  // namespace

std::string json_numbers(const Tensor& vector) {
  std::string text = "[";
  for (const float value : vector.to_vector<float>()) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    text.append(text.size() > 1 ? "," : "");
    text.append(std::isfinite(value) ? std::string_view(digits, static_cast<size_t>(end - digits)) : "null");
  }
  return text + "]";
}

void VectorWriter::write(const text::StringList& texts) {
  std::string output;
  if (options_.pooling == "none") {
    const std::vector<TokenVectors> tokens = model_.token_vectors(texts, options_.batch_size);
    for (int64_t i = 0; i < texts.size(); ++i) append_tokens(texts[i], tokens[static_cast<size_t>(i)], output);
  } else {
    const Tensor vectors = options_.pooling == "cls" ? model_.cls_vectors(texts, options_.batch_size)
                                                     : model_.mean_vectors(texts, options_.batch_size);
    for (int64_t i = 0; i < texts.size(); ++i) append_text(texts[i], vectors.select(0, i), output);
  }
  std::fwrite(output.data(), 1, output.size(), stdout);
  std::fflush(stdout);
}

void VectorWriter::finish() {
  if (options_.json) std::fputs(is_first_ ? "[]\n" : "\n]\n", stdout);
}

void VectorWriter::append_text(std::string_view text, const Tensor& vector, std::string& output) {
  if (options_.json)
    append_json(text, "\"embedding\": " + json_numbers(vector), output);
  else
    output.append(first_numbers(vector)).append("\t").append(text).append("\n");
}

void VectorWriter::append_tokens(std::string_view text, const TokenVectors& tokens, std::string& output) {
  std::string names, rows;
  if (!options_.json) output.append(text).append("\n");
  for (size_t i = 0; i < tokens.ids.size(); ++i) {
    const std::string token = model_.encoder().tokenizer().id_to_token(tokens.ids[i]);
    const Tensor vector = tokens.vectors.select(0, static_cast<int64_t>(i));
    if (options_.json) {
      names += (i > 0 ? "," : "") + json_string(token);
      rows += (i > 0 ? "," : "") + json_numbers(vector);
    } else {
      output.append(first_numbers(vector)).append("\t").append(token).append("\n");
    }
  }
  if (options_.json) append_json(text, "\"tokens\": [" + names + "], \"embedding\": [" + rows + "]", output);
}

void VectorWriter::append_json(std::string_view text, const std::string& rest, std::string& output) {
  output.append(is_first_ ? "[\n" : ",\n").append("{\"text\": ").append(json_string(text)).append(", ");
  output.append(rest).append("}");
  is_first_ = false;
}

}  // namespace roux::apps
