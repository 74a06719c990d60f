// How gradcheck tells what is wrong.
#include "autograd/gradcheck_report.h"

#include <algorithm>
#include <iterator>

namespace roux::detail {
namespace {

// The factor by which all entries are off; NaN when it is not the same for all.
double common_factor(const std::vector<GradcheckEntry>& entries) {
  double factor = NAN;
  for (const GradcheckEntry& entry : entries) {
    if (std::abs(entry.expected) < 1e-3) continue;
    const double ratio = entry.found / entry.expected;
    if (std::isnan(factor)) factor = ratio;
    if (!(std::abs(ratio - factor) <= 1e-3 * std::max(1.0, std::abs(factor)))) return NAN;
  }
  return factor;
}

// `the length of dimension 0 of the result`, where some dimension of either shape has this length; else nothing.
std::string length_text(double length, const Shape& input, const Shape& result) {
  const auto named = [&](const Shape& shape, const char* of) -> std::string {
    for (int i = 0; i < shape.size(); ++i)
      if (shape[i] > 1 && std::abs(length - static_cast<double>(shape[i])) < 2e-3 * length)
        return "the length of dimension " + std::to_string(i) + " of the " + of;
    return "";
  };
  const std::string of_result = named(result, "result");
  return of_result.empty() ? named(input, "input") : of_result;
}

// To how many entries of the result each entry of the input is broadcast; 1 when the shapes are not such.
double copies(const Shape& input, const Shape& result) {
  double count = 1;
  const auto missing = result.size() - input.size();
  for (int64_t i = 0; i < result.size(); ++i) {
    const int64_t length = i < missing ? 1 : input[i - missing];
    if (length != 1 && length != result[i]) return 1;
    if (length == 1) count *= static_cast<double>(result[i]);
  }
  return missing < 0 ? 1 : count;
}

// How a factor that all entries are off by may have come about. Several reasons where it fits several.
std::string factor_hint(double factor, const Shape& input, const Shape& result) {
  const auto is = [&](double value) { return std::abs(factor - value) < 2e-3 * std::abs(value); };
  if (is(-1)) return "the sign is turned around";
  std::string reasons;
  const auto say = [&](const std::string& reason) { reasons += (reasons.empty() ? "" : " Or: ") + reason; };
  if (is(2)) say("all are twice as large as they should be: is something added twice?");
  if (is(0.5)) say("all are half as large as they should be: is one of two uses forgotten?");
  const std::string times = length_text(factor, input, result);
  std::string part = length_text(1 / factor, input, result);
  const double count = copies(input, result);
  if (part.empty() && count > 1 && is(1 / count))
    part = error_text(count) + ", the number of entries of the result that each of the input is broadcast to";
  if (!times.empty())
    say("all are too large by " + times +
        ": is the division of a mean forgotten, or something added for each of them?");
  if (!part.empty())
    say("all are too small by " + part + ": is a sum over a broadcast dimension forgotten, or a mean taken for a sum?");
  return reasons.empty() ? "all are off by the factor " + error_text(std::round(1e6 * factor) / 1e6) : reasons;
}

// Whether slopes left and right differ at many entries of an input that is wrong nearly everywhere: that is noise more
// often than kinks.
bool is_noisy(const GradcheckReport& report) {
  const auto count = [&](bool GradcheckEntry::*what) {
    return std::count_if(report.entries.begin(), report.entries.end(), [&](const auto& entry) { return entry.*what; });
  };
  return count(&GradcheckEntry::kink) > 1 && 2 * count(&GradcheckEntry::wrong) > std::ssize(report.entries);
}

// What may be the reason; nothing when the numbers do not tell.
std::string hint(const GradcheckReport& report, const Shape& result) {
  const GradcheckEntry& worst = report.worst;
  if (std::isnan(worst.expected) && !std::isnan(worst.found))
    return "the function itself gives NaN or infinity here: does something on the way overflow?";
  if (std::isnan(worst.found) || std::isnan(worst.expected)) return "NaN: is the input outside the function's domain?";
  if (!report.arrived)
    return "no gradient arrives: does f use this input as a Variable, without data(), detach() and NoGrad on the way, "
           "and does backward add one for it?";
  const char* const single = "does something on the way compute in float32?";
  if (worst.kink)
    return std::string("the slopes left and right of this input differ: move it off the kink, or set allow_kinks") +
           (is_noisy(report) ? std::string("; or, as many do: ") + single : "");
  if (std::all_of(report.entries.begin(), report.entries.end(),
                  [](const GradcheckEntry& entry) { return entry.found == 0; }))
    return "a gradient arrives, but it is 0 everywhere";
  const double factor = common_factor(report.entries);
  if (!std::isnan(factor)) return factor_hint(factor, report.shape, result);
  return is_noisy(report) ? std::string("slopes left and right differ at many entries: ") + single : "";
}

std::string describe(const GradcheckResult& result, const GradcheckReport& report, const GradcheckSubject& of) {
  const auto wrong = std::count_if(report.entries.begin(), report.entries.end(),
                                   [](const GradcheckEntry& entry) { return entry.wrong; });
  const std::string reason = hint(report, of.shape);
  return "[gradcheck] " + (of.name.empty() ? "" : of.name + ", ") + result.input + ": " + std::to_string(wrong) +
         " of " + std::to_string(report.entries.size()) + " entries are wrong; worst at " + result.index + ": found " +
         error_text(result.found) + ", expected " + error_text(result.expected) + ", relative error " +
         error_text(result.relative_error) + (reason.empty() ? "" : " (hint: " + reason + ")");
}

// `input 0, input 2`: those reports for which `chosen` holds.
template <class Chosen>
std::string names_of(const std::vector<GradcheckReport>& reports, const Chosen& chosen) {
  std::string names;
  for (const GradcheckReport& report : reports)
    if (chosen(report)) names += (names.empty() ? "" : ", ") + report.name;
  return names;
}

}  // namespace

std::string index_text(int64_t flat, const Shape& shape) {
  Dims index = shape;
  for (int64_t axis = shape.size() - 1; axis >= 0; --axis) {
    index[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  return to_string(index);
}

GradcheckResult summarize(const std::vector<GradcheckReport>& reports, const GradcheckSubject& of) {
  GradcheckResult result;
  const GradcheckReport* worst = nullptr;
  for (const GradcheckReport& report : reports) {
    if (report.entries.empty()) continue;
    result.checked += static_cast<int64_t>(report.entries.size());
    for (const GradcheckEntry& entry : report.entries) result.kinks += entry.kink && !entry.wrong;
    if (!worst || report.worse_than(*worst)) worst = &report;
  }
  if (!worst) {
    result.message = "[gradcheck] there is no entry to check";
    return result;
  }
  const GradcheckEntry& entry = worst->worst;
  result.ok = !entry.wrong;
  result.input = worst->name;
  result.index = index_text(entry.index, worst->shape);
  result.found = entry.found;
  result.expected = entry.expected;
  result.relative_error = entry.error() / std::max({std::abs(entry.found), std::abs(entry.expected), 1e-300});
  if (result.ok) {
    const std::string checked =
        names_of(reports, [](const GradcheckReport& report) { return !report.entries.empty(); });
    result.message = "[gradcheck] " + std::to_string(result.checked) + " entries are right (" + checked + ")";
    return result;
  }
  const std::string others = names_of(reports, [&](const GradcheckReport& r) { return &r != worst && r.worst.wrong; });
  result.message = describe(result, *worst, of) + (others.empty() ? "" : "; also wrong: " + others);
  return result;
}

}  // namespace roux::detail
