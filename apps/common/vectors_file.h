// Word vectors as programs load them: with progress on a terminal, and a word about what was skipped.
#pragma once

#include <cstdint>
#include <string>

#include "text/ngram_encoder.h"
#include "text/word_vectors/embedding_table.h"
#include "text/word_vectors/word_vectors.h"

namespace roux::apps {

/// Loads the file at `path`; a large one shows how far it is where standard output is a terminal.
text::WordVectors load_vectors(const std::string& path, text::LoadOptions options = {});

/// The same, and a line on standard error when rows had to be skipped, so that standard output stays what was asked
/// for.
text::WordVectors load_vectors_for_use(const std::string& path, text::LoadOptions options = {});

/// What stands for words that have no vector: their sub-words where the file has some, else nothing.
text::UnknownWord unknown_of(const text::WordVectors& vectors);

/// What is lost when these vectors are written to `path`, as a line with its end; empty: nothing.
std::string lost_in(const std::string& path, const text::WordVectors& vectors);

/// The vectors of an encoder's words alone. Throws when the file has none of them.
text::WordVectors load_vectors_of(const std::string& path, const text::NgramEncoder& encoder);

/// A row for each id of the encoder: what a classifier of word vectors starts from.
text::EmbeddingTable table_of(const text::NgramEncoder& encoder, const text::WordVectors& vectors, uint64_t seed);

}  // namespace roux::apps
