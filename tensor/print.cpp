// Tensors as text: nested brackets, one line for each innermost row, numbers aligned.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "tensor/ops.h"

namespace roux {
namespace {

constexpr int64_t shown_whole = 100;  // a tensor of more elements is shortened
constexpr int64_t shown_at_edge = 3;  // elements that stay at either end of a long dimension

struct Shortened {
  Tensor values;
  bool dimension[Dims::max_size] = {};  // where "..." stands in the middle
};

Shortened shorten(const Tensor& tensor) {
  Shortened result{.values = tensor};
  if (tensor.numel() <= shown_whole) return result;
  for (int64_t axis = 0; axis < tensor.dim(); ++axis) {
    const int64_t n = tensor.size(axis);
    if (n <= 2 * shown_at_edge) continue;
    result.values =
        cat({result.values.slice(axis, 0, shown_at_edge), result.values.slice(axis, n - shown_at_edge, n)}, axis);
    result.dimension[axis] = true;
  }
  return result;
}

std::string formatted(const char* format, double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char text[512];  // %.4f of the largest double has 309 digits before the point
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// Much as PyTorch: whole numbers without decimals, powers of ten where four decimals would hide digits.
const char* float_format(const std::vector<double>& values) {
  bool whole = true;
  double smallest = std::numeric_limits<double>::infinity(), largest = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    whole = whole && value == std::trunc(value);
    largest = std::max(largest, std::abs(value));
    if (value != 0) smallest = std::min(smallest, std::abs(value));
  }
  const bool scientific = largest > 1e8 || largest > 1000 * smallest;
  if (whole) return largest > 1e8 ? "%.4e" : "%.0f.";
  return scientific || smallest < 1e-4 ? "%.4e" : "%.4f";
}

std::vector<std::string> formatted_values(const Tensor& tensor) {
  std::vector<std::string> texts;
  if (is_floating(tensor.dtype())) {
    const std::vector<double> values = tensor.to_vector<double>();
    const char* const format = float_format(values);
    for (const double value : values) texts.push_back(formatted(format, value));
  } else {
    for (const int64_t value : tensor.to_vector<int64_t>()) {
      texts.push_back(tensor.dtype() == boolean ? (value ? "True" : "False") : std::to_string(value));
    }
  }
  size_t width = 0;
  for (const std::string& text : texts) width = std::max(width, text.size());
  for (std::string& text : texts) text.insert(0, width - text.size(), ' ');
  return texts;
}

class Writer {
 public:
  Writer(const Shortened& shortened, std::string start)
      : shortened_(shortened),
        texts_(formatted_values(shortened.values)),
        text_(std::move(start)),
        indent_(text_.size()) {}

  std::string write() {
    write_dimension(0);
    return std::move(text_);
  }

 private:
  void write_dimension(int64_t axis) {
    const int64_t dim = shortened_.values.dim();
    if (axis == dim) {
      text_ += texts_[next_++];
      return;
    }
    // Between rows a line break, between matrices an empty line more.
    std::string separator = ", ";
    if (axis < dim - 1) {
      const auto breaks = static_cast<size_t>(dim - 1 - axis);
      separator = "," + std::string(breaks, '\n') + std::string(indent_ + static_cast<size_t>(axis) + 1, ' ');
    }
    text_ += "[";
    for (int64_t i = 0; i < shortened_.values.size(axis); ++i) {
      if (i > 0) text_ += separator;
      if (i == shown_at_edge && shortened_.dimension[axis]) text_ += "..." + separator;
      write_dimension(axis + 1);
    }
    text_ += "]";
  }

  const Shortened& shortened_;
  std::vector<std::string> texts_;
  std::string text_;
  size_t indent_;
  size_t next_ = 0;
};

}  // namespace

std::string to_string(const Tensor& tensor) {
  if (!tensor.defined()) return "tensor(undefined)";
  std::string text = "tensor(";
  if (tensor.numel() == 0) {
    text += "[]";
    if (tensor.dim() != 1) text += ", shape=" + to_string(tensor.shape());
  } else {
    const Shortened shortened = shorten(tensor.to(cpu));
    text = Writer(shortened, std::move(text)).write();
  }
  if (tensor.dtype() != float32) text += std::string(", dtype=") + name(tensor.dtype());
  if (!(tensor.device() == cpu)) text += ", device=" + to_string(tensor.device());
  return text + ")";
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) { return out << to_string(tensor); }

}  // namespace roux
