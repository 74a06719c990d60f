// Texts of different lengths as one tensor: filled up to the same length, with a mask that tells which ids are real.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"
#include "text/corpus.h"
#include "text/tokenizers/tokenizer.h"

namespace roux::text {

/// How far texts are filled up, with what, and where.
struct PaddingOptions {
  int64_t length = 0;       ///< 0: to the longest of the batch, which counts as 1 at least; else all to this length
  int64_t multiple_of = 1;  ///< the length is rounded up to a multiple of this, which some kernels like
  Side side = Side::right;  ///< where the padding stands
  int32_t pad_id = 0;       ///< what fills up ids
  int32_t pad_type_id = 0;  ///< what fills up type ids

  /// The length of a batch whose longest text has `longest` ids. Throws when that exceeds `length`, and when an option
  /// makes no sense.
  int64_t length_for(int64_t longest) const;
};

/// What a tokenizer's files say of padding: id, type, side, length, multiple; to the longest, and to the right, where
/// they do not. Throws when there is no token to pad with.
PaddingOptions padding_of(const Tokenizer& tokenizer);

/// A batch as transformers take it.
struct TokenBatch {
  Tensor ids;             ///< (texts, length), int64
  Tensor type_ids;        ///< (texts, length), int64: 0 for the first text of a pair, 1 for the second
  Tensor attention_mask;  ///< (texts, length), bool: true where there is an id, false where there is padding
};

/// Fills up what a tokenizer's `encode_batch` gave. An encoding's own mask is kept.
TokenBatch pad(std::span<const Encoding> encodings, const PaddingOptions& options = {});
/// The same for plain ids; the type of all is 0.
TokenBatch pad(const EncodedTexts& texts, const PaddingOptions& options = {});
/// Those texts alone. Throws on an index outside.
TokenBatch pad(const EncodedTexts& texts, std::span<const int64_t> indices, const PaddingOptions& options = {});

/// The ids of one text, (length), int64.
Tensor ids_tensor(std::span<const int32_t> ids);

/// Each id as a row of `classes` numbers, 0 but for a 1 at the id: ids of the shape S give the shape (S..., classes),
/// float32. Throws on an id outside [0, classes), and when the result would take more than 4 GiB: models look rows up
/// in a table (nn/embedding.h) instead.
Tensor one_hot(const Tensor& ids, int64_t classes);

}  // namespace roux::text
