// The page: text with everything escaped, the pictures as they are.
#include "apps/common/html_report.h"

#include <algorithm>
#include <cmath>

#include "apps/common/explain.h"
#include "apps/common/plots/svg.h"

namespace roux::apps {
namespace {

constexpr size_t most_mistakes = 20;

constexpr const char* style = R"(:root { color-scheme: light dark; --paper: #ffffff; --ink: #1f2328; --soft: #59636e;
  --rule: #dfe3e8; --for: 0, 114, 178; --against: 213, 94, 0; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161c; --ink: #eef1f4; --soft: #a9b2bd; --rule: #303843;
  --for: 86, 180, 233; --against: 238, 122, 48; } }
body { font: 16px/1.5 Arial, 'Helvetica Neue', 'Liberation Sans', sans-serif; background: var(--paper);
  color: var(--ink); max-width: 860px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 20px; margin: 40px 0 10px; }
p, caption { color: var(--soft); } .wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 10px; text-align: right; border-bottom: 1px solid var(--rule); vertical-align: top; }
th { font-weight: bold; } th:first-child, td:first-child, .facts td { text-align: left; }
.facts td:first-child { color: var(--soft); width: 110px; } tr.best td { font-weight: bold; }
.mistakes th:nth-child(-n+3), .mistakes td:nth-child(-n+3) { text-align: left; }
.word { display: inline-block; padding: 0 5px; margin: 0 1px 3px 0; border-radius: 4px; }
.unknown { border-bottom: 2px dotted var(--soft); }
svg.plot { width: 100%; height: auto; display: block; margin: 8px 0 24px; }
)";

std::string element(const std::string& name, const std::string& content, const std::string& attributes = "") {
  return "<" + name + attributes + ">" + content + "</" + name + ">";
}

std::string facts_section(const RecipeData& data) {
  std::string rows;
  for (const auto& [name, what] : data_facts(data))
    rows += element("tr", element("td", escaped(name)) + element("td", escaped(what))) + "\n";
  return element("h2", "Data") + "\n" + element("table", "\n" + rows, " class=\"facts\"") + "\n";
}

std::string models_section(const RecipeData& data, const std::vector<ModelResult>& results, size_t best) {
  const std::vector<std::vector<std::string>> rows = results_table(data, results).rows();
  std::string body;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string cells;
    for (const std::string& cell : rows[i]) cells += element(i == 0 ? "th" : "td", escaped(cell));
    body += element("tr", cells, i == best + 1 ? " class=\"best\"" : "") + "\n";
  }
  return element("h2", "Models") + "\n" + element("div", element("table", "\n" + body), " class=\"wide\"") + "\n" +
         element("p", "Best by F1: " + escaped(results[best].name) + ", with the weights of epoch " +
                          std::to_string(results[best].kept_epoch) + ". Precision, recall and F1 are means over the " +
                          "classes; all scores are of the validation titles.") +
         "\n";
}

struct Mistake {
  int64_t text = 0, predicted = 0;
  double probability = 0;
};

// The surest first.
std::vector<Mistake> mistakes_of(const ModelResult& result, const RecipeData& data) {
  const ValuesIndices most = max(softmax(result.model->logits(data.validation_corpus).to(cpu)), 1);
  std::vector<Mistake> mistakes;
  for (int64_t i = 0; i < data.validation.size(); ++i) {
    const int64_t predicted = most.indices.data<int64_t>()[i];
    if (predicted != data.validation.labels[static_cast<size_t>(i)])
      mistakes.push_back({i, predicted, static_cast<double>(most.values.data<float>()[i])});
  }
  std::stable_sort(mistakes.begin(), mistakes.end(),
                   [](const Mistake& a, const Mistake& b) { return a.probability > b.probability; });
  return mistakes;
}

// The words on blue where they spoke for what was predicted, on orange where for what it is.
std::string words_of(const Explanation& why, int64_t predicted, int64_t actual) {
  const Explanation shown = with_strongest_runs(why, 4);
  double strongest = 0;
  for (const WordShare& word : shown.words)
    strongest = std::max(strongest, std::abs(Explanation::margin(word.shares, predicted, actual)));
  std::string words;
  for (const WordShare& word : shown.words) {
    const double share = Explanation::margin(word.shares, predicted, actual);
    const double strength = strongest > 0 ? 0.55 * std::abs(share) / strongest : 0;
    words +=
        element("span", escaped(word.words),
                " class=\"word" + std::string(word.known ? "" : " unknown") + "\" style=\"background: rgba(var(--" +
                    (share < 0 ? "against" : "for") + "), " + coordinate(strength) + ")\" title=\"" +
                    (share < 0 ? "" : "+") + fixed(share, 3) + (word.known ? "" : ", unknown") + "\"") +
        " ";
  }
  return words;
}

std::string mistakes_section(const RecipeData& data, const ModelResult& result) {
  const std::vector<Mistake> mistakes = mistakes_of(result, data);
  const std::vector<std::string>& labels = data.train.label_names;
  std::string text = element("h2", "Most confident mistakes") + "\n";
  if (mistakes.empty())
    return text + element("p", escaped(result.name) + " makes none on the validation titles.") + "\n";
  text +=
      element("p", with_commas(static_cast<int64_t>(mistakes.size())) + " of " + with_commas(data.validation.size()) +
                       " validation titles are labelled wrongly by " + escaped(result.name) +
                       ". Words on blue spoke for what was predicted, words on orange for what the title is; dotted " +
                       "ones are unknown. What a word adds shows when the pointer rests on it.") +
      "\n";
  std::string rows = element("tr", element("th", "title and words") + element("th", "actual") +
                                       element("th", "predicted") + element("th", "probability"));
  for (size_t i = 0; i < std::min(most_mistakes, mistakes.size()); ++i) {
    const Mistake& mistake = mistakes[i];
    const int64_t actual = data.validation.labels[static_cast<size_t>(mistake.text)];
    const std::string_view title = data.validation.texts[mistake.text];
    const Explanation why = explain(*result.model, data.encoder, title);
    rows += element("tr", element("td", escaped(title) + "<br>" + words_of(why, mistake.predicted, actual)) +
                              element("td", escaped(labels[static_cast<size_t>(actual)])) +
                              element("td", escaped(labels[static_cast<size_t>(mistake.predicted)])) +
                              element("td", fixed(mistake.probability, 4))) +
            "\n";
  }
  return text + element("div", element("table", "\n" + rows, " class=\"mistakes\""), " class=\"wide\"") + "\n";
}

}  // namespace

std::string html_report(const RecipeData& data, const std::vector<ModelResult>& results, size_t best,
                        const std::vector<NamedPlot>& plots) {
  std::string pictures;
  for (const NamedPlot& plot : plots) pictures += plot.svg;
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>train_recipes</title>\n"
         "<style>\n" +
         std::string(style) + "</style>\n</head>\n<body>\n" + element("h1", "Recipe classifiers") + "\n" +
         facts_section(data) + models_section(data, results, best) + element("h2", "Pictures") + "\n" + pictures +
         mistakes_section(data, results[best]) + "</body>\n</html>\n";
}

}  // namespace roux::apps
