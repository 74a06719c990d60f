// OpenBLAS's own threads: roux tiles its products itself (tensor/cpu/matmul.cpp) and has no use for them.
#include <cblas.h>

#include "tensor/parallel.h"

// Exported by OpenBLAS, and called by itself before a fork; absent in a BLAS of another kind.
extern "C" int blas_thread_shutdown_() __attribute__((weak));

namespace roux {

void stop_blas_threads() {
  // When it is loaded it starts a thread a core, and each spins for tens of milliseconds before it sleeps: longer than
  // many a program runs, on the cores that our threads want.
  static const bool stopped = [] {
    openblas_set_num_threads(1);
    if (blas_thread_shutdown_ != nullptr) blas_thread_shutdown_();
    return true;
  }();
  static_cast<void>(stopped);
}

}  // namespace roux
