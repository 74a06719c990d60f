// Checks of places, and writing.
#include "apps/common/recipe_pictures.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "apps/common/html_report.h"
#include "apps/common/recipe_plots.h"
#include "tensor/file.h"

namespace roux::apps {
namespace {

namespace fs = std::filesystem;

std::string f1_bars(const RecipeData& data, const std::vector<ModelResult>& results) {
  std::vector<std::string> names;
  Series f1{.name = "F1", .values = {}};
  for (const ModelResult& result : results) {
    names.push_back(result.name);
    f1.values.push_back(result.scores.macro.f1);
  }
  names.push_back("majority class");
  f1.values.push_back(majority_baseline(data).macro.f1);
  return bar_text(names, {f1}, {.title = "F1"});
}

void check_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  ROUX_CHECK(fs::is_directory(folder, error), "plot", "'", folder, "' is no folder and cannot be made");
  ROUX_CHECK(access(folder.c_str(), W_OK | X_OK) == 0, "plot", "cannot write into the folder '", folder, "'");
}

void check_page(const std::string& page) {
  std::error_code error;
  ROUX_CHECK(!fs::is_directory(page, error), "report", "'", page, "' is a folder, expected a file");
  if (fs::exists(page, error) && !fs::is_regular_file(page, error)) return;  // a device
  const fs::path parent = fs::path(page).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  ROUX_CHECK(access(folder.c_str(), W_OK | X_OK) == 0, "report", "cannot write into the folder '", folder, "'");
}

}  // namespace

void check_pictures(const std::string& folder, const std::string& page) {
  if (!folder.empty()) check_folder(folder);
  if (!page.empty()) check_page(page);
}

void draw_pictures(const std::string& folder, const std::string& page, const RecipeData& data,
                   const std::vector<ModelResult>& results, size_t best) {
  if (folder.empty() && page.empty()) return;
  const std::vector<NamedPlot> plots = recipe_plots(data, results, best);
  if (!folder.empty()) {
    std::string names;
    for (const NamedPlot& plot : plots) {
      write_file_atomically((fs::path(folder) / plot.file).string(), plot.svg);
      names += (names.empty() ? "" : ", ") + plot.file;
    }
    std::printf("\n%s\ndrew %s in %s\n", f1_bars(data, results).c_str(), names.c_str(), folder.c_str());
  }
  if (!page.empty()) {
    write_file_atomically(page, html_report(data, results, best, plots));
    std::printf("wrote the report %s\n", page.c_str());
  }
}

}  // namespace roux::apps
