// What all programs do the same way: output that cannot be written is told, and nothing goes where it should not.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/apps/programs.h"
#include "tests/temporary_folder.h"

TEST_CASE("programs: output that is lost is an error, on one line") {
  if (!programs_built()) return;
  for (const char* const command :
       {"tokenize a", "tokenize --help", "vectorize a b", "classify --help", "predict --help", "train_recipes --help"})
    for (const char* const lost : {" > /dev/full", " >&-"}) {
      const ProgramRun run = run_shell("$APPS/" + std::string(command) + lost);
      CAPTURE(command);
      CAPTURE(lost);
      CHECK(run.status == 1);
      CHECK(std::count(run.errors.begin(), run.errors.end(), '\n') == 1);
      CHECK_MESSAGE(run.errors.find("[output] cannot write") != std::string::npos, run.errors);
    }
}

TEST_CASE("programs: what is printed while standard output is closed goes into no file") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "corpus", "i love my dog\ni love my cat\n");
  const std::string train =
      "$APPS/tokenize train --kind wordpiece '" + (folder / "corpus") + "' --out '" + folder.path().string() + "'/";
  CHECK(run_shell(train + "whole").status == 0);
  CHECK(run_shell(train + "closed >&- 2>&- <&-").status == 1);
  const ProgramRun difference = run_shell("diff -r '" + (folder / "whole") + "' '" + (folder / "closed") + "'");
  CHECK_MESSAGE(difference.status == 0, difference.output);
}

TEST_CASE("programs: --help says once what an option takes") {
  if (!programs_built()) return;
  const auto help_has = [](const std::string& program, const std::string& line) {
    const std::string help = run_shell("$APPS/" + program + " --help").output;
    CHECK_MESSAGE(help.find(line) != std::string::npos, help);
    CHECK(help.find(":{") == std::string::npos);
  };
  help_has("tokenize", "\n  --padding longest|max ");
  help_has("tokenize", "\n  --truncation longest_first|only_first|only_second=what the files say\n");
  help_has("tokenize train", "\n  --kind wordpiece|bpe REQUIRED\n");
  help_has("vectorize", "\n  TEXT ... ");
  help_has("classify train", "\n  --epochs INT in [1 - 1000000]=12\n");
  help_has("classify train", "\n  --word-ngrams N in [0 - 16]=2; max and sum: 1\n");
  help_has("predict", "\n  DIR REQUIRED ");
  help_has("predict", "\n  --device cpu|cuda[:N]|auto=cpu\n");
}
