// Kernels of products whose operands are rounded to bfloat16 and whose sums are float32: AMX (tiles of 16 x 16) and
// AVX512-BF16. Both multiply pairs: places 2p and 2p + 1 of an entry stand side by side, and are added up together.
// Numbers below the smallest normal one count as zeros to both.
//
// The processor is asked when the program runs; the functions that need its instructions say so to the compiler, so
// that they are there whatever -march is.
#include "tensor/cpu/matmul_panels.h"

#if defined(__x86_64__) && defined(__linux__)
#define ROUX_PAIR_KERNELS 1
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#define ROUX_PAIR_KERNELS 0
#endif

#include <algorithm>
#include <cstring>

#include "tensor/cpu/transpose4.h"

namespace roux::cpu_kernels {

#if ROUX_PAIR_KERNELS
namespace {

#define ROUX_TARGET_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define ROUX_TARGET_AMX __attribute__((target("amx-tile,amx-bf16")))

// A tile: 16 entries (rows of the left operand, columns of the right) by 16 pairs, 1,024 bytes; of the left operand
// entry by entry, of the right one pair by pair. A panel has two tiles for each 32 places of the sum.
constexpr int64_t tile = 16, panel_size = 2 * tile, tile_depth = 32;
constexpr int64_t tile_bytes = tile * tile * static_cast<int64_t>(sizeof(uint32_t));
constexpr int64_t depth_of_panels = 768;

struct Tile {
  alignas(64) uint32_t pairs[tile][tile];
};

void transpose(const Tile& from, Tile& to) {
  for (int64_t i = 0; i < tile; i += 4)
    for (int64_t j = 0; j < tile; j += 4) transpose4(&from.pairs[i][j], tile, &to.pairs[j][i], tile);
}

/// to.pairs[i][p] from places that stand side by side; 1 <= count <= 16 entries, 1 <= depth <= 32 places.
ROUX_TARGET_BF16 void pairs_by_entry(Tile& to, const ProductOperand& from, int64_t count, int64_t depth) {
  const int64_t low = std::min<int64_t>(depth, 16), high = depth - low;
  const __mmask16 low_mask = static_cast<__mmask16>((1u << low) - 1);
  const __mmask16 high_mask = static_cast<__mmask16>((1u << high) - 1);
  for (int64_t i = 0; i < count; ++i) {
    const float* const x = from.data + i * from.step;
    const __m512 first = _mm512_maskz_loadu_ps(low_mask, x), second = _mm512_maskz_loadu_ps(high_mask, x + low);
    const __m512bh both = _mm512_cvtne2ps_pbh(second, first);
    std::memcpy(to.pairs[i], &both, sizeof both);
  }
  for (int64_t i = count; i < tile; ++i) std::fill_n(to.pairs[i], tile, 0u);
}

/// to.pairs[p][i] from entries that stand side by side.
ROUX_TARGET_BF16 void pairs_by_place(Tile& to, const ProductOperand& from, int64_t count, int64_t depth) {
  const __mmask16 mask = static_cast<__mmask16>((1u << count) - 1);
  // Rounded, `second` stands above `first`; the words of each pair have to meet.
  alignas(64) static constexpr uint16_t meet[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                    8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i order = _mm512_load_si512(meet);
  for (int64_t p = 0; p < tile; ++p) {
    const float* const x = from.data + (2 * p < depth ? 2 * p * from.depth_step : 0);
    const __mmask16 first_mask = 2 * p < depth ? mask : __mmask16{0};
    const __mmask16 second_mask = 2 * p + 1 < depth ? mask : __mmask16{0};
    const __m512 first = _mm512_maskz_loadu_ps(first_mask, x);
    const __m512 second = _mm512_maskz_loadu_ps(second_mask, second_mask ? x + from.depth_step : x);
    const __m512bh both = _mm512_cvtne2ps_pbh(second, first);
    __m512i words;
    std::memcpy(&words, &both, sizeof words);
    _mm512_store_si512(to.pairs[p], _mm512_maskz_permutexvar_epi16(0xffffffffu, order, words));
  }
}

/// One operand's panel: entry by entry for the left one, pair by pair for the right one.
template <bool by_entry>
void pack(void* panel, const ProductOperand& operand, int64_t count, int64_t depth) {
  Tile* to = static_cast<Tile*>(panel);
  // One entry, or one place, may pass for either layout; an entry's places side by side is the one asked for first.
  const bool side_by_side = operand.depth_step == 1;
  for (int64_t l = 0; l < depth; l += tile_depth) {
    for (int64_t i = 0; i < panel_size; i += tile, ++to) {
      if (i >= count) {
        std::memset(to, 0, sizeof(Tile));
        continue;
      }
      const ProductOperand from = operand.from(i, l);
      const int64_t entries = std::min(tile, count - i), places = std::min(tile_depth, depth - l);
      Tile aside;
      Tile& direct = side_by_side == by_entry ? *to : aside;
      if (side_by_side) {
        pairs_by_entry(direct, from, entries, places);
      } else {
        pairs_by_place(direct, from, entries, places);
      }
      if (&direct == &aside) transpose(aside, *to);
    }
  }
}

// ---- AVX512-BF16: 8 rows x 32 columns in registers. ----------------------------------------------------------------

ROUX_TARGET_BF16 void multiply_avx512(const ProductResult& result, const void* a, const void* b, int64_t depth,
                                      int64_t columns) {
  constexpr int64_t rows = 8;
  static_cast<void>(columns);
  for (int64_t row = 0; row < panel_size; row += rows) {
    __m512 sum[rows][2];
#pragma GCC unroll 8
    for (int64_t i = 0; i < rows; ++i) sum[i][0] = sum[i][1] = _mm512_setzero_ps();
    const Tile* left = static_cast<const Tile*>(a) + row / tile;
    const Tile* right = static_cast<const Tile*>(b);
    for (int64_t l = 0; l < depth; l += tile_depth, left += 2, right += 2) {
      for (int64_t p = 0; p < tile; ++p) {
        __m512bh x[2];
        for (int64_t j = 0; j < 2; ++j) std::memcpy(&x[j], right[j].pairs[p], sizeof(__m512bh));
#pragma GCC unroll 8
        for (int64_t i = 0; i < rows; ++i) {
          const __m512i pair = _mm512_set1_epi32(static_cast<int>(left->pairs[row % tile + i][p]));
          __m512bh y;
          std::memcpy(&y, &pair, sizeof y);
          sum[i][0] = _mm512_dpbf16_ps(sum[i][0], y, x[0]);
          sum[i][1] = _mm512_dpbf16_ps(sum[i][1], y, x[1]);
        }
      }
    }
#pragma GCC unroll 8
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < 2; ++j) {
        const ProductResult block = result.from(row + i, j * tile);
        if (block.initial != nullptr) sum[i][j] = _mm512_add_ps(sum[i][j], _mm512_loadu_ps(block.initial));
        _mm512_storeu_ps(block.out, sum[i][j]);
      }
    }
  }
}

// ---- AMX: four tiles of sums, two of each operand. -----------------------------------------------------------------

/// What _tile_loadconfig reads (Intel 64 and IA-32 Architectures Software Developer's Manual, LDTILECFG).
struct TileConfiguration {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

ROUX_TARGET_AMX void begin_tiles() {
  TileConfiguration configuration;
  std::fill_n(configuration.row_bytes, 8, uint16_t{64});
  std::fill_n(configuration.rows, 8, uint8_t{16});
  asm volatile("" ::"r"(&configuration) : "memory");
  _tile_loadconfig(&configuration);
}

/// Afterwards the system has no tiles to save when it switches threads.
ROUX_TARGET_AMX void end_tiles() { _tile_release(); }

ROUX_TARGET_AMX void multiply_amx(const ProductResult& result, const void* a, const void* b, int64_t depth,
                                  int64_t columns) {
  static_cast<void>(columns);
  if (result.initial != nullptr) {
    const size_t step = static_cast<size_t>(result.leading_initial) * sizeof(float);
    const float* const lower = result.initial + tile * result.leading_initial;
    _tile_loadd(0, result.initial, step);
    _tile_loadd(1, result.initial + tile, step);
    _tile_loadd(2, lower, step);
    _tile_loadd(3, lower + tile, step);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t i = 0; i < panel_size; ++i) {  // on its way while the sums are formed
    __builtin_prefetch(result.out + i * result.leading, 1);
    __builtin_prefetch(result.out + i * result.leading + tile, 1);
  }
  const char* left = static_cast<const char*>(a);
  const char* right = static_cast<const char*>(b);
  for (int64_t l = 0; l < depth; l += tile_depth, left += 2 * tile_bytes, right += 2 * tile_bytes) {
    _tile_loadd(4, left, 64);
    _tile_loadd(6, right, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, right + tile_bytes, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, left + tile_bytes, 64);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  const size_t step = static_cast<size_t>(result.leading) * sizeof(float);
  float* const lower = result.out + tile * result.leading;
  _tile_stored(0, result.out, step);
  _tile_stored(1, result.out + tile, step);
  _tile_stored(2, lower, step);
  _tile_stored(3, lower + tile, step);
}

// ---- What this processor has. --------------------------------------------------------------------------------------

bool has_avx512_bfloat16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}

/// Asks the system, too: it saves the tiles of those alone who have asked.
bool has_amx_bfloat16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned bfloat16_and_tiles = 1u << 22 | 1u << 24;
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return has_avx512_bfloat16() && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
         (d & bfloat16_and_tiles) == bfloat16_and_tiles && syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

constexpr PanelKernel avx512_kernel{.name = "AVX512-BF16",
                                    .rows = panel_size,
                                    .columns = panel_size,
                                    .depth = depth_of_panels,
                                    .depth_multiple = tile_depth,
                                    .element_bytes = 2,
                                    .pack_rows = pack<true>,
                                    .pack_columns = pack<false>,
                                    .multiply = multiply_avx512,
                                    .begin = nullptr,
                                    .end = nullptr};

constexpr PanelKernel amx_kernel{.name = "AMX-BF16",
                                 .rows = panel_size,
                                 .columns = panel_size,
                                 .depth = depth_of_panels,
                                 .depth_multiple = tile_depth,
                                 .element_bytes = 2,
                                 .pack_rows = pack<true>,
                                 .pack_columns = pack<false>,
                                 .multiply = multiply_amx,
                                 .begin = begin_tiles,
                                 .end = end_tiles};

}  // namespace

const PanelKernel* avx512_bfloat16_kernel() {
  static const bool found = has_avx512_bfloat16();
  return found ? &avx512_kernel : nullptr;
}

const PanelKernel* amx_bfloat16_kernel() {
  static const bool found = has_amx_bfloat16();
  return found ? &amx_kernel : nullptr;
}

#else

const PanelKernel* avx512_bfloat16_kernel() { return nullptr; }
const PanelKernel* amx_bfloat16_kernel() { return nullptr; }

#endif

const PanelKernel* bfloat16_kernel() {
  const PanelKernel* const amx = amx_bfloat16_kernel();
  if (amx) return amx;
#if ROUX_PAIR_KERNELS
  // Intel's AVX512-BF16 takes longer than float32 products do: 60 against 150 GFLOP/s on a Xeon with AMX.
  if (__builtin_cpu_is("amd")) return avx512_bfloat16_kernel();
#endif
  return nullptr;
}

}  // namespace roux::cpu_kernels
