// Writing a folder beside its place and exchanging the two.
#include "apps/common/saved_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tensor/error.h"
#include "tensor/file.h"

namespace roux::apps {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// All that such a folder may hold: what every classifier has, the encoders' files, a transformer's.
constexpr std::array<std::string_view, 15> written_files = {
    settings_file,    weights_file,   "features.safetensors",  "words.txt",
    "ngrams.txt",     "encoder.json", checkpoint_file,         "config.json",
    "tokenizer.json", "vocab.txt",    "tokenizer_config.json", "special_tokens_map.json",
    "vocab.json",     "merges.txt",   "roux_tokenizer.json"};

// Removes the folder it is given unless that was moved away.
struct FolderGuard {
  fs::path path;
  ~FolderGuard() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

fs::path without_trailing_slash(const std::string& folder) {
  fs::path path = folder;
  return path.has_filename() ? path : path.parent_path();
}

// `fresh` takes the place of `folder`; what was there is afterwards under `fresh`.
void put_in_place(const fs::path& fresh, const fs::path& folder) {
  if (!fs::exists(folder)) return fs::rename(fresh, folder);
#ifdef RENAME_EXCHANGE
  if (renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) == 0) return;
#endif
  // File systems that cannot exchange: the old folder steps aside for a moment.
  const fs::path old = fresh.string() + ".old";
  fs::rename(folder, old);
  try {
    fs::rename(fresh, folder);
  } catch (...) {
    fs::rename(old, folder);
    throw;
  }
  const FolderGuard no_longer_needed{old};
}

// What a kill may leave while a checkpoint is written (tensor/file.h).
bool is_left_over(const std::string& name) { return name.starts_with(std::string(checkpoint_file) + ".tmp-"); }

bool has_our_settings(const fs::path& path) {
  try {
    return json::parse(read_file((path / settings_file).string())).at("format") == classifier_format;
  } catch (const std::exception&) {
    return false;  // no settings, or others'
  }
}

// Whether all that is in the folder was written by save_classifier, by an encoder for it, or on the way there.
bool holds_ours_alone(const fs::path& path) {
  bool only_checkpoints = true;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    if (name == checkpoint_file || is_left_over(name)) continue;
    only_checkpoints = false;
    if (std::find(written_files.begin(), written_files.end(), name) == written_files.end()) return false;
  }
  return only_checkpoints || has_our_settings(path);
}

}  // namespace

void check_writable(const std::string& folder) {
  ROUX_CHECK(!folder.empty(), "save", "the name of the folder is empty");
  const fs::path path = without_trailing_slash(folder);
  std::error_code error;
  if (fs::exists(path, error)) {
    ROUX_CHECK(fs::is_directory(path, error), "save", folder, " exists and is not a folder");
    ROUX_CHECK(fs::is_empty(path, error) || holds_ours_alone(path), "save", folder,
               " holds other files (hint: name an empty or a new folder)");
  }
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  fs::create_directories(parent, error);
  ROUX_CHECK(access(parent.c_str(), W_OK | X_OK) == 0, "save", "cannot write into the folder ", parent.string());
}

void replace_folder(const std::string& folder, const std::function<void(const std::string&)>& fill) {
  check_writable(folder);
  const fs::path path = without_trailing_slash(folder);
  const FolderGuard fresh{path.string() + ".tmp" + std::to_string(getpid())};
  try {
    fs::remove_all(fresh.path);
    fs::create_directory(fresh.path);
    fill(fresh.path.string());
    put_in_place(fresh.path, path);
  } catch (const fs::filesystem_error& error) {
    fail("save", "cannot write the folder ", folder, ": ", error.code().message());
  }
}

std::string file_in(const std::string& folder, const std::string& file) { return (fs::path(folder) / file).string(); }

bool file_exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

}  // namespace roux::apps
