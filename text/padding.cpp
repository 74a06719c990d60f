// Filling texts up to one length.
#include "text/padding.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "tensor/error.h"

namespace roux::text {
namespace {

/// The tensors of a batch, all padding so far, and where text `row` of `length` ids belongs.
class Canvas {
 public:
  Canvas(int64_t rows, int64_t longest, const PaddingOptions& options)
      : width_(options.length_for(longest)), side_(options.side) {
    batch_ = {.ids = Tensor::full({rows, width_}, static_cast<int64_t>(options.pad_id), int64),
              .type_ids = Tensor::full({rows, width_}, static_cast<int64_t>(options.pad_type_id), int64),
              .attention_mask = Tensor::zeros({rows, width_}, boolean)};
    ids_ = batch_.ids.mutable_data<int64_t>();
    type_ids_ = batch_.type_ids.mutable_data<int64_t>();
    mask_ = batch_.attention_mask.mutable_data<bool>();
  }

  void write(int64_t row, std::span<const int32_t> ids) {
    const auto length = static_cast<int64_t>(ids.size());
    std::copy(ids.begin(), ids.end(), ids_ + begin(row, length));
    std::fill_n(type_ids_ + begin(row, length), length, 0);
    std::fill_n(mask_ + begin(row, length), length, true);
  }

  void write(int64_t row, const Encoding& encoding) {
    const size_t length = encoding.ids.size();
    ROUX_CHECK(encoding.type_ids.size() == length && encoding.attention_mask.size() == length, "pad", "encoding ", row,
               " has ", length, " ids, ", encoding.type_ids.size(), " type ids and a mask of ",
               encoding.attention_mask.size(), "; expected as many of each");
    const int64_t at = begin(row, encoding.size());
    std::copy(encoding.ids.begin(), encoding.ids.end(), ids_ + at);
    std::copy(encoding.type_ids.begin(), encoding.type_ids.end(), type_ids_ + at);
    std::transform(encoding.attention_mask.begin(), encoding.attention_mask.end(), mask_ + at,
                   [](uint8_t attended) { return attended != 0; });
  }

  TokenBatch finish() { return std::move(batch_); }

 private:
  int64_t begin(int64_t row, int64_t length) const {
    return row * width_ + (side_ == Side::left ? width_ - length : 0);
  }

  int64_t width_;
  Side side_;
  TokenBatch batch_;
  int64_t* ids_;
  int64_t* type_ids_;
  bool* mask_;
};

}  // namespace

int64_t PaddingOptions::length_for(int64_t longest) const {
  ROUX_CHECK(length >= 0, "pad", "length is ", length, "; expected 0 (the longest text) or more");
  ROUX_CHECK(multiple_of >= 1, "pad", "multiple_of is ", multiple_of, "; expected 1 or more");
  ROUX_CHECK(length == 0 || longest <= length, "pad", "a text has ", longest, " ids, more than the length ", length,
             " (hint: truncate the texts first)");
  const int64_t least = length > 0 ? length : std::max<int64_t>(longest, 1);
  return (least - 1) / multiple_of * multiple_of + multiple_of;
}

PaddingOptions padding_of(const Tokenizer& tokenizer) {
  const TokenizerDefaults& defaults = tokenizer.defaults();
  const std::optional<int32_t> pad_id = tokenizer.pad_id();
  ROUX_CHECK(pad_id.has_value(), "padding_of", "the tokenizer has no token to pad with");
  return {.length = defaults.padding_length,
          .multiple_of = std::max<int64_t>(defaults.padding_multiple_of, 1),
          .side = defaults.padding_side.value_or(Side::right),
          .pad_id = *pad_id,
          .pad_type_id = defaults.padding_type_id};
}

TokenBatch pad(std::span<const Encoding> encodings, const PaddingOptions& options) {
  int64_t longest = 0;
  for (const Encoding& encoding : encodings) longest = std::max(longest, encoding.size());
  Canvas canvas(static_cast<int64_t>(encodings.size()), longest, options);
  for (size_t row = 0; row < encodings.size(); ++row) canvas.write(static_cast<int64_t>(row), encodings[row]);
  return canvas.finish();
}

TokenBatch pad(const EncodedTexts& texts, std::span<const int64_t> indices, const PaddingOptions& options) {
  size_t longest = 0;
  for (const int64_t index : indices) longest = std::max(longest, texts[index].size());
  Canvas canvas(static_cast<int64_t>(indices.size()), static_cast<int64_t>(longest), options);
  for (size_t row = 0; row < indices.size(); ++row) canvas.write(static_cast<int64_t>(row), texts[indices[row]]);
  return canvas.finish();
}

TokenBatch pad(const EncodedTexts& texts, const PaddingOptions& options) {
  std::vector<int64_t> all(static_cast<size_t>(texts.size()));
  std::iota(all.begin(), all.end(), 0);
  return pad(texts, all, options);
}

Tensor ids_tensor(std::span<const int32_t> ids) {
  Tensor result = Tensor::empty({static_cast<int64_t>(ids.size())}, int64);
  std::copy(ids.begin(), ids.end(), result.mutable_data<int64_t>());
  return result;
}

Tensor one_hot(const Tensor& ids, int64_t classes) {
  constexpr int64_t most = (int64_t{4} << 30) / static_cast<int64_t>(sizeof(float));
  ROUX_CHECK(classes >= 1, "one_hot", "classes is ", classes, "; expected 1 or more");
  ROUX_CHECK(ids.numel() <= most / classes, "one_hot", ids.numel(), " ids and ", classes,
             " classes would take more than 4 GiB (hint: look rows up in an embedding table instead)");
  Shape shape = ids.shape();
  shape.push_back(classes);
  const std::vector<int64_t> values = ids.to_vector<int64_t>();
  Tensor result = Tensor::zeros(shape);
  float* row = result.mutable_data<float>();
  for (const int64_t id : values) {
    ROUX_CHECK(id >= 0 && id < classes, "one_hot", "id ", id, "; expected 0 to ", classes - 1);
    row[id] = 1;
    row += classes;
  }
  return result;
}

}  // namespace roux::text
