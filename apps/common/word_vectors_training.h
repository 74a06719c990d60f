// `word_vectors train`: word vectors from a text of one's own.
#pragma once

namespace roux::apps {

/// Reads the command line behind `word_vectors train`, trains and saves; returns the program's exit status.
int train_vectors_main(int argc, char** argv);

}  // namespace roux::apps
