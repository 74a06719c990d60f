// The precision of products: parsing, and the setting of each thread.
#include "tensor/precision.h"

#include "tensor/error.h"

namespace roux {
namespace {
thread_local MatmulPrecision current = MatmulPrecision::highest;
}

MatmulPrecision matmul_precision() { return current; }

MatmulPrecision parse_matmul_precision(const std::string& name) {
  if (name == "float32") return MatmulPrecision::highest;
  if (name == "tf32") return MatmulPrecision::high;
  if (name == "bfloat16") return MatmulPrecision::medium;
  fail("matmul precision", "found ", name, ", expected float32, tf32 or bfloat16");
}

const char* name(MatmulPrecision precision) {
  switch (precision) {
    case MatmulPrecision::highest: return "float32";
    case MatmulPrecision::high: return "tf32";
    case MatmulPrecision::medium: return "bfloat16";
  }
  return "?";
}

MatmulPrecisionScope::MatmulPrecisionScope(MatmulPrecision precision) : before_(current) { current = precision; }
MatmulPrecisionScope::~MatmulPrecisionScope() { current = before_; }

}  // namespace roux
