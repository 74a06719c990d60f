// Stands in for the CUDA backend in a build without it, so that callers need no #ifdef.
#include "tensor/backend.h"

namespace roux {

Backend* cuda_backend(int) { return nullptr; }

const char* cuda_unavailable_reason() { return "this build has no CUDA backend (hint: use the device cpu)"; }

}  // namespace roux
