// Finding a word among the tokens of its sentence.
#include "apps/common/word_in_context.h"

#include "apps/common/vectors_file.h"
#include "tensor/error.h"
#include "tensor/ops.h"
#include "text/string_table.h"

namespace roux::apps {
namespace {

// Which tokens of the sentence (in ASCII) stand for the word.
std::vector<int64_t> positions_of(const text::Encoding& encoding, const WordInContext& word) {
  const size_t begin = word.text.find(word.word), end = begin + word.word.size();
  ROUX_CHECK(begin != std::string::npos, "word_in_context", "'", word.text, "' has no '", word.word, "'");
  std::vector<int64_t> positions;
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    const text::TextSpan& span = encoding.offsets[i];
    if (span.end > span.begin && span.begin < static_cast<int32_t>(end) && span.end > static_cast<int32_t>(begin))
      positions.push_back(static_cast<int64_t>(i));
  }
  ROUX_CHECK(!positions.empty(), "word_in_context", "the tokenizer gives no token to '", word.word, "'");
  return positions;
}

std::string marked_sentence(const text::Tokenizer& tokenizer, const std::vector<int32_t>& ids,
                            const std::vector<int64_t>& positions) {
  std::string sentence;
  for (int64_t i = 0; i < std::ssize(ids); ++i) {
    std::string token = tokenizer.id_to_token(ids[static_cast<size_t>(i)]);
    if (i == positions.front()) token = "<" + token;
    if (i == positions.back()) token += ">";
    sentence += (i > 0 ? " " : "") + token;
  }
  return sentence;
}

}  // namespace

WordVectorsInContext vectors_in_context(const ContextualModel& model, const std::vector<WordInContext>& words) {
  const text::Tokenizer& tokenizer = model.encoder().tokenizer();
  const Tensor table = model.embedding_table();
  text::StringList texts;
  for (const WordInContext& word : words) texts.push_back(word.text);
  const std::vector<TokenVectors> tokens = model.token_vectors(texts);
  const Shape shape{texts.size(), model.dim()};
  WordVectorsInContext result{.sentences = {},
                              .positions = {},
                              .in_context = Tensor::empty(shape),
                              .from_table = Tensor::empty({texts.size(), table.size(1)})};
  for (size_t i = 0; i < words.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    const std::vector<int64_t> positions = positions_of(tokenizer.encode(words[i].text), words[i]);
    ROUX_CHECK(positions.back() < std::ssize(tokens[i].ids), "word_in_context", "the model has ",
               model.encoder().max_length(), " positions, too few for '", words[i].text, "'");
    std::vector<int64_t> ids;
    for (const int64_t position : positions) ids.push_back(tokens[i].ids[static_cast<size_t>(position)]);
    result.in_context.select(0, row).copy_(mean(embedding(tokens[i].vectors, Tensor::from(positions)), 0));
    result.from_table.select(0, row).copy_(mean(embedding(table, Tensor::from(ids)), 0));
    result.sentences.push_back(marked_sentence(tokenizer, tokens[i].ids, positions));
    result.positions.push_back(positions);
  }
  return result;
}

Tensor vectors_of_words(const std::string& path, const std::vector<WordInContext>& words) {
  text::StringTable wanted;
  for (const WordInContext& word : words) wanted.insert(word.word);
  const text::WordVectors vectors = load_vectors_for_use(path, {.words = &wanted});
  Tensor result = Tensor::empty({std::ssize(words), vectors.dim()});
  for (size_t i = 0; i < words.size(); ++i)
    result.select(0, static_cast<int64_t>(i)).copy_(vectors.vector(words[i].word, unknown_of(vectors)));
  return result;
}

Tensor cosine_table(const Tensor& vectors) {
  const Tensor rows = vectors.to(float64);
  const Tensor norms = sqrt(sum(rows * rows, 1, true));
  const Tensor unit = rows / where(gt(norms, 0.0), norms, Tensor::ones({1, 1}, float64));
  return matmul(unit, unit.transpose(0, 1));
}

double at(const Tensor& table, size_t row, size_t column) {
  return table.select(0, static_cast<int64_t>(row)).select(0, static_cast<int64_t>(column)).item();
}

}  // namespace roux::apps
