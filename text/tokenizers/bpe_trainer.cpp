// Byte-level BPE's side of training: pieces, bytes and their ids.
#include "text/tokenizers/bpe_trainer.h"

#include <algorithm>
#include <array>

#include "tensor/error.h"
#include "text/tokenizers/byte_level.h"

namespace roux::text {

namespace {

void split_into_pieces(std::string_view text, const WordCounter::TakeWord& take) {
  int64_t ends[max_pieces_at_once];
  for (int64_t at = 0; at < static_cast<int64_t>(text.size());) {
    const int count = split_pieces(text, at, ends);
    for (int i = 0; i < count; ++i) {
      take(text.substr(static_cast<size_t>(at), static_cast<size_t>(ends[i] - at)));
      at = ends[i];
    }
  }
}

WordCounter::Split splitter(bool add_prefix_space) {
  if (!add_prefix_space) return split_into_pieces;
  return [](std::string_view text, const WordCounter::TakeWord& take) {
    if (text.empty() || text[0] == ' ') return split_into_pieces(text, take);
    split_into_pieces(" " + std::string(text), take);
  };
}

/// The characters that stand for the 256 bytes, in the order of their code points.
std::vector<std::string> byte_characters() {
  std::array<int32_t, 256> bytes;
  for (int32_t byte = 0; byte < 256; ++byte) bytes[static_cast<size_t>(byte)] = byte;
  std::sort(bytes.begin(), bytes.end(), [](int32_t a, int32_t b) {
    return byte_to_character(static_cast<uint8_t>(a)) < byte_to_character(static_cast<uint8_t>(b));
  });
  std::vector<std::string> characters;
  for (const int32_t byte : bytes) {
    const char bytes_of[] = {static_cast<char>(byte)};
    characters.push_back(to_byte_level({bytes_of, 1}));
  }
  return characters;
}

}  // namespace

BpeTrainer::BpeTrainer(BpeTrainerOptions options)
    : options_(std::move(options)), pieces_(splitter(options_.add_prefix_space)) {
  for (const std::string& token : options_.special_tokens)
    ROUX_CHECK(!token.empty(), "train_bpe", "a special token is empty");
  const auto needed = static_cast<int64_t>(options_.special_tokens.size()) + 256;
  ROUX_CHECK(options_.vocab_size >= needed, "train_bpe", "vocab_size is ", options_.vocab_size, "; expected at least ",
             needed, ": the 256 bytes and the special tokens");
}

TrainedBpe BpeTrainer::train() const {
  StringTable tokens;
  for (const std::string& token : options_.special_tokens) tokens.insert(token);
  for (const std::string& character : byte_characters()) tokens.insert(character);
  std::array<int32_t, 256> ids;
  for (int byte = 0; byte < 256; ++byte) {
    const char bytes_of[] = {static_cast<char>(byte)};
    ids[static_cast<size_t>(byte)] = tokens.find(to_byte_level({bytes_of, 1}));
  }
  CountedWords words;
  for (int64_t i = 0; i < pieces_.size(); ++i) {
    for (const char byte : pieces_.word(i)) words.symbols.push_back(ids[static_cast<uint8_t>(byte)]);
    words.offsets.push_back(static_cast<int64_t>(words.symbols.size()));
    words.counts.push_back(pieces_.count(i));
  }
  TrainedBpe trained;
  for (const auto& [left, right] : train_pairs(tokens, std::move(words),
                                               {.vocab_size = options_.vocab_size,
                                               .min_frequency = options_.min_frequency,
                                               .continuing_subword_prefix = "",
                                               .progress = options_.progress}))
    trained.merges.emplace_back(tokens[left], tokens[right]);
  for (int32_t id = 0; id < static_cast<int32_t>(tokens.size()); ++id) trained.vocabulary.emplace_back(tokens[id]);
  return trained;
}

TrainedBpe train_bpe(const StringList& texts, BpeTrainerOptions options) {
  BpeTrainer trainer(std::move(options));
  trainer.add(texts);
  return trainer.train();
}

}  // namespace roux::text
