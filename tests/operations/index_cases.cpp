// Views, joins and indexing: see cases.h for how to add one.
// A case a line reads as a table; the formatter would make five of each.
// clang-format off
#include "tests/operations/cases.h"

namespace roux::operations {
namespace {

void add_views(Cases& cases) {
  const std::vector<Variant> cube = {{"odd", {numbers({3, 4, 5})}}, {"empty", {numbers({3, 0, 5})}}};
  const std::vector<Variant> ones = {{"odd", {numbers({1, 4, 1, 5})}}, {"empty", {numbers({1, 0, 1, 5})}}};
  cases.add("reshape", "", [](const auto& in) { return in[0].reshape({4, 15}); }, one({numbers({3, 4, 5})}));
  cases.add("reshape", "-1", [](const auto& in) { return in[0].reshape({-1, 5}); }, cube);
  cases.add("flatten", "", [](const auto& in) { return in[0].flatten(); }, cube);
  cases.add("flatten", "from 1", [](const auto& in) { return in[0].flatten(1); }, cube);
  cases.add("transpose", "", [](const auto& in) { return in[0].transpose(0, -1); }, cube);
  cases.add("permute", "", [](const auto& in) { return in[0].permute({2, 0, 1}); }, cube);
  cases.add("permute", "from the end", [](const auto& in) { return in[0].permute({-2, -1, 0}); }, cube);
  cases.add("squeeze(int64_t)", "", [](const auto& in) { return in[0].squeeze(2); }, ones);
  cases.add("squeeze(int64_t)", "longer", [](const auto& in) { return in[0].squeeze(1); }, ones);
  cases.add("squeeze()", "", [](const auto& in) { return in[0].squeeze(); }, ones);
  cases.add("unsqueeze", "", [](const auto& in) { return in[0].unsqueeze(1); }, cube);
  cases.add("unsqueeze", "last", [](const auto& in) { return in[0].unsqueeze(-1); }, cube);
  cases.add("slice", "", [](const auto& in) { return in[0].slice(2, 1, 4); }, cube);
  cases.add("slice", "steps", [](const auto& in) { return in[0].slice(-1, -4, 100, 2); }, cube);
  cases.add("slice", "nothing", [](const auto& in) { return in[0].slice(0, 2, 1); }, cube);
  cases.add("select", "", [](const auto& in) { return in[0].select(0, 1); }, cube);
  cases.add("select", "from the end", [](const auto& in) { return in[0].select(-1, -2); }, cube);
  cases.add("expand", "", [](const auto& in) { return in[0].expand({2, 3, -1, 5}); },
            {{"odd", {numbers({3, 1, 5})}}, {"empty", {numbers({3, 0, 1})}}});
  cases.add("expand", "scalar", [](const auto& in) { return in[0].expand({2, 3}); }, one({numbers({})}));
  cases.add("contiguous", "", [](const auto& in) { return in[0].transpose(0, 1).contiguous(); }, cube);
  cases.add_tensors("clone", "", [](const auto& in) { return in[0].clone(); }, cube);
  cases.add("to(DType)", "float64", [](const auto& in) { return in[0].to(float64); }, cube);
  cases.add("to(Device)", "", [](const auto& in) { return in[0].to(in[0].device()); }, cube);
  const auto to_integers = [](const auto& in) { return in[0].to(int64); };
  cases.add_tensors("to(DType)", "int64", to_integers, one({given({5}, {-1.75, -0.5, 0, 2.5, 3})}));
  cases.add_tensors("to(DType)", "bool", [](const auto& in) { return in[0].to(boolean); }, one({given({3}, {-1, 0,
          0.25})}));
  cases.add_tensors("to(DType)", "from bool", to_integers, one({mask({5})}));
  cases.add("reshape", "of a view", [](const auto& in) { return (in[0].transpose(0, 1) * 2).transpose(0,
          1).reshape({-1}); },
            cube);
}

void add_joins(Cases& cases) {
  cases.add("cat", "axis 0", [](const auto& in) { return cat(in); },
            {{"odd", {numbers({2, 3}), numbers({1, 3}), numbers({4, 3})}},
             {"some empty", {numbers({0, 3}), numbers({2, 3}), numbers({0, 3})}},
             {"single", {numbers({2, 3})}},
             {"with a constant", {numbers({2, 3}), numbers({1, 3}).constant()}},
             {"many", {numbers({1}), numbers({2}), numbers({3}), numbers({1}), numbers({2}), numbers({3}),
                     numbers({1})}}});
  cases.add("cat", "axis -1", [](const auto& in) { return cat(in, -1); },
            one({numbers({2, 3, 1}), numbers({2, 3, 4})}));
  cases.add("cat", "axis 1", [](const auto& in) { return cat(in, 1); },
            {{"odd", {numbers({2, 3, 2}), numbers({2, 1, 2})}}, {"large", {numbers({70, 300}), numbers({70, 701})},
                    true}});
  cases.add_tensors("cat", "mixed types", [](const auto& in) { return cat(in); }, one({ids({3}, 9), numbers({2})}));
  cases.add("stack", "axis 0", [](const auto& in) { return stack(in); },
            {{"odd", {numbers({2, 3}), numbers({2, 3}), numbers({2, 3})}},
             {"scalars", {numbers({}), numbers({})}},
             {"empty", {numbers({0, 3}), numbers({0, 3})}}});
  cases.add("stack", "axis -1", [](const auto& in) { return stack(in, -1); }, one({numbers({2, 3}), numbers({2, 3})}));
}

void add_indexing(Cases& cases) {
  const auto select_along = [](int64_t axis) {
    return [axis](const auto& in) { return index_select(in[0], axis, tensor_of(in[1])); };
  };
  cases.add("index_select", "axis 0", select_along(0),
            {{"repeated", {numbers({5, 3}), given_ids({4, 0, 4, 2, 4, 1})}},
             {"line", {numbers({7}), ids({9}, 7)}},
             {"no ids", {numbers({5, 3}), given_ids({})}},
             {"large", {numbers({500, 129}), ids({700}, 500)}, true}});
  cases.add("index_select", "axis 1", select_along(1), one({numbers({2, 4, 3}), given_ids({3, 3, 0})}));
  cases.add("index_select", "last axis", select_along(-1), one({numbers({2, 4, 3}), given_ids({2, 0, 2, 2})}));
  const auto add_along = [](int64_t axis) {
    return [axis](const auto& in) { return index_add(in[0], axis, tensor_of(in[1]), in[2]); };
  };
  cases.add("index_add", "axis 0", add_along(0),
            {{"repeated", {numbers({4, 3}), given_ids({1, 3, 1, 1, 0}), numbers({5, 3})}},
             {"line", {numbers({4}), given_ids({2, 2}), numbers({2})}},
             {"no ids", {numbers({4, 3}), given_ids({}), numbers({0, 3})}},
             {"large", {numbers({300, 129}), ids({700}, 300), numbers({700, 129})}, true}});
  cases.add("index_add", "axis -1", add_along(-1), one({numbers({2, 4}), given_ids({0, 3, 0}), numbers({2, 3})}));
  const auto gather_along = [](int64_t axis) {
    return [axis](const auto& in) { return gather(in[0], axis, tensor_of(in[1])); };
  };
  cases.add("gather", "axis 0", gather_along(0),
            {{"odd", {numbers({4, 3}), ids({5, 3}, 4)}},
             {"part", {numbers({4, 3}), ids({2, 2}, 4)}},
             {"no ids", {numbers({4, 3}), ids({0, 3}, 4)}},
             {"large", {numbers({90, 801}), ids({90, 801}, 90)}, true}});
  cases.add("gather", "axis 1", gather_along(1), {{"cube", {numbers({2, 4, 3}), ids({2, 5, 2}, 4)}}, {"matrix",
          {numbers({3, 4}), ids({3, 1}, 4)}}});
  const auto scatter_along = [](int64_t axis) {
    return [axis](const auto& in) { return scatter_add(in[0], axis, tensor_of(in[1]), in[2]); };
  };
  cases.add("scatter_add", "axis 0", scatter_along(0),
            {{"odd", {numbers({4, 3}), ids({5, 3}, 4), numbers({5, 3})}},
             {"part", {numbers({4, 3}), ids({2, 2}, 4), numbers({2, 2})}},
             {"no ids", {numbers({4, 3}), ids({0, 3}, 4), numbers({0, 3})}},
             {"large", {numbers({60, 801}), ids({90, 801}, 60), numbers({90, 801})}, true}});
  cases.add("scatter_add", "axis -1", scatter_along(-1), one({numbers({2, 4}), ids({2, 6}, 4), numbers({2, 6})}));
  const auto distinct_of = [](int64_t exclude) {
    return [exclude](const auto& in) {
      UniqueIds found = unique(in[0], exclude);
      // Some devices leave the room of all ids, with -1 behind the distinct ones.
      found.rows = found.rows.slice(0, 0, static_cast<int64_t>(sum(ge(found.rows, 0).to(int64)).item()));
      return found;
    };
  };
  const std::vector<Variant> lists = {{"repeated", {given_ids({7, 2, 7, 7, 0, 2, 9})}},
                                      {"matrix", {ids({3, 5}, 6)}},
                                      {"empty", {given_ids({})}},
                                      {"large", {ids({40000}, 5000)}, true}};
  cases.add_tensors("unique", "", distinct_of(-1), lists);
  cases.add_tensors("unique", "but 2", distinct_of(2), lists);
}

}  // namespace

void add_index_cases(Cases& cases) {
  add_views(cases);
  add_joins(cases);
  add_indexing(cases);
}

}  // namespace roux::operations
