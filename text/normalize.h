// Normalisers: from a text as people write it to the form that is counted and looked up.
#pragma once

#include <string>
#include <string_view>

namespace roux::text {

/// The course's cleaning: lower-case, delete every character that is neither an ASCII letter a-z nor white space, split
/// on white space; here the words come back joined by one space. Does what Python does with
/// `" ".join(re.sub(r"[^a-z\s]", "", text.lower()).split())`, on all of Unicode: of the other characters U+0130 becomes
/// i and U+212A (the kelvin sign) k. Bytes that are not valid UTF-8 are deleted. A text may clean to nothing.
std::string clean(std::string_view text);

/// The same into `cleaned`, whose memory is used again.
void clean(std::string_view text, std::string& cleaned);

/// Lower-cases what can match an ASCII word: A-Z, and as Python's `str.lower` does, U+0130 to i with U+0307 and U+212A
/// to k. All else stays.
std::string lower(std::string_view text);

/// Calls `f(std::string_view word)` for each word of a text whose words are separated by one space, as `clean` makes
/// it.
template <class F>
void for_each_word(std::string_view cleaned, F&& f) {
  while (!cleaned.empty()) {
    const size_t end = cleaned.find(' ');
    f(cleaned.substr(0, end));
    if (end == std::string_view::npos) break;
    cleaned.remove_prefix(end + 1);
  }
}

}  // namespace roux::text
