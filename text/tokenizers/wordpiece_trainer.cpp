// WordPiece's side of training: normalised words, characters and their ids.
#include "text/tokenizers/wordpiece_trainer.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "tensor/error.h"
#include "text/unicode.h"

namespace roux::text {

namespace {

/// Words as WordPieceTokenizer sees them. Texts of ASCII are normalised on the way; others in a pass before.
class BertWordSplitter {
 public:
  explicit BertWordSplitter(const BertNormalizerOptions& options) : normalizer_(options), plain_(CharacterSteps{}) {}

  void split(std::string_view text, const WordCounter::TakeWord& take) const {
    const bool ascii =
        std::all_of(text.begin(), text.end(), [](char byte) { return static_cast<signed char>(byte) >= 0; });
    if (ascii) {
      split_with(normalizer_.table(), text, take);
    } else {
      split_with(plain_, normalizer_.normalize(text).text, take);
    }
  }

 private:
  static void split_with(const CharacterTable& table, std::string_view text, const WordCounter::TakeWord& take) {
    std::string word;
    const auto end_word = [&] {
      if (!word.empty()) take(word);
      word.clear();
    };
    for (size_t at = 0; at < text.size();) {
      const CodePoint point = decode_valid_utf8(text.data() + at);
      const std::string_view self = text.substr(at, static_cast<size_t>(point.length));
      at += self.size();
      const CharacterTable::Entry& entry = table[static_cast<uint32_t>(point.value)];
      if (entry.kind == CharacterKind::dropped) continue;
      const bool alone = entry.kind == CharacterKind::punctuation || entry.kind == CharacterKind::white_space;
      if (alone) end_word();
      if (entry.kind == CharacterKind::white_space) continue;
      // Only ASCII is replaced here, by one character.
      if (entry.length == 0) {
        word += self;
      } else {
        word.append(reinterpret_cast<const char*>(&entry.bytes), entry.length);
      }
      if (alone) end_word();
    }
    end_word();
  }

  BertNormalizer normalizer_;
  CharacterTable plain_;  // no steps: kinds of characters that are normalised already
};

WordCounter::Split splitter(const BertNormalizerOptions& options) {
  const auto words = std::make_shared<const BertWordSplitter>(options);
  return [words](std::string_view text, const WordCounter::TakeWord& take) { words->split(text, take); };
}

/// Calls `f` with the characters of a word.
template <class F>
void for_each_character(std::string_view word, F&& f) {
  for (size_t at = 0; at < word.size();) {
    const auto length = static_cast<size_t>(decode_valid_utf8(word.data() + at).length);
    f(word.substr(at, length));
    at += length;
  }
}

/// The characters of the words, at most `limit` and then the most frequent, in the order of their code points (which is
/// that of their bytes in UTF-8).
std::vector<std::string> alphabet(const WordCounter& words, int64_t limit) {
  std::map<std::string, int64_t, std::less<>> counts;
  for (int64_t i = 0; i < words.size(); ++i)
    for_each_character(words.word(i), [&](std::string_view character) {
      auto found = counts.find(character);
      if (found == counts.end()) found = counts.emplace(character, 0).first;
      found->second += words.count(i);
    });
  std::vector<std::pair<std::string, int64_t>> kept(counts.begin(), counts.end());
  if (static_cast<int64_t>(kept.size()) > limit) {
    std::stable_sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    kept.resize(static_cast<size_t>(limit));
    std::sort(kept.begin(), kept.end());
  }
  std::vector<std::string> characters;
  for (auto& [character, count] : kept) characters.push_back(std::move(character));
  return characters;
}

}  // namespace

WordPieceTrainer::WordPieceTrainer(WordPieceTrainerOptions options)
    : options_(std::move(options)), words_(splitter(options_.normalizer)) {
  for (const std::string& token : options_.special_tokens)
    ROUX_CHECK(!token.empty(), "train_wordpiece", "a special token is empty");
  ROUX_CHECK(!options_.continuing_subword_prefix.empty(), "train_wordpiece",
             "the prefix of pieces inside a word is empty; expected one such as \"##\"");
  ROUX_CHECK(options_.limit_alphabet >= 1, "train_wordpiece", "limit_alphabet is ", options_.limit_alphabet,
             "; expected 1 or more");
  ROUX_CHECK(options_.vocab_size > static_cast<int64_t>(options_.special_tokens.size()), "train_wordpiece",
             "vocab_size is ", options_.vocab_size, "; expected more than the ", options_.special_tokens.size(),
             " special tokens");
}

std::vector<std::string> WordPieceTrainer::train() const {
  const std::string& prefix = options_.continuing_subword_prefix;
  const std::vector<std::string> characters = alphabet(words_, options_.limit_alphabet);
  StringTable kept;
  for (const std::string& character : characters) kept.insert(character);
  // Which of them occur inside words, in the order of their code points.
  std::vector<bool> inside(characters.size());
  for (int64_t i = 0; i < words_.size(); ++i) {
    bool first = true;
    for_each_character(words_.word(i), [&](std::string_view character) {
      const int32_t number = kept.find(character);
      if (number >= 0 && !first) inside[static_cast<size_t>(number)] = true;
      first = false;
    });
  }
  StringTable tokens;
  for (const std::string& token : options_.special_tokens) tokens.insert(token);
  std::vector<int32_t> first_ids, inside_ids;
  for (const std::string& character : characters) first_ids.push_back(tokens.insert(character));
  for (size_t i = 0; i < characters.size(); ++i)
    inside_ids.push_back(inside[i] ? tokens.insert(prefix + characters[i]) : -1);

  CountedWords words;
  for (int64_t i = 0; i < words_.size(); ++i) {
    bool first = true;
    for_each_character(words_.word(i), [&](std::string_view character) {
      const int32_t number = kept.find(character);
      if (number >= 0) words.symbols.push_back((first ? first_ids : inside_ids)[static_cast<size_t>(number)]);
      first = false;
    });
    words.offsets.push_back(static_cast<int64_t>(words.symbols.size()));
    words.counts.push_back(words_.count(i));
  }
  train_pairs(tokens, std::move(words),
              {.vocab_size = options_.vocab_size,
               .min_frequency = options_.min_frequency,
               .continuing_subword_prefix = prefix,
               .progress = options_.progress});
  std::vector<std::string> vocabulary;
  for (int32_t id = 0; id < static_cast<int32_t>(tokens.size()); ++id) vocabulary.emplace_back(tokens[id]);
  return vocabulary;
}

std::vector<std::string> train_wordpiece(const StringList& texts, WordPieceTrainerOptions options) {
  WordPieceTrainer trainer(std::move(options));
  trainer.add(texts);
  return trainer.train();
}

}  // namespace roux::text
