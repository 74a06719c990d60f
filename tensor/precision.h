// How products of float32 matrices multiply: a setting of the thread, for a scope.
#pragma once

#include <cstdint>
#include <string>

namespace roux {

/// PyTorch's names (torch.set_float32_matmul_precision). What matmul, linear and attention round float32 operands to
/// before they multiply; sums, results, and everything else stay float32. float64 is never rounded. A device that has
/// no such arithmetic may take a more exact one; attention on the CPU always does.
enum class MatmulPrecision : uint8_t {
  highest,  ///< float32, not at all: the default
  high,     ///< TF32, 10 bits of fraction: NVIDIA's tensor cores from Ampere on; the CPU computes in float32
  medium,   ///< bfloat16, 7 bits of fraction: tensor cores; on the CPU AMX, or AVX512-BF16 where it is fast, else
            ///< rounded operands and float32 products, which is no faster than `highest`
};

/// The setting of this thread. Backward reads it too: keep it for forward and backward of a step.
MatmulPrecision matmul_precision();

/// From "float32", "tf32" or "bfloat16"; throws on anything else.
MatmulPrecision parse_matmul_precision(const std::string& name);
/// The same backwards.
const char* name(MatmulPrecision precision);

/// Sets the precision of this thread until the end of the scope:
///
///     MatmulPrecisionScope scope(MatmulPrecision::medium);
class [[nodiscard]] MatmulPrecisionScope {
 public:
  /// From here to the end of the scope, in this thread.
  explicit MatmulPrecisionScope(MatmulPrecision precision);
  ~MatmulPrecisionScope();
  MatmulPrecisionScope(const MatmulPrecisionScope&) = delete;
  MatmulPrecisionScope& operator=(const MatmulPrecisionScope&) = delete;

 private:
  MatmulPrecision before_;
};

}  // namespace roux
