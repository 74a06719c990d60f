// Each kernel forwarded to the real backend, with its time and its bytes told to the profiler. Where a kernel touches
// only some rows of a table, its bytes are theirs.
#include "tensor/profiled_backend.h"

#include <array>
#include <memory>
#include <mutex>
#include <utility>

#include "tensor/profiler.h"

namespace roux {
namespace {

using detail::MemoryRange;

using Views = std::vector<const View*>;

// What a view spans in memory.
MemoryRange range_of(const View& view) {
  if (!view.data || view.numel() == 0) return {};
  int64_t last = 0;
  for (int i = 0; i < view.shape.size(); ++i) last += (view.shape[i] - 1) * view.strides[i];
  return {view.data, (last + 1) * static_cast<int64_t>(size_of(view.dtype))};
}

std::vector<MemoryRange> ranges_of(const Views& views) {
  std::vector<MemoryRange> ranges;
  for (const View* view : views) ranges.push_back(range_of(*view));
  return ranges;
}

// Of the elements that are there: what is broadcast counts once.
int64_t bytes_of(const View& view) {
  if (!view.data) return 0;
  int64_t count = 1;
  for (int i = 0; i < view.shape.size(); ++i)
    if (view.strides[i] != 0 || view.shape[i] == 0) count *= view.shape[i];
  return count * static_cast<int64_t>(size_of(view.dtype));
}

int64_t bytes_of(const Views& views) {
  int64_t sum = 0;
  for (const View* view : views) sum += bytes_of(*view);
  return sum;
}

// Of as many rows of `table` as there are ids.
int64_t row_bytes(const View& table, const View& ids) {
  const int64_t rows = table.shape.empty() ? 0 : table.shape[0];
  return rows == 0 ? 0 : bytes_of(table) / rows * ids.numel();
}

// w, m, v (and max_v) read and written.
int64_t adam_row_bytes(const View& w, const View& max_v, const View& rows) {
  return (max_v.data ? 8 : 6) * row_bytes(w, rows);
}

class ProfiledBackend final : public Backend {
 public:
  explicit ProfiledBackend(Backend& inner) : inner_(inner) {}

  void* allocate(size_t bytes) override { return inner_.allocate(bytes); }
  void deallocate(void* data, size_t bytes) noexcept override { inner_.deallocate(data, bytes); }
  void synchronize() override { inner_.synchronize(); }
  void check(const View& values, const IndexCheck& check) override {
    run("check", {}, {&values}, [&] { inner_.check(values, check); });
  }
  void copy_from_host(void* out, const void* host, size_t bytes) override {
    const int64_t begin = detail::profiler_now(), size = static_cast<int64_t>(bytes);
    inner_.copy_from_host(out, host, bytes);
    detail::profile_call("copy_from_host", begin, size, {{out, size}}, {});
  }
  void copy_to_host(void* host, const void* in, size_t bytes) override {
    const int64_t begin = detail::profiler_now(), size = static_cast<int64_t>(bytes);
    inner_.copy_to_host(host, in, bytes);
    detail::profile_call("copy_to_host", begin, size, {{host, size}}, {{in, size}});
  }

  void copy(const View& out, const View& in) override {
    run("copy", {&out}, {&in}, [&] { inner_.copy(out, in); });
  }
  void fill(const View& out, Scalar value) override {
    run("fill", {&out}, {}, [&] { inner_.fill(out, value); });
  }
  void unary(UnaryOp op, const View& out, const View& in, double a, double b) override {
    run("unary", {&out}, {&in}, [&] { inner_.unary(op, out, in, a, b); });
  }
  void binary(BinaryOp op, const View& out, const View& a, const View& b) override {
    run("binary", {&out}, {&a, &b}, [&] { inner_.binary(op, out, a, b); });
  }
  void binary_scalar(BinaryOp op, const View& out, const View& a, Scalar b, bool reversed) override {
    run("binary_scalar", {&out}, {&a}, [&] { inner_.binary_scalar(op, out, a, b, reversed); });
  }
  void where(const View& out, const View& condition, const View& a, const View& b) override {
    run("where", {&out}, {&condition, &a, &b}, [&] { inner_.where(out, condition, a, b); });
  }
  void add_scaled(const View& out, const View& a, const EachStep<double>& alpha) override {
    run("add_scaled", {&out}, {&out, &a}, [&] { inner_.add_scaled(out, a, alpha); });
  }

  void reduce(ReduceOp op, const View& out, const View& in, Along along) override {
    run("reduce", {&out}, {&in}, [&] { inner_.reduce(op, out, in, along); });
  }
  void reduce_with_index(bool largest, const View& values, const View& indices, const View& in, Along along) override {
    run("reduce_with_index", {&values, &indices}, {&in},
        [&] { inner_.reduce_with_index(largest, values, indices, in, along); });
  }
  void sort(const View& values, const View& indices, const View& in, Along along, bool descending) override {
    run("sort", {&values, &indices}, {&in}, [&] { inner_.sort(values, indices, in, along, descending); });
  }
  void topk(const View& values, const View& indices, const View& in, Along along, int64_t k, bool largest) override {
    run("topk", {&values, &indices}, {&in}, [&] { inner_.topk(values, indices, in, along, k, largest); });
  }
  void softmax(const View& out, const View& in, Along along, bool log) override {
    run("softmax", {&out}, {&in}, [&] { inner_.softmax(out, in, along, log); });
  }
  void softmax_backward(const View& grad_in, const View& grad_out, const View& out, Along along, bool log) override {
    run("softmax_backward", {&grad_in}, {&grad_out, &out},
        [&] { inner_.softmax_backward(grad_in, grad_out, out, along, log); });
  }

  // Of `in`, or of what is added to, as much is touched as the other side has.
  void index_select(const View& out, const View& in, const View& ids, Along along) override {
    run(
        "index_select", {&out}, {&ids}, [&] { inner_.index_select(out, in, ids, along); }, bytes_of(out));
  }
  void index_add(const View& out, const View& ids, const View& in, Along along) override {
    run("index_add", {}, {&ids, &in}, [&] { inner_.index_add(out, ids, in, along); }, 2 * bytes_of(in), {&out});
  }
  void gather(const View& out, const View& in, const View& index, Along along, int64_t count) override {
    run(
        "gather", {&out}, {&index}, [&] { inner_.gather(out, in, index, along, count); }, bytes_of(out));
  }
  void scatter_add(const View& out, const View& index, const View& in, Along along, int64_t count) override {
    run("scatter_add", {}, {&index, &in}, [&] { inner_.scatter_add(out, index, in, along, count); }, 2 * bytes_of(in),
        {&out});
  }
  int64_t unique(const View& rows, const View& slots, const View& ids, int64_t exclude) override {
    int64_t count = 0;
    run("unique", {&rows, &slots}, {&ids}, [&] { count = inner_.unique(rows, slots, ids, exclude); });
    return count;
  }

  void matmul(const View& out, const View& a, const View& b, const MatmulShape& shape) override {
    run("matmul", {&out}, {&a, &b}, [&] { inner_.matmul(out, a, b, shape); });
  }
  void matmul_with_bias(const View& out, const View& a, const View& b, const View& bias,
                        const MatmulShape& shape) override {
    run("matmul_with_bias", {&out}, {&a, &b, &bias}, [&] { inner_.matmul_with_bias(out, a, b, bias, shape); });
  }

  void embedding_bag(const View& out, const View& positions, const View& table, const View& ids, const View& offsets,
                     const View& weights, const BagShape& shape) override {
    run(
        "embedding_bag", {&out, &positions}, {&ids, &offsets, &weights},
        [&] { inner_.embedding_bag(out, positions, table, ids, offsets, weights, shape); }, row_bytes(table, ids));
  }
  void embedding_bag_backward(const View& values, const View& grad, const View& slots, const View& offsets,
                              const View& weights, const View& positions, const BagShape& shape) override {
    run("embedding_bag_backward", {&values}, {&grad, &slots, &offsets, &weights, &positions},
        [&] { inner_.embedding_bag_backward(values, grad, slots, offsets, weights, positions, shape); });
  }
  void embedding_bag_weights_backward(const View& grad_weights, const View& grad, const View& table, const View& ids,
                                      const View& offsets, const BagShape& shape) override {
    run(
        "embedding_bag_weights_backward", {&grad_weights}, {&grad, &ids, &offsets},
        [&] { inner_.embedding_bag_weights_backward(grad_weights, grad, table, ids, offsets, shape); },
        row_bytes(table, ids));
  }
  void embedding_backward(const View& values, const View& grad, const View& slots) override {
    run("embedding_backward", {&values}, {&grad, &slots}, [&] { inner_.embedding_backward(values, grad, slots); });
  }
  void renormalize_rows(const View& table, const View& ids, double max_norm, double norm_type) override {
    run(
        "renormalize_rows", {}, {&ids}, [&] { inner_.renormalize_rows(table, ids, max_norm, norm_type); },
        2 * row_bytes(table, ids));
  }
  void masked_pool(const View& out, const View& positions, const View& shares, const View& in, const View& mask,
                   Pooling mode) override {
    run("masked_pool", {&out, &positions, &shares}, {&in, &mask},
        [&] { inner_.masked_pool(out, positions, shares, in, mask, mode); });
  }
  void masked_pool_backward(const View& grad_in, const View& grad, const View& mask, const View& positions,
                            const View& shares, Pooling mode) override {
    run("masked_pool_backward", {&grad_in}, {&grad, &mask, &positions, &shares},
        [&] { inner_.masked_pool_backward(grad_in, grad, mask, positions, shares, mode); });
  }
  void layer_norm(const View& out, const View& mean, const View& rstd, const View& in, const View& weight,
                  const View& bias, double eps, int64_t rows, int64_t n) override {
    run("layer_norm", {&out, &mean, &rstd}, {&in, &weight, &bias},
        [&] { inner_.layer_norm(out, mean, rstd, in, weight, bias, eps, rows, n); });
  }
  void layer_norm_backward(const View& grad_in, const View& grad_weight, const View& grad_bias, const View& grad_out,
                           const View& in, const View& mean, const View& rstd, const View& weight, int64_t rows,
                           int64_t n) override {
    run("layer_norm_backward", {&grad_in, &grad_weight, &grad_bias}, {&grad_out, &in, &mean, &rstd, &weight}, [&] {
      inner_.layer_norm_backward(grad_in, grad_weight, grad_bias, grad_out, in, mean, rstd, weight, rows, n);
    });
  }
  void attention(const View& out, const View& log_sum_exp, const View& place, const View& q, const View& k,
                 const View& v, const View& mask, const AttentionShape& shape, Generator* generator) override {
    run("attention", {&out, &log_sum_exp, &place}, {&q, &k, &v, &mask},
        [&] { inner_.attention(out, log_sum_exp, place, q, k, v, mask, shape, generator); });
  }
  void attention_backward(const View& grad_q, const View& grad_k, const View& grad_v, const View& grad_out,
                          const View& q, const View& k, const View& v, const View& out, const View& log_sum_exp,
                          const View& place, const View& mask, const AttentionShape& shape,
                          const Generator* generator) override {
    run("attention_backward", {&grad_q, &grad_k, &grad_v}, {&grad_out, &q, &k, &v, &out, &log_sum_exp, &mask}, [&] {
      inner_.attention_backward(grad_q, grad_k, grad_v, grad_out, q, k, v, out, log_sum_exp, place, mask, shape,
                                generator);
    });
  }
  void cross_entropy(const View& losses, const View& divisors, const View& log_probabilities, const View& logits,
                     const View& labels, const View& class_weights, const CrossEntropyShape& shape) override {
    run("cross_entropy", {&losses, &divisors, &log_probabilities}, {&logits, &labels, &class_weights},
        [&] { inner_.cross_entropy(losses, divisors, log_probabilities, logits, labels, class_weights, shape); });
  }
  void cross_entropy_mean(const View& loss, const View& divisor, const View& losses, const View& divisors) override {
    run("cross_entropy_mean", {&loss, &divisor}, {&losses, &divisors},
        [&] { inner_.cross_entropy_mean(loss, divisor, losses, divisors); });
  }
  void cross_entropy_backward(const View& grad_logits, const View& grad, const View& divisor,
                              const View& log_probabilities, const View& labels, const View& class_weights,
                              const CrossEntropyShape& shape) override {
    run("cross_entropy_backward", {&grad_logits}, {&grad, &divisor, &log_probabilities, &labels, &class_weights}, [&] {
      inner_.cross_entropy_backward(grad_logits, grad, divisor, log_probabilities, labels, class_weights, shape);
    });
  }
  void dropout(const View& out, const View& mask, const View& in, double p, Generator& generator) override {
    run("dropout", {&out, &mask}, {&in}, [&] { inner_.dropout(out, mask, in, p, generator); });
  }
  void masked_scale(const View& out, const View& in, const View& mask, double scale) override {
    run("masked_scale", {&out}, {&in, &mask}, [&] { inner_.masked_scale(out, in, mask, scale); });
  }
  void uniform(const View& out, double low, double high, const Generator& generator) override {
    run("uniform", {&out}, {}, [&] { inner_.uniform(out, low, high, generator); });
  }

  void adam(const std::vector<AdamParameter>& parameters, const EachStep<AdamStep>& step) override {
    Views written, read;
    for (const AdamParameter& each : parameters) {
      written.insert(written.end(), {&each.w, &each.m, &each.v, &each.max_v});
      read.insert(read.end(), {&each.grad, &each.w, &each.m, &each.v, &each.max_v});
    }
    run("adam", written, read, [&] { inner_.adam(parameters, step); });
  }
  void adam_rows(const View& w, const View& rows, const View& grad, const View& m, const View& v, const View& max_v,
                 const EachStep<AdamStep>& step, bool sparse_eps) override {
    run(
        "adam_rows", {}, {&rows, &grad}, [&] { inner_.adam_rows(w, rows, grad, m, v, max_v, step, sparse_eps); },
        adam_row_bytes(w, max_v, rows));
  }
  void lazy_adam_commit(const LazyAdamTable& table, const View& rows) override {
    run(
        "lazy_adam_commit", {}, {&rows}, [&] { inner_.lazy_adam_commit(table, rows); },
        adam_row_bytes(table.w, table.max_v, rows));
  }
  void lazy_adam_settle(const LazyAdamTable& table) override {
    run("lazy_adam_settle", {}, {}, [&] { inner_.lazy_adam_settle(table); });
  }
  void lazy_adam_read(const View& out, const LazyAdamTable& table, const View& rows) override {
    run(
        "lazy_adam_read", {&out}, {&rows}, [&] { inner_.lazy_adam_read(out, table, rows); },
        adam_row_bytes(table.w, table.max_v, rows) / 2);
  }
  void lazy_adam_step(const LazyAdamTable& table, const View& rows, const View& grad,
                      const EachStep<AdamStep>& step) override {
    run(
        "lazy_adam_step", {}, {&rows, &grad}, [&] { inner_.lazy_adam_step(table, rows, grad, step); },
        adam_row_bytes(table.w, table.max_v, rows));
  }

 private:
  // row_bytes: of what is written or read in part only; written_in_part: where.
  template <class Kernel>
  void run(const char* name, const Views& written, const Views& read, const Kernel& kernel, int64_t row_bytes = 0,
           const Views& written_in_part = {}) {
    const int64_t begin = detail::profiler_now();
    kernel();
    if (detail::profiler_synchronizes()) inner_.synchronize();
    std::vector<MemoryRange> outputs = ranges_of(written), inputs = ranges_of(read);
    for (const View* view : written_in_part) {
      outputs.push_back(range_of(*view));
      inputs.push_back(range_of(*view));
    }
    detail::profile_call(name, begin, bytes_of(written) + bytes_of(read) + row_bytes, std::move(outputs),
                         std::move(inputs));
  }

  Backend& inner_;
};

}  // namespace

Backend& profiled_backend(Backend& inner, Device device) {
  static std::mutex mutex;
  static auto* const made = new std::array<std::array<std::unique_ptr<Backend>, 128>, 2>;  // never destroyed
  const std::lock_guard lock(mutex);
  std::unique_ptr<Backend>& found = (*made)[device.type == DeviceType::cpu ? 0 : 1][static_cast<size_t>(device.index)];
  if (!found) found = std::make_unique<ProfiledBackend>(inner);
  return *found;
}

}  // namespace roux
