// The command line of finetune.
#include "apps/common/finetune_options.h"

#include <cmath>

#include "apps/common/command_line.h"
#include "apps/common/training_profile.h"

namespace roux::apps {
namespace {

void check(const FinetuneOptions& options) {
  const auto at_least_0 = [](const char* name, double value) {
    ROUX_CHECK(std::isfinite(value) && value >= 0, "options", name, " must be a number of at least 0, found ", value);
  };
  ROUX_CHECK(std::isfinite(options.lr) && options.lr > 0, "options", "--lr must be a number above 0, found ",
             options.lr);
  at_least_0("--weight-decay", options.weight_decay);
  at_least_0("--warmup", options.warmup);
  at_least_0("--clip", options.clip);
  ROUX_CHECK(!options.resume || !options.save.empty(), "options",
             "--resume goes on with the checkpoint in the folder of --save DIR, which is missing");
}

void add_data_options(CommandLine& app, FinetuneOptions& options) {
  app.add_option("--data", options.data, "file of labelled texts: CSV, TSV, fastText's lines")
      ->type_name("FILE")
      ->default_str("the recipes that ship with roux");
  app.add_option("--validation", options.validation, "validate on this file instead of a fifth of the data")
      ->type_name("FILE");
  app.add_option("--text-column", options.text_column, "column of the texts")
      ->type_name("NAME")
      ->default_str("text, name, title, sentence, message, question or review");
  app.add_option("--label-column", options.label_column, "column of the labels")
      ->type_name("NAME")
      ->default_str("label, category, class, target, sentiment, intent or topic");
  app.add_option("--limit", options.limit, "train on N texts, drawn by --seed; 0: all")
      ->type_name("N")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40));
  app.add_option("--max-length", options.max_length,
                 "tokens a text at most, special ones included; longer lose their end")
      ->type_name("N")
      ->default_str("512, or the model's positions where it has fewer")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24));
}

void add_model_options(CommandLine& app, FinetuneOptions& options) {
  app.add_option("--train", options.train,
                 "which part: all, the head (pooler and classifier), or also the last N blocks")
      ->type_name("all|head|last:N");
  app.add_flag("--from-config", options.from_config,
               "start from new weights: FOLDER needs config.json and a tokenizer");
}

void add_optimizer_options(CommandLine& app, FinetuneOptions& options) {
  app.add_option("--weight-decay", options.weight_decay, "weight decay of AdamW, on all that is trained");
  app.add_option("--warmup", options.warmup,
                 "the learning rate rises from 0 over N steps (below 1: over this share of all steps) and then falls "
                 "linearly to 0; 0: it stays as it is")
      ->type_name("N");
  app.add_option("--clip", options.clip, "largest norm of all gradients together; 0: any");
  app.add_option("--precision", options.precision, "what matrix products round their operands to")
      ->type_name("float32|tf32|bfloat16");
}

void add_output_options(CommandLine& app, FinetuneOptions& options) {
  app.add_option(
         "--save", options.save,
         "folder for the trained model, for predict and for Hugging Face's transformers; checkpoints on the way")
      ->type_name("DIR");
  app.add_flag(
      "--resume", options.resume,
      "go on with the checkpoint in the folder of --save, where there is one; it ends as if never interrupted");
  app.add_option("--checkpoint-seconds", options.checkpoint_seconds, "time between checkpoints; one more an epoch")
      ->type_name("N")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 32));
  app.add_option("--json", options.json, "write the results as JSON, as train_recipes does")->type_name("FILE");
  add_profile_option(app, options.profile);
}

}  // namespace

std::optional<FinetuneOptions> parse_finetune_options(int argc, char** argv) {
  FinetuneOptions options;
  CommandLine app("Fine-tunes a pretrained transformer (BERT, DistilBERT) to label texts.", "finetune");
  app.add_option("FOLDER", options.folder, "a Hugging Face folder: config.json, model.safetensors, a tokenizer")
      ->required();
  add_data_options(app, options);
  add_model_options(app, options);
  add_training_options(app, options);
  add_optimizer_options(app, options);
  add_output_options(app, options);
  app.footer(
      "Example: finetune distilbert-base-uncased --data recipes_fruit_veg.csv --train last:2 --save build/finetuned");
  if (!app.read(argc, argv)) return std::nullopt;
  check(options);
  return options;
}

}  // namespace roux::apps
