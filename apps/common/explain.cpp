// Scores taken apart, in two steps: what each feature adds, which depends on the model, and which word it belongs to,
// which depends on the encoder alone.
#include "apps/common/explain.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "text/normalize.h"

namespace roux::apps {
namespace {

constexpr size_t longest_run = 3;

std::vector<int32_t> ids_of(const Encoder& encoder, std::string_view text) {
  std::vector<int32_t> ids;
  std::visit([&](const auto& each) { each.encode(text, ids); }, encoder);
  return ids;
}

// --- What each feature adds to the scores. ---

struct FeatureShares {
  std::vector<double> shares = {};      // (features of the text, classes)
  std::vector<double> dimensions = {};  // (features): how many it has the maximum of
  std::vector<double> bias = {};        // (classes)
  bool by_maximum = false;
};

Tensor rows_of(const Variable& table, const Tensor& ids) { return embedding(table.data(), ids).to(cpu); }

// Features that are pooled and then seen by a linear layer.
FeatureShares pooled_shares(const Variable& table, const nn::Linear& fc, Pooling pooling, const Tensor& ids) {
  const auto n = static_cast<size_t>(ids.numel());
  const std::vector<double> rows = rows_of(table, ids).to_vector<double>();
  const std::vector<double> weight = fc.weight.data().to(cpu).to_vector<double>();  // (classes, dim)
  FeatureShares result{.bias = fc.bias.data().to(cpu).to_vector<double>(), .by_maximum = pooling == Pooling::max};
  const size_t classes = result.bias.size(), dim = weight.size() / classes;
  result.shares.resize(n * classes);
  result.dimensions.resize(n);
  const double scale = pooling == Pooling::mean && n > 0 ? 1 / static_cast<double>(n) : 1;
  const auto add = [&](size_t feature, size_t d) {
    for (size_t c = 0; c < classes; ++c)
      result.shares[feature * classes + c] += scale * rows[feature * dim + d] * weight[c * dim + d];
  };
  for (size_t d = 0; d < dim; ++d) {
    size_t largest = 0;
    for (size_t i = 0; i < n; ++i) {
      if (pooling != Pooling::max)
        add(i, d);
      else if (rows[i * dim + d] > rows[largest * dim + d])
        largest = i;
    }
    if (pooling != Pooling::max || n == 0) continue;
    add(largest, d);
    result.dimensions[largest] += 1;
  }
  return result;
}

FeatureShares linear_shares(const LinearClassifier& model, const Tensor& ids) {
  const auto n = static_cast<size_t>(ids.numel());
  FeatureShares result{.shares = rows_of(model.table.weight, ids).to_vector<double>()};
  const std::vector<double> weights = embedding(model.feature_weights, ids).to(cpu).to_vector<double>();
  const size_t classes = static_cast<size_t>(model.num_classes());
  const double squares = std::inner_product(weights.begin(), weights.end(), weights.begin(), 0.0);
  const double scale = 1 / std::sqrt(std::clamp(squares, 1e-12, 1e12));
  for (size_t i = 0; i < n * classes; ++i) result.shares[i] *= weights[i / classes] * scale;
  result.dimensions.resize(n);
  result.bias.resize(classes);
  return result;
}

FeatureShares feature_shares(const TextClassifier& model, const std::vector<int32_t>& features) {
  const std::vector<int64_t> numbers(features.begin(), features.end());
  const Tensor ids = Tensor::from(numbers).to(model.device());
  if (const auto* bag = dynamic_cast<const EmbeddingBagClassifier*>(&model))
    return pooled_shares(bag->embedding_bag.weight, bag->fc, Pooling::mean, ids);
  if (const auto* pooled = dynamic_cast<const PooledClassifier*>(&model))
    return pooled_shares(pooled->embedding.weight, pooled->fc, pooled->pooling(), ids);
  if (const auto* linear = dynamic_cast<const LinearClassifier*>(&model)) return linear_shares(*linear, ids);
  fail("explain",
       "the scores of this kind of model are no sums over words, they cannot be taken apart (hint: leave --explain "
       "out)");
}

// --- Which word a feature belongs to. ---

// The words between which the course's encoder tells; for the others, what stands between white space.
std::vector<std::string> words_of(const Encoder& encoder, std::string_view text) {
  const std::string source =
      std::holds_alternative<text::NgramEncoder>(encoder) ? text::clean(text) : std::string(text);
  std::vector<std::string> words;
  std::string word;
  const auto close = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (const char c : source)
    if (c == ' ' || (c >= '\t' && c <= '\r'))
      close();
    else
      word += c;
  close();
  return words;
}

// How often each feature occurs.
using Counts = std::unordered_map<int32_t, double>;

// Finds which runs of words have the features of a text, shorter runs before longer ones: a run has what encoding it
// alone gives, less what its parts have. What a text has less often than all its runs together is shared out.
class Owners {
 public:
  Owners(const Encoder& encoder, const std::vector<std::string>& words, const std::vector<int32_t>& features)
      : encoder_(encoder), words_(words) {
    for (const int32_t id : features) remaining_[id] += 1;
    for (size_t length = 1; length <= std::min(longest_run, words.size()); ++length) {
      own_.emplace_back();
      for (size_t first = 0; first + length <= words.size(); ++first)
        own_.back().push_back(own_features(first, length));
      share_out(own_.back());
    }
  }

  // The features of the run of `length` words that begins at `first`.
  const Counts& of_run(size_t first, size_t length) const { return own_[length - 1][first]; }
  size_t lengths() const { return own_.size(); }
  // Those of no run.
  const Counts& rest() const { return remaining_; }

 private:
  Counts own_features(size_t first, size_t length) const {
    std::string run = words_[first];
    for (size_t i = 1; i < length; ++i) run += " " + words_[first + i];
    Counts counts;
    for (const int32_t id : ids_of(encoder_, run)) counts[id] += 1;
    for (size_t shorter = 1; shorter < length; ++shorter)
      for (size_t at = first; at + shorter <= first + length; ++at)
        for (const auto& [id, count] : found_[shorter - 1][at]) {
          const auto place = counts.find(id);
          if (place != counts.end() && (place->second -= count) <= 0) counts.erase(place);
        }
    return counts;
  }

  void share_out(std::vector<Counts>& runs) {
    found_.push_back(runs);
    Counts wanted;
    for (const Counts& run : runs)
      for (const auto& [id, count] : run) wanted[id] += count;
    for (Counts& run : runs)
      for (auto& [id, count] : run) {
        const auto left = remaining_.find(id);
        count *= left == remaining_.end() ? 0 : std::min(1.0, left->second / wanted[id]);
      }
    for (const auto& [id, count] : wanted)
      if (const auto left = remaining_.find(id); left != remaining_.end())
        left->second = std::max(0.0, left->second - count);
  }

  const Encoder& encoder_;
  const std::vector<std::string>& words_;
  Counts remaining_;
  std::vector<std::vector<Counts>> own_, found_;  // [length - 1][first word]; what it gets, and what it has
};

// The mean of what a feature adds over the times it occurs.
struct Share {
  double times = 0, dimensions = 0;
  std::vector<double> sums;
};

bool is_known(const Encoder& encoder, const std::string& word) {
  const auto* ngrams = std::get_if<text::NgramEncoder>(&encoder);
  return ngrams ? ngrams->words().contains(word) : !ids_of(encoder, word).empty();
}

void finish(Explanation& explanation, double temperature) {
  const std::vector<double>& scores = explanation.scores;
  std::vector<int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  explanation.predicted = order[0];
  explanation.second = order[order.size() > 1 ? 1 : 0];
  double sum = 0;
  const double highest = scores[static_cast<size_t>(order[0])];
  for (const double score : scores) {
    explanation.probabilities.push_back(std::exp((score - highest) / temperature));
    sum += explanation.probabilities.back();
  }
  for (double& probability : explanation.probabilities) probability /= sum;
}

}  // namespace

Explanation with_strongest_runs(const Explanation& explanation, size_t runs) {
  const auto strength = [&](const WordShare& word) {
    return std::abs(Explanation::margin(word.shares, explanation.predicted, explanation.second));
  };
  Explanation result = explanation;
  const auto is_word = [](const WordShare& word) { return word.length == 1; };
  const auto first_run = std::stable_partition(result.words.begin(), result.words.end(), is_word);
  std::stable_sort(first_run, result.words.end(), [&](const WordShare& a, const WordShare& b) {
    return (a.length > 0) != (b.length > 0) ? a.length > 0 : strength(a) > strength(b);
  });
  if (static_cast<size_t>(result.words.end() - first_run) <= runs + 1) return result;
  WordShare rest{.words = "all other runs", .length = 0, .shares = std::vector<double>(explanation.bias.size())};
  const auto first_other = first_run + static_cast<std::ptrdiff_t>(runs);
  for (auto word = first_other; word != result.words.end(); ++word) {
    rest.dimensions += word->dimensions;
    for (size_t c = 0; c < rest.shares.size(); ++c) rest.shares[c] += word->shares[c];
  }
  result.words.erase(first_other, result.words.end());
  result.words.push_back(std::move(rest));
  return result;
}

Explanation explain(TextClassifier& model, const Encoder& encoder, std::string_view text, double temperature) {
  const std::vector<int32_t> features = ids_of(encoder, text);
  const FeatureShares parts = feature_shares(model, features);
  const size_t classes = parts.bias.size();
  std::unordered_map<int32_t, Share> shares;
  for (size_t i = 0; i < features.size(); ++i) {
    Share& share = shares[features[i]];
    share.sums.resize(classes);
    share.times += 1;
    share.dimensions += parts.dimensions[i];
    for (size_t c = 0; c < classes; ++c) share.sums[c] += parts.shares[i * classes + c];
  }

  Explanation explanation{.bias = parts.bias, .scores = parts.bias, .by_maximum = parts.by_maximum};
  const auto add = [&](const std::string& name, size_t length, const Counts& counts) {
    WordShare word{.words = name, .length = static_cast<int64_t>(length), .shares = std::vector<double>(classes)};
    bool any = length == 1;
    for (const auto& [id, count] : counts) {
      if (count <= 0) continue;
      const Share& share = shares.at(id);
      any = true;
      word.dimensions += share.dimensions * count / share.times;
      for (size_t c = 0; c < classes; ++c) word.shares[c] += share.sums[c] * count / share.times;
    }
    if (!any) return;
    for (size_t c = 0; c < classes; ++c) explanation.scores[c] += word.shares[c];
    explanation.words.push_back(std::move(word));
  };
  const std::vector<std::string> words = words_of(encoder, text);
  const Owners owners(encoder, words, features);
  for (size_t length = 1; length <= owners.lengths(); ++length)
    for (size_t first = 0; first + length <= words.size(); ++first) {
      std::string name = words[first];
      for (size_t i = 1; i < length; ++i) name += " " + words[first + i];
      add(name, length, owners.of_run(first, length));
      if (length == 1) explanation.words.back().known = is_known(encoder, name);
    }
  add("words apart", 0, owners.rest());
  finish(explanation, temperature);
  return explanation;
}

}  // namespace roux::apps
