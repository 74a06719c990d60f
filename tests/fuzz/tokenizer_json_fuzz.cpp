// Fuzzing of tokenizer.json: it must throw Error, or give a tokenizer that encodes, decodes, and comes back the same
// from what is written of it.
//
// What begins with a brace is read as it is. In all else bytes above 127 stand for pieces of the format: few inputs
// would get beyond the JSON otherwise.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "tensor/error.h"
#include "text/tokenizers/tokenizer_json.h"

namespace {

using roux::text::Encoding;
using roux::text::Tokenizer;

constexpr const char* words[] = {
    R"({"version":"1.0","model":)",
    R"({"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##")"
    R"(,"max_input_chars_per_word":9,"vocab":{)",
    R"({"type":"BPE","vocab":{)",
    R"("[UNK]":0,"[CLS]":1,"a":2,"##a":3)",
    R"("a":0,"b":1,"ab":2)",
    R"(},"merges":[["a","b"]]})",
    R"(}})",
    R"(,"pre_tokenizer":{"type":"BertPreTokenizer"})",
    R"(,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true})",
    R"(,"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true)"
    R"(,"strip_accents":null,"lowercase":true})",
    R"(,"post_processor":{"type":"BertProcessing","sep":["[CLS]",1],"cls":["[CLS]",1]})",
    R"(,"post_processor":{"type":"RobertaProcessing","sep":["a",0],"cls":["b",1])"
    R"(,"trim_offsets":true,"add_prefix_space":false})",
    R"(,"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}],"pair":[)",
    R"({"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],"special_tokens":{}})",
    R"(,"decoder":{"type":"WordPiece","prefix":"##","cleanup":true})",
    R"(,"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true})",
    R"(,"added_tokens":[{"id":4,"content":" x","single_word":false,"lstrip":true,"rstrip":true)"
    R"(,"normalized":true,"special":false})",
    R"(,{"id":5,"content":"A","single_word":true,"lstrip":false,"rstrip":true,"normalized":false,"special":true})",
    R"(])",
    R"(,"truncation":{"direction":"Right","max_length":3,"strategy":"LongestFirst","stride":1})",
    R"(,"padding":{"strategy":"BatchLongest","direction":"Left","pad_id":0,"pad_type_id":0,"pad_token":"a"})",
};

std::string described(std::string_view input) {
  std::string file;
  for (const char c : input) {
    const auto byte = static_cast<unsigned char>(c);
    byte < 128 ? file += c : file += words[(byte - 128u) % std::size(words)];
  }
  return file;
}

void require(bool condition) {
  if (!condition) __builtin_trap();
}

void use(const Tokenizer& tokenizer) {
  constexpr std::string_view text = "ab aab  x [CLS] A\xC3\xA9 \xF0\x9F\x98\x80 \xFF";
  try {
    const Encoding encoding = tokenizer.encode_pair(text, "b", tokenizer.defaults().encode);
    for (const auto& span : encoding.offsets) require(span.begin <= span.end && span.end <= 23);
    std::vector<int32_t> ids;
    tokenizer.encode(text, ids);
    require(ids == tokenizer.encode(text).ids);
    tokenizer.decode(ids);
  } catch (const roux::Error&) {
    // No room for the special tokens, or no unknown token.
  }
}

template <class Parse, class Write>
void read(std::string_view bytes, const Parse& parse, const Write& write) {
  std::unique_ptr<Tokenizer> tokenizer;
  try {
    tokenizer = parse(bytes, "fuzz");
  } catch (const roux::Error&) {
    return;  // a refusal is an answer
  }
  use(*tokenizer);
  const std::string written = write(*tokenizer);
  require(write(*parse(written, "fuzz")) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (roux::text::is_own_json(input)) {
    read(input, roux::text::parse_own_json, roux::text::to_own_json);
  } else {
    const auto parse = [](std::string_view json, const char* source) {
      return roux::text::parse_tokenizer_json(json, source);
    };
    read(input.starts_with('{') ? std::string(input) : described(input), parse, roux::text::to_tokenizer_json);
  }
  return 0;
}
