// Tensors as text.
#include <doctest/doctest.h>

#include <limits>
#include <sstream>
#include <vector>

#include "tensor/ops.h"

using namespace roux;

TEST_CASE("scalars and vectors print on one line") {
  CHECK(to_string(Tensor::scalar(3.14159)) == "tensor(3.1416)");
  CHECK(to_string(Tensor::scalar(7, int64)) == "tensor(7, dtype=int64)");
  CHECK(to_string(Tensor::from<float>({1.5f, -2.25f, 10})) == "tensor([ 1.5000, -2.2500, 10.0000])");
  CHECK(to_string(Tensor::from<float>({1, -2, 10})) == "tensor([ 1., -2., 10.])");
  CHECK(to_string(Tensor::from<bool>({true, false})) == "tensor([ True, False], dtype=bool)");
  CHECK(to_string(Tensor::ones({2}, bfloat16)) == "tensor([1., 1.], dtype=bfloat16)");
  CHECK(to_string(Tensor::from<int64_t>({9007199254740993})) == "tensor([9007199254740993], dtype=int64)");
}

TEST_CASE("rows print below each other, matrices with an empty line between them") {
  CHECK(to_string(Tensor::arange(0, 12, 3).reshape({2, 2})) == "tensor([[0, 3],\n        [6, 9]], dtype=int64)");
  CHECK(to_string(Tensor::arange(0, 4).reshape({2, 1, 2})) == "tensor([[[0, 1]],\n\n        [[2, 3]]], dtype=int64)");
  CHECK(to_string(Tensor::arange(0, 4).reshape({2, 2}).transpose(0, 1)) ==
        "tensor([[0, 2],\n        [1, 3]], dtype=int64)");
}

TEST_CASE("numbers far apart or far from 1 print as powers of ten") {
  CHECK(to_string(Tensor::from<double>({0.5, 1e-6})) == "tensor([5.0000e-01, 1.0000e-06], dtype=float64)");
  CHECK(to_string(Tensor::from<double>({2.5e9, -1e9})) == "tensor([ 2.5000e+09, -1.0000e+09], dtype=float64)");
  CHECK(to_string(Tensor::from<double>({0, 0.25})) == "tensor([0.0000, 0.2500], dtype=float64)");
  const double largest = std::numeric_limits<double>::max();
  CHECK(to_string(Tensor::from<double>({largest})) == "tensor([1.7977e+308], dtype=float64)");
}

TEST_CASE("infinities and NaN print as words") {
  const float inf = std::numeric_limits<float>::infinity(), not_a_number = std::numeric_limits<float>::quiet_NaN();
  CHECK(to_string(Tensor::from<float>({1.5f, -inf, inf, -not_a_number})) == "tensor([1.5000,   -inf,    inf,    nan])");
  CHECK(to_string(Tensor::from<float>({inf})) == "tensor([inf])");
}

TEST_CASE("long dimensions are shortened") {
  CHECK(to_string(Tensor::arange(0, 101)) == "tensor([  0,   1,   2, ...,  98,  99, 100], dtype=int64)");
  CHECK(to_string(Tensor::arange(0, 100)).find("...") == std::string::npos);
  CHECK(to_string(Tensor::arange(0, 200).reshape({100, 2})) ==
        "tensor([[  0,   1],\n        [  2,   3],\n        [  4,   5],\n        ...,\n        [194, 195],\n"
        "        [196, 197],\n        [198, 199]], dtype=int64)");
  CHECK(to_string(Tensor::zeros({2, 1000})) ==
        "tensor([[0., 0., 0., ..., 0., 0., 0.],\n        [0., 0., 0., ..., 0., 0., 0.]])");
}

TEST_CASE("empty and undefined tensors print") {
  CHECK(to_string(Tensor::empty({0})) == "tensor([])");
  CHECK(to_string(Tensor::empty({2, 0}, int64)) == "tensor([], shape=(2, 0), dtype=int64)");
  CHECK(to_string(Tensor()) == "tensor(undefined)");
  std::ostringstream out;
  out << Tensor::ones({1});
  CHECK(out.str() == "tensor([1.])");
}
