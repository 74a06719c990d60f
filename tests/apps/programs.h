// Runs the built programs as a user would, for tests of what they print and how they end.
#pragma once

#include <string>

/// What a program printed, and how it ended.
struct ProgramRun {
  int status = 0;
  std::string output;  ///< standard output
  std::string errors;  ///< standard error
};

/// True when the programs were built: ROUX_APPS names their folder.
bool programs_built();

/// Runs `command` in a shell; it may use $APPS for the folder of the programs. `input` is its standard input.
ProgramRun run_shell(const std::string& command, const std::string& input = "");

/// Checks that `command` ends with status 1 and one line on standard error, which holds `text`.
void check_refused(const std::string& command, const std::string& text, const std::string& input = "");

/// Writes `text` to the file at `path`.
void write_text(const std::string& path, const std::string& text);

/// A small labelled CSV: `titles` different titles of fruit and as many of vegetables, which share no words.
std::string small_csv(int titles);
