// The walk: order, exceptions, depth, threads, and that nothing is left behind.
#include <doctest/doctest.h>
#include <pthread.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "autograd/ops.h"
#include "tensor/memory.h"
#include "tests/message_of.h"

using namespace roux;

namespace {

using Values = std::vector<double>;

Variable leaf(const Values& values) { return Variable(Tensor::from(values), true); }
Values grad_of(const Variable& x) { return x.grad().to_vector<double>(); }

// A user's own operation: x (...) -> x^3, with a backward that the test supplies.
Variable cube(const Variable& x, std::function<Tensor(const Tensor& grad, const Tensor& x)> gradient) {
  const Tensor input = x.data();
  return record("cube", input * input * input, {x},
                [gradient = std::move(gradient), x = saved(input, "input")](const Tensor& grad, GradSink& to) {
                  if (to.wants(0)) to.add(0, gradient(grad, x));
                });
}

Tensor right_gradient(const Tensor& grad, const Tensor& x) { return grad * 3 * x * x; }

// Runs f on a thread whose stack would not hold a deep recursion.
void on_small_stack(std::function<void()> f) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  pthread_t thread;
  const auto run = [](void* function) -> void* {
    (*static_cast<std::function<void()>*>(function))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, run, &f) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

Variable chain(const Variable& x, int64_t length) {
  Variable y = x;
  for (int64_t i = 0; i < length; ++i) y = y + 1;
  return y;
}

}  // namespace

TEST_CASE("engine: a value used twice waits for both gradients") {
  const Variable x = leaf({2});
  int runs = 0;
  const Variable y = cube(x, [&](const Tensor& grad, const Tensor& input) {
    ++runs;
    return right_gradient(grad, input);
  });
  const Variable left = y * 2, right = y * y;
  (left * right).backward();  // 2 y^3 = 2 x^9
  CHECK(runs == 1);
  CHECK(grad_of(x) == Values{18 * 256});
  const Variable z = leaf({3});
  (z * z + z * z + z).backward();
  CHECK(grad_of(z) == Values{13});
}

TEST_CASE("engine: only a scalar starts by itself; others start from a seed of their shape") {
  const Variable x = leaf({1, 2});
  CHECK(message_of([&] { (x * 2).backward(); }) ==
        "[backward] only a scalar can start without a seed, found shape (2) (hint: sum() or mean() it, or pass the "
        "gradient "
        "of this value)");
  (x * 2).backward(Tensor::from(Values{1, 10}));
  CHECK(grad_of(x) == Values{2, 20});
  const std::string expected = ", expected float64, (2) and cpu like the value";
  CHECK(message_of([&] { (x * 2).backward(Tensor::ones({3}, float64)); }) ==
        "[backward] the seed is a float64 tensor of shape (3) on cpu" + expected);
  CHECK(message_of([&] { (x * 2).backward(Tensor::ones({2})); }) ==
        "[backward] the seed is a float32 tensor of shape (2) on cpu" + expected);
  CHECK(message_of([&] { (x * 2).backward(Tensor()); }) == "[backward] the seed is undefined");
  Variable w = leaf({5});
  w.backward();  // a leaf is its own gradient's end
  CHECK(grad_of(w) == Values{1});
}

TEST_CASE("engine: a second backward needs retain_graph, and says so by the name of the operation") {
  const Variable x = leaf({2});
  const Variable y = tanh(x);
  const Variable z = y * 3;
  z.backward(Tensor::ones({1}, float64), true);
  z.backward();
  const Values twice = grad_of(x);
  const std::string hint =
      " backward already ran through this result and what it saved is gone (hint: compute it again, or "
      "pass retain_graph to the first backward)";
  CHECK(message_of([&] { z.backward(); }) == "[mul]" + hint);
  CHECK(message_of([&] { (y + 1).backward(); }) == "[tanh]" + hint + " (in the backward of add)");
  CHECK(grad_of(x) == twice);
  CHECK_FALSE(y.grad().defined());
}

TEST_CASE("engine: an exception inside backward leaves everything usable") {
  const Variable x = leaf({2}), w = leaf({3});
  bool failing = true;
  const Variable y = cube(x, [&](const Tensor& grad, const Tensor& input) {
    if (failing) throw Error("[cube] out of order");
    return right_gradient(grad, input);
  });
  const Variable other = w * 2;
  const Variable z = y * other;
  const Tensor seed = Tensor::ones({1}, float64);
  CHECK(message_of([&] { z.backward(seed, true); }) == "[cube] out of order");
  CHECK_FALSE(x.grad().defined());
  failing = false;
  Variable w_again = w;
  w_again.zero_grad();
  z.backward(seed);  // 2 w x^3
  CHECK(grad_of(x) == Values{2 * 3 * 3 * 4});
  CHECK(grad_of(w) == Values{2 * 8});
}

TEST_CASE("engine: what waited when a backward threw is walked by the next one") {
  const Variable x(Tensor::from<double>({1, 2}), true);
  const Variable waits = sum(x * 3);
  const Variable throws = sum(record("throws", x.data() * 1, {x}, [](const Tensor&, GradSink&) { throw Error("no"); }));
  CHECK_THROWS_AS((waits + throws).backward(), Error);  // the newest first
  CHECK(std::string(detail::running_operation()) == "backward");
  waits.backward();
  CHECK(x.grad().to_vector<double>() == std::vector<double>{3, 3});
}

TEST_CASE("engine: a wrong gradient from a user's operation names the operation") {
  const Variable x = leaf({1, 2});
  const auto backward_with = [&](Tensor gradient) {
    return message_of([&] { sum(cube(x, [&](const Tensor&, const Tensor&) { return gradient; })).backward(); });
  };
  CHECK(backward_with(Tensor::ones({3}, float64)) ==
        "[cube] backward gave input 0 a gradient of shape (3), expected (2)");
  CHECK(backward_with(Tensor::ones({3, 2}, float64)) ==
        "[cube] backward gave input 0 a gradient of shape (3, 2), expected (2) (hint: add_broadcast() sums over what "
        "was broadcast)");
  CHECK(backward_with(Tensor()) == "[cube] backward gave input 0 an undefined gradient");
  CHECK(backward_with(Tensor::ones({2})) ==
        "[cube] backward gave input 0 a float32 gradient, expected float64 (hint: add_broadcast() converts)");
  CHECK_FALSE(x.grad().defined());

  const Variable table(Tensor::ones({4, 2}, float64), true);
  const auto rows_with = [&](RowGradient gradient) {
    return message_of([&] {
      sum(record("rows", table.data(), {table}, [gradient](const Tensor&, GradSink& to) {
        to.add(0, gradient);
      })).backward();
    });
  };
  const Tensor ids = Tensor::from(std::vector<int64_t>{0, 3});
  CHECK(rows_with({ids, Tensor::ones({2, 2}, float64)}) == "nothing was thrown");
  CHECK(rows_with({Tensor(), Tensor()}).find("[rows] backward gave input 0 undefined row gradients") == 0);
  CHECK(rows_with({ids, Tensor::ones({2, 3}, float64)}).find("row gradients of shape (2, 3) for 2 rows") !=
        std::string::npos);
  CHECK(rows_with({ids, Tensor::ones({2, 2})}).find("float32 row gradients, expected float64") != std::string::npos);
  for (const auto& outside : {Values{1, 4}, Values{4, 0}, Values{-2, 0}}) {
    const Tensor rows = Tensor::from(outside).to(int64);
    CHECK(rows_with({rows, Tensor::ones({2, 2}, float64)})
              .find("gradients of rows that a table of shape (4, 2) has not") != std::string::npos);
  }
  const Tensor unused = Tensor::from(std::vector<int64_t>{-1, 3});
  CHECK(rows_with({unused, Tensor::ones({2, 2}, float64)}) == "nothing was thrown");
  CHECK(rows_with({ids.to(float64), Tensor::ones({2, 2}, float64)}).find("expected int64") != std::string::npos);
}

TEST_CASE("engine: an input that an operation does not have is an error, not a gradient that is lost") {
  const Variable x = leaf({1, 2}), constant = Tensor::ones({2}, float64);
  const auto backward_of = [&](std::function<void(const Tensor& grad, GradSink& to)> backward) {
    return message_of([&] { sum(record("swish", x.data(), {constant, x}, backward)).backward(); });
  };
  for (const int i : {-1, 2, 1'000'000}) {
    const std::string input = std::to_string(i) + ", expected 0 to 1";
    CHECK(backward_of([i](const Tensor& g, GradSink& to) { to.add(i, g); }) ==
          "[swish] backward gave a gradient for input " + input);
    CHECK(backward_of([i](const Tensor& g, GradSink& to) { to.add_broadcast(i, g); }) ==
          "[swish] backward gave a gradient for input " + input);
    CHECK(backward_of([i](const Tensor& g, GradSink& to) {
            to.add(i, RowGradient{Tensor::zeros({1}, int64), g.unsqueeze(0)});
          }) == "[swish] backward gave a gradient for input " + input);
    CHECK(backward_of([i](const Tensor&, GradSink& to) { to.wants(i); }) ==
          "[swish] backward asked for input " + input);
    CHECK(backward_of([i](const Tensor&, GradSink& to) { to.shape(i); }) ==
          "[swish] backward asked for input " + input);
  }
  CHECK(backward_of([](const Tensor&, GradSink& to) { to.dtype(0); }) ==
        "[swish] backward asked for the shape or type of input 0, which wants no gradient (hint: ask wants(0) first)");
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("engine: a backward that leaves out an input is named") {
  const Variable x = leaf({1, 2}), beta = leaf({3}), constant = Tensor::ones({2}, float64);
  const std::vector<Variable> inputs = {constant, x, beta};
  const auto backward_of = [&](std::function<void(const Tensor& grad, GradSink& to)> backward) {
    return message_of([&] { sum(record("swish", x.data(), inputs, backward)).backward(); });
  };
  const std::string hint =
      " no gradient, though it wants one (hint: give zeros where it is 0, or record detach() of an input that has "
      "none)";
  CHECK(backward_of([](const Tensor& g, GradSink& to) { to.add(1, g); }) ==
        "[swish] backward gave input 2 of shape (1)" + hint);
  CHECK(backward_of([](const Tensor& g, GradSink& to) { to.add_broadcast(2, g); }) ==
        "[swish] backward gave input 1 of shape (2)" + hint);
  CHECK(backward_of([](const Tensor&, GradSink&) {}) == "[swish] backward gave input 1 of shape (2)" + hint);
  // That another operation gave it something does not help.
  CHECK(message_of([&] { sum(x * 2 + record("swish", x.data(), {x}, [](const Tensor&, GradSink&) {})).backward(); }) ==
        "[swish] backward gave input 0 of shape (2)" + hint);
  CHECK(backward_of([](const Tensor& g, GradSink& to) {
          to.add_broadcast(2, g);
          to.add(1, g);
        }) == "nothing was thrown");
}

TEST_CASE("engine: what cannot have a gradient is not recorded") {
  const Variable x = leaf({1, 2});
  const auto pass_on = [](const Tensor& g, GradSink& to) { to.add(0, g); };
  CHECK(message_of([&] { record("find", Tensor(), {x}, pass_on); }) == "[find] record() was given an undefined result");
  CHECK(message_of([&] { record("find", gt(x.data(), 0), {x}, pass_on); }) ==
        "[find] record() was given a bool result, and only floating-point values have gradients (hint: return the "
        "tensor itself, a constant)");
  CHECK_FALSE(record("find", gt(x.data(), 0), {x.detach()}, pass_on).requires_grad());
}

TEST_CASE("engine: add_broadcast names the operation when a gradient does not sum to its input") {
  const Variable x = leaf({1, 2, 3}), beta = leaf({1, 2, 3});
  const auto backward_with = [&](const Tensor& gradient) {
    return message_of([&] {
      sum(record("swish", x.data(), {x.detach(), beta}, [&](const Tensor&, GradSink& to) {
        to.add_broadcast(1, gradient);
      })).backward();
    });
  };
  CHECK(backward_with(Tensor::ones({}, float64)) ==
        "[swish] backward gave input 1 a gradient of shape (), which does not sum to (3)");
  CHECK(backward_with(Tensor::ones({3, 1}, float64)) ==
        "[swish] backward gave input 1 a gradient of shape (3, 1), which does not sum to (3)");
  CHECK(backward_with(Tensor()) == "[swish] backward gave input 1 an undefined gradient");
  CHECK_FALSE(beta.grad().defined());
  CHECK(backward_with(Tensor::ones({2, 3})) == "nothing was thrown");
  CHECK(grad_of(beta) == Values{2, 2, 2});
}

TEST_CASE("engine: a backward that changes the gradient it was given is refused") {
  const Variable x = leaf({1, 2});
  const auto scale_in_place = [](const Variable& in) {
    return record("scale_", in.data() * 3, {in}, [](const Tensor& grad, GradSink& to) {
      Tensor mine = grad;
      to.add(0, mine.mul_(3));
    });
  };
  const Tensor seed = Tensor::ones({2}, float64);
  CHECK(message_of([&] { scale_in_place(x).backward(seed); }) ==
        "[scale_] backward changed the gradient it was given in place (hint: use mul(), or clone() it)");
  // Its sibling in the sum shares the gradient.
  CHECK(message_of([&] { sum(scale_in_place(x) + x * 2).backward(); }).find("[scale_] backward changed") == 0);
}

TEST_CASE("engine: an error from within a backward says in whose") {
  const Variable x = leaf({1, 2});
  const Variable y = cube(x, [](const Tensor& grad, const Tensor&) { return grad + Tensor::ones({3}, float64); });
  const std::string message = message_of([&] { sum(y).backward(); });
  CHECK(message.find("[add] ") == 0);
  CHECK(message.find(" (in the backward of cube)") ==
        message.size() - std::string(" (in the backward of cube)").size());
  // What is no Error stays what it is.
  const Variable z = cube(x, [](const Tensor&, const Tensor&) -> Tensor { throw std::out_of_range("far"); });
  CHECK_THROWS_AS(sum(z).backward(), std::out_of_range);
}

TEST_CASE("engine: backward records nothing") {
  const Variable x = leaf({2}), w = leaf({3});
  bool recorded = true;
  std::string message;
  const Variable y = record("scaled", x.data() * w.data(), {x}, [&](const Tensor& grad, GradSink& to) {
    recorded = (w * grad).requires_grad();
    message = message_of([&] { (w * grad).backward(); });
    to.add(0, grad);
  });
  y.backward();
  CHECK_FALSE(recorded);
  CHECK(message ==
        "[backward] nothing was recorded for this variable: no input requires a gradient, or it was computed under "
        "NoGrad or inside a backward (hint: Variable(tensor, true) requires one; data() and detach() lead out of the "
        "graph)");
  CHECK(NoGrad::recording());
}

TEST_CASE("engine: a user's operation with several inputs computes only the gradients that are wanted") {
  const Variable x = leaf({2}), constant = Tensor::from(Values{3});
  std::vector<bool> wanted;
  const std::vector<Variable> inputs = {constant, x, constant, x, constant, x};
  const Variable y = record("collect", Tensor::from(Values{0}), inputs, [&](const Tensor& grad, GradSink& to) {
    for (int i = 0; i < 6; ++i) {
      wanted.push_back(to.wants(i));
      to.add(i, grad * (i + 1));  // for a constant: nothing
    }
  });
  y.backward();
  CHECK(wanted == std::vector<bool>{false, true, false, true, false, true});
  CHECK(grad_of(x) == Values{2 + 4 + 6});
}

TEST_CASE("engine: a chain of a million nodes is built, walked and freed on a small stack") {
  const int64_t length = 1'000'000, before = live_nodes();
  on_small_stack([&] {
    const Variable x = leaf({1});
    const Variable y = chain(x, length);
    CHECK(live_nodes() == before + length + 1);
    CHECK(y.item() == length + 1.0);
    y.backward();
    CHECK(grad_of(x) == Values{1});
    CHECK(live_nodes() == before + 2);  // the leaf and the end that y holds
  });
  CHECK(live_nodes() == before);
}

TEST_CASE("engine: a long chain is dropped without backward on a small stack") {
  const int64_t length = 1'000'000, before = live_nodes();
  on_small_stack([&] {
    const Variable x = leaf({1});
    Variable y = chain(x, length);
    CHECK(live_nodes() == before + length + 1);
    y = Variable();
    CHECK(live_nodes() == before + 1);
    // Captured Variables hold graphs too.
    Variable nested = x;
    for (int i = 0; i < 100'000; ++i)
      nested = record("hold", x.data(), {x}, [nested](const Tensor& grad, GradSink& to) { to.add(0, grad); });
    CHECK(live_nodes() == before + 100'001);
  });
  CHECK(live_nodes() == before);
}

TEST_CASE("engine: steps leave no node and no memory behind") {
  const Variable w(Tensor::ones({8, 4}), true), table(Tensor::ones({20, 8}), true);
  const Tensor ids = Tensor::from(std::vector<int64_t>{1, 5, 1, 7});
  const auto step = [&] {
    const Variable hidden = tanh(matmul(embedding(table, ids), w));
    mean(square(hidden) + max(hidden, 1, true).values).backward();
    for (Variable parameter : {w, table}) parameter.zero_grad();
  };
  step();
  const int64_t nodes = live_nodes();
  const MemoryStats memory = memory_stats();
  for (int i = 0; i < 10; ++i) step();
  CHECK(live_nodes() == nodes);
  CHECK(memory_stats().live_blocks == memory.live_blocks);
  CHECK(memory_stats().live_bytes == memory.live_bytes);
}

TEST_CASE("engine: backward frees what was saved even while the result is held") {
  const Variable x(Tensor::ones({1000}), true);
  const int64_t before = memory_stats().live_blocks;
  const Variable y = sum(exp(tanh(x) * 2));
  y.backward();
  // The result's storage, its value and node; the gradient of x.
  CHECK(memory_stats().live_blocks <= before + 4);
}

TEST_CASE("engine: a graph may be built on one thread and walked on another") {
  Variable x = leaf({2}), loss;
  std::thread([&] { loss = sum(cube(x * 2, right_gradient)); }).join();
  const Variable more = loss * 2;  // numbered after what the other thread made
  std::thread([&] { more.backward(); }).join();
  CHECK(grad_of(x) == Values{2 * 8 * 3 * 4});
}

TEST_CASE("engine: several threads evaluate one model while each records nothing") {
  const Variable w(Tensor::ones({16, 16}), true);
  std::vector<double> results(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < results.size(); ++t)
    threads.emplace_back([&, t] {
      const NoGrad guard;
      for (int i = 0; i < 50; ++i) results[t] = sum(tanh(matmul(w, w))).item();
    });
  for (std::thread& thread : threads) thread.join();
  for (const double result : results) CHECK(result == results[0]);
  CHECK(NoGrad::recording());
}
