// The recipe classifier in one file, without any header of roux: words, a model, gradients, training. Read this first;
// then the engine, which does the same faster, for any model, on any device, with everything checked.
//
//   build/apps/one_file       # epoch 5: loss 0.039970, right while training 0.9966
//
// A text is the mean of its words' vectors; a linear layer turns the mean into one score a class. In roux that is
// EmbeddingBagClassifier (apps/common/classifiers.h), and tests/apps/one_file_test.cpp sees that the losses are equal.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

// --- The tape: every result remembers how to hand its gradient on. In roux: autograd/variable.h, engine.cpp. ---
struct Matrix {
  int rows = 0, columns = 0;
  std::vector<double> value, grad;  // row after row; grad: what the loss changes by for each unit of the value
  Matrix(int r, int c) : rows(r), columns(c), value(size_t(r) * c), grad(size_t(r) * c) {}
  double& at(int i, int j) { return value[size_t(i) * columns + j]; }
  double& grad_at(int i, int j) { return grad[size_t(i) * columns + j]; }
};

struct Tape {
  std::deque<Matrix> results;  // a deque: references stay valid
  std::vector<std::function<void()>> backwards;
  Matrix& result(int rows, int columns) { return results.emplace_back(rows, columns); }
  // From the last operation to the first: whoever used a result has run before the one that made it.
  void backward() {
    results.back().grad = {1};
    for (size_t i = backwards.size(); i-- > 0;) backwards[i]();
  }
};

// --- Three operations, each with its gradient. In roux: tensor/ computes, autograd/ops_layers.cpp records. ---
using Text = std::vector<int>;  // the numbers of its words

// table (words, dim), texts -> (texts, dim): the mean of the words' rows.
Matrix& embedding_mean(Tape& tape, Matrix& table, const std::vector<Text>& texts) {
  Matrix& out = tape.result(int(texts.size()), table.columns);
  for (int i = 0; i < out.rows; ++i)
    for (int word : texts[i])
      for (int j = 0; j < out.columns; ++j) out.at(i, j) += table.at(word, j) / double(texts[i].size());
  tape.backwards.push_back([&out, &table, texts] {
    for (int i = 0; i < out.rows; ++i)
      for (int word : texts[i])
        for (int j = 0; j < out.columns; ++j) table.grad_at(word, j) += out.grad_at(i, j) / double(texts[i].size());
  });
  return out;
}

// x (n, in), weight (out, in), bias (1, out) -> (n, out): x times the transposed weight, plus the bias.
Matrix& linear(Tape& tape, Matrix& x, Matrix& weight, Matrix& bias) {
  Matrix& out = tape.result(x.rows, weight.rows);
  for (int i = 0; i < out.rows; ++i)
    for (int o = 0; o < out.columns; ++o) {
      out.at(i, o) = bias.at(0, o);
      for (int j = 0; j < x.columns; ++j) out.at(i, o) += x.at(i, j) * weight.at(o, j);
    }
  tape.backwards.push_back([&out, &x, &weight, &bias] {
    for (int i = 0; i < out.rows; ++i)
      for (int o = 0; o < out.columns; ++o) {
        const double g = out.grad_at(i, o);
        bias.grad_at(0, o) += g;
        for (int j = 0; j < x.columns; ++j) {
          x.grad_at(i, j) += g * weight.at(o, j);
          weight.grad_at(o, j) += g * x.at(i, j);
        }
      }
  });
  return out;
}

// scores (n, classes), labels -> (1, 1): the mean of -log softmax(scores)[label]. Its gradient is softmax minus
// one-hot.
Matrix& cross_entropy(Tape& tape, Matrix& scores, const std::vector<int>& labels) {
  Matrix& loss = tape.result(1, 1);
  Matrix softmax(scores.rows, scores.columns);
  for (int i = 0; i < scores.rows; ++i) {
    double sum = 0;
    for (int c = 0; c < scores.columns; ++c) sum += std::exp(scores.at(i, c));
    for (int c = 0; c < scores.columns; ++c) softmax.at(i, c) = std::exp(scores.at(i, c)) / sum;
    loss.at(0, 0) -= std::log(softmax.at(i, labels[i])) / scores.rows;
  }
  tape.backwards.push_back([&loss, &scores, labels, softmax]() mutable {
    for (int i = 0; i < scores.rows; ++i)
      for (int c = 0; c < scores.columns; ++c)
        scores.grad_at(i, c) += loss.grad_at(0, 0) * (softmax.at(i, c) - (c == labels[i])) / scores.rows;
  });
  return loss;
}

// --- Adam (Kingma & Ba 2015). In roux: nn/adam.cpp. ---
struct Adam {
  std::vector<Matrix*> parameters;
  std::vector<std::vector<double>> m, v;  // running means of the gradient and of its square
  int steps = 0;
  explicit Adam(std::vector<Matrix*> of) : parameters(std::move(of)) {
    for (const Matrix* p : parameters) m.emplace_back(p->value.size()), v.emplace_back(p->value.size());
  }
  void step(double lr = 0.005, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8) {
    ++steps;
    for (size_t p = 0; p < parameters.size(); ++p)
      for (size_t i = 0; i < m[p].size(); ++i) {
        double& g = parameters[p]->grad[i];
        m[p][i] = beta1 * m[p][i] + (1 - beta1) * g;
        v[p][i] = beta2 * v[p][i] + (1 - beta2) * g * g;
        const double mean = m[p][i] / (1 - std::pow(beta1, steps)), square = v[p][i] / (1 - std::pow(beta2, steps));
        parameters[p]->value[i] -= lr * mean / (std::sqrt(square) + eps);
        g = 0;  // for the next step
      }
  }
};

// --- Texts become numbers. In roux: text/csv.h, text/normalize.h, text/vocabulary.h. ---
struct Data {
  std::vector<Text> texts;
  std::vector<int> labels;
  std::map<std::string, int> words, classes;  // numbered as they come
};

Data read(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  Data data;
  std::string line;
  std::getline(file, line);  // the names of the columns
  while (std::getline(file, line)) {
    const size_t end = line[0] == '"' ? line.find('"', 1) : line.find(',');
    Text text;
    std::string word;
    for (char c : line.substr(0, end) + " ") {
      if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
      if (c >= 'a' && c <= 'z') word += c;
      if (c != ' ' || word.empty()) continue;
      text.push_back(data.words.emplace(word, data.words.size()).first->second);
      word.clear();
    }
    if (text.empty()) continue;
    data.texts.push_back(text);
    data.labels.push_back(data.classes.emplace(line.substr(line.rfind(',') + 1), data.classes.size()).first->second);
  }
  return data;
}

// --- Training. In roux: apps/common/trainer.h. ---

// Uniform from -limit to limit. Such small random numbers are where a model starts.
void fill(Matrix& matrix, double limit, std::mt19937& random) {
  for (double& value : matrix.value) value = limit * (2 * double(random()) / 4294967296.0 - 1);
}

void train(const Data& data, int epochs, std::mt19937 random) {
  const size_t dim = 16, batch_size = 32, count = data.texts.size();
  Matrix table(int(data.words.size()), dim), weight(int(data.classes.size()), dim), bias(1, weight.rows);
  fill(table, 0.2, random), fill(weight, 0.25, random), fill(bias, 0.25, random);
  Adam adam({&table, &weight, &bias});
  std::vector<size_t> order(count);
  for (size_t i = 0; i < count; ++i) order[i] = i;
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    for (size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random() % i]);  // another order each time
    double loss_sum = 0;
    int right = 0;
    for (size_t first = 0; first < count; first += batch_size) {
      std::vector<Text> texts;
      std::vector<int> labels;
      for (size_t i = first; i < std::min(count, first + batch_size); ++i)
        texts.push_back(data.texts[order[i]]), labels.push_back(data.labels[order[i]]);
      Tape tape;
      Matrix& scores = linear(tape, embedding_mean(tape, table, texts), weight, bias);
      Matrix& loss = cross_entropy(tape, scores, labels);
      tape.backward();
      adam.step();
      loss_sum += loss.at(0, 0) * double(texts.size());
      for (int i = 0; i < scores.rows; ++i) {
        const double* row = &scores.at(i, 0);  // right: the highest score is the label's
        right += std::max_element(row, row + scores.columns) - row == labels[i];
      }
    }
    std::printf("epoch %d: loss %.6f, right while training %.4f\n", epoch, loss_sum / count, double(right) / count);
  }
}

int main(int argc, char** argv) try {
  const std::string file = argc > 1 ? argv[1] : "apps/data/recipes.csv";
  if (file == "--help") return std::printf("one_file [FILE.csv]: columns name (first) and category (last)\n") < 0;
  if (argc > 2) throw std::runtime_error("found more than one file (hint: --help)");
  train(read(file), 5, std::mt19937(1));
  if (std::fflush(stdout) != 0) throw std::runtime_error("cannot write");
  return 0;
} catch (const std::runtime_error& error) {
  std::fprintf(stderr, "one_file: %s\n", error.what());
  return 1;
}
