// Command lines with CLI11 as all programs read them. Include it in .cpp files only: CLI11 takes seconds to compile.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "tensor/error.h"

namespace roux::apps {

/// Help as people read it: what an option takes is said once, `a|b` or `INT in [1 - 16]`, where CLI11 says its type and
/// then what it is checked for, `TEXT:{a,b}`.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    return without(CLI::Formatter::make_option_name(option, is_positional), "{false}");
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_name();
    std::string text = without(CLI::Formatter::make_option_opts(option), "=[]");
    if (option->get_positional()) return without(text, " TEXT");
    if (const size_t at = text.find(type); !type.empty() && at != std::string::npos)
      text.replace(at, type.size(), readable(type));
    return text;
  }

 private:
  static std::string without(std::string text, const std::string& part) {
    if (const size_t at = text.find(part); at != std::string::npos) text.erase(at, part.size());
    return text;
  }

  static std::string readable(const std::string& type) {
    const size_t colon = type.find(':');
    if (colon == std::string::npos) return type;
    const std::string name = type.substr(0, colon);
    std::string check = type.substr(colon + 1);
    if (check.starts_with('{')) {
      if (name.find('|') != std::string::npos) return name;
      for (char& c : check)
        if (c == ',') c = '|';
      return check.substr(1, check.size() - 2);
    }
    const size_t range = check.find(" in [");
    return range == std::string::npos ? type : name + check.substr(range);
  }
};

/// A program's options. Their defaults are shown by --help; of an option that is given twice the last counts.
class CommandLine : public CLI::App {
 public:
  CommandLine(const std::string& description, const std::string& program) : CLI::App(description, program) {
    formatter(std::make_shared<HelpFormatter>());
    option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }

  /// False when --help was asked for and printed. Throws Error `[options] ...` on what the program does not take.
  bool read(int argc, char** argv) {
    try {
      parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      std::fputs(help().c_str(), stdout);
      return false;
    } catch (const CLI::ParseError& error) {
      fail("options", error.what(), " (hint: --help lists the options)");
    }
    return true;
  }
};

/// --threads, as all programs have it whose results do not depend on it: 0, the default, is all cores.
inline void add_threads_option(CLI::App& app, int& threads) {
  app.add_option("--threads", threads, "threads, 0: all cores; results do not depend on it")
      ->type_name("N")
      ->check(CLI::Range(0, 1024));
}

/// --device, as all programs have it that compute on either.
inline void add_device_option(CLI::App& app, std::string& device) {
  app.add_option("--device", device, "where to compute")->type_name("cpu|cuda[:N]|auto");
}

/// The bounds of an option `MIN-MAX` of runs of characters; 0 and 0 of an empty one. Throws, naming the option.
inline std::pair<int64_t, int64_t> char_ngram_bounds(const std::string& text, const std::string& option) {
  if (text.empty()) return {0, 0};
  int64_t low = 0, high = 0;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, low);
  bool valid = first.ec == std::errc() && first.ptr != end && *first.ptr == '-';
  if (valid) {
    const auto second = std::from_chars(first.ptr + 1, end, high);
    valid = second.ec == std::errc() && second.ptr == end && low >= 1 && low <= high && high <= 32;
  }
  ROUX_CHECK(valid, "options", option, " must be MIN-MAX with 1 <= MIN <= MAX <= 32, found '", text, "'");
  return {low, high};
}

}  // namespace roux::apps
