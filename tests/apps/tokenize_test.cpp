// tokenize from the outside: what it prints, in which forms, and how it takes bad input.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/apps/programs.h"
#include "tests/temporary_folder.h"
#include "text/tokenizers/tokenizer_files.h"

using nlohmann::json;

namespace {

const std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ni\nlove\nmy\ndog\ncat\n##s\n";

/// What `tokenize` prints with these arguments; it must end well.
std::string output(const std::string& arguments, const std::string& input = "") {
  CAPTURE(arguments);
  const ProgramRun run = run_shell("$APPS/tokenize " + arguments, input);
  CHECK_MESSAGE(run.status == 0, run.errors);
  CHECK(run.errors.empty());
  return run.output;
}

void check_tokenize_refused(const std::string& arguments, const std::string& text, const std::string& input = "") {
  check_refused("$APPS/tokenize " + arguments, text, input);
}

}  // namespace

TEST_CASE("tokenize: words of the texts themselves, and characters") {
  if (!programs_built()) return;
  CHECK(output("'I love my dog' 'I love my cat'") ==
        "tokens\ti love my dog\nids\t1 2 3 4\nmask\t1 1 1 1\ntokens\ti love my cat\nids\t1 2 3 5\nmask\t1 1 1 1\n");
  CHECK(output("--ids", "I love my dog\r\nI love my cat") == "1 2 3 4\n1 2 3 5\n");
  CHECK(output("--ids --punctuation split --contractions \"don't!\"") == "1 2 3\n");
  CHECK(output("--ids --cased 'Hi hi'") == "1 2\n");
  CHECK(output("--ids --tokenizer char @A SILENT") == "64 65\n83 73 76 69 78 84\n");
  CHECK(output("--ids --tokenizer char '\U0001869F\U000186A0\U0010FFFF\u03E7'") == "99999 100000 1114111 999\n");
  CHECK(output("--ids", "") == "");
  CHECK(output("--ids", "\n\n") == "\n\n");
}

TEST_CASE("tokenize: a model's vocabulary, special tokens, pairs, padding, truncation") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "vocab.txt", vocabulary);
  const std::string model = "--tokenizer '" + folder.path().string() + "' ";
  CHECK(output(model + "'My dogs'") == "tokens\t[CLS] my dog ##s [SEP]\nids\t2 7 8 10 3\nmask\t1 1 1 1 1\n");
  CHECK(output(model + "--ids --no-special 'My dogs'") == "7 8 10\n");
  CHECK(output("--tokenizer '" + (folder / "vocab.txt") + "' --ids x") == "2 1 3\n");
  CHECK(output(model + "--pair 'my dog' cat") ==
        "tokens\t[CLS] my dog [SEP] cat [SEP]\nids\t2 7 8 3 9 3\ntypes\t0 0 0 0 1 1\nmask\t1 1 1 1 1 1\n");
  CHECK(output(model + "--pair --ids", "my\tcat\n\tdog\n") == "2 7 3 9 3\n2 3 8 3\n");
  CHECK(output(model + "--ids --max-length 4 'i love my dog'") == "2 5 6 3\n");
  CHECK(output(model + "--ids --pair --max-length 6 --truncation only_second 'i love' 'my dog cat'") ==
        "2 5 6 3 7 3\n");
  CHECK(output(model + "--ids --padding longest", "i\ni love my\n") == "2 5 3 0 0\n2 5 6 7 3\n");
  CHECK(output(model + "--padding max --max-length 5 i") ==
        "tokens\t[CLS] i [SEP] [PAD] [PAD]\nids\t2 5 3 0 0\nmask\t1 1 1 0 0\n");
  const json one = json::parse(output(model + "--json 'my dogs'"));
  CHECK(one["tokens"] == json({"[CLS]", "my", "dog", "##s", "[SEP]"}));
  CHECK(one["ids"] == json({2, 7, 8, 10, 3}));
  CHECK(one["offsets"][3] == json({6, 7}));
  CHECK(one["special_tokens_mask"] == json({1, 0, 0, 0, 1}));
  const std::string count = output(model + "--count", "i love\nmy dog\n");
  CHECK(count.substr(0, 4) == "2\t8\t");
  CHECK(std::count(count.begin(), count.end(), '\n') == 1);
}

TEST_CASE("tokenize: --truncation, --max-length and --padding beside what a tokenizer.json says of them") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "vocab.txt", vocabulary);
  const auto tokenizer = roux::text::load_tokenizer(folder / "vocab.txt");
  roux::text::TokenizerDefaults defaults = tokenizer->defaults();
  defaults.encode.max_length = 5;
  defaults.encode.truncation = roux::text::TruncationStrategy::only_first;
  defaults.asks_for_padding = true;
  defaults.padding_side = roux::text::Side::right;
  defaults.padding_type_id = 3;
  tokenizer->set_defaults(defaults);
  roux::text::save_tokenizer(*tokenizer, folder / "saved");
  const std::string model = "--tokenizer '" + (folder / "saved") + "' --pair ";
  check_tokenize_refused(model + "i 'my dog cat'", "(hint: truncation longest_first)");
  CHECK(output(model + "--ids --truncation longest_first i 'my dog cat'") == "2 5 3 7 3\n");
  CHECK(output(model + "--ids --max-length 0 i 'my dog cat'") == "2 5 3 7 8 9 3\n");
  CHECK(output(model + "--max-length 6 --padding max i my").find("types\t0 0 0 1 1 3\n") != std::string::npos);
}

TEST_CASE("tokenize: many lines in order for any number of threads, and one long line") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "vocab.txt", vocabulary);
  const std::string model = "--tokenizer '" + (folder / "vocab.txt") + "' --ids ";
  std::string input, expected;
  for (int i = 0; i < 30000; ++i) {
    input += std::string(static_cast<size_t>(i % 5), 'i') + " my dog cat\n";
    expected += i % 5 == 0 ? "2 7 8 9 3\n" : i % 5 == 1 ? "2 5 7 8 9 3\n" : "2 1 7 8 9 3\n";
  }
  for (const std::string threads : {"1", "2", "3"}) {
    CAPTURE(threads);
    CHECK(output(model + "--threads " + threads, input) == expected);
    CHECK(output(model + "--threads " + threads, input + "\n\ni") == expected + "2 3\n2 3\n2 5 3\n");
  }
  std::string long_line;
  for (int i = 0; i < 2500000; ++i) long_line += "dog ";
  CHECK(output(model, "i\n" + long_line).size() == 6 + 2 * 2500001 + 2);
  CHECK(output(model, long_line + "\ni\n").ends_with(" 8 8 3\n2 5 3\n"));
}

TEST_CASE("tokenize: a byte order mark is left out, and what is compressed unpacked") {
  if (!programs_built()) return;
  CHECK(output("--ids --tokenizer char",
               "\xEF\xBB\xBF"
               "a\n") == "97\n");
  CHECK(output("--ids --tokenizer char",
               "a\n\xEF\xBB\xBF"
               "b\n") == "97\n65279 98\n");
  CHECK(output("--ids --tokenizer char", "\xEF\xBB\xBF") == "");
  CHECK(output("--ids --tokenizer char", "\xEF\xBB") == "65533\n");
  const std::string packed = "printf '\\357\\273\\277a\\nb\\n' | gzip -c | ";
  CHECK(run_shell(packed + "$APPS/tokenize --ids --tokenizer char").output == "97\n98\n");
  CHECK(run_shell(packed + "head -c 20 | $APPS/tokenize --ids").errors.starts_with("tokenize: [input] "));
  // A short line is answered before the next one comes.
  CHECK(run_shell("{ echo a; sleep 0.3; echo b >&2; } | $APPS/tokenize --ids --tokenizer char >&2").errors ==
        "97\nb\n");
}

TEST_CASE("tokenize: bad input") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "vocab.txt", vocabulary);
  const std::string model = "--tokenizer '" + (folder / "vocab.txt") + "' ";
  CHECK(output("--ids --tokenizer char", "a\xFF\n") == "97 65533\n");
  check_tokenize_refused("--ids --invalid refuse", "line 2 is not valid UTF-8", "a\n\xFF\n");
  check_tokenize_refused("--pair --ids", "line 2 has no tab; expected a pair", "a\tb\nc\n");
  check_tokenize_refused("--pair a b c", "'c' has no second text");
  check_tokenize_refused("--tokenizer '" + (folder / "none") + "' x", "is not there");
  check_tokenize_refused(model + "--max-length 1 x", "the 2 special tokens alone are more");
  check_tokenize_refused(model + "--max-length -1 x", "--max-length: Value -1 not in range");
  check_tokenize_refused(model + "--padding max x", "there is no length");
  check_tokenize_refused(model + "--truncation only_first x", "--truncation, and there is no length");
  write_text(folder / "few.txt", "[UNK]\n[CLS]\n[SEP]\na\n");
  check_tokenize_refused("--tokenizer '" + (folder / "few.txt") + "' --padding longest a",
                         "has no token to pad with (hint:");
  check_tokenize_refused(model + "--ids --json x", "--ids excludes --json");
  check_tokenize_refused(model + "--cased x", "--cased belongs to --tokenizer word");
  check_tokenize_refused("--padding least x", "--padding");
  check_tokenize_refused("--truncation never x", "--truncation");
  check_tokenize_refused("--unknown", "--unknown");
  check_tokenize_refused("train --kind bpe x", "--out");
  check_tokenize_refused("train --kind unigram --out '" + (folder / "out") + "' x", "--kind");
  check_tokenize_refused("train --kind bpe --out '" + (folder / "out") + "' '" + (folder / "none") + "'",
                         "cannot open");
  CHECK(output("--help").find("Example: tokenize") != std::string::npos);
  CHECK(output("train --help").find("Example: tokenize train") != std::string::npos);
}

TEST_CASE("tokenize train: the folder that it writes is one that it reads") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  std::string corpus;
  for (int i = 0; i < 200; ++i) corpus += "Low lower lowest, new newer newest " + std::to_string(i % 7) + "\n";
  write_text(folder / "corpus.txt", corpus);
  for (const std::string kind : {"wordpiece", "bpe"}) {
    CAPTURE(kind);
    const std::string out = folder / kind;
    const std::string size = kind == "bpe" ? "270" : "35";
    CHECK(output("train --kind " + kind + " --size " + size + " --out '" + out + "' '" + (folder / "corpus.txt") +
                 "'") == out + ": " + size + " tokens\n");
    CHECK(output("train --kind " + kind + " --size " + size + " --out '" + out + "2' -", corpus) ==
          out + "2: " + size + " tokens\n");
    const std::string ids = output("--ids --tokenizer '" + out + "' 'lower newest'");
    CHECK(std::count(ids.begin(), ids.end(), ' ') < 8);
    CHECK(output("--ids --tokenizer '" + out + "2' 'lower newest'") == ids);
    CHECK(output("--ids --tokenizer '" + out + "/tokenizer.json' 'lower newest'") == ids);
  }
}
