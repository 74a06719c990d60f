// Tensors, modules and files between the CPU and a device, and what is said of devices that do not fit.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/common/classifiers.h"
#include "apps/common/saved_classifier.h"
#include "apps/common/trainer.h"
#include "tensor/safetensors.h"
#include "tests/cuda/on_device.h"
#include "tests/message_of.h"
#include "tests/temporary_folder.h"
#include "text/ngram_encoder.h"

using namespace roux;
using namespace on_device;

namespace {

// Numbers that every type holds exactly.
Tensor numbers(const Shape& shape, DType dtype) {
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 7) / (is_floating(dtype) ? 4 : 1);
  return Tensor::from(values, shape).to(dtype);
}

constexpr DType all_types[] = {boolean, int32, int64, float16, bfloat16, float32, float64};

constexpr apps::ClassifierShape shape{.vocabulary_size = 12, .embedding_dim = 8, .num_classes = 2};

// Texts of 0 to 4 ids.
text::Corpus corpus_of(int64_t texts, uint64_t seed) {
  Generator generator(seed);
  text::Corpus corpus;
  for (int64_t i = 0; i < texts; ++i) {
    for (int64_t n = uniform_int(generator, 5); n > 0; --n)
      corpus.ids.push_back(static_cast<int32_t>(2 + uniform_int(generator, 10)));
    corpus.offsets.push_back(static_cast<int64_t>(corpus.ids.size()));
    corpus.labels.push_back(uniform_int(generator, 2));
  }
  return corpus;
}

Device other(Device device) { return device == cpu ? gpu : cpu; }

}  // namespace

TEST_CASE("a gradient goes back to the device that its value came from") {
  const Variable here(numbers({3}, float32), true);
  CHECK(here.to(cpu) == here);  // nothing to record
  if (!has_device()) return;
  const Variable there = here.to(gpu);
  CHECK(there.device() == gpu);
  (there * there).to(cpu).backward(Tensor::ones({3}));
  check_same(here.grad(), here.data() * 2, 0, "of x * x on the device");
}

TEST_CASE("tensors of every type go to a device and come back as they were") {
  if (!has_device()) return;
  for (const DType dtype : all_types) {
    CAPTURE(name(dtype));
    for (const Shape& each : {Shape{}, Shape{1}, Shape{5, 3}, Shape{2, 3, 4}, Shape{0}, Shape{3, 0, 2}}) {
      const Tensor here = numbers(each, dtype), there = here.to(gpu);
      CHECK(there.device() == gpu);
      CHECK(there.dtype() == dtype);
      check_same(there.to(cpu), here, 0, "round trip");
      if (here.dim() < 2) continue;
      check_same(here.transpose(0, 1).to(gpu).to(cpu), here.transpose(0, 1), 0, "transposed on the CPU");
      check_same(there.transpose(0, 1).to(cpu), here.transpose(0, 1), 0, "transposed on the device");
      check_same(there.slice(1, 1, 3, 2).to(cpu), here.slice(1, 1, 3, 2), 0, "stepped on the device");
      check_same(there.slice(0, 1, 2).to(cpu), here.slice(0, 1, 2), 0, "a part of it");
    }
    for (const DType to : all_types)
      check_same(numbers({4, 5}, dtype).to(gpu).to(to).to(cpu), numbers({4, 5}, dtype).to(to), 0, "converted there");
  }
  CHECK(Tensor::ones({2}, float32, gpu).to(gpu).device() == gpu);
}

TEST_CASE("to a device a tensor is copied, on its own it is the same") {
  if (!has_device()) return;
  Tensor here = numbers({6}, float32);
  const Tensor there = here.to(gpu), same = there.to(gpu);
  here.fill_(9);  // host memory is free again when the copy returns
  CHECK(same.shares_storage(there));
  check_same(there, numbers({6}, float32), 0, "the copy");
  const Tensor expanded = numbers({3}, float32).to(gpu).expand({4, 3});
  check_same(expanded.to(cpu), numbers({3}, float32).expand({4, 3}), 0, "a broadcast");
}

TEST_CASE("copy_ between devices converts, broadcasts and writes through views") {
  if (!has_device()) return;
  for (const Device device : {cpu, gpu})
    for (const DType dtype : {float32, float64, int64}) {
      CAPTURE(to_string(device));
      const Tensor source = numbers({4, 3}, dtype);
      Tensor target = Tensor::zeros({4, 3}, float32, device);
      target.copy_(source.to(other(device)));
      check_same(target, source.to(float32), 0, "whole");
      Tensor room = Tensor::zeros({3, 9}, float32, device), expected = Tensor::zeros({3, 9});
      room.slice(1, 1, 9, 2).transpose(0, 1).copy_(source.to(other(device)));
      expected.slice(1, 1, 9, 2).transpose(0, 1).copy_(source);
      check_same(room, expected, 0, "into a view");
      target.copy_(numbers({3}, dtype).to(other(device)));
      check_same(target, numbers({3}, dtype).to(float32).expand({4, 3}).contiguous(), 0, "broadcast");
      Tensor nothing = Tensor::zeros({0, 3}, float32, device);
      nothing.copy_(Tensor::zeros({0, 3}, dtype, other(device)));
    }
  Tensor target = Tensor::zeros({2, 3}, float32, gpu);
  CHECK_THROWS_AS(target.copy_(Tensor::zeros({4})), Error);
}

TEST_CASE("item, to_vector and printing of a tensor on a device") {
  if (!has_device()) return;
  for (const DType dtype : all_types) {
    CHECK(numbers({1, 2}, dtype).to(gpu).select(1, 1).item() == numbers({2}, dtype).select(0, 1).item());
    CHECK(numbers({2, 2}, dtype).to(gpu).transpose(0, 1).to_vector<double>() ==
          numbers({2, 2}, dtype).transpose(0, 1).to_vector<double>());
  }
  CHECK_THROWS_WITH_AS(Tensor::ones({2}, float32, gpu).item(), doctest::Contains("one element"), Error);
  CHECK_THROWS_WITH_AS(Tensor::ones({2}, float32, gpu).data<float>(), doctest::Contains("cuda:0"), Error);
  const std::string here = to_string(numbers({2, 3}, float32)), there = to_string(numbers({2, 3}, float32).to(gpu));
  CHECK(there.substr(0, here.size() - 1) == here.substr(0, here.size() - 1));
  CHECK(there.find("cuda:0") != std::string::npos);
  CHECK_FALSE(to_string(Tensor::empty({0}, int64, gpu)).empty());
}

TEST_CASE("a module on a device and back is the same module") {
  if (!has_device()) return;
  manual_seed(1);
  apps::EmbeddingBagClassifier model(shape);
  const nn::StateDict before = model.state_dict();
  const Variable table = model.embedding_bag.weight;
  model.to(gpu);
  for (const auto& [name, parameter] : model.named_parameters()) CHECK(parameter.device() == gpu);
  CHECK(model.embedding_bag.weight == table);
  CHECK(table.requires_grad());
  check_same(model.state_dict(), before, 0, "on the device");
  for (const auto& [name, tensor] : model.state_dict()) CHECK(tensor.device() == gpu);
  model.to(cpu);
  for (const auto& [name, parameter] : model.named_parameters()) CHECK(parameter.device() == cpu);
  check_same(model.state_dict(), before, 0, "back");
}

TEST_CASE("weights saved on the CPU or a device load on either") {
  if (!has_device()) return;
  const TemporaryFolder folder;
  const text::Corpus corpus = corpus_of(20, 1);
  for (const Device device : {cpu, gpu}) {
    CAPTURE(to_string(device));
    manual_seed(2);
    apps::PooledClassifier model(shape, Pooling::mean), fresh(shape, Pooling::mean);
    model.to(device);
    fresh.to(other(device));
    const std::string path = folder / ("weights-" + to_string(device.type == DeviceType::cuda ? gpu : cpu));
    save_safetensors(path, model.state_dict());
    fresh.load_state_dict(load_safetensors(path).tensors);
    check_same(fresh.state_dict(), model.state_dict(), 0, "from a file");
    manual_seed(3);
    apps::PooledClassifier direct(shape, Pooling::mean);
    direct.to(other(device));
    direct.load_state_dict(model.state_dict());
    check_same(direct.state_dict(), model.state_dict(), 0, "from the other device");
    for (const auto& [name, parameter] : direct.named_parameters()) CHECK(parameter.device() == other(device));
    check_same(direct.logits(corpus), model.logits(corpus), 1e-6, "logits");
  }
}

TEST_CASE("a classifier saved on a device is the one saved on the CPU") {
  if (!has_device()) return;
  const TemporaryFolder folder;
  const text::StringList texts = {"red bean stew", "bean and red rice", "rice stew"};
  const text::NgramEncoder encoder(texts, {.min_count = 1});
  const apps::ClassifierShape sizes{.vocabulary_size = encoder.size(), .embedding_dim = 4, .num_classes = 2};
  for (const std::string& name : apps::classifier_names) {
    CAPTURE(name);
    manual_seed(4);
    const std::unique_ptr<apps::TextClassifier> model = apps::make_classifier(name, sizes);
    const auto here = apps::predict(*model, encoder, texts);
    model->to(gpu);
    const auto there = apps::predict(*model, encoder, texts);
    apps::save_classifier(folder / name, name, sizes, *model, encoder, {"a", "b"});
    apps::SavedClassifier loaded = apps::load_classifier(folder / name);
    model->to(cpu);
    check_same(loaded.model->state_dict(), model->state_dict(), 0, "weights");
    loaded.model->to(gpu);
    const auto again = apps::predict(*loaded.model, loaded.encoder, texts);
    REQUIRE(here.size() == 3);
    for (size_t i = 0; i < 3; ++i) {
      CHECK(there[i].label == here[i].label);
      CHECK(there[i].probability == doctest::Approx(here[i].probability).epsilon(1e-5));
      CHECK(again[i].label == there[i].label);
      CHECK(again[i].probability == there[i].probability);
    }
  }
}

TEST_CASE("a trainer goes on from a checkpoint of a device, on it with the same bits and elsewhere as near as may be") {
  if (!has_device()) return;
  using Model = apps::EmbeddingBagClassifier;
  const TemporaryFolder folder;
  const std::string path = folder / "checkpoint.safetensors";
  const text::Corpus train = corpus_of(280, 1), validation = corpus_of(20, 2);
  apps::ClassifierShape sizes = shape;
  sizes.dropout = 0;  // full batches are filled up on a device: other elements get its random numbers than on the CPU
  for (const Device from : {cpu, gpu}) {
    CAPTURE(to_string(from));
    const auto options_on = [](Device device) {
      return apps::TrainerOptions{.epochs = 1, .batch_size = 4, .seed = 3, .lr = 0.01, .device = device};
    };
    manual_seed(5);
    Model whole(sizes);
    apps::Trainer<Model> straight(whole, train, validation, options_on(from));
    REQUIRE(straight.run());
    manual_seed(5);
    Model first(sizes);
    apps::Trainer<Model> stopped(first, train, validation, options_on(from));
    REQUIRE_FALSE(stopped.run([](int64_t) { return false; }));
    stopped.save_checkpoint(path);
    for (const Device to : {cpu, gpu}) {
      CAPTURE(to_string(to));
      manual_seed(99);
      Model second(sizes);
      apps::Trainer<Model> resumed(second, train, validation, options_on(to));
      resumed.load_checkpoint(path);
      REQUIRE(resumed.run());
      check_same(second.state_dict(), whole.state_dict(), to == from ? 0 : 1e-4, "weights");
      REQUIRE(resumed.history().size() == 1);
      CHECK(resumed.history()[0].train_loss == doctest::Approx(straight.history()[0].train_loss).epsilon(1e-5));
    }
  }
}

TEST_CASE("operands on different devices are refused, and both devices named") {
  if (!has_device()) return;
  const Tensor here = Tensor::ones({2, 2}), there = here.to(gpu), ids = Tensor::from<int64_t>({0, 1});
  const auto check_names_both = [](const auto& f) {
    const std::string message = message_of(f);
    CAPTURE(message);
    CHECK(message.find("cuda:0") != std::string::npos);
    CHECK(message.find("cpu") != std::string::npos);
    CHECK(message.find("hint: ") != std::string::npos);
  };
  check_names_both([&] { add(here, there); });
  check_names_both([&] { there* here; });
  check_names_both([&] { add(Variable(there, true), Variable(here, true)); });
  check_names_both([&] { matmul(there, here); });
  check_names_both([&] { linear(there, here, Tensor()); });
  check_names_both([&] { where(gt(here, 0), there, there); });
  check_names_both([&] { cat({there, here}); });
  check_names_both([&] { embedding(there, ids); });
  check_names_both([&] { embedding_bag(there, ids.to(gpu), ids); });
  check_names_both([&] { index_select(there, 0, ids); });
  check_names_both([&] { layer_norm(there, Tensor::ones({2}), Tensor(), 1e-5); });
  check_names_both([&] { cross_entropy(there, ids, {}); });
  check_names_both([&] {
    Tensor target = there;
    target.add_(here);
  });
}

TEST_CASE("devices by name") {
  CHECK(Device::parse("cpu") == cpu);
  for (const char* const name : {"cuda:x", "cuda:", "cuda:-1", "cuda:1x", "cuda:128", "gpu", "", "CUDA"}) {
    CAPTURE(name);
    CHECK(message_of([&] { Device::parse(name); }) ==
          "[device] unknown device '" + std::string(name) + "' (expected: cpu, cuda, cuda:N or auto)");
  }
  const std::string none = message_of([] { Device::parse("cuda:7"); });
  const bool there = cuda_backend(0) != nullptr;
  if (!cuda_backend(7)) CHECK(none == "[device] cuda:7 is not there: " + cuda_unavailable_reason(7));
  CHECK(Device::parse("auto") == (there ? gpu : cpu));
  if (there) {
    CHECK(Device::parse("cuda") == gpu);
    CHECK(Device::parse("cuda:0") == gpu);
  } else {
    CHECK(message_of([] { Device::parse("cuda"); }) == "[device] cuda:0 is not there: " + cuda_unavailable_reason(0));
  }
}
