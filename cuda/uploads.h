// Copies to a CUDA device that run beside its kernels: the next batch arrives while the present step computes.
#pragma once

#include <memory>

#include "tensor/tensor.h"

namespace roux::cuda {

/// Overwrites the same device tensors again and again, on a stream of their own. Each time:
///
///     uploads.begin();              // waits, on the device, for who reads what is there now
///     uploads.copy(batch.ids, device_ids);
///     uploads.end();                // what is computed from here on sees the copies
///     step.run();
///     uploads.done();               // what was computed up to here was the last to read them
///
/// With two sets of tensors in turn, copies and steps overlap. The host never waits but for a free staging buffer. On a
/// device that is not a CUDA device, copies are plain ones.
class Uploads {
 public:
  /// Everything computed up to here may still use the tensors.
  explicit Uploads(Device device);
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;
  ~Uploads();

  /// Before copies: they wait, on the device, for what was computed up to `done`.
  void begin();
  /// `from` on the CPU, `into` contiguous, of its shape and dtype; throws otherwise.
  void copy(const Tensor& from, Tensor& into);
  /// After copies: what is computed from here on sees them.
  void end();
  /// After the last that reads the copies.
  void done();

 private:
  struct Events;
  std::unique_ptr<Events> events_;
};

/// Throws what Uploads::copy throws.
inline void check_upload(const Tensor& from, const Tensor& into) {
  ROUX_CHECK(
      from.device() == cpu && from.dtype() == into.dtype() && from.shape() == into.shape() && into.is_contiguous(),
      "uploads", "found ", from.dtype(), " of shape ", from.shape(), " on ", from.device(), " for ", into.dtype(),
      " of shape ", into.shape(), ", expected the same, from the CPU, into a contiguous tensor");
}

}  // namespace roux::cuda
