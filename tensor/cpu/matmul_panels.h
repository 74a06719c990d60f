// Matrix products out of panels: what a kernel for one kind of arithmetic provides, and the loops around it.
//
// An operand is copied into panels, a few rows of the left or a few columns of the right one in the order in which a
// kernel reads them. A kernel multiplies a panel of each by the other into a block of the result that it holds in
// registers. The loops (Goto & van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008) see to it that
// panels are made once and read from the caches.
#pragma once

#include <cstdint>

#include "tensor/cpu/cpu_backend.h"

namespace roux::cpu_kernels {

/// One of the two operands: entry i (a row of the left one, a column of the right one) at place l of the sum stands at
/// data[i * step + l * depth_step]. One of the two steps is 1, unless there is one entry or one place.
struct ProductOperand {
  const float* data;
  int64_t step, depth_step;

  ProductOperand from(int64_t entry, int64_t place) const {
    return {data + entry * step + place * depth_step, step, depth_step};
  }
};

/// A block of the result, or all of it: out[i * leading + j]. The sum starts from initial[i * leading_initial + j]: the
/// block itself to add to it, a row (leading_initial 0) for a bias, null for zeros.
struct ProductResult {
  float* out;
  int64_t leading;
  const float* initial;
  int64_t leading_initial;

  ProductResult from(int64_t row, int64_t column) const {
    return {out + row * leading + column, leading, initial ? initial + row * leading_initial + column : nullptr,
            leading_initial};
  }
};

/// One kind of arithmetic. A panel has room for `rows` (or `columns`) entries and `depth` places; entries that are not
/// there, and places up to the next multiple of `depth_multiple`, are zeros.
struct PanelKernel {
  const char* name;
  int64_t rows, columns;
  int64_t depth;           // places of a panel at most, a multiple of depth_multiple and of 16: what the caches hold
  int64_t depth_multiple;  // the number of places is a multiple of it
  int64_t element_bytes;   // of a panel's elements
  /// Write a panel from `count` entries and `depth` places of an operand; 1 <= count <= rows (columns).
  void (*pack_rows)(void* panel, const ProductOperand& a, int64_t count, int64_t depth);
  void (*pack_columns)(void* panel, const ProductOperand& b, int64_t count, int64_t depth);
  /// A whole block of rows x columns; `depth` is a multiple of depth_multiple. Of columns that are not asked for,
  /// the kernel may leave out as many as it likes.
  void (*multiply)(const ProductResult& result, const void* a, const void* b, int64_t depth, int64_t columns);
  void (*begin)();  // called by a thread before it multiplies, and after; null: nothing to do
  void (*end)();
};

/// result = initial + a * b, a of m rows, b of n columns, sums of k terms; m, n, k >= 1. The bits depend on the shape
/// and the kernel alone.
void multiply_panels(const PanelKernel& kernel, const ProductResult& result, const ProductOperand& a,
                     const ProductOperand& b, int64_t m, int64_t n, int64_t k);

/// float32, in the registers that simd.h uses; null where the compiler was not allowed to multiply and add at once:
/// there OpenBLAS, which looks at the processor, is faster.
const PanelKernel* float32_kernel();

/// bfloat16 operands: AMX, or else AVX512-BF16, where this processor has them and they are faster than float32; null
/// where it is not so.
const PanelKernel* bfloat16_kernel();
const PanelKernel* amx_bfloat16_kernel();
const PanelKernel* avx512_bfloat16_kernel();

/// A product without kernels of ours, of float64, and of float32 where the processor has no fused multiply-add: loops
/// where it is tiny, else OpenBLAS. c = (bias, or c if s.accumulate, or 0) + a * b; `bias` has n numbers, or is null.
template <class T>
void plain_product(const T* a, const T* b, T* c, const T* bias, MatmulShape s);

/// The same in bfloat16 where the processor has no instructions for it: in float32, of rounded operands.
void rounded_product(const float* a, const float* b, float* c, const float* bias, MatmulShape s);

/// Whether multiply_few_rows is the better way for m rows, and that way: each row of b is read once, from where it
/// stands. Both operands have their places side by side (depth_step 1).
bool is_few_rows(int64_t m);
void multiply_few_rows(const ProductResult& result, const ProductOperand& a, const ProductOperand& b, int64_t m,
                       int64_t n, int64_t k);

}  // namespace roux::cpu_kernels
