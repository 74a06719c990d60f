// Reading and writing of safetensors files. Every number of a header is checked before it is used: such files come from
// anywhere.
#include "tensor/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "tensor/error.h"
#include "tensor/file.h"

namespace roux {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr const char* loading = "load_safetensors";
constexpr const char* saving = "save_safetensors";
constexpr const char* metadata_key = "__metadata__";
constexpr uint64_t length_bytes = 8;
constexpr uint64_t max_header_bytes = 100'000'000;
constexpr int max_json_depth = 3;  // the header, a tensor's entry, its shape

struct FileDType {
  const char* name;
  DType dtype;
};
constexpr FileDType file_dtypes[] = {{"F64", float64}, {"F32", float32}, {"F16", float16}, {"BF16", bfloat16},
                                     {"I64", int64},   {"I32", int32},   {"BOOL", boolean}};

const char* file_name(DType dtype) {
  return std::find_if(std::begin(file_dtypes), std::end(file_dtypes),
                      [=](const FileDType& entry) { return entry.dtype == dtype; })
      ->name;
}

// --- Reading. ---

using Json = nlohmann::json;

/// A tensor as the header describes it.
struct Entry {
  std::string name;
  DType dtype = float32;
  Shape shape;
  uint64_t begin = 0, end = 0;  // bytes from the end of the header
};

/// Reads one header; `source` is what messages call the file.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, uint64_t data_bytes, const std::string& source)
      : data_bytes_(data_bytes), source_(source), header_(parse(text)) {}

  Metadata metadata() const;
  std::vector<Entry> entries() const;

 private:
  template <class... Parts>
  void check(bool condition, const Parts&... parts) const {
    ROUX_CHECK(condition, loading, "'", source_, "': ", parts...);
  }
  Json parse(std::string_view text) const;
  Entry entry(const std::string& name, const Json& json) const;
  DType dtype(const std::string& name, const Json& json) const;
  Shape shape(const std::string& name, const Json& json) const;
  void check_layout(std::vector<Entry> entries) const;

  uint64_t data_bytes_;
  const std::string& source_;
  Json header_;
};

// The JSON library stops at a NUL, keeps the last of duplicate keys and accepts any depth: all three are refused here.
Json HeaderReader::parse(std::string_view text) const {
  check(!text.empty() && text[0] == '{', "the header does not begin with '{'");
  check(text.find('\0') == std::string_view::npos, "the header holds a NUL byte");
  std::vector<std::set<std::string>> keys;
  const auto callback = [&](int depth, Json::parse_event_t event, Json& json) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      check(depth < max_json_depth, "the header is nested too deeply");
      keys.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      keys.pop_back();
    } else if (event == Event::key) {
      const auto& key = json.get_ref<const std::string&>();
      check(keys.back().insert(key).second, "the key '", key, "' appears twice in the header");
    }
    return true;
  };
  try {
    return Json::parse(text, callback);
  } catch (const Json::exception& error) {
    fail(loading, "'", source_, "': the header is not valid JSON: ", error.what());
  }
}

Metadata HeaderReader::metadata() const {
  Metadata result;
  const auto found = header_.find(metadata_key);
  if (found == header_.end()) return result;
  check(found->is_object(), metadata_key, " is not an object");
  for (const auto& item : found->items()) {
    check(item.value().is_string(), metadata_key, " of '", item.key(), "' is not a string");
    result.emplace_back(item.key(), item.value().get<std::string>());
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::vector<Entry> HeaderReader::entries() const {
  std::vector<Entry> result;
  for (const auto& item : header_.items()) {
    if (item.key() != metadata_key) result.push_back(entry(item.key(), item.value()));
  }
  check_layout(result);
  std::sort(result.begin(), result.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return result;
}

Entry HeaderReader::entry(const std::string& name, const Json& json) const {
  check(json.is_object(), "the entry of tensor '", name, "' is not an object");
  Entry result{.name = name, .dtype = dtype(name, json), .shape = shape(name, json)};
  const auto offsets = json.find("data_offsets");
  check(offsets != json.end() && offsets->is_array() && offsets->size() == 2 && (*offsets)[0].is_number_unsigned() &&
            (*offsets)[1].is_number_unsigned(),
        "tensor '", name, "' has no data_offsets of two whole numbers");
  result.begin = (*offsets)[0].get<uint64_t>();
  result.end = (*offsets)[1].get<uint64_t>();

  // The strides of an empty tensor must not overflow either: its lengths count as at least 1.
  int64_t extent = size_of(result.dtype);
  bool overflow = false;
  for (const int64_t length : result.shape)
    overflow |= __builtin_mul_overflow(extent, std::max<int64_t>(length, 1), &extent);
  check(!overflow, "tensor '", name, "' with shape ", result.shape, " is too large");
  const auto bytes = static_cast<uint64_t>(result.shape.numel() * size_of(result.dtype));
  check(result.begin <= result.end && result.end - result.begin == bytes, "tensor '", name, "' has data_offsets ",
        result.begin, " to ", result.end, ", expected ", bytes, " bytes for ", roux::name(result.dtype), " of shape ",
        result.shape);
  return result;
}

DType HeaderReader::dtype(const std::string& name, const Json& json) const {
  const auto found = json.find("dtype");
  check(found != json.end() && found->is_string(), "tensor '", name, "' has no dtype");
  const auto& text = found->get_ref<const std::string&>();
  for (const FileDType& candidate : file_dtypes) {
    if (text == candidate.name) return candidate.dtype;
  }
  fail(loading, "'", source_, "': tensor '", name, "' has dtype '", text,
       "', expected F64, F32, F16, BF16, I64, I32 or BOOL");
}

Shape HeaderReader::shape(const std::string& name, const Json& json) const {
  const auto found = json.find("shape");
  check(found != json.end() && found->is_array(), "tensor '", name, "' has no shape");
  check(found->size() <= Dims::max_size, "tensor '", name, "' has ", found->size(), " dimensions, expected at most ",
        Dims::max_size);
  Shape result;
  for (const Json& length : *found) {
    check(length.is_number_unsigned() && length.get<uint64_t>() <= uint64_t{INT64_MAX}, "tensor '", name,
          "' has a shape with the length ", length.dump(), ", expected a whole number");
    result.push_back(length.get<int64_t>());
  }
  return result;
}

// One after the other, the tensors fill the data from its first byte to its last.
void HeaderReader::check_layout(std::vector<Entry> entries) const {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  uint64_t filled = 0;
  for (const Entry& entry : entries) {
    check(entry.begin == filled, "tensor '", entry.name, "' begins at byte ", entry.begin, ", expected ", filled,
          entry.begin > filled ? ": there is a hole before it" : ": it overlaps another");
    filled = entry.end;
  }
  check(filled == data_bytes_, "the tensors end at byte ", filled, " of the data, but the file holds ", data_bytes_,
        filled > data_bytes_ ? " (is it cut off?)" : "");
}

// Shares `bytes` where the elements are aligned.
Tensor tensor_of(const Storage& bytes, const Entry& entry, uint64_t data_offset, const std::string& source) {
  const uint64_t offset = data_offset + entry.begin;
  const auto* const from = static_cast<const unsigned char*>(bytes.data()) + offset;
  const auto size = static_cast<size_t>(entry.end - entry.begin);
  if (entry.dtype == boolean) {
    const auto* const other = std::find_if(from, from + size, [](unsigned char byte) { return byte > 1; });
    ROUX_CHECK(other == from + size, loading, "'", source, "': tensor '", entry.name, "' holds the byte ", int{*other},
               ", expected booleans 0 and 1");
  }
  const auto alignment = static_cast<uint64_t>(size_of(entry.dtype));
  if (offset % alignment == 0 && reinterpret_cast<uintptr_t>(from) % alignment == 0) {
    return Tensor::from_storage(bytes, offset, entry.shape, entry.dtype);
  }
  const Tensor copy = Tensor::empty(entry.shape, entry.dtype);
  if (size > 0) std::memcpy(copy.view().data, from, size);
  return copy;
}

// The whole file as memory of its own: writes to it stay in this process.
Storage mapped_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  const bool mappable = file >= 0 && ::fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
  const auto size = static_cast<size_t>(mappable ? status.st_size : 0);
  void* const data = mappable ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0) : MAP_FAILED;
  if (file >= 0) ::close(file);
  if (data != MAP_FAILED) return Storage::external(data, size, [data, size] { ::munmap(data, size); });

  // Pipes, empty files and file systems that cannot map; what is not there is said by read_file.
  const auto bytes = std::make_shared<std::string>(read_file(path));
  return Storage::external(bytes->data(), bytes->size(), [bytes] {});
}

// --- Writing. ---

using OrderedJson = nlohmann::ordered_json;

void check_names(const NamedTensors& tensors, const Metadata& metadata) {
  std::set<std::string_view> names, keys;
  for (const auto& [name, tensor] : tensors) {
    ROUX_CHECK(tensor.defined(), saving, "tensor '", name, "' is undefined");
    ROUX_CHECK(name != metadata_key, saving, "a tensor cannot be called '", name,
               "', which the format keeps for itself");
    ROUX_CHECK(names.insert(name).second, saving, "the name '", name, "' appears twice");
  }
  for (const auto& [key, value] : metadata) {
    ROUX_CHECK(keys.insert(key).second, saving, "the metadata key '", key, "' appears twice");
  }
}

std::string header_of(const NamedTensors& tensors, const Metadata& metadata) {
  OrderedJson header = OrderedJson::object();
  for (const auto& [key, value] : metadata) header[metadata_key][key] = value;
  int64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const int64_t end = offset + tensor.numel() * size_of(tensor.dtype());
    OrderedJson& entry = header[name];
    entry["dtype"] = file_name(tensor.dtype());
    entry["shape"] = std::vector<int64_t>(tensor.shape().begin(), tensor.shape().end());
    entry["data_offsets"] = {offset, end};
    offset = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const OrderedJson::exception& error) {
    fail(saving, "names and metadata must be UTF-8: ", error.what());
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  ROUX_CHECK(text.size() <= max_header_bytes, saving, "the header takes ", text.size(), " bytes, expected at most ",
             max_header_bytes);
  return text;
}

}  // namespace

const Tensor* SafetensorsFile::find(std::string_view name) const {
  const auto at = std::lower_bound(tensors.begin(), tensors.end(), name,
                                   [](const auto& entry, std::string_view wanted) { return entry.first < wanted; });
  return at != tensors.end() && at->first == name ? &at->second : nullptr;
}

SafetensorsFile load_safetensors(const std::string& path) { return parse_safetensors(mapped_file(path), path); }

SafetensorsFile parse_safetensors(const Storage& bytes, const std::string& name) {
  ROUX_CHECK(bytes.bytes() >= length_bytes, loading, "'", name, "' has ", bytes.bytes(),
             " bytes, expected a safetensors file, which has at least ", length_bytes);
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  const uint64_t rest = bytes.bytes() - length_bytes;
  ROUX_CHECK(header_bytes <= max_header_bytes, loading, "'", name, "' announces a header of ", header_bytes,
             " bytes, expected at most ", max_header_bytes, " (is it a safetensors file?)");
  ROUX_CHECK(header_bytes <= rest, loading, "'", name, "' announces a header of ", header_bytes, " bytes, but only ",
             rest, " follow (is it cut off?)");
  const std::string_view text(static_cast<const char*>(bytes.data()) + length_bytes, header_bytes);
  const HeaderReader header(text, rest - header_bytes, name);
  SafetensorsFile file{.tensors = {}, .metadata = header.metadata()};
  for (const Entry& entry : header.entries()) {
    file.tensors.emplace_back(entry.name, tensor_of(bytes, entry, length_bytes + header_bytes, name));
  }
  return file;
}

void save_safetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata) {
  check_names(tensors, metadata);
  NamedTensors sorted;
  for (const auto& [name, tensor] : tensors) sorted.emplace_back(name, tensor.to(cpu).contiguous());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    const int64_t size_a = size_of(a.second.dtype()), size_b = size_of(b.second.dtype());
    return size_a != size_b ? size_a > size_b : a.first < b.first;
  });

  const std::string header = header_of(sorted, metadata);
  const uint64_t header_bytes = header.size();
  std::vector<std::string_view> parts{{reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes}, header};
  for (const auto& [name, tensor] : sorted) {
    const auto bytes = static_cast<size_t>(tensor.numel() * size_of(tensor.dtype()));
    parts.emplace_back(static_cast<const char*>(tensor.view().data), bytes);
  }
  write_file_atomically(path, parts);
}

}  // namespace roux
