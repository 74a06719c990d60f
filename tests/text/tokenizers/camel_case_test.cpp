// A tokenizer of one's own, whole: a class that says how to encode a part of a text gets special tokens, offsets,
// pairs, truncation and batches from Tokenizer.
#include <doctest/doctest.h>

#include <cctype>
#include <string>
#include <vector>

#include "tests/message_of.h"
#include "tests/temporary_folder.h"
#include "text/padding.h"
#include "text/string_table.h"
#include "text/tokenizers/tokenizer.h"
#include "text/tokenizers/tokenizer_files.h"

using namespace roux::text;
using Ids = std::vector<int32_t>;

namespace {

const std::vector<AddedToken> special_tokens = {
    {"[PAD]", 0, true}, {"[UNK]", 1, true}, {"[CLS]", 2, true}, {"[SEP]", 3, true}};

bool is_upper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }

/// Calls `f(part, bytes)` for the parts of an identifier in lower case: readTheFile is read, the, file.
template <class F>
void for_each_part(std::string_view name, F&& f) {
  for (size_t begin = 0, end = 1; begin < name.size(); begin = end++) {
    while (end < name.size() && !is_upper(name[end])) ++end;
    std::string part(name.substr(begin, end - begin));
    part[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(part[0])));
    f(part, TextSpan{static_cast<int32_t>(begin), static_cast<int32_t>(end)});
  }
}

class CamelCaseTokenizer : public Tokenizer {
 public:
  explicit CamelCaseTokenizer(const StringList& names)
      : Tokenizer(AddedTokens(special_tokens), PostProcessor::bert("[CLS]", 2, "[SEP]", 3)) {
    for (const AddedToken& token : special_tokens) parts_.insert(token.content);
    for (int64_t i = 0; i < names.size(); ++i)
      for_each_part(names[i], [&](const std::string& part, TextSpan) { parts_.insert(part); });
  }

 private:
  int32_t id(std::string_view part) const { return parts_.find(part) < 0 ? 1 : parts_.find(part); }

  void encode_part(std::string_view text, Ids& ids) const override {
    for_each_part(text, [&](const std::string& part, TextSpan) { ids.push_back(id(part)); });
  }
  void encode_part(std::string_view text, Ids& ids, std::vector<TextSpan>& bytes) const override {
    for_each_part(text, [&](const std::string& part, TextSpan span) {
      ids.push_back(id(part));
      bytes.push_back(span);
    });
  }
  std::string decode_tokens(std::span<const std::string> tokens) const override {
    std::string text;
    for (std::string token : tokens) {
      if (!text.empty()) token[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(token[0])));
      text += token;
    }
    return text;
  }
  std::optional<int32_t> model_token_to_id(std::string_view token) const override {
    return parts_.find(token) < 0 ? std::nullopt : std::optional(parts_.find(token));
  }
  std::optional<std::string_view> model_id_to_token(int32_t id) const override {
    if (id < 0 || id >= parts_.size()) return std::nullopt;
    return parts_[id];
  }
  int64_t model_size() const override { return parts_.size(); }

  StringTable parts_;
};

}  // namespace

TEST_CASE("a tokenizer of one's own encodes, decodes and pads") {
  const StringList names{"readTheFile", "fileReader"};
  const CamelCaseTokenizer tokenizer(names);
  CHECK(tokenizer.vocabulary_size() == 8);
  CHECK(tokenizer.pad_id() == 0);
  const Encoding encoding = tokenizer.encode("écrireTheFile[SEP]");
  CHECK(encoding.ids == Ids{2, 1, 5, 6, 3, 3});
  CHECK(encoding.offsets == std::vector<TextSpan>{{0, 0}, {0, 6}, {6, 9}, {9, 13}, {13, 18}, {0, 0}});
  CHECK(tokenizer.decode(tokenizer.encode("readTheFile").ids) == "readTheFile");
  CHECK(tokenizer.encode_pair("file", "readFile", {.max_length = 5}).ids == Ids{2, 6, 3, 4, 3});
  const TokenBatch batch = pad(tokenizer.encode_batch(names));
  CHECK(batch.ids.to_vector<int64_t>() == std::vector<int64_t>{2, 4, 5, 6, 3, 2, 6, 7, 3, 0});
}

TEST_CASE("a tokenizer of one's own has no file, and is told so") {
  const TemporaryFolder folder;
  const CamelCaseTokenizer tokenizer(StringList{"readTheFile"});
  CHECK(message_of([&] { save_tokenizer(tokenizer, folder / "saved"); }).find("this one is of another class") !=
        std::string::npos);
}
