// Folders that programs save a classifier in: replaced as a whole, and never somebody else's.
#pragma once

#include <functional>
#include <string>

namespace roux::apps {

inline constexpr const char* settings_file = "settings.json";
inline constexpr const char* weights_file = "model.safetensors";
inline constexpr const char* checkpoint_file = "checkpoint.safetensors";
/// What settings.json says under "format".
inline constexpr const char* classifier_format = "roux text classifier, version 1";

/// Throws when `folder` could not be written at the end, so that this shows before hours of training: it must not
/// exist, be empty, or hold a saved classifier or the checkpoint of a training and nothing else, and its parent must
/// be writable.
void check_writable(const std::string& folder);

/// Writes the folder by `fill`, which is told where, under another name first and then exchanges the two, so that at
/// any moment `folder` holds the old files or the new ones, whole. Throws as `check_writable` does, and what `fill`
/// throws; the old files are then as they were.
void replace_folder(const std::string& folder, const std::function<void(const std::string&)>& fill);

/// FOLDER/FILE.
std::string file_in(const std::string& folder, const std::string& file);
bool file_exists(const std::string& path);

}  // namespace roux::apps
