// Products and layers: see cases.h for how to add one.
// A case a line reads as a table; the formatter would make five of each.
// clang-format off
#include <limits>

#include "tests/operations/cases.h"

namespace roux::operations {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void add_products(Cases& cases) {
  cases.add("matmul", "", [](const auto& in) { return matmul(in[0], in[1]); },
            {{"matrices", {numbers({3, 5}), numbers({5, 4})}},
             {"vectors", {numbers({5}), numbers({5})}},
             {"vector and matrix", {numbers({5}), numbers({5, 3})}},
             {"matrix and vector", {numbers({3, 5}), numbers({5})}},
             {"batch", {numbers({2, 3, 5}), numbers({2, 5, 2})}},
             {"broadcast left", {numbers({3, 5}), numbers({2, 5, 2})}},
             {"broadcast both", {numbers({2, 1, 3, 2}), numbers({3, 2, 4})}},
             {"batch and vector", {numbers({2, 3, 5}), numbers({5})}},
             {"vector and batch", {numbers({3}), numbers({2, 3, 4})}},
             {"nothing to sum", {numbers({3, 0}), numbers({0, 2})}},
             {"no rows", {numbers({0, 3}), numbers({3, 2})}},
             {"large", {numbers({97, 131}), numbers({131, 53})}, true},
             {"tiles", {numbers({400, 65}), numbers({65, 401})}, true}})
      .with_tolerance(1e-4);
  const std::vector<Variant> with_bias = {{"matrix", {numbers({3, 5}), numbers({4, 5}), numbers({4})}},
                                          {"cube", {numbers({2, 3, 5}), numbers({4, 5}), numbers({4})}},
                                          {"vector", {numbers({5}), numbers({4, 5}), numbers({4})}},
                                          {"one output", {numbers({3, 5}), numbers({1, 5}), numbers({1})}},
                                          {"no rows", {numbers({0, 5}), numbers({4, 5}), numbers({4})}},
                                          {"large", {numbers({130, 67}), numbers({45, 67}), numbers({45})}, true}};
  cases.add("linear", "", [](const auto& in) { return linear(in[0], in[1], in[2]); }, with_bias).with_tolerance(1e-4);
  cases.add("linear", "no bias", [](const auto& in) { return linear(in[0], in[1], {}); },
            one({numbers({3, 5}), numbers({4, 5})}));
}

void add_embedding(Cases& cases) {
  const std::vector<Variant> lookups = {{"line", {numbers({6, 3}), given_ids({5, 0, 5, 2, 2, 5})}},
                                        {"matrix", {numbers({6, 3}), ids({2, 4}, 6)}},
                                        {"one", {numbers({6, 3}), given({}, {4}, int64)}},
                                        {"none", {numbers({6, 3}), ids({2, 0}, 6)}},
                                        {"large", {numbers({300, 33}), ids({40, 50}, 300)}, true}};
  cases.add("embedding", "", [](const auto& in) { return embedding(in[0], tensor_of(in[1])); }, lookups);
  // Their gradients are not those of the function, on purpose: padding gets none, rows are divided by their frequency.
  cases.add_variables("embedding", "padding", [](const auto& in) {
    return embedding(in[0], tensor_of(in[1]), {.padding_idx = 2});
  }, one({numbers({6, 3}), given_ids({5, 0, 5, 2, 2, 5})})).without_gradcheck();
  cases.add_variables("embedding", "by frequency", [](const auto& in) {
    return embedding(in[0], tensor_of(in[1]), {.scale_grad_by_freq = true});
  }, one({numbers({6, 3}), given_ids({5, 0, 5, 2, 2, 5})})).without_gradcheck();
}

// Bags over flat ids: table, ids, offsets.
std::vector<Variant> bags(bool kinks_apart) {
  const auto table = [&](const Shape& shape) { return kinks_apart ? distinct(shape) : numbers(shape); };
  return {{"odd", {table({7, 5}), given_ids({1, 3, 3, 6, 0, 2, 2, 5}), given_ids({0, 3, 4})}},
          {"empty bags", {table({7, 5}), given_ids({1, 3, 3}), given_ids({0, 0, 2, 3})}},
          {"no ids", {table({7, 5}), given_ids({}), given_ids({0, 0})}},
          {"no bags", {table({7, 5}), given_ids({}), given_ids({})}},
          {"large", {table({500, 67}), ids({40}, 500), given_ids({0, 1, 7, 7, 30})}, true}};
}

// Both forms of embedding_bag with these options.
void add_bag(Cases& cases, const std::string& label, Pooling mode, std::vector<Variant> variants,
             BagPooling options = {}) {
  options.mode = mode;
  const auto offsets_of = [](const auto& in) { return in.size() > 2 ? tensor_of(in[2]) : Tensor(); };
  cases.add(
      "embedding_bag", label,
      [=](const std::vector<Tensor>& in) {
        BagPooling own = options;
        if (in.size() > 3) own.per_sample_weights = in[3];
        return embedding_bag(in[0], in[1], offsets_of(in), own);
      },
      [=](const std::vector<Variable>& in) {
        EmbeddingBagLookup own{.mode = options.mode,
                                        .padding_idx = options.padding_idx,
                                        .include_last_offset = options.include_last_offset,
                                        .per_sample_weights = in.size() > 3 ? in[3] : Variable()};
        return embedding_bag(in[0], in[1].data(), offsets_of(in), own);
      },
      std::move(variants));
}

void add_embedding_bag(Cases& cases) {
  for (const auto& [label, mode] : {std::pair{"sum", Pooling::sum}, {"mean", Pooling::mean}, {"max", Pooling::max}}) {
    const std::string name = label;
    add_bag(cases, name, mode, bags(mode == Pooling::max));
    add_bag(cases, name + " of rows", mode, one({distinct({7, 3}), ids({3, 4}, 7)}));
    add_bag(cases, name + " with last offset", mode,
            one({distinct({7, 3}), given_ids({1, 3, 3, 6, 0, 2}), given_ids({0, 2, 2, 6})}),
                    {.include_last_offset = true});
    // The padding's row takes no part, so its gradient is 0. Ids of the second bag are all padding.
    add_bag(cases, name + " with padding", mode,
            one({distinct({7, 3}), given_ids({1, 3, 3, 6, 3, 3, 0, 1}), given_ids({0, 4, 6})}), {.padding_idx = 3});
  }
  add_bag(cases, "weighted", Pooling::sum,
          {{"odd", {numbers({7, 3}), given_ids({1, 3, 3, 6, 0, 2}), given_ids({0, 3, 3}), numbers({6})}},
           {"constant table", {numbers({7, 3}).constant(), given_ids({1, 3, 3, 6}), given_ids({0, 3}), numbers({4})}},
           {"constant weights", {numbers({7, 3}), given_ids({1, 3, 3, 6}), given_ids({0, 3}),
                   numbers({4}).constant()}}});
  add_bag(cases, "weighted with padding", Pooling::sum,
          one({numbers({7, 3}), given_ids({1, 3, 3, 6, 0, 2}), given_ids({0, 3, 3}), numbers({6})}),
                  {.padding_idx = 3});
  for (const auto& [label, mode] : {std::pair{"sum by frequency", Pooling::sum}, {"mean by frequency",
          Pooling::mean}}) {
    const Pooling pooling = mode;
    cases.add_variables("embedding_bag", label, [pooling](const auto& in) {
      return embedding_bag(in[0], in[1].data(), in[2].data(), {.mode = pooling, .scale_grad_by_freq = true});
    }, one({numbers({7, 3}), given_ids({1, 3, 3, 6, 3, 1}), given_ids({0, 2})})).without_gradcheck();
  }
}

// Sequences with a mask: the second has no token, the third one in the middle.
void add_masked_pool(Cases& cases) {
  const auto kept = [](std::vector<double> values) { return given({3, 4}, std::move(values), boolean); };
  const auto tokens = [](const Shape& shape) { return distinct(shape); };
  const std::vector<Variant> variants = {
      {"odd", {tokens({3, 4, 5}), kept({1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0})}},
      {"padded to the left", {tokens({3, 4, 3}), kept({0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1})}},
      {"whole packs", {tokens({3, 4, 8}), kept({1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0})}},
      {"one", {tokens({1, 1, 1}), given({1, 1}, {1}, boolean)}},
      {"no tokens", {tokens({2, 0, 3}), mask({2, 0})}},
      {"no sequences", {tokens({0, 4, 3}), mask({0, 4})}},
      {"no columns", {tokens({2, 4, 0}), mask({2, 4})}},
      {"large", {tokens({21, 37, 67}), mask({21, 37})}, true},
      {"large, whole packs", {tokens({40, 9, 128}), mask({40, 9})}, true}};
  for (const auto& [label, mode] : {std::pair{"sum", Pooling::sum}, {"mean", Pooling::mean}, {"max", Pooling::max}}) {
    const Pooling pooling = mode;
    cases.add("masked_pool", label, [pooling](const auto& in) {
      return masked_pool(in[0], tensor_of(in[1]), pooling);
    }, variants);
  }
  cases.add("masked_pool", "max of equals", [](const auto& in) {
    return masked_pool(in[0], tensor_of(in[1]), Pooling::max);
  }, one({given({1, 4, 2}, {3, 1, 2, 1, 2, 1, 2, 0}), given({1, 4}, {0, 1, 1, 1}, boolean)})).at_kinks();
  cases.add("masked_pool", "max of nan", [](const auto& in) {
    return masked_pool(in[0], tensor_of(in[1]), Pooling::max);
  }, one({given({1, 4, 2}, {nan, 1, 2, nan, 2, 3, -infinity, nan}),
          given({1, 4}, {0, 1, 1, 1}, boolean)})).without_gradcheck();
}

void add_layers(Cases& cases) {
  const auto shapes = [](std::vector<Input> (*of)(const Shape&, int64_t)) {
    return std::vector<Variant>{{"matrix", of({3, 5}, 5)},
                                {"cube", of({2, 3, 7}, 7)},
                                {"one column", of({3, 1}, 1)},
                                {"vector", of({9}, 9)},
                                {"no rows", of({0, 5}, 5)},
                                {"large", of({70, 301}, 301), true}};
  };
  const auto all = shapes([](const Shape& shape, int64_t n) { return std::vector{numbers(shape), numbers({n}),
          numbers({n})}; });
  const auto alone = shapes([](const Shape& shape, int64_t) { return std::vector{numbers(shape)}; });
  cases.add("layer_norm", "", [](const auto& in) { return layer_norm(in[0], in[1], in[2], 1e-5); },
          all).with_tolerance(1e-4);
  cases.add("layer_norm", "no weight", [](const auto& in) { return layer_norm(in[0], {}, {}, 1e-3); }, alone)
      .with_tolerance(1e-4);
  cases.add("layer_norm", "no bias", [](const auto& in) { return layer_norm(in[0], in[1], {}, 1e-12); },
            one({numbers({3, 5}), numbers({5})})).with_tolerance(1e-4);
  for (const double p : {0.0, 0.3, 1.0}) {
    // Which elements stay is ours to choose: no reference figures.
    cases.add("dropout", "p " + std::to_string(p).substr(0, 3), [p](const auto& in) {
      Generator generator(17);
      return dropout(in[0], p, generator);
    }, elementwise_inputs(numbers({}))).without_oracle();
  }
}

// Batches of heads: q, k, v and, in some, a mask.
void add_attention(Cases& cases) {
  const auto of = [](int64_t batch, int64_t heads, int64_t queries, int64_t keys, int64_t dim) {
    return std::vector{numbers({batch, heads, queries, dim}), numbers({batch, heads, keys, dim}),
                       numbers({batch, heads, keys, dim})};
  };
  const auto masked = [](std::vector<Input> inputs, Input mask) {
    inputs.push_back(std::move(mask));
    return inputs;
  };
  const auto add = [&](const std::string& label, std::vector<Variant> variants, const AttentionOptions& options) {
    return &cases.add("attention", label, [options](const auto& in) {
      Generator generator(17, 3, 5);
      AttentionOptions own = options;
      if (in.size() > 3) own.mask = tensor_of(in[3]);
      own.generator = &generator;
      return attention(in[0], in[1], in[2], own);
    }, std::move(variants)).with_tolerance(1e-4);
  };
  add("", {{"odd", of(2, 3, 5, 7, 3)},
           {"one", of(1, 1, 1, 1, 1)},
           {"one query", of(2, 1, 1, 6, 4)},
           {"no batch", of(0, 2, 3, 4, 2)},
           {"no queries", of(2, 1, 0, 3, 2)},
           {"no keys", of(1, 2, 3, 0, 2)},
           {"registers", of(1, 1, 3, 16, 16)},
           {"large", of(2, 3, 70, 65, 32), true},
           {"large heads", of(1, 2, 21, 35, 72), true}}, {});
  add("scale 0.25", one(of(1, 2, 3, 4, 2)), {.scale = 0.25});
  // Padding: of the second sequence, the last two keys; the third has none.
  const Input padding = given({3, 1, 1, 4}, {1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0}, boolean);
  const std::vector<Variant> masks = {{"padding", masked(of(3, 2, 3, 4, 2), padding)},
                                      {"each score", masked(of(2, 2, 3, 5, 2), mask({2, 2, 3, 5}))},
                                      {"heads", masked(of(2, 2, 3, 4, 2), mask({2, 1, 4}))},
                                      {"large", masked(of(5, 2, 40, 37, 16), mask({5, 1, 1, 37})), true}};
  add("masked", masks, {});
  add("masked, causal", masks, {.causal = true});
  add("causal", {{"square", of(2, 1, 4, 4, 3)},
                 {"more keys", of(1, 2, 3, 7, 2)},
                 {"more queries", of(1, 2, 7, 3, 2)},
                 {"large", of(1, 2, 100, 100, 16), true}}, {.causal = true});
  // Which weights stay is ours to choose: no reference figures.
  const std::vector<Variant> some = {{"small", masked(of(3, 2, 3, 4, 2), padding)},
                                     {"large", masked(of(5, 2, 40, 37, 16), mask({5, 1, 1, 37})), true}};
  add("dropout 0.3", some, {.dropout = 0.3})->without_oracle();
  add("dropout 1", some, {.dropout = 1})->without_oracle();
}

void add_cross_entropy(Cases& cases) {
  const std::vector<Variant> rows = {{"odd", {numbers({5, 4}), ids({5}, 4)}},
                                     {"two classes", {numbers({7, 2}), ids({7}, 2)}},
                                     {"no rows", {numbers({0, 4}), ids({0}, 4)}},
                                     {"large", {numbers({301, 41}), ids({301}, 41)}, true}};
  const std::vector<Variant> weighted = one({numbers({5, 4}), ids({5}, 4), numbers({4}, 0.25, 2).constant()});
  const std::vector<Variant> soft = one({numbers({5, 4}), numbers({5, 4}, 0, 1).constant(), numbers({4}, 0.25,
          2).constant()});
  const std::vector<Variant> ignored = one({numbers({5, 4}), given_ids({3, 1, 0, 1, 2})});
  const auto add = [&](const std::string& label, const std::vector<Variant>& variants, CrossEntropyOptions options) {
    const auto own = [options](const auto& in) {
      CrossEntropyOptions copy = options;
      if (in.size() > 2) copy.weight = tensor_of(in[2]);
      return copy;
    };
    cases.add("cross_entropy", label, [own](const std::vector<Tensor>& in) { return cross_entropy(in[0], in[1],
            own(in)); },
              [own](const std::vector<Variable>& in) {
                return cross_entropy(in[0], in[1].data(), own(in), Reduction::none);
              }, variants);
    for (const auto& [name, kind] : {std::pair{" mean", Reduction::mean}, {" sum", Reduction::sum}}) {
      const Reduction reduction = kind;
      cases.add_variables("cross_entropy", label + name, [own, reduction](const auto& in) {
        return cross_entropy(in[0], in[1].data(), own(in), reduction);
      }, variants);
    }
  };
  add("plain", rows, {});
  add("weighted", weighted, {});
  add("smoothed", rows, {.label_smoothing = 0.1});
  add("weighted and smoothed", weighted, {.label_smoothing = 0.25});
  add("ignoring 1", ignored, {.ignore_index = 1});
  add("ignoring 1, weighted and smoothed", one({numbers({5, 4}), given_ids({3, 1, 0, 1, 2}), numbers({4}, 0.25,
          2).constant()}),
      {.ignore_index = 1, .label_smoothing = 0.25});
  add("ignoring all", one({numbers({2, 3}), given_ids({1, 1})}), {.ignore_index = 1});
  add("soft", soft, {});
  add("soft and smoothed", soft, {.label_smoothing = 0.25});
}

}  // namespace

void add_layer_cases(Cases& cases) {
  add_products(cases);
  add_embedding(cases);
  add_embedding_bag(cases);
  add_masked_pool(cases);
  add_layers(cases);
  add_attention(cases);
  add_cross_entropy(cases);
}

}  // namespace roux::operations
