// `tokenize train`.
#include "apps/common/tokenizer_training.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "apps/common/command_line.h"
#include "apps/common/table.h"
#include "apps/common/text_lines.h"
#include "tensor/parallel.h"
#include "text/tokenizers/bpe.h"
#include "text/tokenizers/bpe_trainer.h"
#include "text/tokenizers/tokenizer_files.h"
#include "text/tokenizers/wordpiece.h"
#include "text/tokenizers/wordpiece_trainer.h"

namespace roux::apps {
namespace {

constexpr int64_t most_tokens = 1 << 30;

struct TrainOptions {
  std::string kind, out;
  int64_t size = 30000;
  int threads = 0;
  bool is_cased = false;
  std::vector<std::string> files;
};

/// A file to read from, closed at the end; "-" is standard input.
class InputFile {
 public:
  explicit InputFile(const std::string& path)
      : descriptor_(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    ROUX_CHECK(descriptor_ >= 0, "input", "cannot open '", path, "': ", std::generic_category().message(errno));
    struct stat status {};
    ROUX_CHECK(::fstat(descriptor_, &status) != 0 || !S_ISDIR(status.st_mode), "input", "'", path,
               "' is a folder; expected a file of text");
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() {
    if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
  }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

/// Shows the trainer all lines of the files. Throws when they hold nothing.
template <class Trainer>
void add_files(const std::vector<std::string>& files, Trainer& trainer) {
  bool is_empty = true;
  for (const std::string& path : files) {
    const InputFile file(path);
    TextLines lines(file.descriptor());
    for (std::vector<std::string_view> block; lines.next(block);) {
      text::StringList texts;
      for (const std::string_view line : block) {
        texts.push_back(line);
        is_empty = is_empty && line.empty();
      }
      trainer.add(texts);
    }
  }
  ROUX_CHECK(!is_empty, "input", "there is no text to train on");
}

/// Special tokens with the ids of their places.
text::AddedTokens special_tokens(const std::vector<std::string>& contents) {
  std::vector<text::AddedToken> tokens;
  for (const std::string& content : contents) {
    text::AddedToken& token = tokens.emplace_back();
    token.content = content;
    token.id = static_cast<int32_t>(tokens.size()) - 1;
    token.special = true;
  }
  return text::AddedTokens(std::move(tokens));
}

/// Shows on a terminal how many of the tokens there are, until it is destroyed.
text::TokenizerTrainingProgress shown_progress() {
  return [progress = std::shared_ptr<Progress>(), done = int64_t{0}](int64_t tokens, int64_t vocab_size) mutable {
    if (progress == nullptr) progress = std::make_shared<Progress>(vocab_size);
    progress->advance(std::min(tokens, vocab_size) - done);
    done = std::min(tokens, vocab_size);
  };
}

std::unique_ptr<text::Tokenizer> train_wordpiece(const TrainOptions& options) {
  text::WordPieceTrainerOptions training;
  training.progress = shown_progress();
  training.vocab_size = options.size;
  training.normalizer.lowercase = !options.is_cased;
  text::WordPieceTrainer trainer(training);
  add_files(options.files, trainer);
  text::WordPieceOptions model;
  model.lowercase = !options.is_cased;
  constexpr int32_t cls = 2, sep = 3;  // their places among the special tokens
  return std::make_unique<text::WordPieceTokenizer>(trainer.train(), model, special_tokens(training.special_tokens),
                                                    text::PostProcessor::bert("[CLS]", cls, "[SEP]", sep));
}

std::unique_ptr<text::Tokenizer> train_bpe(const TrainOptions& options) {
  text::BpeTrainerOptions training;
  training.progress = shown_progress();
  training.vocab_size = options.size;
  training.special_tokens = {"<|endoftext|>"};
  text::BpeTrainer trainer(training);
  add_files(options.files, trainer);
  text::TrainedBpe trained = trainer.train();
  return std::make_unique<text::BpeTokenizer>(std::move(trained.vocabulary), std::move(trained.merges),
                                              text::BpeOptions{}, special_tokens(training.special_tokens));
}

}  // namespace

int train_main(int argc, char** argv) {
  TrainOptions options;
  CommandLine app("Trains a tokenizer on files of text, a text a line, and saves it.", "tokenize train");
  app.add_option("--kind", options.kind, "as BERT or as GPT-2 has it")
      ->required()
      ->type_name("wordpiece|bpe")
      ->check(CLI::IsMember({"wordpiece", "bpe"}));
  app.add_option("--size", options.size,
                 "tokens at most, special ones included; more only where characters alone are more")
      ->check(CLI::Range(int64_t{1}, most_tokens));
  app.add_option("--out", options.out, "folder to write the tokenizer's files to")->required()->type_name("DIR");
  app.add_flag("--cased", options.is_cased, "wordpiece: tell upper from lower case");
  add_threads_option(app, options.threads);
  app.add_option("FILE", options.files, "files to train on, .gz too; - is standard input")
      ->required()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.footer("Example: tokenize train --kind wordpiece --size 8000 --out build/pieces corpus.txt");
  if (!app.read(argc, argv)) return 0;
  ROUX_CHECK(!options.is_cased || options.kind == "wordpiece", "options",
             "--cased is for wordpiece; byte-level BPE always tells upper from lower case");
  if (options.threads > 0) set_num_threads(options.threads);
  const std::unique_ptr<text::Tokenizer> tokenizer =
      options.kind == "bpe" ? train_bpe(options) : train_wordpiece(options);
  text::save_tokenizer(*tokenizer, options.out);
  const int64_t size = tokenizer->vocabulary_size();
  std::printf("%s: %lld tokens%s\n", options.out.c_str(), static_cast<long long>(size),
              size > options.size ? ", more than --size: each character of the text is one" : "");
  return 0;
}

}  // namespace roux::apps
