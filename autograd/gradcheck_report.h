// What gradcheck found, entry by entry, and how it is told: in a sentence that names the worst and what may be wrong.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "autograd/gradcheck.h"
#include "tensor/shape.h"

namespace roux::detail {

/// What one input's entries have come to.
struct GradcheckEntry {
  int64_t index = 0;
  double found = 0, expected = 0;
  bool wrong = false;
  bool kink = false;

  double error() const { return std::abs(found - expected); }
};

/// One input's entries, and which of them is worst.
struct GradcheckReport {
  std::string name;
  Shape shape;
  bool arrived = false;  // whether backward gave the input a gradient
  std::vector<GradcheckEntry> entries;
  GradcheckEntry worst;
  double excess = 0;  // of the worst

  bool worse_than(const GradcheckReport& other) const {
    return worst.wrong != other.worst.wrong ? worst.wrong : excess > other.excess;
  }
};

/// What the function gave: its shape, and what messages call the function.
struct GradcheckSubject {
  Shape shape;
  std::string name;
};

/// The index of entry `flat` of a row-major tensor: `(1, 2)`.
std::string index_text(int64_t flat, const Shape& shape);

/// The worst entry of all inputs, and the message about it.
GradcheckResult summarize(const std::vector<GradcheckReport>& reports, const GradcheckSubject& of);

}  // namespace roux::detail
