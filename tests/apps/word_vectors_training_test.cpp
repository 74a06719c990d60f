// word_vectors train and toy_embeddings from the outside: what they write, say and refuse.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "tensor/file.h"
#include "tests/apps/programs.h"
#include "tests/temporary_folder.h"

namespace {

/// Sentences of fruit and of vegetables.
std::string small_corpus() {
  const char* const words[2][4] = {{"apple", "cherry", "mango", "plum"}, {"onion", "carrot", "leek", "potato"}};
  std::string text;
  for (int i = 0; i < 400; ++i) {
    for (int word = 0; word < 3; ++word) text += std::string(words[i % 2][(i / 2 + word * (1 + i % 3)) % 4]) + " ";
    text += "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("word_vectors train writes every form, the same for one seed, from plain and compressed text") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "corpus.txt", small_corpus());
  const std::string train = "cd '" + folder.path().string() + "' && $APPS/word_vectors train ";
  CHECK(run_shell("cd '" + folder.path().string() + "' && gzip -k corpus.txt").status == 0);
  const ProgramRun first = run_shell(train + "corpus.txt a.vec --dim 8 --sample 0 --window 2");
  CHECK(first.errors == "");
  CHECK(first.output.starts_with(
      "corpus.txt: 400 sentences, 1,200 words, 8 of them different and there 5 times or more\nepoch 1: loss "));
  CHECK(first.output.find("\na.vec: 8 words of 8 dimensions, ") != std::string::npos);
  CHECK(run_shell(train + "corpus.txt.gz b.vec --dim 8 --sample 0 --window 2").status == 0);
  CHECK(roux::read_file(folder / "a.vec") == roux::read_file(folder / "b.vec"));
  CHECK(run_shell(train + "corpus.txt b.vec --dim 8 --sample 0 --window 2 --seed 2").status == 0);
  CHECK(roux::read_file(folder / "a.vec") != roux::read_file(folder / "b.vec"));
  for (const char* const method : {"skipgram", "cbow", "glove"})
    for (const char* const out : {"c.txt", "c.bin", "c.safetensors"}) {
      CAPTURE(method);
      CAPTURE(out);
      const ProgramRun run = run_shell(train + "corpus.txt " + out +
                                       " --dim 8 --sample 0 --json --epochs 2 --threads 2 --method " + method);
      CHECK(run.errors == "");
      const auto told = nlohmann::json::parse(run.output);
      CHECK(told["words"] == 8);
      CHECK(told["dimensions"] == 8);
      CHECK(told["tokens"] == 1200);
      CHECK(told["losses"].size() == 2);
      const ProgramRun info = run_shell("cd '" + folder.path().string() + "' && $APPS/word_vectors info --json " + out);
      CHECK(nlohmann::json::parse(info.output)["words"] == 8);
    }
}

TEST_CASE("word_vectors train with sub-words keeps them where the form can") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "corpus.txt", small_corpus());
  const std::string train = "cd '" + folder.path().string() + "' && $APPS/word_vectors train corpus.txt ";
  const ProgramRun kept = run_shell(train + "a.safetensors --dim 8 --sample 0 --subwords");
  CHECK(kept.output.find("sub-words are not in this form") == std::string::npos);
  CHECK(run_shell("$APPS/word_vectors vector '" + (folder / "a.safetensors") + "' potatoes").status == 0);
  const ProgramRun lost = run_shell(train + "a.vec --dim 8 --sample 0 --subwords");
  CHECK(lost.output.find("sub-words are not in this form") != std::string::npos);
}

TEST_CASE("word_vectors train refuses with one line what it cannot learn from") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "corpus", small_corpus());
  const std::string out = " '" + (folder / "out.vec") + "' ";
  const auto refused = [&](const std::string& corpus, const std::string& rest, const std::string& text) {
    check_refused("$APPS/word_vectors train '" + corpus + "'" + rest, text);
  };
  write_text(folder / "empty", "");
  write_text(folder / "rare", "a b\nc d\n");
  write_text(folder / "latin1", "caf\xE9 cr\xE8me\n");
  write_text(folder / "cut.gz", "\x1F\x8B\x08");
  refused(folder / "none", out, "cannot open");
  refused(folder / "empty", out, "holds no word");
  refused(folder / "latin1", out, "in UTF-8 (hint: the encoding latin1");
  refused(folder / "rare", out, "occur at least 5 times");
  refused(folder / "cut.gz", out, "[read_training_corpus]");
  for (const char* const option : {"--dim", "--window", "--epochs", "--threads", "--negative"})
    refused(folder / "corpus", out + option + " 0", option);
  refused(folder / "corpus", out + "--min-count 0", "--min-count");
  refused(folder / "corpus", out + "--lr nan", "lr is nan");
  refused(folder / "corpus", out + "--lr -1", "lr is -1");
  refused(folder / "corpus", out + "--lr 1e38 --sample 0", "gone astray");
  refused(folder / "corpus", out + "--sample nan", "sample is nan");
  refused(folder / "corpus", out + "--method lsa", "--method");
  refused(folder / "corpus", out + "--method glove --subwords", "not for glove");
  refused(folder / "corpus", out + "--subwords --min-chars 5 --max-chars 4", "--min-chars 5 is above --max-chars 4");
  refused(folder / "corpus", " '" + (folder / "out.json") + "'", "is not known");
  refused(folder / "corpus", " '" + (folder / "no/such/out.vec") + "'", "there is no folder");
  CHECK(!std::filesystem::exists(folder / "out.vec"));
}

TEST_CASE("word_vectors train tells of lines that are not UTF-8 and reads on") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "corpus", "caf\xE9\n" + small_corpus());
  const ProgramRun run =
      run_shell("$APPS/word_vectors train '" + (folder / "corpus") + "' '" + (folder / "out.vec") + "' --dim 4");
  CHECK(run.status == 0);
  CHECK(run.errors.find("1 lines left out, the first of them line 1, which is not valid UTF-8") != std::string::npos);
}

TEST_CASE("toy_embeddings comes near the floor of its loss, and draws") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const ProgramRun run = run_shell("$APPS/toy_embeddings --plot '" + (folder / "plots") + "'");
  CHECK(run.status == 0);
  const size_t last = run.output.find("epoch 2000  loss ");
  REQUIRE(last != std::string::npos);
  const double loss = std::stod(run.output.substr(last + 17));
  CHECK(loss > 0.6931);
  CHECK(loss < 0.72);
  for (const char* const picture : {"loss.svg", "cosines.svg", "map.svg"})
    CHECK(roux::read_file(folder / (std::string("plots/") + picture)).find("</svg>") != std::string::npos);
  check_refused("$APPS/toy_embeddings --epochs 0", "--epochs");
  write_text(folder / "file", "");
  check_refused("$APPS/toy_embeddings --epochs 1 --plot '" + (folder / "file") + "/plots'", "file/plots");
}
