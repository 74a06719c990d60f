// The graph as DOT: which nodes and edges it has, names, escapes, depth.
#include "autograd/dot.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "autograd/ops.h"
#include "tests/message_of.h"

using namespace roux;

namespace {

int64_t count(const std::string& text, const std::string& part) {
  int64_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

bool contains(const std::string& text, const std::string& part) { return count(text, part) > 0; }

}  // namespace

TEST_CASE("dot: a small graph, exactly") {
  const Variable w(Tensor::ones({2, 3}), true), b(Tensor::ones({3}, float64), true);
  const Variable y = w * 2 + b;
  CHECK(to_dot(y, {{"fc.weight", w}}) ==
        "digraph roux {\n"
        "  node [fontname=\"sans-serif\"];\n"
        "  n0 [label=\"add\\n(2, 3) float64\"];\n"
        "  n1 -> n0 [label=\"0\"];\n"
        "  n2 -> n0 [label=\"1\"];\n"
        "  n2 [label=\"leaf\\n(3) float64\", shape=box, style=filled];\n"
        "  n1 [label=\"mul\\n(2, 3)\"];\n"
        "  n3 -> n1;\n"
        "  n3 [label=\"fc.weight\\n(2, 3)\", shape=box, style=filled];\n"
        "}\n");
}

TEST_CASE("dot: shared values appear once, constants not at all") {
  const Variable x(Tensor::ones({2}), true);
  const Variable y = tanh(x), z = y * y + Variable(Tensor::ones({2}));
  const std::string text = to_dot(z);
  CHECK(count(text, "[label=\"tanh") == 1);
  CHECK(count(text, "shape=box") == 1);
  CHECK(count(text, "->") == 4);
  CHECK(contains(to_dot(Variable(Tensor::ones({2}))), "constant\\n(2)"));
  CHECK(message_of([] { to_dot(Variable()); }) == "[to_dot] the variable is undefined");
}

TEST_CASE("dot: names are escaped") {
  const Variable x(Tensor::ones({2}), true);
  CHECK(contains(to_dot(x * 2, {{"say \"x\\y\"\nz", x}}), "label=\"say \\\"x\\\\y\\\"\\nz\\n(2)\""));
}

TEST_CASE("dot: after backward the released part is gone; deep graphs are written without recursion") {
  const Variable x(Tensor::ones({}), true);
  Variable y = x;
  for (int i = 0; i < 100'000; ++i) y = y + 1;
  CHECK(count(to_dot(y), "->") == 100'000);
  y.backward();
  CHECK(count(to_dot(y), "->") == 0);
}
