// The loops of a matrix product around a kernel of panels.
//
// The longer side of the result is shared out among threads in blocks. The operand of the shorter side is packed once,
// for all threads; that of the longer side by the thread that computes the block, a piece at a time, which then stays
// in its second-level cache while the shared panels pass by.
#include "tensor/cpu/matmul_panels.h"

#include <algorithm>

#include "tensor/cpu/scratch.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

constexpr int64_t private_bytes = 400 * 1024;  // of a block's piece: beside it the result and shared panels want room
constexpr int64_t wanted_blocks = 8;           // enough to share out
constexpr int64_t least_work = 1 << 18;        // multiplications of a block that is worth sharing out
constexpr int64_t most_entries = 64;           // of a panel of any kernel, both ways
constexpr int64_t depth_unit = 16;             // pieces but the last are multiples of it: copied in whole registers
constexpr int64_t line_bytes = 64, line_floats = line_bytes / sizeof(float);

int64_t ceil_div(int64_t x, int64_t y) { return (x + y - 1) / y; }
int64_t round_up(int64_t x, int64_t multiple) { return ceil_div(x, multiple) * multiple; }

/// One product: its sizes in panels, and how it is cut.
class PanelProduct {
 public:
  PanelProduct(const PanelKernel& kernel, const ProductResult& result, const ProductOperand& a, const ProductOperand& b,
               int64_t m, int64_t n, int64_t k)
      : kernel_(kernel),
        result_(result),
        by_rows_(m >= n),
        shared_(by_rows_ ? b : a),
        shared_count_(by_rows_ ? n : m),
        shared_size_(by_rows_ ? kernel.columns : kernel.rows),
        own_(by_rows_ ? a : b),
        own_count_(by_rows_ ? m : n),
        own_size_(by_rows_ ? kernel.rows : kernel.columns),
        k_(k),
        // Pieces of even depth; kernel.depth is a multiple of both units.
        depth_(round_up(ceil_div(k, ceil_div(k, kernel.depth)), std::max(kernel.depth_multiple, depth_unit))),
        pieces_(ceil_div(k, depth_)),
        shared_panels_(ceil_div(shared_count_, shared_size_)),
        own_panels_(ceil_div(own_count_, own_size_)),
        shared_memory_(shared_panels_ * shared_size_ * kernel.element_bytes * depth_ * pieces_) {}

  void run() const {
    parallel_for(shared_panels_, ceil_div(shared_panels_, 4 * wanted_blocks), [this](int64_t begin, int64_t end) {
      for (int64_t panel = begin; panel < end; ++panel) pack_shared(panel);
    });
    const int64_t blocks = count_of_blocks();
    parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
      if (kernel_.begin) kernel_.begin();
      for (int64_t block = begin; block < end; ++block)
        compute(own_panels_ * block / blocks, own_panels_ * (block + 1) / blocks);
      if (kernel_.end) kernel_.end();
    });
  }

 private:
  int64_t bytes(int64_t panel_size) const { return panel_size * depth_ * kernel_.element_bytes; }
  char* shared_panel(int64_t piece, int64_t panel) const {
    return shared_memory_.get() + (piece * shared_panels_ + panel) * bytes(shared_size_);
  }
  int64_t depth_of(int64_t piece) const { return std::min(depth_, k_ - piece * depth_); }

  void pack_shared(int64_t panel) const {
    const auto pack = by_rows_ ? kernel_.pack_columns : kernel_.pack_rows;
    const int64_t entry = panel * shared_size_;
    for (int64_t piece = 0; piece < pieces_; ++piece)
      pack(shared_panel(piece, panel), shared_.from(entry, piece * depth_),
           std::min(shared_size_, shared_count_ - entry), depth_of(piece));
  }

  /// Part i of n of a shared panel, into the second-level cache.
  void prefetch_part(const char* panel, int64_t i, int64_t n) const {
    const int64_t lines = bytes(shared_size_) / line_bytes;
    for (int64_t line = lines * i / n; line < lines * (i + 1) / n; ++line)
      __builtin_prefetch(panel + line * line_bytes, 0, 2);
  }

  /// Part i of n of what the panels [begin, end) of the longer side are packed from, into the second-level cache.
  void prefetch_own(int64_t begin, int64_t end, int64_t piece, int64_t i, int64_t n) const {
    const int64_t entry = begin * own_size_, entries = std::min(end * own_size_, own_count_) - entry;
    const ProductOperand from = own_.from(entry, piece * depth_);
    const bool of_places = from.depth_step == 1;  // what stands side by side
    const int64_t runs = of_places ? entries : depth_of(piece), length = of_places ? depth_of(piece) : entries;
    for (int64_t run = runs * i / n; run < runs * (i + 1) / n; ++run) {
      const float* const data = from.data + run * (of_places ? from.step : from.depth_step);
      for (int64_t l = 0; l < length; l += line_floats) __builtin_prefetch(data + l, 0, 2);
    }
  }

  /// By the shape alone. Beyond a few, a multiple of four, so that two or four threads get the same.
  int64_t count_of_blocks() const {
    const int64_t work = own_size_ * round_up(shared_count_, shared_size_) * k_;  // of one panel
    const int64_t panels_at_most = std::max<int64_t>(1, private_bytes / bytes(own_size_));
    const int64_t panels_at_least = std::max<int64_t>(1, least_work / work);
    const int64_t panels =
        std::clamp(ceil_div(own_panels_, wanted_blocks), panels_at_least, std::max(panels_at_least, panels_at_most));
    const int64_t blocks = ceil_div(own_panels_, panels);
    return blocks <= 4 ? blocks : std::min(round_up(blocks, 4), own_panels_);
  }

  /// The block of the panels [begin, end) of the longer side.
  void compute(int64_t begin, int64_t end) const {
    const Scratch<char> memory((end - begin) * bytes(own_size_));
    const auto pack = by_rows_ ? kernel_.pack_rows : kernel_.pack_columns;
    for (int64_t piece = 0; piece < pieces_; ++piece) {
      for (int64_t panel = begin; panel < end; ++panel)
        pack(memory.get() + (panel - begin) * bytes(own_size_), own_.from(panel * own_size_, piece * depth_),
             std::min(own_size_, own_count_ - panel * own_size_), depth_of(piece));
      // Columns outside: the panel of the right operand, the wider one, stays in the first-level cache.
      const int64_t column_begin = by_rows_ ? 0 : begin, column_end = by_rows_ ? shared_panels_ : end;
      const int64_t row_begin = by_rows_ ? begin : 0, row_end = by_rows_ ? end : shared_panels_;
      const int64_t count = (end - begin) * shared_panels_;
      for (int64_t i = 0, column = column_begin; column < column_end; ++column) {
        for (int64_t row = row_begin; row < row_end; ++row, ++i) {
          const int64_t own = by_rows_ ? row : column, shared = by_rows_ ? column : row;
          const char* const mine = memory.get() + (own - begin) * bytes(own_size_);
          const char* const ours = shared_panel(piece, shared);
          // What comes next is fetched bit by bit: third-level caches and memory are slow.
          if (by_rows_) {
            if (shared + 1 < shared_panels_) prefetch_part(ours + bytes(shared_size_), own - begin, end - begin);
          } else if (column == begin && shared + 1 < shared_panels_) {
            prefetch_part(ours + bytes(shared_size_), 0, 1);
          }
          if (piece + 1 < pieces_) prefetch_own(begin, end, piece + 1, i, count);
          multiply(piece, row, column, by_rows_ ? mine : ours, by_rows_ ? ours : mine);
        }
      }
    }
  }

  void multiply(int64_t piece, int64_t row_panel, int64_t column_panel, const char* a, const char* b) const {
    const int64_t row = row_panel * kernel_.rows, column = column_panel * kernel_.columns;
    const int64_t rows = std::min(kernel_.rows, (by_rows_ ? own_count_ : shared_count_) - row);
    const int64_t columns = std::min(kernel_.columns, (by_rows_ ? shared_count_ : own_count_) - column);
    const int64_t depth = round_up(depth_of(piece), kernel_.depth_multiple);
    ProductResult block = result_.from(row, column);
    if (piece > 0) {
      block.initial = block.out;
      block.leading_initial = block.leading;
    }
    if (rows == kernel_.rows && columns == kernel_.columns) return kernel_.multiply(block, a, b, depth, columns);
    // At the edges: a whole block aside, of which a part is taken.
    alignas(64) float aside[most_entries * most_entries];
    const ProductResult whole{aside, kernel_.columns, block.initial ? aside : nullptr, kernel_.columns};
    if (block.initial) {
      std::fill_n(aside, kernel_.rows * kernel_.columns, 0.0f);
      for (int64_t i = 0; i < rows; ++i)
        std::copy_n(block.initial + i * block.leading_initial, columns, aside + i * kernel_.columns);
    }
    kernel_.multiply(whole, a, b, depth, columns);
    for (int64_t i = 0; i < rows; ++i) std::copy_n(aside + i * kernel_.columns, columns, block.out + i * block.leading);
  }

  const PanelKernel& kernel_;
  const ProductResult result_;
  const bool by_rows_;
  const ProductOperand shared_;
  const int64_t shared_count_, shared_size_;
  const ProductOperand own_;
  const int64_t own_count_, own_size_;
  const int64_t k_, depth_, pieces_, shared_panels_, own_panels_;
  const Scratch<char> shared_memory_;
};

}  // namespace

void multiply_panels(const PanelKernel& kernel, const ProductResult& result, const ProductOperand& a,
                     const ProductOperand& b, int64_t m, int64_t n, int64_t k) {
  PanelProduct(kernel, result, a, b, m, n, k).run();
}

}  // namespace roux::cpu_kernels
