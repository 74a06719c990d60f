// `word_vectors info`, `vector` and `convert`: what a file holds, the vectors of words, the same in another form.
#pragma once

namespace roux::apps {

// Each reads its command line, from the name of the command on, and returns the program's exit status.
int info_main(int argc, char** argv);
int vector_main(int argc, char** argv);
int convert_main(int argc, char** argv);

}  // namespace roux::apps
