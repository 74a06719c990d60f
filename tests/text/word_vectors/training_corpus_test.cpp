// Corpora as word vectors are trained on them.
#include "text/word_vectors/training_corpus.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "tensor/file.h"
#include "tests/message_of.h"
#include "tests/temporary_folder.h"

using namespace roux;
using namespace roux::text;

namespace {

TrainingCorpus read(const std::string& text, int64_t min_count = 1) {
  return read_training_corpus(memory_bytes(text), "corpus", {.min_count = min_count});
}

std::string refusal(const std::string& text, int64_t min_count = 1) {
  return message_of([&] { read(text, min_count); });
}

/// The sentences as text.
std::string sentences_of(const TrainingCorpus& corpus) {
  std::string text;
  for (int64_t i = 0; i < corpus.sentences(); ++i) {
    for (const int32_t id : corpus.sentence(i)) text += std::string(corpus.words[id]) + " ";
    text += "|";
  }
  return text;
}

}  // namespace

TEST_CASE("words of a corpus are numbered by count, equals as they are met, and rare ones are left out") {
  const TrainingCorpus corpus = read("b a  c\ta\n\n rare \r\nc a\vb A", 2);
  CHECK(corpus.words.to_lines() == "a\nb\nc\n");
  CHECK(corpus.counts == std::vector<int64_t>{3, 2, 2});
  CHECK(sentences_of(corpus) == "b a c a |c a b |");
  CHECK(corpus.tokens_read == 9);
  CHECK(corpus.damaged_lines == 0);
}

TEST_CASE("lines of more than 10,000 words are cut") {
  std::string text;
  for (int i = 0; i < 25000; ++i) text += i % 2 ? "a " : "b ";
  const TrainingCorpus corpus = read(text + "\na b");
  CHECK(corpus.ends == std::vector<int64_t>{10000, 20000, 25000, 25002});
}

TEST_CASE("lines that are not UTF-8 are left out and told; latin1 reads them") {
  const std::string text =
      "\xEF\xBB\xBF"
      "a b\na \xE9\nb \xFF a\na b\n";
  const TrainingCorpus corpus = read(text);
  CHECK(sentences_of(corpus) == "a b |a b |");
  CHECK(corpus.damaged_lines == 2);
  CHECK(corpus.first_damaged_line == 2);
  const TrainingCorpus latin1 =
      read_training_corpus(memory_bytes("a \xE9\na b\n"), "corpus", {.min_count = 1, .encoding = TextEncoding::latin1});
  CHECK(sentences_of(latin1) == "a \xC3\xA9 |a b |");
}

TEST_CASE("a corpus without two words to tell apart is refused") {
  CHECK(refusal("") == "[read_training_corpus] 'corpus' holds no word; expected a sentence a line");
  CHECK(refusal(" \n\n\t\n") == refusal(""));
  CHECK(refusal("\xFF\n").find("expected a sentence a line in UTF-8") != std::string::npos);
  CHECK(refusal("a a b", 5) ==
        "[read_training_corpus] 'corpus': 0 of 2 words occur at least 5 times; expected 2 words or more (the most "
        "frequent, 'a', occurs 2 times; hint: a smaller min_count)");
  CHECK(refusal("a a b", 2).find("1 of 2 words occur at least 2 times") != std::string::npos);
  CHECK(refusal("a b", 0) == "[read_training_corpus] min_count is 0; expected at least 1");
  CHECK(refusal("\xFF\xFE"
                "a")
            .find("is UTF-16") != std::string::npos);
}

TEST_CASE("a corpus in a file may be compressed") {
  const TemporaryFolder folder;
  const std::string plain = folder / "corpus.txt", compressed = folder / "corpus.gz", text = "a b\nb a c\n";
  write_file_atomically(plain, text);
  const gzFile file = gzopen(compressed.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  for (const std::string& path : {plain, compressed})
    CHECK(sentences_of(read_training_corpus(path, {.min_count = 1})) == "a b |b a c |");
  const std::string bytes = read_file(compressed);
  write_file_atomically(compressed, std::string_view(bytes).substr(0, bytes.size() - 9));
  CHECK(message_of([&] { read_training_corpus(compressed); }).starts_with("[read_training_corpus] "));
  CHECK(message_of([&] { read_training_corpus(folder / "none"); }).find("cannot open") != std::string::npos);
}
