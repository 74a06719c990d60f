// Batches in bag and padded form, and loaders: order, epochs, resuming.
#include "text/batches.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tensor/error.h"

using namespace roux::text;
using roux::Shape;
using roux::Tensor;

namespace {

using Ids = std::vector<int64_t>;

/// Texts of 2, 0, 3 and 1 ids.
const Corpus small{{{5, 6, 7, 8, 9, 2}, {0, 2, 2, 5, 6}}, {1, 0, 1, 0}};

Ids values(const Tensor& tensor) { return tensor.to_vector<int64_t>(); }

/// n texts; text i has the one id i + 10 and the label i % 2.
Corpus one_id_each(int64_t n) {
  Corpus corpus;
  for (int64_t i = 0; i < n; ++i) {
    corpus.ids.push_back(static_cast<int32_t>(i + 10));
    corpus.offsets.push_back(i + 1);
    corpus.labels.push_back(i % 2);
  }
  return corpus;
}

/// The ids of what is left of an epoch.
Ids run_epoch(BagBatches& batches) {
  Ids all;
  for (const BagBatch& batch : batches) {
    const Ids ids = values(batch.ids);
    all.insert(all.end(), ids.begin(), ids.end());
  }
  return all;
}

}  // namespace

TEST_CASE("the bag form: ids end to end, with offsets") {
  const std::vector<int64_t> texts{2, 1, 0, 2};
  const BagBatch batch = gather_bag(small, texts);
  CHECK(batch.ids.dtype() == roux::int64);
  CHECK(values(batch.ids) == Ids{7, 8, 9, 5, 6, 7, 8, 9});
  CHECK(values(batch.offsets) == Ids{0, 3, 3, 5});
  CHECK(values(batch.labels) == Ids{1, 0, 1, 1});
  const std::vector<int64_t> empty_text{1};
  CHECK(gather_bag(small, empty_text).ids.shape() == Shape{0});
  CHECK(values(gather_bag(small, empty_text).offsets) == Ids{0});
  CHECK(gather_bag(small, {}).labels.shape() == Shape{0});
}

TEST_CASE("the padded form: rows filled with 0, and a mask") {
  const std::vector<int64_t> texts{2, 1, 0};
  const PaddedBatch batch = gather_padded(small, texts);
  CHECK(batch.ids.shape() == Shape{3, 3});
  CHECK(values(batch.ids) == Ids{7, 8, 9, 0, 0, 0, 5, 6, 0});
  CHECK(values(batch.labels) == Ids{1, 0, 1});
  CHECK(batch.mask().dtype() == roux::boolean);
  CHECK(values(batch.mask()) == Ids{1, 1, 1, 0, 0, 0, 1, 1, 0});
  CHECK(values(gather_padded(small, texts, 2).ids) == Ids{7, 8, 0, 0, 5, 6});
  CHECK(gather_padded(small, texts, 9).ids.shape() == Shape{3, 3});
  const std::vector<int64_t> empty_text{1};
  CHECK(values(gather_padded(small, empty_text).ids) == Ids{0});
  CHECK(gather_padded(small, {}).ids.shape() == Shape{0, 1});
}

TEST_CASE("texts outside the corpus, and a corpus that does not fit together") {
  for (const int64_t text : {int64_t{-1}, int64_t{4}, INT64_MAX}) {
    const std::vector<int64_t> texts{0, text};
    CHECK_THROWS_AS(gather_bag(small, texts), roux::Error);
    CHECK_THROWS_AS(gather_padded(small, texts), roux::Error);
  }
  const std::vector<int64_t> first{0};
  for (const Corpus& damaged : {Corpus{{{1, 2}, {0, 3}}, {0}}, Corpus{{{1, 2}, {2, 1}}, {0}},
                                Corpus{{{1, 2}, {-1, 2}}, {0}}, Corpus{{{1, 2}, {0}}, {0}}}) {
    CHECK_THROWS_AS(gather_bag(damaged, first), roux::Error);
    CHECK_THROWS_AS(gather_padded(damaged, first), roux::Error);
    CHECK_THROWS_AS(BagBatches{damaged}, roux::Error);
  }
  CHECK_THROWS_WITH_AS(gather_padded(small, first, -1),
                       "[gather_padded] max_length is -1; expected 0 (no limit) or more", roux::Error);
  CHECK_THROWS_WITH_AS(BagBatches(small, {.batch_size = 0}), "[batches] batch_size is 0; expected 1 or more",
                       roux::Error);
  CHECK_THROWS_AS(BagBatches(small, {.max_length = -1}), roux::Error);
}

TEST_CASE("a loader gives every text once an epoch, in order when it does not shuffle") {
  const Corpus corpus = one_id_each(10);
  BagBatches batches(corpus, {.batch_size = 4});
  CHECK(batches.size() == 3);
  std::vector<int64_t> sizes;
  for (const BagBatch& batch : batches) sizes.push_back(batch.labels.numel());
  CHECK(sizes == std::vector<int64_t>{4, 4, 2});
  CHECK(batches.epoch() == 1);
  CHECK(run_epoch(batches) == Ids{10, 11, 12, 13, 14, 15, 16, 17, 18, 19});
  const Corpus none;
  BagBatches nothing(none);
  CHECK(nothing.size() == 0);
  CHECK(run_epoch(nothing).empty());
  CHECK(nothing.epoch() == 1);
}

TEST_CASE("padded loaders cut texts at max_length") {
  PaddedBatches batches(small, {.batch_size = 4, .max_length = 2});
  for (const PaddedBatch& batch : batches) CHECK(values(batch.ids) == Ids{5, 6, 0, 0, 7, 8, 2, 0});
  CHECK(batches.epoch() == 1);
}

TEST_CASE("every batch has tensors of its own") {
  const Corpus corpus = one_id_each(4);
  BagBatches batches(corpus, {.batch_size = 2});
  std::vector<BagBatch> kept;
  for (const BagBatch& batch : batches) kept.push_back(batch);
  REQUIRE(kept.size() == 2);
  CHECK(values(kept[0].ids) == Ids{10, 11});
  CHECK(values(kept[1].ids) == Ids{12, 13});
}

TEST_CASE("epochs are shuffled by seed and number") {
  const Corpus corpus = one_id_each(500);
  const BatchOptions options{.batch_size = 32, .shuffle = true, .seed = 7};
  BagBatches one(corpus, options), two(corpus, options);
  const Ids first = run_epoch(one), second = run_epoch(one);
  CHECK(run_epoch(two) == first);
  CHECK(run_epoch(two) == second);
  CHECK(first != second);
  Ids sorted = first;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < 500; ++i) REQUIRE(sorted[static_cast<size_t>(i)] == i + 10);
  CHECK(sorted != first);
  BagBatches other(corpus, {.batch_size = 32, .shuffle = true, .seed = 8});
  CHECK(run_epoch(other) != first);
}

TEST_CASE("a loop that is left early begins its epoch again") {
  const Corpus corpus = one_id_each(100);
  const BatchOptions options{.batch_size = 8, .shuffle = true};
  BagBatches batches(corpus, options), fresh(corpus, options);
  for ([[maybe_unused]] const BagBatch& batch : batches) {
    if (batches.position() == 3) break;
  }
  CHECK(batches.epoch() == 0);
  CHECK(run_epoch(batches) == run_epoch(fresh));
}

TEST_CASE("a loader goes on in the middle of an epoch") {
  const Corpus corpus = one_id_each(100);
  const BatchOptions options{.batch_size = 8, .shuffle = true, .seed = 5};
  BagBatches whole(corpus, options);
  run_epoch(whole);
  const Ids second = run_epoch(whole), third = run_epoch(whole);
  for (int64_t position = 0; position <= whole.size(); ++position) {
    CAPTURE(position);
    BagBatches resumed(corpus, options);
    resumed.resume(1, position);
    CHECK(resumed.epoch() == 1);
    CHECK(resumed.position() == position);
    const auto done = static_cast<std::ptrdiff_t>(std::min<int64_t>(8 * position, 100));
    CHECK(run_epoch(resumed) == Ids(second.begin() + done, second.end()));
    CHECK(resumed.epoch() == 2);
    CHECK(run_epoch(resumed) == third);
  }
  CHECK_THROWS_AS(whole.resume(-1, 0), roux::Error);
  CHECK_THROWS_AS(whole.resume(0, 14), roux::Error);
  CHECK_THROWS_AS(whole.resume(0, -1), roux::Error);
}

TEST_CASE("the position counts the batch in hand") {
  const Corpus corpus = one_id_each(10);
  BagBatches batches(corpus, {.batch_size = 4});
  std::vector<int64_t> positions;
  for ([[maybe_unused]] const BagBatch& batch : batches) positions.push_back(batches.position());
  CHECK(positions == std::vector<int64_t>{1, 2, 3});
  CHECK(batches.position() == 0);
}

TEST_CASE("padding of loaders: side, id, length, multiples") {
  const std::vector<int64_t> texts{2, 1, 0};
  const PaddedBatch left = gather_padded(small, texts, 0, {.side = Side::left, .pad_id = 4});
  CHECK(values(left.ids) == Ids{7, 8, 9, 4, 4, 4, 4, 5, 6});
  CHECK(values(left.mask()) == Ids{1, 1, 1, 0, 0, 0, 0, 1, 1});
  const PaddedBatch wider = with_room(left, 5);
  CHECK(values(wider.ids) == Ids{4, 4, 7, 8, 9, 4, 4, 4, 4, 4, 4, 4, 4, 5, 6});
  CHECK(values(wider.mask()) == Ids{0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1});
  CHECK(to(wider, roux::cpu).pad_id == 4);
  CHECK(values(with_room(gather_padded(small, texts), 4).ids) == Ids{7, 8, 9, 0, 0, 0, 0, 0, 5, 6, 0, 0});
  CHECK(gather_padded(small, texts, 0, {.multiple_of = 8}).ids.shape() == Shape{3, 8});
  CHECK(gather_padded(small, texts, 2, {.length = 5}).ids.shape() == Shape{3, 5});
  CHECK_THROWS_WITH_AS(gather_padded(small, texts, 0, {.length = 2}),
                       "[pad] a text has 3 ids, more than the length 2 (hint: truncate the texts first)", roux::Error);
  CHECK_THROWS_AS(PaddedBatches(small, {.padding = {.multiple_of = 0}}), roux::Error);
  PaddedBatches batches(small, {.batch_size = 4, .padding = {.length = 4, .side = Side::left}});
  for (const PaddedBatch& batch : batches) {
    CHECK(values(batch.ids) == Ids{0, 0, 5, 6, 0, 0, 0, 0, 0, 7, 8, 9, 0, 0, 0, 2});
  }
}

TEST_CASE("the masked form: the mask says what is text, whatever its id") {
  const std::vector<int64_t> texts{2, 1, 0};  // 7 8 9, none, 5 6
  const MaskedBatch batch = gather_masked(small, texts, 0, {.pad_id = 5});
  CHECK(values(batch.ids) == Ids{7, 8, 9, 5, 5, 5, 5, 6, 5});
  CHECK(batch.mask.dtype() == roux::boolean);
  CHECK(values(batch.mask) == Ids{1, 1, 1, 0, 0, 0, 1, 1, 0});
  CHECK(values(batch.labels) == Ids{1, 0, 1});
  const MaskedBatch left = gather_masked(small, texts, 2, {.multiple_of = 4, .side = Side::left, .pad_id = 5});
  CHECK(values(left.ids) == Ids{5, 5, 7, 8, 5, 5, 5, 5, 5, 5, 5, 6});
  CHECK(values(left.mask) == Ids{0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1});
  const MaskedBatch wider = with_room(left, 5);
  CHECK(values(wider.ids) == Ids{5, 5, 5, 7, 8, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6});
  CHECK(values(wider.mask) == Ids{0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1});
  CHECK(values(with_room(batch, 4).mask) == Ids{1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0});
  CHECK_THROWS_AS(with_room(batch, 2), roux::Error);
  CHECK(room_of(to(wider, roux::cpu)) == 5);
  MaskedBatch copied = with_room(left, 5);
  copied.mask.fill_(0);
  copy(wider, copied, [](const Tensor& from, Tensor& into) { into.copy_(from); });
  CHECK(values(copied.mask) == values(wider.mask));
  CHECK(gather_masked(small, {}).mask.shape() == Shape{0, 1});
  const std::vector<int64_t> outside{4};
  CHECK_THROWS_AS(gather_masked(small, outside), roux::Error);
  MaskedBatches batches(small, {.batch_size = 4, .max_length = 2});
  for (const MaskedBatch& each : batches) CHECK(values(each.mask) == Ids{1, 1, 0, 0, 1, 1, 1, 0});
}

TEST_CASE("batches by length: the longest first, bounded by texts and by ids with padding") {
  using Batches = std::vector<std::vector<int64_t>>;
  CHECK(length_batches(small, 2, 100) == Batches{{2, 0}, {3, 1}});
  CHECK(length_batches(small, 10, 6) == Batches{{2, 0}, {3, 1}});
  CHECK(length_batches(small, 10, 4) == Batches{{2}, {0, 3}, {1}});
  CHECK(length_batches(small, 10, 1) == Batches{{2}, {0}, {3}, {1}});
  CHECK(length_batches({}, 10, 1).empty());
  CHECK_THROWS_WITH_AS(length_batches(small, 0, 1),
                       "[length_batches] batch_size is 0, max_tokens 1; expected 1 or more", roux::Error);
  CHECK_THROWS_AS(length_batches(small, 1, 0), roux::Error);
}

TEST_CASE("texts of like length together: every text once, less padding, reproducible") {
  Corpus corpus;
  for (int64_t i = 0; i < 1003; ++i) {
    const std::vector<int32_t> ids(static_cast<size_t>(1 + (i * 7919) % 40), static_cast<int32_t>(i));
    corpus.push_back(ids);
    corpus.labels.push_back(i);
  }
  const auto labels_of = [&](PaddedBatches& batches) {
    Ids all;
    for (const PaddedBatch& batch : batches) {
      const Ids labels = values(batch.labels);
      all.insert(all.end(), labels.begin(), labels.end());
    }
    return all;
  };
  const BatchOptions plain{.batch_size = 16, .shuffle = true, .seed = 3};
  BatchOptions bucketed = plain;
  bucketed.bucket_batches = 20;
  PaddedBatches one(corpus, bucketed), two(corpus, bucketed), without(corpus, plain);
  const double wasted = one.padding_share(), wasted_without = without.padding_share();
  CHECK(wasted_without > 0.4);
  CHECK(wasted < 0.1);
  int64_t cells = 0, used = 0;
  for (const PaddedBatch& batch : two) {
    cells += batch.ids.numel();
    for (const int64_t label : values(batch.labels)) used += static_cast<int64_t>(corpus[label].size());
  }
  CHECK(wasted == doctest::Approx(1 - static_cast<double>(used) / static_cast<double>(cells)));

  const Ids first = labels_of(one), second = labels_of(one), third = labels_of(one);
  CHECK(labels_of(two) == second);
  CHECK(first != second);
  Ids sorted = second;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < 1003; ++i) REQUIRE(sorted[static_cast<size_t>(i)] == i);
  for (const int64_t position : {0, 1, 31, 62, 63}) {
    PaddedBatches resumed(corpus, bucketed);
    resumed.resume(1, position);
    const auto done = static_cast<std::ptrdiff_t>(std::min<int64_t>(16 * position, 1003));
    CHECK(labels_of(resumed) == Ids(second.begin() + done, second.end()));
    CHECK(labels_of(resumed) == third);
  }
  // The batches come in no order of length.
  std::vector<int64_t> longest;
  for (const PaddedBatch& batch : one) longest.push_back(batch.ids.size(1));
  CHECK_FALSE(std::is_sorted(longest.begin(), longest.begin() + 20));

  // Without shuffling: stretches of the corpus, each by length.
  BatchOptions in_order{.batch_size = 2, .bucket_batches = 2};
  const Corpus few{{{9, 9, 9, 8, 7, 7, 6, 5, 5}, {0, 3, 4, 6, 7, 9}}, {0, 1, 2, 3, 4}};
  PaddedBatches ordered(few, in_order);
  CHECK(labels_of(ordered) == Ids{1, 3, 2, 0, 4});
  CHECK(labels_of(ordered) == Ids{1, 3, 2, 0, 4});
  const Corpus none;
  PaddedBatches nothing(none, bucketed);
  CHECK(labels_of(nothing).empty());
  CHECK(nothing.padding_share() == 0);
  CHECK_THROWS_AS(PaddedBatches(few, {.bucket_batches = -1}), roux::Error);
}
