// Batches of a corpus, as tensors: in bag form for models that pool over all ids, in padded form for the others, with a
// mask beside it for transformers.
#pragma once

#include <cstdint>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "tensor/ops.h"
#include "tensor/tensor.h"
#include "text/corpus.h"
#include "text/padding.h"

namespace roux::text {

/// Texts end to end: text b has the ids [offsets[b], offsets[b + 1]), the last one those to the end. One without ids is
/// an empty bag.
struct BagBatch {
  Tensor ids;      ///< (ids of all texts), int64
  Tensor offsets;  ///< (texts), int64
  Tensor labels;   ///< (texts), int64
};

/// Texts below each other, each filled up to the same length (text/padding.h).
struct PaddedBatch {
  Tensor ids;                       ///< (texts, length), int64
  Tensor labels;                    ///< (texts), int64
  int32_t pad_id = 0;               ///< what fills up
  Side padding_side = Side::right;  ///< which end is filled up

  /// (texts, length), bool: true where there is an id, false where there is padding; an id of a text that is `pad_id`
  /// is taken for padding.
  Tensor mask() const { return ne(ids, pad_id); }
};

/// Texts below each other as transformers take them: the mask says what is text, so that its ids may be any.
struct MaskedBatch {
  Tensor ids;                       ///< (texts, length), int64
  Tensor mask;                      ///< (texts, length), bool: true where there is an id, false where there is padding
  Tensor labels;                    ///< (texts), int64
  int32_t pad_id = 0;               ///< what fills up
  Side padding_side = Side::right;  ///< which end is filled up
};

/// The label of what is in a batch only to fill it up: cross_entropy leaves it out.
inline constexpr int64_t ignored_label = -100;

/// How much room a batch takes: its ids (bag form), the length of its texts (padded form).
inline int64_t room_of(const BagBatch& batch) { return batch.ids.numel(); }
inline int64_t room_of(const PaddedBatch& batch) { return batch.ids.size(1); }
inline int64_t room_of(const MaskedBatch& batch) { return batch.ids.size(1); }

/// The same texts with room for `room` ids, for steps that want the same shapes each time: what is not used belongs to
/// one more bag, which is always there and has the label `ignored_label`; it repeats the first id (0 where there is
/// none), so that no other row of a table is touched. Throws unless room >= room_of(batch).
BagBatch with_room(const BagBatch& batch, int64_t room);
/// The same texts, filled up to this length.
PaddedBatch with_room(const PaddedBatch& batch, int64_t room);
MaskedBatch with_room(const MaskedBatch& batch, int64_t room);

/// The batch on a device.
BagBatch to(const BagBatch& batch, Device device);
PaddedBatch to(const PaddedBatch& batch, Device device);
MaskedBatch to(const MaskedBatch& batch, Device device);
/// Overwrites a batch of the same shapes: copy_tensor(from, into) for each tensor.
template <class F>
void copy(const BagBatch& from, BagBatch& into, F copy_tensor) {
  copy_tensor(from.ids, into.ids);
  copy_tensor(from.offsets, into.offsets);
  copy_tensor(from.labels, into.labels);
}
template <class F>
void copy(const PaddedBatch& from, PaddedBatch& into, F copy_tensor) {
  copy_tensor(from.ids, into.ids);
  copy_tensor(from.labels, into.labels);
}
template <class F>
void copy(const MaskedBatch& from, MaskedBatch& into, F copy_tensor) {
  copy_tensor(from.ids, into.ids);
  copy_tensor(from.mask, into.mask);
  copy_tensor(from.labels, into.labels);
}

/// Options of a `BatchLoader`.
struct BatchOptions {
  int64_t batch_size = 32;   ///< texts a batch; the last batch of an epoch may have fewer
  bool shuffle = false;      ///< in an order drawn anew each epoch from `seed` and the epoch's number
  uint64_t seed = 0;         ///< of the order
  int64_t max_length = 512;  ///< padded form: longer texts lose their end, so that one cannot fill the memory; 0: none
  PaddingOptions padding = {};  ///< padded form
  /// Texts of like length together, which saves padding: the order is cut into stretches of this many batches, each
  /// sorted by length and cut into its batches; with `shuffle` the full batches then come in an order drawn anew. 0:
  /// the order as it is.
  int64_t bucket_batches = 0;
};

/// The texts of these indices as one batch. Throws on an index outside the corpus.
BagBatch gather_bag(const Corpus& corpus, std::span<const int64_t> texts);
/// `max_length` as in BatchOptions; 0: no limit.
PaddedBatch gather_padded(const Corpus& corpus, std::span<const int64_t> texts, int64_t max_length = 0,
                          const PaddingOptions& padding = {});
/// The same with a mask.
MaskedBatch gather_masked(const Corpus& corpus, std::span<const int64_t> texts, int64_t max_length = 0,
                          const PaddingOptions& padding = {});

/// All texts in batches of like length, for those who only look: the longest first, so that what does not fit into the
/// memory shows at once. A batch has at most `batch_size` texts, and no more of them than take `max_tokens` ids with
/// their padding, but at least one. Throws unless both are at least 1.
std::vector<std::vector<int64_t>> length_batches(const EncodedTexts& texts, int64_t batch_size, int64_t max_tokens);

/// Goes over a corpus batch by batch; a loop over all of it is an epoch.
///
///     BagBatches batches(corpus, {.batch_size = 32, .shuffle = true, .seed = 1});
///     for (const BagBatch& batch : batches) { ... }
///
/// Every batch has tensors of its own. The order of an epoch depends on the seed and the number of the epoch alone: a
/// loop that is left early and begun again goes over the same epoch from its start. To go on later, keep `epoch()` and
/// `position()` and hand them to `resume`.
template <class Batch>
class BatchLoader {
 public:
  /// `corpus` is referred to and must live as long as this. Throws when it does not fit together, or unless
  /// batch_size >= 1, max_length >= 0 and bucket_batches >= 0.
  explicit BatchLoader(const Corpus& corpus, const BatchOptions& options = {});
  explicit BatchLoader(Corpus&&, const BatchOptions& = {}) = delete;

  /// The number of batches an epoch.
  int64_t size() const { return (corpus_.size() + options_.batch_size - 1) / options_.batch_size; }
  /// The number of the epoch that runs or comes next; it rises when a loop has reached its end.
  int64_t epoch() const { return epoch_; }
  /// How many batches of this epoch were handed out, the one in hand included.
  int64_t position() const { return position_; }
  /// The next loop goes over what epoch `epoch` has after its first `position` batches. Throws unless epoch >= 0 and
  /// 0 <= position <= size().
  void resume(int64_t epoch, int64_t position);
  /// The share of the epoch that runs or comes next that is padding, in [0, 1), were it handed out in padded form.
  double padding_share();

  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(BatchLoader& loader) : loader_(&loader) { ++*this; }
    const Batch& operator*() const { return batch_; }
    const Batch* operator->() const { return &batch_; }
    Iterator& operator++() {
      at_end_ = !loader_->next(batch_);
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return at_end_; }

   private:
    BatchLoader* loader_;
    Batch batch_;
    bool at_end_ = false;
  };
  /// Starts the epoch and makes its first batch.
  Iterator begin();
  std::default_sentinel_t end() const { return {}; }

 private:
  /// The next batch of this epoch; false, and the next epoch, when there is none.
  bool next(Batch& batch);
  void draw_order();
  void sort_into_buckets(Generator& generator);
  int64_t length_of(int64_t text) const;

  const Corpus& corpus_;
  BatchOptions options_;
  int64_t epoch_ = 0;
  int64_t position_ = 0;
  bool resumed_ = false;
  std::vector<int64_t> order_;  // the texts in the order of epoch order_of_
  int64_t order_of_epoch_ = -1;
};

using BagBatches = BatchLoader<BagBatch>;
using PaddedBatches = BatchLoader<PaddedBatch>;
using MaskedBatches = BatchLoader<MaskedBatch>;

extern template class BatchLoader<BagBatch>;
extern template class BatchLoader<PaddedBatch>;
extern template class BatchLoader<MaskedBatch>;

}  // namespace roux::text
