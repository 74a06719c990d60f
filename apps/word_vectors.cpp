// Word vectors from files: what a file holds, its words asked, other forms, vectors trained from a text.
//
//   build/apps/word_vectors info glove.6B.100d.txt
//   build/apps/word_vectors convert glove.6B.100d.txt glove.safetensors
//   build/apps/word_vectors closest glove.safetensors king
//   build/apps/word_vectors analogy glove.safetensors king - man + woman
//
// The course's answer to the last, with all of glove.6B.100d: queen 0.7834, monarch 0.6934, throne 0.6833, daughter
// 0.6809, prince 0.6713.
//
// Every command is a function of its own, in apps/common/word_vectors_*.cpp.
#include <cstdio>
#include <string>
#include <string_view>

#include "apps/common/program.h"
#include "apps/common/word_vectors_ask.h"
#include "apps/common/word_vectors_files.h"
#include "apps/common/word_vectors_training.h"
#include "tensor/error.h"

namespace roux::apps {
namespace {

struct Command {
  std::string_view name;
  int (*run)(int argc, char** argv);
  const char* help;
};

constexpr Command commands[] = {
    {"info", info_main, "info FILE                what a file holds"},
    {"vector", vector_main, "vector FILE WORD...      the vectors of words"},
    {"convert", convert_main, "convert FILE OUT         the same vectors in another form"},
    {"closest", closest_main, "closest FILE WORD...     the words closest to each word"},
    {"analogy", analogy_main, "analogy FILE A - B + C   the words closest to a sum, king - man + woman say"},
    {"odd", odd_main, "odd FILE WORD...         the word that does not belong to the others"},
    {"similarity", similarity_main, "similarity FILE WORD...  the cosines of all pairs"},
    {"train", train_vectors_main, "train CORPUS OUT         vectors learnt from a text of one's own"},
};

int word_vectors_main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  for (const Command& command : commands)
    if (command.name == name) return command.run(argc - 1, argv + 1);
  std::string help = "Word vectors from files.\nUsage: word_vectors COMMAND ..., of which each has its own --help:\n";
  for (const Command& command : commands) help += std::string("  ") + command.help + "\n";
  help += "Example:\n  word_vectors info glove.6B.100d.txt\n";
  const bool asked = name == "--help" || name == "-h";
  ROUX_CHECK(asked, "options",
             name.empty() ? "a command is missing" : "there is no command '" + std::string(name) + "'",
             "; expected info, vector, convert and so on (hint: --help lists them)");
  std::fputs(help.c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace roux::apps

int main(int argc, char** argv) {
  return roux::apps::run_program("word_vectors", [&] { return roux::apps::word_vectors_main(argc, argv); });
}
