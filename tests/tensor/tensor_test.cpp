// Tensor's members: creation, views that share storage, conversions, changes in place.
#include "tensor/tensor.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tensor/backend.h"
#include "tensor/memory.h"
#include "tensor/ops.h"

using namespace roux;

namespace {

Tensor counting(const Shape& shape) { return Tensor::arange(0, shape.numel()).to(float32).reshape(shape); }

using Values = std::vector<double>;

}  // namespace

TEST_CASE("creation") {
  CHECK(Tensor::zeros({2, 2}).to_vector<double>() == Values{0, 0, 0, 0});
  CHECK(Tensor::full({3}, 7, int64).to_vector<int64_t>() == std::vector<int64_t>{7, 7, 7});
  CHECK(Tensor::arange(5, 0, -2).to_vector<int64_t>() == std::vector<int64_t>{5, 3, 1});
  CHECK(Tensor::arange(0, 7, 3).to_vector<int64_t>() == std::vector<int64_t>{0, 3, 6});
  CHECK(Tensor::arange(3, 3).numel() == 0);
  CHECK(Tensor::eye(3).to_vector<double>() == Values{1, 0, 0, 0, 1, 0, 0, 0, 1});
  CHECK(Tensor::scalar(2.5, float64).item() == 2.5);
  CHECK(Tensor::from(std::vector<bool>{true, false}).dtype() == boolean);
  CHECK(Tensor::empty({0, 3}).numel() == 0);
  CHECK(Tensor::empty({0, int64_t{1} << 40, 8}).numel() == 0);
  CHECK(Tensor::full({1}, 0.5, boolean).item() == 1);
  CHECK_FALSE(Tensor().defined());
  CHECK_THROWS_WITH_AS(Tensor::from(std::vector<float>{1, 2}, {3}), "[from] found 2 values, expected 3 for shape (3)",
                       Error);
  CHECK_THROWS_WITH_AS(Tensor::zeros({2, -1}), "[empty] negative length in shape (2, -1)", Error);
  CHECK_THROWS_WITH_AS(Tensor::zeros({int64_t{1} << 40, int64_t{1} << 40}), doctest::Contains("too large"), Error);
  CHECK_THROWS_WITH_AS(Tensor::arange(0, 1, 0), "[arange] step must not be 0", Error);
  CHECK_THROWS_WITH_AS(Tensor().reshape({1}), "[reshape] the tensor is undefined", Error);
}

TEST_CASE("views share storage and compose") {
  Tensor x = counting({2, 3, 4});
  const Tensor turned = x.transpose(0, 2);
  CHECK(turned.shape() == Shape{4, 3, 2});
  CHECK(turned.shares_storage(x));
  CHECK_FALSE(turned.is_contiguous());
  CHECK(turned.select(0, 1).to_vector<double>() == Values{1, 13, 5, 17, 9, 21});
  CHECK(x.permute({1, 2, 0}).select(2, 1).to_vector<double>() ==
        Values{12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23});
  CHECK(x.slice(1, -2, 3).select(0, 0).to_vector<double>() == Values{4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(x.slice(2, 0, 100, 3).select(0, 1).to_vector<double>() == Values{12, 15, 16, 19, 20, 23});
  CHECK(x.slice(0, 2, 1).numel() == 0);
  CHECK(x.unsqueeze(-1).squeeze(-1).shape() == x.shape());
  CHECK(x.unsqueeze(1).squeeze().shape() == x.shape());
  CHECK(x.squeeze(0).shape() == x.shape());
  CHECK(x.flatten(1, 2).shape() == Shape{2, 12});
  CHECK(x.select(1, 1).unsqueeze(1).expand({2, 5, 4}).select(1, 4).to_vector<double>() ==
        Values{4, 5, 6, 7, 16, 17, 18, 19});
  CHECK(Tensor::scalar(3).expand({2, 2}).to_vector<double>() == Values{3, 3, 3, 3});

  x.select(0, 1).fill_(-1);
  CHECK(turned.select(2, 1).to_vector<double>() == Values(12, -1.0));
}

TEST_CASE("reshape is a view wherever strides allow it") {
  const Tensor x = counting({2, 3, 4});
  CHECK(x.reshape({6, -1}).shares_storage(x));
  CHECK(x.slice(0, 0, 1).reshape({3, 4}).shares_storage(x));
  CHECK(x.slice(1, 0, 2).reshape({2, 8}).shares_storage(x));
  CHECK(x.unsqueeze(1).reshape({2, 1, 3, 2, 2}).shares_storage(x));
  const Tensor copied = x.transpose(1, 2).reshape({2, 12});
  CHECK_FALSE(copied.shares_storage(x));
  CHECK(copied.select(0, 0).to_vector<double>() == Values{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
  CHECK(x.transpose(1, 2).reshape({2, 4, 3}).shares_storage(x));
  CHECK(Tensor::empty({0, 4}).reshape({2, -1}).shape() == Shape{2, 0});
  CHECK_THROWS_WITH_AS(x.reshape({5, -1}), doctest::Contains("[reshape] shape (2, 3, 4) with 24 elements does not fit"),
                       Error);
  CHECK_THROWS_WITH_AS(x.reshape({-1, -1}), doctest::Contains("only one dimension can be -1"), Error);
}

TEST_CASE("view errors name the axis or shape") {
  const Tensor x = counting({2, 3});
  CHECK_THROWS_WITH_AS(x.transpose(0, 2),
                       doctest::Contains("[transpose] dimension out of range: found 2, expected -2 to 1"), Error);
  CHECK_THROWS_WITH_AS(x.permute({0, 0}), doctest::Contains("appears twice"), Error);
  CHECK_THROWS_WITH_AS(x.permute({0}), doctest::Contains("expected 2"), Error);
  CHECK_THROWS_WITH_AS(x.select(1, 3), doctest::Contains("[select] index 3 is out of range"), Error);
  CHECK_THROWS_WITH_AS(x.slice(0, 0, 1, 0), doctest::Contains("[slice] step must be at least 1"), Error);
  CHECK_THROWS_WITH_AS(x.expand({2, 2}), doctest::Contains("[expand] cannot expand shape (2, 3) to (2, 2)"), Error);
  CHECK_THROWS_WITH_AS(x.expand({3}), doctest::Contains("more dimensions"), Error);
  Tensor deep = Tensor::zeros({1, 1, 1, 1, 1, 1, 1, 1});
  CHECK_THROWS_WITH_AS(deep.unsqueeze(0), doctest::Contains("at most 8 dimensions"), Error);
}

TEST_CASE("conversion between types") {
  const Tensor x = Tensor::from(std::vector<double>{-1.7, 0, 2.9, 1e30, std::numeric_limits<double>::quiet_NaN()});
  CHECK(x.to(int64).to_vector<int64_t>() == std::vector<int64_t>{-1, 0, 2, std::numeric_limits<int64_t>::max(), 0});
  CHECK(x.to(boolean).to_vector<bool>() == std::vector<bool>{true, false, true, true, true});
  CHECK(x.to(float64).shares_storage(x));
  CHECK(x.to(bfloat16).to(float32).to_vector<float>()[2] == doctest::Approx(2.9).epsilon(0.01));
  CHECK(counting({2, 2}).transpose(0, 1).to(float64).to_vector<double>() == Values{0, 2, 1, 3});
  CHECK_THROWS_WITH_AS(x.data<float>(), "[data] found a float64 tensor, asked for float32", Error);
  CHECK_THROWS_WITH_AS(counting({2, 2}).transpose(0, 1).data<float>(), doctest::Contains("not contiguous"), Error);
  CHECK_THROWS_WITH_AS(x.item(), "[item] expected a tensor of one element, found shape (5)", Error);
}

TEST_CASE("changes in place write through and count") {
  Tensor x = counting({2, 3});
  const uint64_t version = x.version();
  x.select(0, 0).add_(Tensor::from(std::vector<float>{1, 1, 1}), 2);
  CHECK(x.to_vector<double>() == Values{2, 3, 4, 3, 4, 5});
  CHECK(x.version() == version + 1);
  x.transpose(0, 1).mul_(Tensor::from(std::vector<float>{10, 1}));
  CHECK(x.to_vector<double>() == Values{20, 30, 40, 3, 4, 5});
  x.add_(1).sub_(Tensor::ones({3})).div_(2).clamp_(2, 15);
  CHECK(x.to_vector<double>() == Values{10, 15, 15, 2, 2, 2.5});
  x.masked_fill_(gt(x, 12), 0);
  CHECK(x.to_vector<double>() == Values{10, 0, 0, 2, 2, 2.5});
  // A view of the same memory in another order is read before it is overwritten.
  Tensor square = counting({2, 2});
  square.copy_(square.transpose(0, 1));
  CHECK(square.to_vector<double>() == Values{0, 2, 1, 3});
  // Alike strides with gaps: what lies between stays.
  const Tensor gaps = Tensor::zeros({2, 3});
  gaps.slice(1, 0, 2).copy_(counting({2, 3}).slice(1, 0, 2));
  CHECK(gaps.to_vector<double>() == Values{0, 1, 0, 3, 4, 0});
  gaps.slice(1, 0, 3, 2).copy_(Tensor::from<float>({7, 8}, {2, 1}).expand({2, 2}));
  CHECK(gaps.to_vector<double>() == Values{7, 1, 7, 8, 4, 8});
  CHECK_THROWS_WITH_AS(x.add_(Tensor::ones({2, 2, 3})),
                       doctest::Contains("[add_] shape (2, 2, 3) does not broadcast to (2, 3)"), Error);
  CHECK_THROWS_WITH_AS(Tensor::zeros({2}, int64).div_(2), doctest::Contains("[div_]"), Error);
  CHECK_THROWS_WITH_AS(x.clamp_(2, 1), doctest::Contains("must not exceed"), Error);
  CHECK_THROWS_WITH_AS(x.masked_fill_(Tensor::ones({2, 3}), 0), doctest::Contains("the mask must be bool"), Error);
}

TEST_CASE("add_ of rows, columns and single numbers, to tensors that are not contiguous too") {
  const Tensor row = Tensor::from<float>({10, 20, 30}), column = Tensor::from<float>({100, 200}, {2, 1});
  Tensor x = counting({2, 3});
  x.add_(row).add_(column, 2);
  CHECK(x.to_vector<double>() == Values{210, 221, 232, 413, 424, 435});
  x.transpose(0, 1).add_(row.unsqueeze(1)).add_(column.transpose(0, 1));
  CHECK(x.to_vector<double>() == Values{320, 341, 362, 623, 644, 665});
  x.slice(1, 0, 3, 2).add_(Tensor::full({1}, -300)).add_(Tensor::from<float>({1, 2, 3, 4}, {2, 2}));
  CHECK(x.to_vector<double>() == Values{21, 341, 64, 326, 644, 369});
  x.select(1, 1).add_(Tensor::from<float>({1, 0, 2, 0}).slice(0, 0, 4, 2));
  CHECK(x.to_vector<double>() == Values{21, 342, 64, 326, 646, 369});
}

TEST_CASE("the CPU's backend copies from and to the host") {
  const std::vector<float> host{1, 2, 3};
  const Tensor x = Tensor::zeros({3});
  backend(cpu).copy_from_host(x.view().data, host.data(), sizeof(float) * 3);
  CHECK(x.to_vector<float>() == host);
  std::vector<float> back(3);
  backend(cpu).copy_to_host(back.data(), x.view().data, sizeof(float) * 2);
  CHECK(back == std::vector<float>{1, 2, 0});
}

TEST_CASE("memory comes back, also from other sizes") {
  const MemoryStats before = memory_stats();
  {
    std::vector<Tensor> tensors;
    for (int64_t n = 0; n < 3000; n += 7) tensors.push_back(Tensor::empty({n, 11}));
    CHECK(memory_stats().live_blocks == before.live_blocks + static_cast<int64_t>(tensors.size()));
    for (const Tensor& x : tensors) CHECK(reinterpret_cast<uintptr_t>(x.view().data) % 64 == 0);
  }
  CHECK(memory_stats().live_blocks == before.live_blocks);
  CHECK(memory_stats().live_bytes == before.live_bytes);
}

TEST_CASE("devices by name") {
  CHECK(Device::parse("cpu") == cpu);
  CHECK(to_string(Device{DeviceType::cuda, 2}) == "cuda:2");
  CHECK_THROWS_WITH_AS(Device::parse("gpu"), "[device] unknown device 'gpu' (expected: cpu, cuda, cuda:N or auto)",
                       Error);
  CHECK_THROWS_WITH_AS(Device::parse("cuda:"), doctest::Contains("unknown device"), Error);
  CHECK_THROWS_WITH_AS(Device::parse("cuda:99"), doctest::Contains("[device] cuda:99 is not there"), Error);
}
