// Indices that lie outside on a device: nobody waits for them where they are used, the next synchronisation throws what
// the CPU throws at once, and work goes on.
#include <functional>
#include <string>
#include <vector>

#include "nn/embedding.h"
#include "nn/loss.h"
#include "tests/cuda/on_device.h"
#include "tests/message_of.h"

using namespace roux;
using namespace on_device;

namespace {

// A use of indices, one of which is wrong.
struct WrongUse {
  std::string name;
  std::function<Tensor(Device)> run;
};

Tensor ids_of(const std::vector<int64_t>& values, Device device) { return Tensor::from(values, device); }

Tensor table_on(Device device) {
  Generator generator(1);
  return Tensor::rand({5, 3}, float32, cpu, generator).to(device);
}

WrongUse wrong_bag(const std::string& name, const std::vector<int64_t>& ids, const std::vector<int64_t>& offsets,
                   bool include_last_offset = false) {
  return {name, [=](Device device) {
            return embedding_bag(table_on(device), ids_of(ids, device), ids_of(offsets, device),
                                 {.include_last_offset = include_last_offset})
                .output;
          }};
}

WrongUse wrong_label(const std::string& name, const std::vector<int64_t>& labels, int64_t ignore_index = -100) {
  return {name, [=](Device device) {
            const Tensor logits = table_on(device);  // 5 rows, 3 classes
            return cross_entropy(logits, ids_of(labels, device), {.ignore_index = ignore_index}).losses;
          }};
}

std::vector<WrongUse> wrong_lookups() {
  return {
      {"embedding, too large",
       [](Device d) {
         return embedding(table_on(d), ids_of({0, 4, 5, 6}, d));
       }},
      {"embedding, negative",
       [](Device d) {
         return embedding(table_on(d), ids_of({0, -1}, d));
       }},
      {"embedding, far off", [](Device d) { return embedding(table_on(d), ids_of({int64_t{1} << 40}, d)); }},
      {"embedding, an empty table",
       [](Device d) {
         return embedding(Tensor::zeros({0, 3}, float32, d), ids_of({0}, d));
       }},
      {"embedding, many ids",  // more than one block looks at
       [](Device d) {
         Tensor ids = Tensor::zeros({3, 30'000}, int64, cpu);
         ids.select(0, 1).slice(0, 7000, 7001).fill_(9);
         ids.select(0, 2).slice(0, 1, 2).fill_(-7);
         return embedding(table_on(d), ids.to(d));
       }},
      {"embedding, ids not in a row",
       [](Device d) {
         return embedding(table_on(d), Tensor::from<int64_t>({0, 1, 2, 3, 8, 0}, {2, 3}).to(d).transpose(0, 1));
       }},
      {"embedding with max_norm",
       [](Device d) {
         nn::Embedding layer = nn::Embedding::from_pretrained(table_on(d), true, {.max_norm = 0.5});
         return layer(ids_of({2, 5}, d)).data();
       }},
      {"index_select",
       [](Device d) {
         return index_select(table_on(d), 1, ids_of({0, 3}, d));
       }},
      {"gather",
       [](Device d) {
         return gather(table_on(d), 0, Tensor::from<int64_t>({0, 1, 2, 3, 4, 5}, {2, 3}, d));
       }},
      {"scatter_add",
       [](Device d) {
         const Tensor index = Tensor::from<int64_t>({0, 1, -2, 3}, {2, 2}, d);
         return scatter_add(table_on(d), 1, index, Tensor::ones({2, 2}, float32, d));
       }},
      {"index_add",
       [](Device d) {
         return index_add(table_on(d), 0, ids_of({1, 7, 1}, d), Tensor::ones({3, 3}, float32, d));
       }},
  };
}

std::vector<WrongUse> wrong_uses() {
  std::vector<WrongUse> all = wrong_lookups();
  all.push_back(wrong_bag("embedding_bag, id", {0, 1, 5}, {0, 2}));
  all.push_back(wrong_bag("embedding_bag, offsets fall", {0, 1, 2}, {0, 2, 1}));
  all.push_back(wrong_bag("embedding_bag, offsets exceed the ids", {0, 1, 2}, {0, 2, 4}));
  all.push_back(wrong_bag("embedding_bag, offsets begin late", {0, 1, 2}, {1, 2}));
  all.push_back(wrong_bag("embedding_bag, offsets are negative", {0, 1, 2}, {0, -2, 1}));
  all.push_back(wrong_bag("embedding_bag, the last offset is not the end", {0, 1, 2}, {0, 1, 2}, true));
  all.push_back(wrong_bag("embedding_bag, the last offset is too large", {0, 1, 2}, {0, 1, 4}, true));
  all.push_back(wrong_label("cross_entropy", {0, 1, 2, 3, 0}));
  all.push_back(wrong_label("cross_entropy, negative", {0, -1, 2, 0, 0}));
  all.push_back(wrong_label("cross_entropy, another label is ignored", {0, -1, -100, 0, 0}, -1));
  return all;
}

// What the CPU throws at once.
std::string message_on_cpu(const WrongUse& use) {
  return message_of([&] { use.run(cpu); });
}

// Lookups that are right, after an error.
void check_goes_on() {
  const auto run = [](Device device) {
    Variable table(table_on(device), true);
    const Variable rows = embedding(table, ids_of({4, 0, 4}, device));
    nn::cross_entropy(rows, ids_of({0, 2, 1}, device)).backward();
    return std::vector<Tensor>{rows.data(), table.grad()};
  };
  const std::vector<Tensor> found = run(gpu), expected = run(cpu);
  for (size_t i = 0; i < found.size(); ++i) check_same(found[i], expected[i], 1e-6, "after an error");
}

}  // namespace

TEST_CASE("a device reports wrong indices in the words of the CPU, at the next synchronisation") {
  if (!has_device()) return;
  for (const WrongUse& use : wrong_uses()) {
    CAPTURE(use.name);
    const std::string expected = message_on_cpu(use);
    CHECK(expected.starts_with("["));
    Tensor result;
    CHECK(message_of([&] { result = use.run(gpu); }) == "nothing was thrown");
    CHECK(message_of([&] { result.to(cpu); }) == expected);
    check_goes_on();

    const Tensor total = sum(use.run(gpu));
    CHECK(message_of([&] { total.item(); }) == expected);
    CHECK(message_of([&] { total.item(); }) == "nothing was thrown");  // it is told once
    check_goes_on();

    use.run(gpu);
    CHECK(message_of([&] { backend(gpu).synchronize(); }) == expected);
  }
  check_goes_on();
}

TEST_CASE("of two wrong indices on a device the first is reported, and each synchronisation starts anew") {
  if (!has_device()) return;
  const std::vector<WrongUse> uses = wrong_uses();
  for (size_t i = 0; i < uses.size(); ++i) {
    const WrongUse& first = uses[i];
    const WrongUse& second = uses[(i + 5) % uses.size()];
    CAPTURE(first.name);
    const std::string expected = message_on_cpu(first);
    REQUIRE(expected != message_on_cpu(second));
    first.run(gpu);
    second.run(gpu);
    CHECK(message_of([] { backend(gpu).synchronize(); }) == expected);
    second.run(gpu);
    CHECK(message_of([] { backend(gpu).synchronize(); }) == message_on_cpu(second));
  }
  check_goes_on();
}

TEST_CASE("on a device wrong indices name nothing: the other results are right") {
  if (!has_device()) return;
  const auto after_the_error = [](const Tensor& x) {
    CHECK_THROWS_AS(backend(gpu).synchronize(), Error);
    return x;
  };
  const Tensor table = table_on(cpu);
  const Tensor rows = after_the_error(embedding(table_on(gpu), ids_of({4, 5, 1}, gpu)));
  check_same(rows.slice(0, 0, 1), embedding(table, ids_of({4}, cpu)), 0, "before it");
  check_same(rows.slice(0, 2, 3), embedding(table, ids_of({1}, cpu)), 0, "behind it");
  const Tensor source = Tensor::ones({3, 3});
  const Tensor sums = after_the_error(index_add(table_on(gpu), 0, ids_of({1, -3, 1}, gpu), source.to(gpu)));
  check_same(sums, index_add(table, 0, ids_of({1, 1}, cpu), source.slice(0, 0, 2)), 0, "index_add");
}

TEST_CASE("on a device a backward after wrong offsets follows them nowhere") {
  if (!has_device()) return;
  const Tensor ids = ids_of({0, 1, 2, 3}, gpu);
  struct Wrong {
    std::vector<int64_t> offsets;
    bool include_last_offset;
    Pooling mode;
    std::string message;
  };
  const Wrong all[] = {
      {{2, 3}, false, Pooling::mean, "[embedding_bag] offsets[0] must be 0, found 2"},
      {{3}, true, Pooling::sum, "[embedding_bag] offsets[0] must be 0, found 3"},
      {{1, 9}, false, Pooling::max, "[embedding_bag] offsets[0] must be 0, found 1"},
      {{0, 9}, false, Pooling::mean, "[embedding_bag] offsets[1] is 9, but there are only 4 ids"},
  };
  for (const Wrong& wrong : all) {
    const Variable table(table_on(gpu), true);
    const Variable bags = embedding_bag(table, ids, ids_of(wrong.offsets, gpu),
                                        {.mode = wrong.mode, .include_last_offset = wrong.include_last_offset});
    sum(bags).backward();
    CHECK(message_of([&] { table.grad().to(cpu); }) == wrong.message);
  }
}
