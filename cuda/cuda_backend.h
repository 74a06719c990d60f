// The CUDA backend: the kernels of tensor/backend.h on one device, and what they share: its stream, its memory, the
// word in which kernels report indices that lie outside. The definitions stand by subject, as in tensor/cpu: copy.cu,
// elementwise_unary.cu, elementwise_binary.cu, reduce.cu, sort.cu, softmax.cu, index.cu, unique.cu, matmul.cu,
// embedding.cu, pooling.cu, layer_norm.cu, attention.cu, attention_backward.cu, cross_entropy.cu, random.cu, adam.cu,
// lazy_adam.cu; backend.cu has the rest.
#pragma once

#include <memory>

#include "cuda/allocator.h"
#include "cuda/cublas.h"
#include "cuda/device.h"
#include "cuda/recording.h"
#include "cuda/staging.h"
#include "tensor/backend.h"

namespace roux::cuda {

/// What a kernel found wrong on the device, until the next synchronisation throws it. The first report stays.
struct IndexReport {
  int32_t reported = 0;
  IndexCheck check;
  IndexFinding found;
};

class CudaBackend final : public Backend {
 public:
  /// Throws when the device cannot be used.
  explicit CudaBackend(int index);
  CudaBackend(const CudaBackend&) = delete;
  CudaBackend& operator=(const CudaBackend&) = delete;
  ~CudaBackend() override;

  // --- For the kernels' files. ---

  /// Where all kernels go. Makes this device the current one of the calling thread.
  cudaStream_t stream() const {
    make_current();
    return stream_;
  }
  /// Where copies go that run beside them: see Uploads.
  cudaStream_t copy_stream() const {
    make_current();
    return copy_stream_;
  }
  /// Copies from the host on that stream.
  void upload(void* out, const void* host, size_t bytes) { staging_.copy(out, host, bytes, copy_stream()); }

  void* allocate(size_t bytes) override;
  void deallocate(void* data, size_t bytes) noexcept override;
  void copy_from_host(void* out, const void* host, size_t bytes) override;
  void copy_to_host(void* host, const void* in, size_t bytes) override;
  void synchronize() override;
  void check(const View& values, const IndexCheck& check) override;

  void copy(const View& out, const View& in) override;
  void fill(const View& out, Scalar value) override;
  void unary(UnaryOp op, const View& out, const View& in, double a, double b) override;
  void binary(BinaryOp op, const View& out, const View& a, const View& b) override;
  void binary_scalar(BinaryOp op, const View& out, const View& a, Scalar b, bool reversed) override;
  void where(const View& out, const View& condition, const View& a, const View& b) override;
  void add_scaled(const View& out, const View& a, const EachStep<double>& alpha) override;

  void reduce(ReduceOp op, const View& out, const View& in, Along along) override;
  void reduce_with_index(bool largest, const View& values, const View& indices, const View& in, Along along) override;
  void sort(const View& values, const View& indices, const View& in, Along along, bool descending) override;
  void topk(const View& values, const View& indices, const View& in, Along along, int64_t k, bool largest) override;
  void softmax(const View& out, const View& in, Along along, bool log) override;
  void softmax_backward(const View& grad_in, const View& grad_out, const View& out, Along along, bool log) override;

  void index_select(const View& out, const View& in, const View& ids, Along along) override;
  void index_add(const View& out, const View& ids, const View& in, Along along) override;
  void gather(const View& out, const View& in, const View& index, Along along, int64_t count) override;
  void scatter_add(const View& out, const View& index, const View& in, Along along, int64_t count) override;
  int64_t unique(const View& rows, const View& slots, const View& ids, int64_t exclude) override;

  void matmul(const View& out, const View& a, const View& b, const MatmulShape& shape) override;

  void embedding_bag(const View& out, const View& positions, const View& table, const View& ids, const View& offsets,
                     const View& weights, const BagShape& shape) override;
  void embedding_bag_backward(const View& values, const View& grad, const View& slots, const View& offsets,
                              const View& weights, const View& positions, const BagShape& shape) override;
  void embedding_bag_weights_backward(const View& grad_weights, const View& grad, const View& table, const View& ids,
                                      const View& offsets, const BagShape& shape) override;
  void embedding_backward(const View& values, const View& grad, const View& slots) override;
  void renormalize_rows(const View& table, const View& ids, double max_norm, double norm_type) override;
  void masked_pool(const View& out, const View& positions, const View& shares, const View& in, const View& mask,
                   Pooling mode) override;
  void masked_pool_backward(const View& grad_in, const View& grad, const View& mask, const View& positions,
                            const View& shares, Pooling mode) override;
  void layer_norm(const View& out, const View& mean, const View& rstd, const View& in, const View& weight,
                  const View& bias, double eps, int64_t rows, int64_t n) override;
  void layer_norm_backward(const View& grad_in, const View& grad_weight, const View& grad_bias, const View& grad_out,
                           const View& in, const View& mean, const View& rstd, const View& weight, int64_t rows,
                           int64_t n) override;
  void attention(const View& out, const View& log_sum_exp, const View& place, const View& q, const View& k,
                 const View& v, const View& mask, const AttentionShape& shape, Generator* generator) override;
  void attention_backward(const View& grad_q, const View& grad_k, const View& grad_v, const View& grad_out,
                          const View& q, const View& k, const View& v, const View& out, const View& log_sum_exp,
                          const View& place, const View& mask, const AttentionShape& shape,
                          const Generator* generator) override;
  void cross_entropy(const View& losses, const View& divisors, const View& log_probabilities, const View& logits,
                     const View& labels, const View& class_weights, const CrossEntropyShape& shape) override;
  void cross_entropy_mean(const View& loss, const View& divisor, const View& losses, const View& divisors) override;
  void cross_entropy_backward(const View& grad_logits, const View& grad, const View& divisor,
                              const View& log_probabilities, const View& labels, const View& class_weights,
                              const CrossEntropyShape& shape) override;
  void dropout(const View& out, const View& mask, const View& in, double p, Generator& generator) override;
  void masked_scale(const View& out, const View& in, const View& mask, double scale) override;
  void uniform(const View& out, double low, double high, const Generator& generator) override;

  void adam(const std::vector<AdamParameter>& parameters, const EachStep<AdamStep>& step) override;
  void adam_rows(const View& w, const View& rows, const View& grad, const View& m, const View& v, const View& max_v,
                 const EachStep<AdamStep>& step, bool sparse_eps) override;
  void lazy_adam_commit(const LazyAdamTable& table, const View& rows) override;
  void lazy_adam_settle(const LazyAdamTable& table) override;
  void lazy_adam_read(const View& out, const LazyAdamTable& table, const View& rows) override;
  void lazy_adam_step(const LazyAdamTable& table, const View& rows, const View& grad,
                      const EachStep<AdamStep>& step) override;

  /// A value for kernels that is another in each step: see EachStep.
  template <class T>
  StepValue<T> step_value(const EachStep<T>& next) {
    if (recorded_values_) return recorded_values_->add(next);
    const std::optional<T> found = found_values_ ? found_values_->take<T>() : std::optional<T>();
    return {found ? *found : next()};
  }

  // --- For GraphedStep. ---

  /// From here on the stream takes notes instead of running anything, step_value enters values, and memory comes from
  /// a pool, whose number is stored at once. Throws when a recording is under way.
  void begin_recording(StepValues& values, Allocator::Pool& pool);
  /// Ends it and gives the graph; does nothing when none is under way.
  cudaError_t end_recording(cudaGraph_t* graph);
  /// Runs `step`; step_value gives what `values` holds, before it asks again.
  void with_found_values(StepValues& values, const std::function<void()>& step);
  void drop_pool(Allocator::Pool pool) { memory_.drop_pool(pool); }

 private:
  void make_current() const;
  bool has_tensor_cores();  // and code that uses them
  Cublas& cublas();         // opened at the first product

  int index_;
  cudaStream_t stream_ = nullptr, copy_stream_ = nullptr;
  Allocator memory_;
  Staging staging_;
  std::unique_ptr<Cublas> cublas_;
  void* cublas_workspace_ = nullptr;
  IndexReport* report_ = nullptr;          // in pinned memory, which both sides see
  StepValues* recorded_values_ = nullptr;  // while a step is recorded
  StepValues* found_values_ = nullptr;     // in with_found_values
};

/// Device memory for the length of one operation: what a kernel needs beside its operands. Uninitialised.
template <class T>
class Workspace {
 public:
  Workspace(Backend& backend, int64_t count)
      : backend_(backend), bytes_(static_cast<size_t>(count) * sizeof(T)), data_(backend.allocate(bytes_)) {}
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() { backend_.deallocate(data_, bytes_); }
  T* data() const { return static_cast<T*>(data_); }

 private:
  Backend& backend_;
  size_t bytes_;
  void* data_;
};

}  // namespace roux::cuda
