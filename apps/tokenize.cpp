// Turns texts into tokens:
//
//   build/apps/tokenize "I love my dog" "I love my cat"                  # i 1, love 2, my 3, dog 4, cat 5
//   build/apps/tokenize --tokenizer bert/vocab.txt "I love my dog"       # 101 1045 2293 2026 3899 102
//   build/apps/tokenize --tokenizer bert/vocab.txt --ids < titles.txt
//   build/apps/tokenize train --kind wordpiece --size 8000 --out build/pieces corpus.txt
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/command_line.h"
#include "apps/common/program.h"
#include "apps/common/text_lines.h"
#include "apps/common/token_output.h"
#include "apps/common/tokenizer_training.h"
#include "tensor/parallel.h"
#include "text/tokenizers/char_tokenizer.h"
#include "text/tokenizers/tokenizer_files.h"
#include "text/tokenizers/word_tokenizer.h"

namespace roux::apps {
namespace {

struct Options {
  std::string tokenizer = "word", padding, truncation, invalid = "replace", punctuation = "keep";
  std::optional<int64_t> max_length;
  int threads = 0;
  bool is_pair = false, ids = false, no_special = false, count = false, json = false;
  text::WordOptions words;
  std::vector<std::string> texts;
};

void declare(CommandLine& app, Options& options) {
  app.add_option("TEXT", options.texts, "texts; without any, one a line from standard input")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--tokenizer", options.tokenizer,
                 "word: words of the texts themselves, from 1; char: Unicode code points; or a model's folder, "
                 "tokenizer.json, vocab.txt")
      ->type_name("word|char|DIR|FILE");
  app.add_flag("--pair", options.is_pair, "two texts a line, a tab between; arguments two by two");
  app.add_option("--max-length", options.max_length, "tokens at most, special ones included; 0: any number")
      ->type_name("N")
      ->default_str("what the files say")
      ->check(CLI::Range(0, 1 << 24));
  app.add_option("--padding", options.padding, "to the longest of all texts, or to --max-length")
      ->type_name("longest|max")
      ->check(CLI::IsMember({"longest", "max"}));
  app.add_option("--truncation", options.truncation, "which text of a pair loses tokens")
      ->type_name("MODE")
      ->default_str("what the files say")
      ->check(CLI::IsMember({"longest_first", "only_first", "only_second"}));
  add_threads_option(app, options.threads);
  app.add_flag("--ids", options.ids, "print the ids alone, a line a text");
  app.add_flag("--no-special", options.no_special, "leave special tokens out");
  app.add_flag("--count", options.count, "print one line alone: texts, tokens, seconds of encoding");
  app.add_flag("--json", options.json, "print a JSON object a text");
  app.get_option("--ids")->excludes("--json")->excludes("--count");
  app.get_option("--json")->excludes("--count");
  app.add_option("--invalid", options.invalid, "what to do with invalid UTF-8")
      ->check(CLI::IsMember({"replace", "refuse"}));
  app.add_option("--punctuation", options.punctuation, "word: what becomes of it")
      ->check(CLI::IsMember({"keep", "split", "remove"}));
  app.add_flag("!--cased", options.words.lowercase, "word: tell upper from lower case");
  app.add_flag("--strip-accents", options.words.strip_accents, "word: without accents");
  app.add_flag("--contractions", options.words.expand_contractions, "word: don't is do not");
  app.footer("Example: tokenize \"I love my dog\" \"I love my cat\"\n`tokenize train --help` tells how to train one.");
}

std::unique_ptr<text::Tokenizer> make_tokenizer(const Options& options, const std::vector<std::string_view>& texts) {
  if (options.tokenizer == "char") return std::make_unique<text::CharTokenizer>();
  if (options.tokenizer != "word") return text::load_tokenizer(options.tokenizer);
  text::WordOptions words = options.words;
  words.punctuation = text::punctuation_from(options.punctuation);
  text::StringList list;
  for (const std::string_view one : texts) list.push_back(one);
  return std::unique_ptr<text::Tokenizer>(new text::WordTokenizer(text::WordTokenizer::build(list, words)));
}

TokenOutputOptions output_options(const Options& options, const text::Tokenizer& tokenizer) {
  TokenOutputOptions output;
  output.encode = tokenizer.defaults().encode;
  output.encode.add_special_tokens = !options.no_special;
  if (options.max_length) output.encode.max_length = *options.max_length;
  if (options.truncation == "longest_first") output.encode.truncation = text::TruncationStrategy::longest_first;
  if (options.truncation == "only_first") output.encode.truncation = text::TruncationStrategy::only_first;
  if (options.truncation == "only_second") output.encode.truncation = text::TruncationStrategy::only_second;
  output.form = options.count  ? TokenForm::count
                : options.json ? TokenForm::json
                : options.ids  ? TokenForm::ids
                               : TokenForm::lines;
  output.is_pair = options.is_pair;
  output.refuse_invalid = options.invalid == "refuse";
  output.pads = !options.padding.empty();
  if (options.padding == "max") {
    if (output.encode.max_length == 0) output.encode.max_length = tokenizer.defaults().model_max_length;
    output.padded_length = output.encode.max_length;
    ROUX_CHECK(output.padded_length > 0, "options", "--padding max, and there is no length (hint: --max-length)");
  }
  ROUX_CHECK(!output.pads || tokenizer.pad_id(), "options", "--padding, and '", options.tokenizer,
             "' has no token to pad with (hint: leave --padding out, or name another tokenizer)");
  ROUX_CHECK(options.truncation.empty() || output.encode.max_length > 0, "options",
             "--truncation, and there is no length (hint: --max-length)");
  return output;
}

int tokenize_main(int argc, char** argv) {
  Options options;
  CommandLine app("Turns texts into tokens, ids and masks.", "tokenize");
  declare(app, options);
  if (!app.read(argc, argv)) return 0;
  for (const char* name : {"--punctuation", "--cased", "--strip-accents", "--contractions"})
    ROUX_CHECK(options.tokenizer == "word" || app.count(name) == 0, "options", name, " belongs to --tokenizer word");
  if (options.threads > 0) set_num_threads(options.threads);

  // Words get their ids, and padding its length, from all texts together.
  const bool needs_all = options.tokenizer == "word" || options.padding == "longest";
  TextLines lines(STDIN_FILENO, needs_all);
  const std::vector<std::string> arguments = options.is_pair ? pairs_of(options.texts) : options.texts;
  std::vector<std::string_view> block(arguments.begin(), arguments.end());
  if (arguments.empty()) lines.next(block);
  const std::unique_ptr<text::Tokenizer> tokenizer = make_tokenizer(options, block);
  TokenWriter writer(*tokenizer, output_options(options, *tokenizer));
  while (!block.empty()) {
    writer.write(block);
    if (!arguments.empty() || !lines.next(block)) break;
  }
  const EncodedCounts& counts = writer.counts();
  if (options.count)
    std::printf("%lld\t%lld\t%.6f\n", static_cast<long long>(counts.texts), static_cast<long long>(counts.tokens),
                counts.seconds);
  return 0;
}

}  // namespace
}  // namespace roux::apps

int main(int argc, char** argv) {
  return roux::apps::run_program("tokenize", [&] {
    const bool trains = argc > 1 && std::string_view(argv[1]) == "train";
    return trains ? roux::apps::train_main(argc - 1, argv + 1) : roux::apps::tokenize_main(argc, argv);
  });
}
