// Building of the tree, what each block sees, and the sums.
#include "text/projection/tsne_tree.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <limits>

#include "tensor/cpu/simd.h"
#include "tensor/parallel.h"

namespace roux::text {
namespace {

using Simd = cpu_kernels::Simd<float>;
using Vector = Simd::Vector;

constexpr int64_t block_size = 16;
constexpr int64_t levels_below_blocks = 2;
constexpr int64_t parts = block_size / Simd::lanes;

/// 1 / x to 14 bits where the processor has that: closer than what nodes are taken for points.
inline Vector rough_reciprocal(Vector x) {
#if ROUX_AVX512
  return Vector(_mm512_maskz_rcp14_ps(cpu_kernels::all_lanes, __m512(x)));
#else
  return 1.0F / x;
#endif
}

/// The sums over what a register of points sees.
struct Sums {
  Vector x, y, z{}, force_x{}, force_y{};

  void see_point(float from_x, float from_y) {
    const Vector dx = x - from_x, dy = y - from_y;
    const Vector q = rough_reciprocal(dx * dx + (dy * dy + 1.0F));
    const Vector weight = q * q;
    z += q;
    force_x += weight * dx;
    force_y += weight * dy;
  }
  /// `mass` points around (from_x, from_y): to second order in their distance from it, as if equal in all directions.
  void see_node(float from_x, float from_y, float mass, float spread) {
    const Vector dx = x - from_x, dy = y - from_y;
    const Vector q = rough_reciprocal(dx * dx + (dy * dy + 1.0F));
    const Vector mass_q = mass * q, spread_q = spread * q;
    const Vector weight = (mass_q * q) * (1.0F + spread_q * (2.0F - 6.0F * q));
    z += mass_q * (1.0F + spread_q * (1.0F - 2.0F * q));
    force_x += weight * dx;
    force_y += weight * dy;
  }
};

}  // namespace

/// The points of node `index` of a level.
RepulsionTree::Range RepulsionTree::range(int64_t level, int64_t index) const {
  if (level <= block_level_) {
    const int64_t first = (blocks_ * index) >> level, last = (blocks_ * (index + 1)) >> level;
    return {static_cast<int32_t>(std::min(n_, first * block_size)),
            static_cast<int32_t>(std::min(n_, last * block_size))};
  }
  const int64_t below = level - block_level_, size = block_size >> below;
  const Range block = range(block_level_, index >> below);
  const int64_t begin = block.begin + size * (index & ((int64_t{1} << below) - 1));
  return {static_cast<int32_t>(std::min<int64_t>(block.end, begin)),
          static_cast<int32_t>(std::min<int64_t>(block.end, begin + size))};
}

/// Splits the nodes of a level among their children.
void RepulsionTree::partition(int64_t level) {
  const int64_t count = int64_t{1} << level;
  parallel_for(count, std::max<int64_t>(1, count / 16), [&](int64_t first, int64_t last) {
    for (int64_t index = first; index < last; ++index) {
      const Range all = range(level, index);
      const int32_t middle = range(level + 1, 2 * index).end;
      if (middle == all.begin || middle == all.end) continue;
      float left = placed_[static_cast<size_t>(all.begin)].x, right = left;
      float bottom = placed_[static_cast<size_t>(all.begin)].y, top = bottom;
      for (int32_t i = all.begin; i < all.end; ++i) {
        const Placed& point = placed_[static_cast<size_t>(i)];
        left = std::min(left, point.x), right = std::max(right, point.x);
        bottom = std::min(bottom, point.y), top = std::max(top, point.y);
      }
      const auto begin = placed_.begin();
      if (right - left > top - bottom) {
        std::nth_element(begin + all.begin, begin + middle, begin + all.end,
                         [](const Placed& a, const Placed& b) { return a.x < b.x; });
      } else {
        std::nth_element(begin + all.begin, begin + middle, begin + all.end,
                         [](const Placed& a, const Placed& b) { return a.y < b.y; });
      }
    }
  });
}

void RepulsionTree::build(const float* points, int64_t n, double angle) {
  const bool known = n == n_;
  n_ = n;
  blocks_ = (n + block_size - 1) / block_size;
  block_level_ = std::bit_width(static_cast<uint64_t>(blocks_ - 1));
  levels_ = block_level_ + 1 + levels_below_blocks;
  placed_.resize(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    Placed& point = placed_[static_cast<size_t>(i)];
    if (!known) point.id = static_cast<int32_t>(i);
    point.x = points[2 * point.id];
    point.y = points[2 * point.id + 1];
  }
  for (int64_t level = 0; level + 1 < levels_; ++level) partition(level);
  x_.resize(static_cast<size_t>(blocks_ * block_size));
  y_.resize(x_.size());
  nodes_.resize(size_t{1} << levels_);
  boxes_.resize(nodes_.size());
  seen_.resize(static_cast<size_t>(blocks_));
  bottom_.resize(nodes_.size() / 2);
  for (size_t i = 0; i < bottom_.size(); ++i) bottom_[i] = range(levels_ - 1, static_cast<int64_t>(i));
  move_to(points);
  find_boxes();
  parallel_for(blocks_, 8, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) list_seen(block, angle);
  });
}

void RepulsionTree::move_to(const float* points) {
  for (int64_t i = 0; i < static_cast<int64_t>(x_.size()); ++i) {
    const int64_t id = placed_[static_cast<size_t>(std::min(i, n_ - 1))].id;
    x_[static_cast<size_t>(i)] = points[2 * id];
    y_[static_cast<size_t>(i)] = points[2 * id + 1];
  }
  gather_masses();
}

/// Centres, masses and spreads of the nodes, from the bottom up.
void RepulsionTree::gather_masses() {
  Node* const lowest = nodes_.data() + bottom_.size();
  for (size_t index = 0; index < bottom_.size(); ++index) {
    const Range& points = bottom_[index];
    Node node{0, 0, static_cast<float>(points.end - points.begin), 0};
    for (int32_t i = points.begin; i < points.end; ++i) {
      node.x += x_[static_cast<size_t>(i)] / node.mass;
      node.y += y_[static_cast<size_t>(i)] / node.mass;
    }
    for (int32_t i = points.begin; i < points.end; ++i) {
      const float dx = x_[static_cast<size_t>(i)] - node.x, dy = y_[static_cast<size_t>(i)] - node.y;
      node.spread += (dx * dx + dy * dy) / node.mass;
    }
    lowest[index] = node;
  }
  for (size_t i = bottom_.size() - 1; i > 0; --i) {
    const Node &a = nodes_[2 * i], &b = nodes_[2 * i + 1];
    const float mass = a.mass + b.mass, share = mass > 0 ? b.mass / mass : 0;
    const float dx = b.x - a.x, dy = b.y - a.y;
    nodes_[i] = {a.x + share * dx, a.y + share * dy, mass,
                 (1 - share) * a.spread + share * b.spread + share * (1 - share) * (dx * dx + dy * dy)};
  }
}

void RepulsionTree::find_boxes() {
  constexpr float inf = std::numeric_limits<float>::infinity();
  for (size_t index = 0; index < bottom_.size(); ++index) {
    Box box{inf, -inf, inf, -inf};
    for (int32_t i = bottom_[index].begin; i < bottom_[index].end; ++i) {
      const float x = x_[static_cast<size_t>(i)], y = y_[static_cast<size_t>(i)];
      box = {std::min(box.left, x), std::max(box.right, x), std::min(box.bottom, y), std::max(box.top, y)};
    }
    boxes_[bottom_.size() + index] = box;
  }
  for (size_t i = bottom_.size() - 1; i > 0; --i) {
    const Box &a = boxes_[2 * i], &b = boxes_[2 * i + 1];
    boxes_[i] = {std::min(a.left, b.left), std::max(a.right, b.right), std::min(a.bottom, b.bottom),
                 std::max(a.top, b.top)};
  }
}

/// From the root down: a node that looks small is kept, another one opened. Its size is compared with 1 + distance^2,
/// because that is what the forces know of the distance: a whole map in its first steps, much smaller than 1, is a
/// point.
void RepulsionTree::list_seen(int64_t block, double angle) {
  Seen& seen = seen_[static_cast<size_t>(block)];
  seen.nodes.clear();
  seen.points.clear();
  const auto bottom = static_cast<int32_t>(bottom_.size());
  const int64_t begin = block * block_size;
  Box own{x_[static_cast<size_t>(begin)], x_[static_cast<size_t>(begin)], y_[static_cast<size_t>(begin)],
          y_[static_cast<size_t>(begin)]};
  for (int64_t i = begin; i < begin + block_size; ++i) {
    const float x = x_[static_cast<size_t>(i)], y = y_[static_cast<size_t>(i)];
    own = {std::min(own.left, x), std::max(own.right, x), std::min(own.bottom, y), std::max(own.top, y)};
  }
  const auto angle2 = static_cast<float>(angle * angle);
  std::vector<int32_t> open{1};
  while (!open.empty()) {
    const int32_t index = open.back();
    open.pop_back();
    const Node& node = nodes_[static_cast<size_t>(index)];
    if (node.mass == 0) continue;
    const Box& box = boxes_[static_cast<size_t>(index)];
    const float side = std::max(box.right - box.left, box.top - box.bottom);
    const float dx = std::max({0.0F, own.left - node.x, node.x - own.right});
    const float dy = std::max({0.0F, own.bottom - node.y, node.y - own.top});
    if (side * side < angle2 * (1 + dx * dx + dy * dy)) {
      seen.nodes.push_back(index);
    } else if (index < bottom) {
      open.push_back(2 * index + 1);
      open.push_back(2 * index);
    } else {
      const Range& points = bottom_[static_cast<size_t>(index - bottom)];
      if (!seen.points.empty() && seen.points.back().end == points.begin) {
        seen.points.back().end = points.end;
      } else {
        seen.points.push_back(points);
      }
    }
  }
}

double RepulsionTree::repel(int64_t block, float* forces) const {
  const Seen& seen = seen_[static_cast<size_t>(block)];
  const int64_t begin = block * block_size;
  double z = 0;
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t first = begin + part * Simd::lanes;
    Sums sums{Simd::load(x_.data() + first), Simd::load(y_.data() + first)};
    for (const int32_t index : seen.nodes) {
      const Node& node = nodes_[static_cast<size_t>(index)];
      sums.see_node(node.x, node.y, node.mass, node.spread);
    }
    for (const Range& range : seen.points) {
      for (int32_t i = range.begin; i < range.end; ++i) {
        sums.see_point(x_[static_cast<size_t>(i)], y_[static_cast<size_t>(i)]);
      }
    }
    for (int64_t lane = 0; lane < std::min(Simd::lanes, n_ - first); ++lane) {
      const int64_t id = placed_[static_cast<size_t>(first + lane)].id;
      z += static_cast<double>(sums.z[lane]);
      forces[2 * id] = sums.force_x[lane];
      forces[2 * id + 1] = sums.force_y[lane];
    }
  }
  return z;
}

}  // namespace roux::text
