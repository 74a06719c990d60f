// Parsing with CLI11 as all programs do it. Include it in .cpp files only: CLI11 takes seconds to compile.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>

#include "tensor/error.h"

namespace roux::apps {

/// False when --help was asked for and printed. Throws Error `[options] ...` on a command line that `app` does not take.
inline bool parse_command_line(CLI::App& app, int argc, char** argv) {
  app.option_defaults()->always_capture_default();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return false;
  } catch (const CLI::ParseError& error) {
    fail("options", error.what(), " (hint: --help lists the options)");
  }
  return true;
}

}  // namespace roux::apps
