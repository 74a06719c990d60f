// Times tokenizers, and writes what they make of given texts, for comparison with others of their kind
// (tests/bench/peers/tokenizers_agreement.py).
//
//   tokenizers_bench time TOKENIZER TEXTS [--repeat N] [--threads N]    TEXTS: one a line; prints a line of JSON
//   tokenizers_bench write TOKENIZER TEXTS OUT [--pairs]                TEXTS: each its length (uint32) and its bytes
//
// TOKENIZER: a folder, tokenizer.json, or vocab.txt. `write` writes for each text, or for each two with --pairs, the
// number of tokens, ids, type ids, attention mask, special tokens mask (int32 each), and beginnings and ends of
// offsets.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tensor/parallel.h"
#include "tests/bench/lines.h"
#include "text/corpus.h"
#include "text/string_list.h"
#include "text/tokenizers/tokenizer_files.h"

namespace {

using namespace roux;

text::StringList length_prefixed(std::string_view bytes) {
  text::StringList texts;
  while (!bytes.empty()) {
    uint32_t length = 0;
    ROUX_CHECK(bytes.size() >= sizeof length, "tokenizers_bench", "the file of texts is cut off");
    std::memcpy(&length, bytes.data(), sizeof length);
    ROUX_CHECK(bytes.size() - sizeof length >= length, "tokenizers_bench", "the file of texts is cut off");
    texts.push_back(bytes.substr(sizeof length, length));
    bytes.remove_prefix(sizeof length + length);
  }
  return texts;
}

/// The first time, and the shortest of all.
struct Times {
  double cold = 0;
  double warm = 0;
};

/// Of the call alone: what it returned is freed when the clock has been read.
template <class Call>
Times times_of(int repeat, const Call& call) {
  Times times;
  for (int i = 0; i < repeat; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    [[maybe_unused]] const auto result = call();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (i == 0) times = {seconds, seconds};
    times.warm = std::min(times.warm, seconds);
  }
  return times;
}

/// Each kind of call on a tokenizer of its own, so that each begins with an empty cache.
void time(const std::string& path, const std::string& texts_path, int repeat) {
  const std::string bytes = read_file(texts_path);
  const text::StringList texts = bench::lines_of(bytes);
  const auto for_ids = text::load_tokenizer(path);
  const Times ids = times_of(repeat, [&] { return text::encode_texts(*for_ids, texts); });
  const size_t tokens = text::encode_texts(*for_ids, texts).ids.size();
  const auto for_encodings = text::load_tokenizer(path);
  const Times encodings = times_of(repeat, [&] { return for_encodings->encode_batch(texts); });
  const double megabytes = static_cast<double>(bytes.size() - static_cast<size_t>(texts.size())) / 1e6;
  std::printf(
      "{\"tokenizer\": \"%s\", \"threads\": %d, \"texts\": %lld, \"mb\": %.2f, \"tokens\": %zu, "
      "\"ids_cold_mb_per_s\": %.1f, \"ids_mb_per_s\": %.1f, "
      "\"encodings_cold_mb_per_s\": %.1f, \"encodings_mb_per_s\": %.1f}\n",
      path.c_str(), num_threads(), static_cast<long long>(texts.size()), megabytes, tokens, megabytes / ids.cold,
      megabytes / ids.warm, megabytes / encodings.cold, megabytes / encodings.warm);
}

void append(std::string& out, const text::Encoding& encoding) {
  const auto put = [&](int32_t value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); };
  put(static_cast<int32_t>(encoding.size()));
  for (const int32_t id : encoding.ids) put(id);
  for (const int32_t type : encoding.type_ids) put(type);
  for (const uint8_t attended : encoding.attention_mask) put(attended);
  for (const uint8_t special : encoding.special_tokens_mask) put(special);
  for (const text::TextSpan& span : encoding.offsets) put(span.begin);
  for (const text::TextSpan& span : encoding.offsets) put(span.end);
}

/// Also compares the ids of the call that gives ids alone.
void write(const std::string& path, const std::string& texts_path, const std::string& out_path, bool pairs) {
  const auto tokenizer = text::load_tokenizer(path);
  const text::StringList texts = length_prefixed(read_file(texts_path));
  std::string out;
  std::vector<int32_t> ids;
  for (int64_t i = 0; i + (pairs ? 1 : 0) < texts.size(); i += pairs ? 2 : 1) {
    const text::Encoding encoding =
        pairs ? tokenizer->encode_pair(texts[i], texts[i + 1]) : tokenizer->encode(texts[i]);
    append(out, encoding);
    if (pairs) continue;
    ids.clear();
    tokenizer->encode(texts[i], ids);
    ROUX_CHECK(ids == encoding.ids, "tokenizers_bench", "text ", i, ": ids alone differ from those of the encoding");
  }
  write_file_atomically(out_path, out);
}

int run(const std::vector<std::string>& arguments) {
  const auto option = [&](const std::string& name, int otherwise) {
    const auto found = std::find(arguments.begin(), arguments.end(), name);
    return found != arguments.end() && found + 1 != arguments.end() ? std::stoi(*(found + 1)) : otherwise;
  };
  set_num_threads(option("--threads", 1));
  if (arguments.size() >= 3 && arguments[0] == "time") {
    time(arguments[1], arguments[2], std::max(option("--repeat", 5), 1));
  } else if (arguments.size() >= 4 && arguments[0] == "write") {
    write(arguments[1], arguments[2], arguments[3], arguments.back() == "--pairs");
  } else {
    std::puts("tokenizers_bench time TOKENIZER TEXTS [--repeat N] [--threads N] | write TOKENIZER TEXTS OUT [--pairs]");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
