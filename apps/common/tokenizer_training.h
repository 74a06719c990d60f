// `tokenize train`: a WordPiece or byte-level BPE tokenizer from files of text.
#pragma once

namespace roux::apps {

/// Reads the command line behind `tokenize train`, trains and saves; returns the program's exit status.
int train_main(int argc, char** argv);

}  // namespace roux::apps
