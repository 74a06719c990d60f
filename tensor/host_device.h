// A mark for functions that kernels call too: nvcc compiles them for both sides, other compilers see plain functions.
#pragma once

#if defined(__CUDACC__)
#define ROUX_HOST_DEVICE __host__ __device__
#else
#define ROUX_HOST_DEVICE
#endif
