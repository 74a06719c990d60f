// Greedy longest match in linear time: a word to the tokens of a WordPiece vocabulary.
//
// LinMaxMatch (Song, Salcianu, Song, Dopson, Zhou: Fast WordPiece Tokenization, 2021, arXiv 2012.15524). The vocabulary
// is two tries, one of all tokens for the beginning of a word and one of those with the continuing prefix, without it.
// A node where the next byte leads nowhere has a failure link: the tokens that the greedy algorithm would take before
// it came back to this byte ("pops"), and the node where it would then be. No byte is looked at twice. Bytes take the
// place of the paper's characters: tokens are whole characters, so that matches of bytes are matches of characters.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace roux::text {

class WordPieceMatcher {
 public:
  /// The id of a token is its place; an empty string is no token, and of equal ones the last counts. Throws where the
  /// failure links would take gigabytes, which no vocabulary does that was not made for it.
  WordPieceMatcher(std::span<const std::string> vocabulary, std::string_view continuing_prefix);

  /// Where a word begins.
  static constexpr int32_t root = 0;

  /// Goes on from `node` by one byte and hands the ids that are settled by it to `take(id)`. False where the vocabulary
  /// has no tokens for the word, whatever follows; what was taken for it is then void.
  template <class Take>
  bool step(int32_t& node, char byte, Take&& take) const {
    const auto value = static_cast<int32_t>(static_cast<unsigned char>(byte));
    for (;;) {
      const int32_t next = units_[static_cast<size_t>(node)].base ^ value;
      if (units_[static_cast<size_t>(next)].parent == node) [[likely]] {
        node = next;
        return true;
      }
      if (!fail(node, take)) return false;
    }
  }

  /// Ends a word: false as in `step`.
  template <class Take>
  bool finish(int32_t& node, Take&& take) const {
    while (node != root && node != continuing)
      if (!fail(node, take)) return false;
    return true;
  }

 private:
  static constexpr int32_t continuing = 1;  // where a token that goes on begins

  /// A double array (Aoe 1989), by exclusive or: child c of a node lies at base ^ c, if that names the node as parent.
  struct Unit {
    int32_t base = 0;
    int32_t parent = -1;
  };
  struct Failure {
    int32_t node = -1;  // -1: none
    uint32_t pops_begin = 0;
    uint32_t pops_end = 0;
  };
  class Builder;

  template <class Take>
  bool fail(int32_t& node, Take&& take) const {
    const Failure& failure = failures_[static_cast<size_t>(node)];
    if (failure.node < 0) return false;
    for (uint32_t i = failure.pops_begin; i < failure.pops_end; ++i) take(pops_[i]);
    node = failure.node;
    return true;
  }

  std::vector<Unit> units_;
  std::vector<Failure> failures_;  // one a unit
  std::vector<int32_t> pops_;
};

}  // namespace roux::text
