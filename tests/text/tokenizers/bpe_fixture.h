// Reference figures of tokenizers 0.23.3, made by tests/oracle/byte_level_bpe.py.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/string_list.h"
#include "text/tokenizers/bpe.h"

namespace bpe_fixture {

using Merges = std::vector<std::pair<std::string, std::string>>;

struct Expected {
  std::vector<int32_t> ids;
  std::vector<roux::text::TextSpan> offsets;
  std::string decoded;
};

/// A model with options, and what it makes of `texts()`.
struct Case {
  std::string name;
  std::vector<std::string> vocabulary;
  Merges merges;
  roux::text::BpeOptions options;
  std::vector<Expected> expected;
};

struct Training {
  int64_t vocab_size = 0;
  int64_t min_frequency = 0;
  bool add_prefix_space = false;
  std::vector<std::string> special_tokens;
  std::vector<std::string> first;       ///< tokens of the first ids
  int64_t size = 0;                     ///< how many tokens there are
  Merges merges;                        ///< of BPE
  std::vector<std::string> vocabulary;  ///< of WordPiece
};

const std::vector<std::string>& texts();
const std::vector<Case>& cases();
/// The texts that models are trained on.
const roux::text::StringList& corpus();
const std::vector<Training>& trainings();
const Training& wordpiece_training();

}  // namespace bpe_fixture
