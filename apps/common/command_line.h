// Command lines with CLI11 as all programs read them. Include it in .cpp files only: CLI11 takes seconds to compile.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "tensor/error.h"

namespace roux::apps {

/// A program's options. Their defaults are shown by --help; of an option that is given twice the last counts.
class CommandLine : public CLI::App {
 public:
  CommandLine(const std::string& description, const std::string& program) : CLI::App(description, program) {
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

}  // namespace roux::apps
