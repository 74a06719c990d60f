// What embed prints: texts and their vectors, as a list of JSON objects or for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apps/common/token_vectors.h"

namespace roux::apps {

struct VectorOutputOptions {
  std::string pooling = "mean";  ///< mean, cls, or none: a vector a token
  int64_t batch_size = 32;
  bool json = false;
};

/// Prints the vectors of texts, block by block; with JSON, one list of all of them.
class VectorWriter {
 public:
  /// `model` must live as long as this.
  VectorWriter(const ContextualModel& model, const VectorOutputOptions& options) : model_(model), options_(options) {}

  void write(const text::StringList& texts);
  /// Ends the list.
  void finish();

 private:
  void append_text(std::string_view text, const Tensor& vector, std::string& output);
  void append_tokens(std::string_view text, const TokenVectors& tokens, std::string& output);
  void append_json(std::string_view text, const std::string& rest, std::string& output);

  const ContextualModel& model_;
  VectorOutputOptions options_;
  bool is_first_ = true;
};

/// A vector as a JSON list, with as many digits as make the same float32 again; what is not finite is null.
std::string json_numbers(const Tensor& vector);

}  // namespace roux::apps
