// The graph as DOT: which nodes and edges it has, what is saved, gradients, names, escapes, depth.
#include "autograd/graph.h"

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

TEST_CASE("graph: a small one, exactly") {
  const Variable w(Tensor::ones({2, 3}), true), b(Tensor::ones({3}, float64), true);
  const Variable y = w * Tensor::ones({2, 3}) + b;
  CHECK(graph(y, {{"fc.weight", w}}) ==
        "digraph roux {\n"
        "  label=\"2 operations, 24 B saved for backward\";\n"
        "  node [fontname=\"sans-serif\"];\n"
        "  n0 [label=\"add\\n(2, 3) float64\\nsaved 0 B\"];\n"
        "  n1 -> n0 [label=\"0\"];\n"
        "  n2 -> n0 [label=\"1\"];\n"
        "  n2 [label=\"leaf\\n(3) float64\\ngradient: none\", shape=box, style=filled];\n"
        "  n1 [label=\"mul\\n(2, 3)\\nsaved 24 B\"];\n"
        "  n3 -> n1 [label=\"0\"];\n"
        "  c0 [label=\"no gradient\", style=dashed];\n"
        "  c0 -> n1 [label=\"1\"];\n"
        "  n3 [label=\"fc.weight\\n(2, 3)\\ngradient: none\", shape=box, style=filled];\n"
        "}\n");
}

TEST_CASE("graph: shared values appear once, and so does shared memory in the sum") {
  const Variable x(Tensor::ones({300}), true);
  const Variable y = tanh(x), z = y * y + Variable(Tensor::ones({300}));
  const std::string text = graph(z);
  CHECK(count(text, "[label=\"tanh") == 1);
  CHECK(count(text, "shape=box") == 1);
  CHECK(count(text, "->") == 5);
  CHECK(contains(text, "tanh\\n(300)\\nsaved 1.2 KiB"));
  CHECK(contains(text, "mul\\n(300)\\nsaved 1.2 KiB"));
  CHECK(contains(text, "label=\"3 operations, 1.2 KiB saved"));
  CHECK(contains(graph(Variable(Tensor::ones({2}))), "constant\\n(2)"));
  CHECK(message_of([] { graph(Variable()); }) == "[graph] the variable is undefined");
}

TEST_CASE("graph: gradients show as none until backward has computed them") {
  const Variable x(Tensor::full({4}, 3), true), table(Tensor::ones({5, 2}), true);
  Variable y = x * x;
  y.retain_grad();
  const Variable loss = sum(y) + sum(embedding(table, Tensor::from<int64_t>({1, 3, 1})));
  CHECK(count(graph(loss), "gradient: none") == 3);
  loss.backward({Tensor::scalar(1)}, true);
  const std::string text = graph(loss);
  CHECK(count(text, "gradient: none") == 0);
  CHECK(contains(text, "leaf\\n(4)\\ngradient: norm 12"));
  CHECK(contains(text, "mul\\n(4)\\nsaved 16 B\\ngradient: norm 2"));
  CHECK(contains(text, "leaf\\n(5, 2)\\ngradient: 2 rows, norm 3.162"));
}

TEST_CASE("graph: what operations keep beside their inputs is counted") {
  const Variable logits(Tensor::zeros({8, 4}), true);
  const Variable loss = cross_entropy(logits, Tensor::zeros({8}, int64), {}, Reduction::mean);
  CHECK(contains(graph(loss), "cross_entropy\\n()\\nsaved 196 B"));  // log probabilities, labels, the divisor
  Generator generator;
  CHECK(contains(graph(dropout(logits, 0.5, generator)), "dropout\\n(8, 4)\\nsaved 32 B"));  // a mask of bools
}

TEST_CASE("graph: names are escaped") {
  const Variable x(Tensor::ones({2}), true);
  CHECK(contains(graph(x * 2, {{"say \"x\\y\"\nz", x}}), "label=\"say \\\"x\\\\y\\\"\\nz\\n(2)"));
}

TEST_CASE("graph: after backward the released part is gone; deep graphs are written without recursion") {
  const Variable x(Tensor::ones({}), true);
  Variable y = x;
  for (int i = 0; i < 100'000; ++i) y = y + 1;
  CHECK(count(graph(y), "->") == 100'000);
  y.backward();
  CHECK(count(graph(y), "->") == 0);
  CHECK(contains(graph(y), "released by backward"));
}
