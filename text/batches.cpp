// Gathering of batches out of the flat corpus, and the loader that goes over all of them.
#include "text/batches.h"

#include <algorithm>
#include <numeric>
#include <type_traits>

#include "tensor/error.h"

namespace roux::text {
namespace {

/// Has the processor fetch the ids [begin, end), which will be copied soon: texts in random order are rarely in its
/// caches.
void prefetch(const int32_t* begin, const int32_t* end) {
  constexpr std::ptrdiff_t cache_line = 64 / sizeof(int32_t), most = 32 * cache_line;
  for (end = begin + std::min(end - begin, most); begin < end; begin += cache_line) __builtin_prefetch(begin);
}

int64_t length_of(const Corpus& corpus, int64_t text) {
  ROUX_CHECK(text >= 0 && text < corpus.size() && text < static_cast<int64_t>(corpus.labels.size()), "gather", "text ",
             text, " is outside a corpus of ", corpus.size());
  const int64_t* const offset = corpus.offsets.data() + text;
  ROUX_CHECK(0 <= offset[0] && offset[0] <= offset[1] && offset[1] <= static_cast<int64_t>(corpus.ids.size()), "gather",
             "text ", text, " has the ids ", offset[0], " to ", offset[1], " of ", corpus.ids.size());
  prefetch(corpus.ids.data() + offset[0], corpus.ids.data() + offset[1]);
  return offset[1] - offset[0];
}

const int32_t* ids_of(const Corpus& corpus, int64_t text) {
  return corpus.ids.data() + corpus.offsets[static_cast<size_t>(text)];
}

Tensor gather_labels(const Corpus& corpus, std::span<const int64_t> texts) {
  Tensor labels = Tensor::empty({static_cast<int64_t>(texts.size())}, int64);
  int64_t* to = labels.mutable_data<int64_t>();
  for (const int64_t text : texts) *to++ = corpus.labels[static_cast<size_t>(text)];
  return labels;
}

/// `rows` (texts, used) in a tensor of `room` columns, which holds `filler` elsewhere.
Tensor widened(const Tensor& rows, int64_t room, const Tensor& filler, Side side) {
  const int64_t used = rows.size(1);
  ROUX_CHECK(room >= used, "with_room", "the batch has texts of ", used, " ids, which do not fit into ", room);
  Tensor result = filler.expand({rows.size(0), room}).clone();
  const int64_t begin = side == Side::left ? room - used : 0;
  result.slice(1, begin, begin + used).copy_(rows);
  return result;
}

}  // namespace

BagBatch gather_bag(const Corpus& corpus, std::span<const int64_t> texts) {
  BagBatch batch;
  batch.offsets = Tensor::empty({static_cast<int64_t>(texts.size())}, int64);
  int64_t* offset = batch.offsets.mutable_data<int64_t>();
  int64_t total = 0;
  for (const int64_t text : texts) {
    *offset++ = total;
    total += length_of(corpus, text);
  }
  batch.labels = gather_labels(corpus, texts);
  batch.ids = Tensor::empty({total}, int64);
  int64_t* to = batch.ids.mutable_data<int64_t>();
  for (const int64_t text : texts) to = std::copy(ids_of(corpus, text), ids_of(corpus, text + 1), to);
  return batch;
}

PaddedBatch gather_padded(const Corpus& corpus, std::span<const int64_t> texts, int64_t max_length,
                          const PaddingOptions& padding) {
  ROUX_CHECK(max_length >= 0, "gather_padded", "max_length is ", max_length, "; expected 0 (no limit) or more");
  int64_t longest = 0;
  for (const int64_t text : texts) longest = std::max(longest, length_of(corpus, text));
  if (max_length > 0) longest = std::min(longest, max_length);
  const int64_t width = padding.length_for(longest);
  PaddedBatch batch{.ids = Tensor::empty({static_cast<int64_t>(texts.size()), width}, int64),
                    .labels = gather_labels(corpus, texts),
                    .pad_id = padding.pad_id,
                    .padding_side = padding.side};
  int64_t* row = batch.ids.mutable_data<int64_t>();
  for (const int64_t text : texts) {
    const int64_t length = std::min(ids_of(corpus, text + 1) - ids_of(corpus, text), longest);
    const int64_t before = padding.side == Side::left ? width - length : 0;
    std::fill(row, row + before, padding.pad_id);
    std::fill(std::copy_n(ids_of(corpus, text), length, row + before), row + width, padding.pad_id);
    row += width;
  }
  return batch;
}

MaskedBatch gather_masked(const Corpus& corpus, std::span<const int64_t> texts, int64_t max_length,
                          const PaddingOptions& padding) {
  const PaddedBatch padded = gather_padded(corpus, texts, max_length, padding);
  const int64_t width = padded.ids.size(1);
  Tensor mask = Tensor::zeros(padded.ids.shape(), boolean);
  bool* row = mask.mutable_data<bool>();
  for (const int64_t text : texts) {
    int64_t length = ids_of(corpus, text + 1) - ids_of(corpus, text);
    if (max_length > 0) length = std::min(length, max_length);
    std::fill_n(row + (padding.side == Side::left ? width - length : 0), length, true);
    row += width;
  }
  return {
      .ids = padded.ids, .mask = mask, .labels = padded.labels, .pad_id = padding.pad_id, .padding_side = padding.side};
}

std::vector<std::vector<int64_t>> length_batches(const EncodedTexts& texts, int64_t batch_size, int64_t max_tokens) {
  ROUX_CHECK(batch_size >= 1 && max_tokens >= 1, "length_batches", "batch_size is ", batch_size, ", max_tokens ",
             max_tokens, "; expected 1 or more");
  texts.check();
  std::vector<int64_t> order(static_cast<size_t>(texts.size()));
  std::iota(order.begin(), order.end(), 0);
  const auto length = [&](int64_t text) { return std::ssize(texts[text]); };
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return length(a) > length(b); });
  std::vector<std::vector<int64_t>> batches;
  for (auto begin = order.begin(); begin != order.end();) {
    const int64_t room = max_tokens / std::max<int64_t>(length(*begin), 1);
    const auto end = begin + std::min<int64_t>(std::clamp<int64_t>(room, 1, batch_size), order.end() - begin);
    batches.emplace_back(begin, end);
    begin = end;
  }
  return batches;
}

BagBatch with_room(const BagBatch& batch, int64_t room) {
  const int64_t used = room_of(batch), texts = batch.labels.numel();
  ROUX_CHECK(room >= used, "with_room", "the batch has ", used, " ids, which do not fit into ", room);
  const int64_t filler = used > 0 ? batch.ids.data<int64_t>()[0] : 0;
  BagBatch result{.ids = Tensor::full({room}, filler, int64),
                  .offsets = Tensor::full({texts + 1}, used, int64),
                  .labels = Tensor::full({texts + 1}, ignored_label, int64)};
  result.ids.slice(0, 0, used).copy_(batch.ids);
  result.offsets.slice(0, 0, texts).copy_(batch.offsets);
  result.labels.slice(0, 0, texts).copy_(batch.labels);
  return result;
}

PaddedBatch with_room(const PaddedBatch& batch, int64_t room) {
  PaddedBatch result = batch;
  const Tensor filler = Tensor::full({1, 1}, static_cast<int64_t>(batch.pad_id), int64);
  result.ids = widened(batch.ids, room, filler, batch.padding_side);
  return result;
}

MaskedBatch with_room(const MaskedBatch& batch, int64_t room) {
  MaskedBatch result = batch;
  const Tensor filler = Tensor::full({1, 1}, static_cast<int64_t>(batch.pad_id), int64);
  result.ids = widened(batch.ids, room, filler, batch.padding_side);
  result.mask = widened(batch.mask, room, Tensor::zeros({1, 1}, boolean), batch.padding_side);
  return result;
}

BagBatch to(const BagBatch& batch, Device device) {
  return {.ids = batch.ids.to(device), .offsets = batch.offsets.to(device), .labels = batch.labels.to(device)};
}

PaddedBatch to(const PaddedBatch& batch, Device device) {
  return {.ids = batch.ids.to(device),
          .labels = batch.labels.to(device),
          .pad_id = batch.pad_id,
          .padding_side = batch.padding_side};
}

MaskedBatch to(const MaskedBatch& batch, Device device) {
  return {.ids = batch.ids.to(device),
          .mask = batch.mask.to(device),
          .labels = batch.labels.to(device),
          .pad_id = batch.pad_id,
          .padding_side = batch.padding_side};
}

template <class Batch>
BatchLoader<Batch>::BatchLoader(const Corpus& corpus, const BatchOptions& options)
    : corpus_(corpus), options_(options) {
  corpus.check();
  ROUX_CHECK(options.batch_size >= 1, "batches", "batch_size is ", options.batch_size, "; expected 1 or more");
  ROUX_CHECK(options.max_length >= 0, "batches", "max_length is ", options.max_length,
             "; expected 0 (no limit) or more");
  ROUX_CHECK(options.bucket_batches >= 0, "batches", "bucket_batches is ", options.bucket_batches,
             "; expected 0 (no buckets) or more");
  options.padding.length_for(0);
  order_.resize(static_cast<size_t>(corpus.size()));
  std::iota(order_.begin(), order_.end(), 0);
}

template <class Batch>
void BatchLoader<Batch>::resume(int64_t epoch, int64_t position) {
  ROUX_CHECK(epoch >= 0 && position >= 0 && position <= size(), "resume", "epoch ", epoch, ", position ", position,
             "; expected an epoch of 0 or more and a position of 0 to ", size());
  epoch_ = epoch;
  position_ = position;
  resumed_ = true;
}

template <class Batch>
typename BatchLoader<Batch>::Iterator BatchLoader<Batch>::begin() {
  if (!std::exchange(resumed_, false)) position_ = 0;
  draw_order();
  return Iterator(*this);
}

template <class Batch>
void BatchLoader<Batch>::draw_order() {
  const bool same_each_epoch = !options_.shuffle && order_of_epoch_ >= 0;
  if (std::exchange(order_of_epoch_, epoch_) == epoch_ || same_each_epoch) return;
  Generator generator(options_.seed, static_cast<uint64_t>(epoch_));
  if (options_.shuffle) {
    const Tensor order = Tensor::randperm(corpus_.size(), cpu, generator);
    std::copy_n(order.data<int64_t>(), order_.size(), order_.begin());
  }
  if (options_.bucket_batches > 0) sort_into_buckets(generator);
}

/// Sorts each stretch by length; equals stay in the order drawn. A last batch that is not full stays the last.
template <class Batch>
void BatchLoader<Batch>::sort_into_buckets(Generator& generator) {
  const int64_t count = corpus_.size(), stretches = (size() - 1) / options_.bucket_batches + 1;
  for (int64_t stretch = 0; stretch < stretches && count > 0; ++stretch) {
    const int64_t batch = stretch * options_.bucket_batches;  // the first of the stretch
    const int64_t after = std::min(batch + options_.bucket_batches, size());
    const auto begin = order_.begin() + batch * options_.batch_size;
    const auto end = order_.begin() + std::min(after * options_.batch_size, count);
    std::stable_sort(begin, end, [&](int64_t a, int64_t b) { return length_of(a) < length_of(b); });
  }
  if (!options_.shuffle) return;
  const int64_t full_batches = count / options_.batch_size;
  const std::vector<int64_t> sorted = order_;
  const Tensor batches = Tensor::randperm(full_batches, cpu, generator);
  for (int64_t batch = 0; batch < full_batches; ++batch) {
    const auto from = sorted.begin() + batches.data<int64_t>()[batch] * options_.batch_size;
    std::copy_n(from, options_.batch_size, order_.begin() + batch * options_.batch_size);
  }
}

/// In padded form.
template <class Batch>
int64_t BatchLoader<Batch>::length_of(int64_t text) const {
  const int64_t length = corpus_.offsets[static_cast<size_t>(text) + 1] - corpus_.offsets[static_cast<size_t>(text)];
  return options_.max_length > 0 ? std::min(length, options_.max_length) : length;
}

template <class Batch>
double BatchLoader<Batch>::padding_share() {
  draw_order();
  int64_t used = 0, all = 0;
  for (int64_t begin = 0; begin < corpus_.size(); begin += options_.batch_size) {
    const int64_t end = std::min(begin + options_.batch_size, corpus_.size());
    int64_t longest = 0;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t length = length_of(order_[static_cast<size_t>(i)]);
      used += length;
      longest = std::max(longest, length);
    }
    all += (end - begin) * options_.padding.length_for(longest);
  }
  return all == 0 ? 0.0 : 1.0 - static_cast<double>(used) / static_cast<double>(all);
}

template <class Batch>
bool BatchLoader<Batch>::next(Batch& batch) {
  if (position_ == size()) {
    position_ = 0;
    ++epoch_;
    return false;
  }
  const int64_t begin = position_ * options_.batch_size, end = std::min(begin + options_.batch_size, corpus_.size());
  const std::span<const int64_t> texts(order_.data() + begin, static_cast<size_t>(end - begin));
  if constexpr (std::is_same_v<Batch, BagBatch>) {
    batch = gather_bag(corpus_, texts);
  } else if constexpr (std::is_same_v<Batch, MaskedBatch>) {
    batch = gather_masked(corpus_, texts, options_.max_length, options_.padding);
  } else {
    batch = gather_padded(corpus_, texts, options_.max_length, options_.padding);
  }
  ++position_;
  return true;
}

template class BatchLoader<BagBatch>;
template class BatchLoader<PaddedBatch>;
template class BatchLoader<MaskedBatch>;

}  // namespace roux::text
