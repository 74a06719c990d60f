// Padding of encodings and ids into tensors, and tensors of one and of three dimensions.
#include "text/padding.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tensor/error.h"
#include "text/tokenizers/word_tokenizer.h"

using namespace roux::text;
using roux::Shape;
using roux::Tensor;

namespace {

using Ids = std::vector<int64_t>;

Ids values(const Tensor& tensor) { return tensor.to_vector<int64_t>(); }

std::string mask_of(const TokenBatch& batch) {
  std::string mask;
  for (const int64_t attended : values(batch.attention_mask)) mask += attended == 1 ? '1' : '0';
  return mask;
}

EncodedTexts texts_of(const std::vector<std::vector<int32_t>>& texts) {
  EncodedTexts result;
  for (const std::vector<int32_t>& text : texts) result.push_back(text);
  return result;
}

Encoding encoding_of(std::vector<int32_t> ids, std::vector<int32_t> type_ids) {
  Encoding encoding;
  encoding.attention_mask.assign(ids.size(), 1);
  encoding.ids = std::move(ids);
  encoding.type_ids = std::move(type_ids);
  return encoding;
}

}  // namespace

TEST_CASE("the course's padding: \"I love\" to 4") {
  const TokenBatch batch = pad(texts_of({{1, 2}}), {.length = 4});
  CHECK(batch.ids.shape() == Shape{1, 4});
  CHECK(values(batch.ids) == Ids{1, 2, 0, 0});
  CHECK(batch.attention_mask.dtype() == roux::boolean);
  CHECK(mask_of(batch) == "1100");
  CHECK(values(batch.type_ids) == Ids{0, 0, 0, 0});
}

TEST_CASE("padding to the longest, to multiples, on either side, with any id") {
  const EncodedTexts texts = texts_of({{1, 2, 3}, {}, {4}});
  CHECK(values(pad(texts).ids) == Ids{1, 2, 3, 0, 0, 0, 4, 0, 0});
  const TokenBatch left = pad(texts, {.multiple_of = 2, .side = Side::left, .pad_id = 9, .pad_type_id = 3});
  CHECK(values(left.ids) == Ids{9, 1, 2, 3, 9, 9, 9, 9, 9, 9, 9, 4});
  CHECK(values(left.type_ids) == Ids{3, 0, 0, 0, 3, 3, 3, 3, 3, 3, 3, 0});
  CHECK(mask_of(left) == "011100000001");
  CHECK(pad(texts, {.length = 5, .multiple_of = 4}).ids.shape() == Shape{3, 8});
  // An id that is the id of padding stays attended to: the mask is of places.
  CHECK(mask_of(pad(texts_of({{0, 1}}))) == "11");
  CHECK(pad(EncodedTexts()).ids.shape() == Shape{0, 1});
  const Ids chosen{2, 0};
  CHECK(values(pad(texts, chosen).ids) == Ids{4, 0, 0, 1, 2, 3});
  const Ids outside{3};
  CHECK_THROWS_AS(pad(texts, outside), roux::Error);
  CHECK_THROWS_WITH_AS(pad(texts, {.length = 2}),
                       "[pad] a text has 3 ids, more than the length 2 (hint: truncate the texts first)", roux::Error);
  CHECK_THROWS_AS(pad(texts, {.length = -1}), roux::Error);
  CHECK_THROWS_AS(pad(texts, {.multiple_of = 0}), roux::Error);
}

TEST_CASE("encodings keep their types and their masks") {
  std::vector<Encoding> encodings{encoding_of({101, 7, 102, 8, 102}, {0, 0, 0, 1, 1}), encoding_of({101, 102}, {0, 0})};
  encodings[1].attention_mask[1] = 0;
  const TokenBatch batch = pad(encodings, {.side = Side::left});
  CHECK(values(batch.ids) == Ids{101, 7, 102, 8, 102, 0, 0, 0, 101, 102});
  CHECK(values(batch.type_ids) == Ids{0, 0, 0, 1, 1, 0, 0, 0, 0, 0});
  CHECK(mask_of(batch) == "1111100010");
  encodings[0].type_ids.pop_back();
  CHECK_THROWS_AS(pad(encodings), roux::Error);
}

TEST_CASE("padding as a tokenizer's files ask for it") {
  WordTokenizer tokenizer({"<PAD>", "a", "b"});
  CHECK(values(pad(tokenizer.encode_batch({"a b a", "b"}), padding_of(tokenizer)).ids) == Ids{1, 2, 1, 2, 0, 0});
  TokenizerDefaults defaults;
  defaults.special_tokens["pad_token"] = "b";
  defaults.padding_side = Side::left;
  defaults.padding_length = 3;
  defaults.padding_multiple_of = 2;
  defaults.padding_type_id = 3;
  tokenizer.set_defaults(defaults);
  CHECK(values(pad(tokenizer.encode_batch({"a"}), padding_of(tokenizer)).ids) == Ids{2, 2, 2, 1});
  const Ids type_ids = values(pad(tokenizer.encode_batch({"a"}), padding_of(tokenizer)).type_ids);
  CHECK(type_ids.front() == 3);
  CHECK(type_ids.back() == 0);
  defaults.special_tokens["pad_token"] = "none";
  tokenizer.set_defaults(defaults);
  CHECK_THROWS_AS(padding_of(tokenizer), roux::Error);
}

TEST_CASE("one dimension, and three") {
  const std::vector<int32_t> ids{3, 1};
  CHECK(ids_tensor(ids).shape() == Shape{2});
  CHECK(values(ids_tensor(ids)) == Ids{3, 1});
  const Tensor rows = one_hot(Tensor::from(Ids{1, 0, 2, 1}, Shape{2, 2}), 3);
  CHECK(rows.shape() == Shape{2, 2, 3});
  CHECK(rows.dtype() == roux::float32);
  CHECK(values(rows) == Ids{0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0});
  CHECK_THROWS_WITH_AS(one_hot(ids_tensor(ids), 3), "[one_hot] id 3; expected 0 to 2", roux::Error);
  CHECK_THROWS_AS(one_hot(ids_tensor(std::vector<int32_t>{-1}), 3), roux::Error);
  CHECK_THROWS_AS(one_hot(ids_tensor(ids), 0), roux::Error);
  CHECK_THROWS_AS(one_hot(Tensor::zeros({1 << 20}, roux::int64), 1 << 20), roux::Error);
}
