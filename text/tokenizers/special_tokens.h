// The special tokens of word and character tokenizers: which there are, with which ids, and what stands around a text.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizers/added_tokens.h"
#include "text/tokenizers/post_processor.h"

namespace roux::text {

/// What is put around a text.
enum class Around {
  nothing,
  start_end,  ///< <START> A <END>, and for a pair <START> A <END> B <END>
  cls_sep,    ///< <CLS> A <SEP>, and for a pair <CLS> A <SEP> B <SEP>
};

/// Which special tokens a word or character tokenizer has.
struct SpecialTokens {
  std::vector<std::string> tokens{"<PAD>"};  ///< in the order of their ids, which begin with 0
  std::string unknown = {};         ///< of `tokens`, for what is not in the vocabulary; empty: that is left out
  Around around = Around::nothing;  ///< its tokens must be among `tokens`

  bool operator==(const SpecialTokens&) const = default;

  /// <PAD> 0, <UNK> 1, <START> 2, <END> 3, <CLS> 4, <SEP> 5.
  static SpecialTokens all(Around around = Around::nothing) {
    return {{"<PAD>", "<UNK>", "<START>", "<END>", "<CLS>", "<SEP>"}, "<UNK>", around};
  }

  /// Throws on an empty token, one that is there twice, an unknown token or tokens to put around that are not there.
  void check() const;
  /// The tokens with ids from `first_id`, to be matched in raw text.
  AddedTokens added_tokens(int32_t first_id) const;
  /// The template that `around` names.
  PostProcessor post_processor(int32_t first_id) const;
  /// The id of the unknown token, or -1.
  int32_t unknown_id(int32_t first_id) const;
};

/// The words start_end, cls_sep, nothing; the reverse throws on another.
std::string to_string(Around around);
Around around_from(std::string_view name);

}  // namespace roux::text
