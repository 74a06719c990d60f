// gzip: several members, padding, damage, any size of reads.
#include "text/gzip.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/message_of.h"

using namespace roux::text;

namespace {

using namespace std::string_literals;

// printf hello | gzip -n
const std::string hello = "\x1F\x8B\x08\0\0\0\0\0\0\x03\xCB\x48\xCD\xC9\xC9\x07\0\x86\xA6\x10\x36\x05\0\0\0"s;

std::string unpacked(const std::string& bytes, size_t step) {
  const ReadFunction read = gunzipped(memory_bytes(bytes), "test", "unpack");
  std::string all, part(step, ' ');
  for (size_t count = read(part.data(), step); count > 0; count = read(part.data(), step)) all += part.substr(0, count);
  return all;
}

}  // namespace

TEST_CASE("gzip is unpacked in reads of any size, with all its members") {
  CHECK(is_gzip(hello));
  CHECK_FALSE(is_gzip("\x1F"));
  for (const size_t step : {1, 2, 100}) {
    CHECK(unpacked(hello, step) == "hello");
    CHECK(unpacked(hello + hello, step) == "hellohello");
    CHECK(unpacked(hello + std::string(9, '\0'), step) == "hello");
  }
}

TEST_CASE("gzip that is damaged or cut off is refused") {
  for (size_t size = 1; size < hello.size(); ++size) {
    CHECK(message_of([&] { unpacked(hello.substr(0, size), 100); }) ==
          "[unpack] 'test' is cut off: its gzip form has no end");
  }
  std::string damaged = hello;
  damaged[12] = 'x';
  CHECK(message_of([&] { unpacked(damaged, 100); }).find("[unpack] 'test' is damaged") == 0);
  CHECK(message_of([&] { unpacked(hello + hello.substr(0, 12), 100); }).find("cut off") != std::string::npos);
  // The last bytes of this one are read before what they hold is asked for.
  const std::string far = "\x1F\x8B\x08\0\x09\0\0\0\x02\x01{\"__metadJ\x04"s;
  for (const size_t step : {1, 7, 4096}) {
    CHECK(message_of([&] { unpacked(far, step); }) == "[unpack] 'test' is damaged: invalid distance too far back");
  }
  CHECK(message_of([] { unpacked("plain text", 100); }).find("is damaged: incorrect header check") !=
        std::string::npos);
}
