// Safetensors files: round trips, the layout that is written, and every refusal of the reader.
#include "tensor/safetensors.h"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "tensor/file.h"
#include "tensor/ops.h"
#include "tests/temporary_folder.h"

using namespace roux;

namespace {

// A file by hand: the header's length, the header, `data_bytes` bytes of data (1, 2, 3, ...).
std::string file_of(const std::string& header, size_t data_bytes = 0) {
  const uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += header;
  for (size_t i = 0; i < data_bytes; ++i) bytes += static_cast<char>(i + 1);
  return bytes;
}

SafetensorsFile parse(const std::string& bytes) {
  const Storage storage = Storage::allocate(bytes.size(), cpu);
  std::memcpy(storage.data(), bytes.data(), bytes.size());
  return parse_safetensors(storage, "x");
}

// The reason why the reader refuses this, or "" when it takes it.
std::string refusal(const std::string& bytes) {
  try {
    parse(bytes);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

}  // namespace

TEST_CASE("safetensors come back as they were saved, in every dtype") {
  const TemporaryFolder folder;
  const Tensor x = Tensor::from<double>({1.5, -2, 0, 0.25, 3, -1}, {2, 3});
  NamedTensors tensors;
  for (const DType dtype : {float64, float32, float16, bfloat16, int64, int32, boolean}) {
    tensors.emplace_back(name(dtype), x.to(dtype));
  }
  tensors.emplace_back("scalar", Tensor::scalar(7));
  tensors.emplace_back("nothing", Tensor::empty({3, 0, 2}));
  tensors.emplace_back("turned", x.transpose(0, 1));
  const Metadata metadata{{"format", "roux"}, {"epoch", "3"}};
  save_safetensors(folder / "a.safetensors", tensors, metadata);

  const SafetensorsFile file = load_safetensors(folder / "a.safetensors");
  CHECK(file.metadata == Metadata{{"epoch", "3"}, {"format", "roux"}});
  REQUIRE(file.tensors.size() == tensors.size());
  for (const auto& [key, tensor] : tensors) {
    const std::string tensor_name = key;
    CAPTURE(tensor_name);
    const Tensor* const found = file.find(tensor_name);
    REQUIRE(found != nullptr);
    CHECK(found->dtype() == tensor.dtype());
    CHECK(found->shape() == tensor.shape());
    CHECK(found->to_vector<double>() == tensor.to_vector<double>());
  }
  for (size_t i = 1; i < file.tensors.size(); ++i) CHECK(file.tensors[i - 1].first < file.tensors[i].first);
  CHECK(file.find("missing") == nullptr);
  CHECK(file.find("zzz") == nullptr);
}

TEST_CASE("safetensors are written by element size, then name, behind a header padded to 8 bytes") {
  const TemporaryFolder folder;
  const NamedTensors tensors{{"b", Tensor::full({2}, 2.0f)},
                             {"c", Tensor::ones({1}, boolean)},
                             {"a", Tensor::ones({1})},
                             {"z", Tensor::full({1}, 5, int64)}};
  save_safetensors(folder / "a", tensors, {{"k", "v"}});
  std::string header =
      R"({"__metadata__":{"k":"v"},"z":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
      R"("a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]},)"
      R"("c":{"dtype":"BOOL","shape":[1],"data_offsets":[20,21]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::string data("\5\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\x40\0\0\0\x40\1", 21);
  CHECK(read_file(folder / "a") == file_of(header) + data);
}

TEST_CASE("loaded tensors share one mapping; writing to them leaves the file alone") {
  const TemporaryFolder folder;
  save_safetensors(folder / "a", {{"x", Tensor::ones({3})}, {"y", Tensor::zeros({2})}});
  const std::string before = read_file(folder / "a");
  SafetensorsFile file = load_safetensors(folder / "a");
  CHECK(file.tensors[0].second.shares_storage(file.tensors[1].second));
  file.tensors[0].second.fill_(5);
  CHECK(file.find("x")->to_vector<float>() == std::vector<float>(3, 5));
  CHECK(read_file(folder / "a") == before);
  // Saved over the file that is mapped: the old bytes stay where they are used.
  save_safetensors(folder / "a", {{"x", *file.find("x")}, {"y", *file.find("y")}});
  CHECK(file.find("y")->to_vector<float>() == std::vector<float>(2, 0));
  CHECK(load_safetensors(folder / "a").find("x")->to_vector<float>() == std::vector<float>(3, 5));
}

TEST_CASE("tensors that are not aligned in the file are copied") {
  const std::string header = "{\"a\":" + entry("BOOL", "[1]", "[0,1]") + ",\"b\":" + entry("I32", "[1]", "[1,5]") + "}";
  const SafetensorsFile file = parse(file_of(header, 5));
  CHECK(file.find("b")->to_vector<int64_t>() == std::vector<int64_t>{0x05040302});
  CHECK(!file.find("b")->shares_storage(*file.find("a")));
}

TEST_CASE("files that the format allows are taken") {
  CHECK(refusal(file_of("{}")).empty());
  CHECK(refusal(file_of("{}    \n ")).empty());
  CHECK(refusal(file_of(R"({"__metadata__":{}})")).empty());
  CHECK(refusal(file_of("{\"a\":" + entry("F32", "[]", "[0,4]") + "}", 4)).empty());
  CHECK(refusal(file_of("{\"\":" + entry("F32", "[0,9]", "[0,0]") + "}")).empty());
  // Out of order, with an empty tensor between the two.
  CHECK(refusal(file_of("{\"a\":" + entry("I32", "[1]", "[4,8]") + ",\"b\":" + entry("F32", "[1]", "[0,4]") +
                            ",\"c\":" + entry("F32", "[0]", "[4,4]") + "}",
                        8))
            .empty());
}

TEST_CASE("a header that is cut off, too long or no JSON object is refused") {
  CHECK(refusal("") == "[load_safetensors] 'x' has 0 bytes, expected a safetensors file, which has at least 8");
  CHECK(refusal("\1\0\0") == "[load_safetensors] 'x' has 1 bytes, expected a safetensors file, which has at least 8");
  const std::string whole = file_of("{}");
  CHECK(refusal(whole.substr(0, 9)) ==
        "[load_safetensors] 'x' announces a header of 2 bytes, but only 1 follow (is it cut off?)");
  CHECK(refusal("PK\3\4 a zip file") ==
        "[load_safetensors] 'x' announces a header of 8800140462016121680 bytes, expected at most 100000000 (is it a "
        "safetensors file?)");
  CHECK(refusal(std::string(8, '\xff')).find("announces a header of 18446744073709551615 bytes") != std::string::npos);
  CHECK(refusal(file_of("")) == "[load_safetensors] 'x': the header does not begin with '{'");
  CHECK(refusal(file_of(" {}")) == "[load_safetensors] 'x': the header does not begin with '{'");
  CHECK(refusal(file_of("[]")) == "[load_safetensors] 'x': the header does not begin with '{'");
  CHECK(refusal(file_of("{\"a\":")).find("'x': the header is not valid JSON: ") != std::string::npos);
  CHECK(refusal(file_of("{} x")).find("'x': the header is not valid JSON: ") != std::string::npos);
  CHECK(refusal(file_of(std::string("{}\0\0", 4))) == "[load_safetensors] 'x': the header holds a NUL byte");
  CHECK(refusal(file_of("{\"\xff\":1}")).find("'x': the header is not valid JSON: ") != std::string::npos);
  CHECK(refusal(file_of("{\"a\":" + std::string(1000, '['))) ==
        "[load_safetensors] 'x': the header is nested too deeply");
}

TEST_CASE("duplicate names are refused, those within an entry and in the metadata too") {
  const std::string a = "\"a\":" + entry("F32", "[0]", "[0,0]");
  CHECK(refusal(file_of("{" + a + "," + a + "}")) == "[load_safetensors] 'x': the key 'a' appears twice in the header");
  CHECK(refusal(file_of(R"({"a":{"dtype":"F32","dtype":"F32","shape":[0],"data_offsets":[0,0]}})")) ==
        "[load_safetensors] 'x': the key 'dtype' appears twice in the header");
  CHECK(refusal(file_of(R"({"__metadata__":{"k":"1","k":"2"}})")) ==
        "[load_safetensors] 'x': the key 'k' appears twice in the header");
}

TEST_CASE("metadata must be strings by string") {
  CHECK(refusal(file_of(R"({"__metadata__":3})")) == "[load_safetensors] 'x': __metadata__ is not an object");
  CHECK(refusal(file_of(R"({"__metadata__":{"k":3}})")) ==
        "[load_safetensors] 'x': __metadata__ of 'k' is not a string");
}

TEST_CASE("entries that lack something or have it in another form are refused") {
  const auto one = [](const std::string& value) { return refusal(file_of("{\"a\":" + value + "}", 4)); };
  CHECK(one("3") == "[load_safetensors] 'x': the entry of tensor 'a' is not an object");
  CHECK(one(R"({"shape":[1],"data_offsets":[0,4]})") == "[load_safetensors] 'x': tensor 'a' has no dtype");
  CHECK(one(R"({"dtype":"F32","data_offsets":[0,4]})") == "[load_safetensors] 'x': tensor 'a' has no shape");
  const std::string no_offsets = "[load_safetensors] 'x': tensor 'a' has no data_offsets of two whole numbers";
  CHECK(one(R"({"dtype":"F32","shape":[1]})") == no_offsets);
  for (const char* offsets : {"[0]", "[0,4,8]", "[0,4.0]", "[-4,0]", "[\"0\",4]", "{\"a\":0,\"b\":4}", "[0,1e30]"}) {
    CHECK(one(entry("F32", "[1]", offsets)) == no_offsets);
  }
  CHECK(one(entry("U8", "[4]", "[0,4]")) ==
        "[load_safetensors] 'x': tensor 'a' has dtype 'U8', expected F64, F32, F16, BF16, I64, I32 or BOOL");
  CHECK(one(entry("F32", "[-1]", "[0,4]")) ==
        "[load_safetensors] 'x': tensor 'a' has a shape with the length -1, expected a whole number");
  CHECK(one(entry("F32", "[1.0]", "[0,4]")).find("the length 1.0, expected a whole number") != std::string::npos);
  CHECK(one(entry("F32", "[9223372036854775808]", "[0,4]")).find("expected a whole number") != std::string::npos);
  CHECK(one(entry("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]")) ==
        "[load_safetensors] 'x': tensor 'a' has 9 dimensions, expected at most 8");
}

TEST_CASE("shapes that overflow or do not fit their place are refused") {
  const auto one = [](const std::string& shape, const std::string& offsets) {
    return refusal(file_of("{\"a\":" + entry("F32", shape, offsets) + "}", 8));
  };
  CHECK(one("[4294967296,4294967296]", "[0,8]") ==
        "[load_safetensors] 'x': tensor 'a' with shape (4294967296, 4294967296) is too large");
  CHECK(one("[4611686018427387904]", "[0,0]").find("is too large") != std::string::npos);
  CHECK(one("[0,4294967296,4294967296]", "[0,0]").find("is too large") != std::string::npos);
  CHECK(one("[1]", "[0,8]") ==
        "[load_safetensors] 'x': tensor 'a' has data_offsets 0 to 8, expected 4 bytes for float32 of shape (1)");
  CHECK(one("[2]", "[8,0]") ==
        "[load_safetensors] 'x': tensor 'a' has data_offsets 8 to 0, expected 8 bytes for float32 of shape (2)");
}

TEST_CASE("tensors that overlap, leave holes or do not fill the file are refused") {
  const auto two = [](const std::string& first, const std::string& second) {
    return refusal(file_of("{\"a\":" + entry("F32", "[1]", first) + ",\"b\":" + entry("F32", "[1]", second) + "}", 8));
  };
  CHECK(two("[0,4]", "[4,8]").empty());
  CHECK(two("[0,4]", "[0,4]") ==
        "[load_safetensors] 'x': tensor 'b' begins at byte 0, expected 4: it overlaps another");
  CHECK(two("[0,4]", "[3,7]") ==
        "[load_safetensors] 'x': tensor 'b' begins at byte 3, expected 4: it overlaps another");
  CHECK(two("[0,4]", "[5,9]") ==
        "[load_safetensors] 'x': tensor 'b' begins at byte 5, expected 4: there is a hole before it");
  CHECK(two("[4,8]", "[8,12]").find("tensor 'a' begins at byte 4, expected 0: there is a hole") != std::string::npos);
  const std::string header = "{\"a\":" + entry("F32", "[2]", "[0,8]") + "}";
  CHECK(refusal(file_of(header, 7)) ==
        "[load_safetensors] 'x': the tensors end at byte 8 of the data, but the file holds 7 (is it cut off?)");
  CHECK(refusal(file_of(header, 9)) ==
        "[load_safetensors] 'x': the tensors end at byte 8 of the data, but the file holds 9");
  CHECK(refusal(file_of("{}", 1)) ==
        "[load_safetensors] 'x': the tensors end at byte 0 of the data, but the file holds 1");
}

TEST_CASE("booleans in a file are 0 and 1") {
  CHECK(refusal(file_of("{\"a\":" + entry("BOOL", "[1]", "[0,1]") + "}", 1)).empty());
  CHECK(refusal(file_of("{\"a\":" + entry("BOOL", "[2]", "[0,2]") + "}", 2)) ==
        "[load_safetensors] 'x': tensor 'a' holds the byte 2, expected booleans 0 and 1");
}

TEST_CASE("every beginning of a safetensors file is refused") {
  const TemporaryFolder folder;
  save_safetensors(folder / "a", {{"x", Tensor::ones({3})}, {"y", Tensor::zeros({2}, int64)}}, {{"k", "v"}});
  const std::string bytes = read_file(folder / "a");
  for (size_t length = 0; length < bytes.size(); ++length) CHECK(!refusal(bytes.substr(0, length)).empty());
  CHECK(refusal(bytes).empty());
}

TEST_CASE("files that are missing, empty or folders are refused by name") {
  const TemporaryFolder folder;
  const std::string missing = folder / "missing";
  CHECK_THROWS_WITH_AS(load_safetensors(missing),
                       ("[read_file] cannot open '" + missing + "': No such file or directory").c_str(), Error);
  CHECK_THROWS_AS(load_safetensors(folder.path().string()), Error);
  write_file_atomically(folder / "empty", "");
  CHECK_THROWS_WITH_AS(
      load_safetensors(folder / "empty"),
      ("[load_safetensors] '" + (folder / "empty") + "' has 0 bytes, expected a safetensors file, which has at least 8")
          .c_str(),
      Error);
}

TEST_CASE("saving refuses names that the format has no place for, and leaves the old file alone") {
  const TemporaryFolder folder;
  const std::string path = folder / "a";
  save_safetensors(path, {{"x", Tensor::ones({1})}});
  const Tensor one = Tensor::ones({1});
  CHECK_THROWS_WITH_AS(save_safetensors(path, {{"x", one}, {"x", one}}),
                       "[save_safetensors] the name 'x' appears twice", Error);
  CHECK_THROWS_WITH_AS(save_safetensors(path, {{"__metadata__", one}}),
                       "[save_safetensors] a tensor cannot be called '__metadata__', which the format keeps for itself",
                       Error);
  CHECK_THROWS_WITH_AS(save_safetensors(path, {{"y", Tensor()}}), "[save_safetensors] tensor 'y' is undefined", Error);
  CHECK_THROWS_WITH_AS(save_safetensors(path, {}, {{"k", "1"}, {"k", "2"}}),
                       "[save_safetensors] the metadata key 'k' appears twice", Error);
  CHECK_THROWS_AS(save_safetensors(path, {{"\xff", one}}), Error);
  CHECK_THROWS_AS(save_safetensors(path, {}, {{"k", "\xff"}}), Error);
  CHECK_THROWS_AS(save_safetensors(folder / "no/such/folder", {{"x", one}}), Error);
  CHECK(load_safetensors(path).tensors.size() == 1);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator()) == 1);
}

TEST_CASE("names and metadata of any characters come back") {
  const TemporaryFolder folder;
  const std::string strange =
      "a\"b\\c\n\tcr\xc3\xa8me br\xc3\xbbl\xc3\xa9"
      "e/\x01";
  save_safetensors(folder / "a", {{strange, Tensor::ones({1})}, {"", Tensor::zeros({1})}}, {{strange, strange}});
  const SafetensorsFile file = load_safetensors(folder / "a");
  CHECK(file.find(strange) != nullptr);
  CHECK(file.find("") != nullptr);
  CHECK(file.metadata == Metadata{{strange, strange}});
}
