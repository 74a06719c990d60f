// The forces of t-SNE that push every point from every other: Barnes & Hut's tree, for sixteen points at a time.
#pragma once

#include <cstdint>
#include <vector>

namespace roux::text {

/// A binary tree over points in the plane, each node's split at the median of the longer side of its box. Its leaves
/// are blocks of 16 points, which visit the tree as one, so that a register holds all of them; below the blocks go two
/// levels more, of 8 and 4 points, to be seen from afar.
///
/// Every block keeps a list of what it sees: nodes far enough away, as points of their mass, and single points.
/// `build` makes order, boxes and lists; `move_to` follows points that move a little with the same lists.
class RepulsionTree {
 public:
  /// Points (n, 2), interleaved. `angle` >= 0 says how wide a node may look that counts as one point; 0: none does.
  void build(const float* points, int64_t n, double angle);
  /// The same points elsewhere.
  void move_to(const float* points);
  int64_t blocks() const { return blocks_; }
  /// For the points i of block `block`, written to forces[2 i], forces[2 i + 1]: the sum over all points j of
  /// q^2 (y_i - y_j), with q = 1 / (1 + |y_i - y_j|^2). Returns the sum of q over i in the block and all j, i itself
  /// included.
  double repel(int64_t block, float* forces) const;

 private:
  struct Placed {
    float x, y;
    int32_t id;
  };
  struct Range {
    int32_t begin, end;
  };
  struct Box {
    float left, right, bottom, top;
  };
  struct Node {
    float x, y, mass, spread;  // centre of mass; spread: mean squared distance from it
  };
  struct Seen {
    std::vector<int32_t> nodes;
    std::vector<Range> points;
  };

  Range range(int64_t level, int64_t index) const;
  void partition(int64_t level);
  void gather_masses();
  void find_boxes();
  void list_seen(int64_t block, double angle);

  int64_t n_ = 0, blocks_ = 0, block_level_ = 0, levels_ = 0;
  std::vector<Placed> placed_;
  std::vector<float> x_, y_;   // in the order of the tree, the last block filled up
  std::vector<Range> bottom_;  // the points of the nodes of the lowest level
  std::vector<Node> nodes_;    // as a heap: the root is 1, the children of i are 2 i and 2 i + 1
  std::vector<Box> boxes_;
  std::vector<Seen> seen_;
};

}  // namespace roux::text
