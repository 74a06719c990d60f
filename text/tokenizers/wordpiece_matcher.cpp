// Building the tries and their failure links.
#include "text/tokenizers/wordpiece_matcher.h"

#include <algorithm>
#include <utility>

#include "tensor/error.h"

namespace roux::text {
namespace {

constexpr size_t most_pops = size_t{1} << 28;
constexpr size_t block = 256;    // a node's children lie in one block of units
constexpr int tries = 32;        // free units, and
constexpr int32_t reach = 1024;  // units, looked at for the children of a node before a new block is begun

/// A token as its trie sees it.
struct Key {
  Key(std::string_view token, int32_t token_id) : bytes(token), id(token_id) {
    for (size_t i = 0; i < sizeof head; ++i)
      head = head << 8 | (i < token.size() ? static_cast<unsigned char>(token[i]) : 0u);
  }

  uint8_t byte(size_t at) const {
    return static_cast<uint8_t>(at < sizeof head ? head >> (8 * (sizeof head - 1 - at)) : bytes[at]);
  }

  std::string_view bytes;
  uint64_t head = 0;  // the first bytes as a number, which compares as they do, and is nearer than they are
  int32_t id;
};

/// Sorted, and of equal ones the last.
std::vector<Key> sorted(std::vector<Key> keys) {
  std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
    if (a.head != b.head) return a.head < b.head;
    return a.bytes != b.bytes ? a.bytes < b.bytes : a.id > b.id;
  });
  keys.erase(std::unique(keys.begin(), keys.end(), [](const Key& a, const Key& b) { return a.bytes == b.bytes; }),
             keys.end());
  return keys;
}

}  // namespace

class WordPieceMatcher::Builder {
 public:
  explicit Builder(WordPieceMatcher& matcher) : matcher_(matcher) {}

  void build(std::vector<Key> words, std::vector<Key> continued) {
    // A node a byte at most. What is not used of it is never touched, and nothing is copied while the tries grow.
    size_t bytes = 0;
    for (const auto* list : {&words, &continued})
      for (const Key& key : *list) bytes += key.bytes.size();
    matcher_.units_.reserve(bytes);
    matcher_.failures_.reserve(bytes);
    grow();
    unit(root).parent = unit(continuing).parent = -2;  // no byte leads to them, and they are not free
    const std::vector<Key> keys[] = {sorted(std::move(words)), sorted(std::move(continued))};
    // Breadth first, both tries at once: failure links lead to nodes that are less deep.
    std::vector<Range> level = {{root, 0, keys[0].data(), keys[0].data() + keys[0].size()},
                                {continuing, 0, keys[1].data(), keys[1].data() + keys[1].size()}};
    for (std::vector<Range> next; !level.empty(); level.swap(next)) {
      next.clear();
      for (const Range& range : level) expand(range, next);
    }
  }

 private:
  /// The keys below a node: they share their first `depth` bytes, and are longer.
  struct Range {
    int32_t node;
    size_t depth;
    const Key* begin;
    const Key* end;
  };

  Unit& unit(int32_t at) { return matcher_.units_[static_cast<size_t>(at)]; }

  void grow() {
    matcher_.units_.resize(matcher_.units_.size() + block);
    matcher_.failures_.resize(matcher_.units_.size());
  }

  int32_t child(int32_t node, uint8_t byte) {
    const int32_t at = unit(node).base ^ byte;
    return unit(at).parent == node ? at : -1;
  }

  /// A base that puts all children on free units.
  int32_t place(std::span<const uint8_t> bytes) {
    const auto size = static_cast<int32_t>(matcher_.units_.size());
    while (first_free_ < size && unit(first_free_).parent != -1) ++first_free_;
    const int32_t end = std::min(size, first_free_ + reach);
    int32_t at = first_free_;
    for (int tried = 0; at < end && tried < tries; ++at) {
      if (unit(at).parent != -1) continue;
      const int32_t base = at ^ bytes[0];
      if (std::all_of(bytes.begin(), bytes.end(), [&](uint8_t byte) { return unit(base ^ byte).parent == -1; }))
        return base;
      ++tried;
    }
    if (at < size) first_free_ = at;  // some units before it stay free for good: time is bounded
    grow();
    return size;
  }

  void expand(const Range& range, std::vector<Range>& next) {
    if (range.begin == range.end) return;
    uint8_t list[256];
    size_t count = 0;
    for (const Key* key = range.begin; key != range.end; ++key) {
      const uint8_t byte = key->byte(range.depth);
      if (count == 0 || list[count - 1] != byte) list[count++] = byte;
    }
    const std::span<const uint8_t> bytes(list, count);
    const int32_t base = place(bytes);
    unit(range.node).base = base;
    for (const uint8_t byte : bytes) unit(base ^ byte).parent = range.node;
    const Key* key = range.begin;
    for (const uint8_t byte : bytes) {
      Range below{base ^ byte, range.depth + 1, key, key};
      while (below.end != range.end && below.end->byte(range.depth) == byte) ++below.end;
      key = below.end;
      int32_t id = -1;
      if (below.begin->bytes.size() == below.depth) id = below.begin++->id;
      link(range.node, below.node, byte, id);
      next.push_back(below);
    }
  }

  /// The failure link of the child `node` of `parent`; `id` is that of the token that ends there, or -1.
  void link(int32_t parent, int32_t node, uint8_t byte, int32_t id) {
    auto& pops = matcher_.pops_;
    const auto begin = static_cast<uint32_t>(pops.size());
    int32_t target = continuing;
    if (id >= 0) {
      pops.push_back(id);
    } else {
      target = matcher_.failures_[static_cast<size_t>(parent)].node;
      if (target >= 0) take_pops(parent);
      while (target >= 0 && child(target, byte) < 0) {
        if (matcher_.failures_[static_cast<size_t>(target)].node >= 0) take_pops(target);
        target = matcher_.failures_[static_cast<size_t>(target)].node;
      }
      if (target >= 0) target = child(target, byte);
      if (target < 0) pops.resize(begin);
    }
    matcher_.failures_[static_cast<size_t>(node)] = {target, begin, static_cast<uint32_t>(pops.size())};
  }

  void take_pops(int32_t node) {
    auto& pops = matcher_.pops_;
    const Failure& failure = matcher_.failures_[static_cast<size_t>(node)];
    ROUX_CHECK(pops.size() + failure.pops_end - failure.pops_begin < most_pops, "WordPieceTokenizer",
               "the failure links of the vocabulary would be more than ", most_pops,
               " (hint: tokens of many thousand characters are no tokens)");
    for (uint32_t i = failure.pops_begin; i < failure.pops_end; ++i) pops.push_back(pops[i]);
  }

  WordPieceMatcher& matcher_;
  int32_t first_free_ = 0;
};

WordPieceMatcher::WordPieceMatcher(std::span<const std::string> vocabulary, std::string_view continuing_prefix) {
  std::vector<Key> words, continued;
  words.reserve(vocabulary.size());
  for (size_t i = 0; i < vocabulary.size(); ++i) {
    const std::string_view token = vocabulary[i];
    const auto id = static_cast<int32_t>(i);
    if (!token.empty()) words.emplace_back(token, id);
    if (token.size() > continuing_prefix.size() && token.substr(0, continuing_prefix.size()) == continuing_prefix)
      continued.emplace_back(token.substr(continuing_prefix.size()), id);
  }
  Builder(*this).build(std::move(words), std::move(continued));
}

}  // namespace roux::text
