// train_recipes --plot and --report: pictures and a page that stand alone, and what a real browser makes of them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "apps/common/plots/plots.h"
#include "tensor/file.h"
#include "tests/apps/programs.h"
#include "tests/apps/svg_document.h"
#include "tests/temporary_folder.h"

using namespace roux;

namespace {

// Titles and a label with markup in them; some cannot be told apart, so that there are mistakes.
std::string nasty_csv() {
  std::string csv = small_csv(40);
  std::replace(csv.begin(), csv.end(), '\r', ' ');
  for (int i = 0; i < 12; ++i)
    csv += std::string("<script>alert(1)</script> \x01 same words,") + (i % 3 ? "fruit" : "<b>&vegetable") + "\n";
  return csv;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

struct Run {
  TemporaryFolder folder;
  std::string page;

  explicit Run(const std::string& flags = "") {
    write_text(folder / "data.csv", nasty_csv());
    const ProgramRun run = run_shell("$APPS/train_recipes --lr 0.02 --data '" + (folder / "data.csv") + "' --plot '" +
                                     (folder / "plots") + "' --report '" + (folder / "report.html") + "' " + flags);
    REQUIRE_MESSAGE(run.status == 0, run.errors);
    CHECK(run.output.find("drew loss.svg, models.svg, confusion.svg in ") != std::string::npos);
    CHECK(run.output.find("wrote the report ") != std::string::npos);
    page = read_file(folder / "report.html");
  }
};

std::string find_browser() {
  const ProgramRun run = run_shell("command -v chromium chromium-browser google-chrome | head -n 1");
  return run.output.substr(0, run.output.find('\n'));
}

// The page as the browser has it after loading `html` in a window of that width.
std::string dump_dom(const std::string& browser, const TemporaryFolder& folder, const std::string& html, int width) {
  write_text(folder / "page.html", html);
  const ProgramRun run = run_shell(
      "timeout 120 '" + browser + "' --headless --no-sandbox --disable-gpu --user-data-dir='" + (folder / "profile") +
      "' --window-size=" + std::to_string(width) + ",1000 --dump-dom 'file://" + (folder / "page.html") + "'");
  REQUIRE_MESSAGE(run.status == 0, run.errors);
  return run.output;
}

// What this test adds to a page to measure it: texts outside their picture, and labels of a map that overlap, with the
// fonts that the browser really has.
const std::string measure = R"(<script>
let outside = 0, overlaps = 0, texts = 0;
for (const svg of document.querySelectorAll('svg.plot')) {
  const frame = svg.getBoundingClientRect();
  for (const text of svg.querySelectorAll('text')) {
    const box = text.getBoundingClientRect();
    ++texts;
    if (box.left < frame.left - 1 || box.right > frame.right + 1) ++outside;
    else if (box.top < frame.top - 1 || box.bottom > frame.bottom + 1) ++outside;
  }
  const labels = [...svg.querySelectorAll('text.halo')].map(text => text.getBoundingClientRect());
  labels.forEach((a, i) => labels.slice(i + 1).forEach(b => {
    if (a.left + 1 < b.right && b.left + 1 < a.right && a.top + 3 < b.bottom && b.top + 3 < a.bottom) ++overlaps;
  }));
}
document.body.dataset.result = `pictures ${document.querySelectorAll('svg.plot').length} outside ${outside}` +
  ` overlaps ${overlaps} wide ${document.documentElement.scrollWidth > window.innerWidth + 1} texts ${texts > 50}`;
</script>)";

}  // namespace

TEST_CASE("train_recipes --plot and --report write pictures and a page that stand alone") {
  if (!programs_built()) return;
  const Run run;
  for (const char* name : {"loss.svg", "models.svg", "confusion.svg"}) {
    CAPTURE(name);
    const std::string svg = read_file(run.folder / (std::string("plots/") + name));
    CHECK(svg.find("prefers-color-scheme") != std::string::npos);
    CHECK(parse_xml(svg).all("text").size() > 5);
    CHECK(run.page.find(svg) != std::string::npos);
  }
  CHECK(run.page.find("<script") == std::string::npos);
  CHECK(run.page.find("&lt;script&gt;alert(1)&lt;/script&gt;") != std::string::npos);
  CHECK(run.page.find("<b>") == std::string::npos);
  CHECK(run.page.find("&lt;b&gt;&amp;vegetable") != std::string::npos);
  CHECK(run.page.find("href") == std::string::npos);
  CHECK(run.page.find(" src=") == std::string::npos);
  CHECK(run.page.find("majority class") != std::string::npos);
  CHECK(run.page.find("Most confident mistakes") != std::string::npos);
  CHECK(run.page.find("class=\"word") != std::string::npos);
  // All but the doctype and the elements that HTML leaves open is XML too: it nests.
  std::string body = run.page.substr(run.page.find("<body>"));
  body = body.substr(0, body.find("</body>") + 7);
  for (size_t at = body.find("<br>"); at != std::string::npos; at = body.find("<br>")) body.replace(at, 4, "<br/>");
  CHECK(parse_xml(body).all("svg").size() == 3);
  CHECK(run_shell("ls -A '" + run.folder.path().string() + "' | grep -c tmp").output == "0\n");
}

TEST_CASE("train_recipes draws one model alone, after one epoch") {
  if (!programs_built()) return;
  CHECK(count_of(Run("--model max --epochs 1").page, "<svg ") == 3);
}

TEST_CASE("train_recipes refuses places for pictures and pages before it trains") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "data.csv", small_csv(10));
  write_text(folder / "file", "");
  const auto train = [&](const std::string& flags) {
    return "$APPS/train_recipes --data '" + (folder / "data.csv") + "' " + flags;
  };
  check_refused(train("--plot '" + (folder / "file") + "'"), "[plot] '");
  check_refused(train("--plot /proc/none"), "[plot] '/proc/none' is no folder and cannot be made");
  check_refused(train("--report '" + folder.path().string() + "'"), "is a folder, expected a file");
  check_refused(train("--report '" + (folder / "none/report.html") + "'"), "[report] cannot write into the folder");
  CHECK(read_file(folder / "file").empty());
}

TEST_SUITE("slow") {
  TEST_CASE("a browser shows the report and a map with no text cut off or on another") {
    const std::string browser = find_browser();
    if (browser.empty()) {
      MESSAGE("skipped: there is no chromium, chromium-browser or google-chrome");
      return;
    }
    if (!programs_built()) return;
    const Run run;
    const auto measured = [&](const std::string& page) {
      return page.substr(0, page.find("</body>")) + measure + "</body></html>";
    };
    for (const int width : {1000, 800}) {
      CAPTURE(width);
      const std::string dom = dump_dom(browser, run.folder, measured(run.page), width);
      CHECK_MESSAGE(
          dom.find("data-result=\"pictures 3 outside 0 overlaps 0 wide false texts true\"") != std::string::npos,
          dom.substr(dom.find("<body"), 200));
    }
    std::vector<apps::ScatterPoint> points;
    for (int i = 0; i < 400; ++i)
      points.push_back({std::cos(i) * (i % 20), std::sin(i) * (i % 20), "wMord" + std::to_string(i * 7919),
                        "group " + std::to_string(i % 5)});
    for (const apps::Theme theme : {apps::Theme::light, apps::Theme::dark}) {
      const std::string map =
          apps::scatter_svg(points, {.title = "Map", .x_label = "x", .y_label = "y", .theme = theme});
      const std::string dom =
          dump_dom(browser, run.folder, measured("<!DOCTYPE html><html><body>" + map + "</body>"), 900);
      CHECK_MESSAGE(
          dom.find("data-result=\"pictures 1 outside 0 overlaps 0 wide false texts true\"") != std::string::npos,
          dom.substr(dom.find("<body"), 200));
    }
  }
}
