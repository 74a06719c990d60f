// Fuzzes the binary forms of word vectors: word2vec's, models of fastText, our own, and gzip around any. They must be
// refused, or give vectors of words that are found, and of unseen words where there are sub-words.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "tensor/error.h"
#include "text/gzip.h"
#include "text/word_vectors/word_vectors.h"

using namespace roux::text;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void read(const std::string& bytes, int64_t max_words) {
  try {
    LoadReport report;
    const WordVectors vectors = parse_word_vectors(bytes, "fuzz.bin", {.max_words = max_words, .report = &report});
    const bool ours = report.form == "safetensors";  // whose slots are believed
    for (int64_t row = 0; row < vectors.size(); ++row) {
      const int32_t found = vectors.find(vectors.word(row));
      require(ours || found == row);
    }
    require(to_string(vectors.vectors().clone()) == to_string(vectors.vectors()));  // touches every number
    if (vectors.subwords() != nullptr) vectors.vector("un\xC3\xA9seen", UnknownWord::subwords);
  } catch (const roux::Error&) {
    // A refusal is an answer.
  }
}

/// All the bytes of a gzip input, or what was wrong with them, in reads of a size.
std::string unpacked(const std::string& bytes, size_t step) {
  std::string all, part(step, '\0');
  try {
    const ReadFunction unpack = gunzipped(memory_bytes(bytes), "fuzz", "fuzz");
    for (size_t count = 1; count > 0 && all.size() < 100'000;) all.append(part, 0, count = unpack(part.data(), step));
  } catch (const roux::Error& error) {
    all = error.what();
  }
  return all;
}

}  // namespace

/// The first byte chooses: a file as it is, one behind the length that safetensors begin with, one behind fastText's
/// magic number, or gzip.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const int64_t max_words = data[0] & 4 ? 1 : 0;
  switch (data[0] & 3) {
    case 0: read(bytes, max_words); break;
    case 1: {
      const uint64_t header = bytes.rfind('}') + 1;  // none: 0
      read(std::string(reinterpret_cast<const char*>(&header), sizeof header) + bytes, max_words);
      break;
    }
    case 2: {
      std::string model(8, '\0');
      const int32_t head[] = {793712314, 12};
      std::memcpy(model.data(), head, sizeof head);
      read(model + bytes, max_words);
      break;
    }
    default: {
      read("\x1F\x8B" + bytes, max_words);
      const std::string large = unpacked("\x1F\x8B" + bytes, 4096);
      require(large.size() > 100'000 || unpacked("\x1F\x8B" + bytes, 7) == large);
    }
  }
  return 0;
}
