// A profile as rows, as a table and as a trace.
#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>

#include "tensor/file.h"
#include "tensor/profiler.h"
#include "tensor/profiler_event.h"

namespace roux {
namespace {

using detail::ProfilerEvent;

void add(ProfilerFigures& to, const ProfilerEvent& event, int64_t calls) {
  to.calls += calls;
  to.nanoseconds += event.nanoseconds;
  to.bytes += event.bytes;
}

int64_t nanoseconds(const ProfilerRow& row) { return row.forward.nanoseconds + row.backward.nanoseconds; }

double milliseconds(int64_t value) { return static_cast<double>(value) / 1e6; }

template <class... Values>
std::string formatted(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

// `calls  ms  MB`; blanks where nothing was called.
std::string figures_text(const ProfilerFigures& figures) {
  if (figures.calls == 0) return formatted("%9s %10s %9s", "", "", "");
  return formatted("%9lld %10.3f %9.1f", static_cast<long long>(figures.calls), milliseconds(figures.nanoseconds),
                   static_cast<double>(figures.bytes) / 1e6);
}

std::string row_text(const std::string& name, double share, const ProfilerFigures& forward,
                     const ProfilerFigures& backward) {
  std::string text = formatted("%-24s %5.1f", name.c_str(), share) + figures_text(forward) + figures_text(backward);
  text.erase(text.find_last_not_of(' ') + 1);
  return text + '\n';
}

// As the inside of a JSON string.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += formatted("\\u%04x", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string trace_name(const ProfilerEvent& event) {
  return escaped(event.name) + (event.kind == ProfilerEvent::Kind::backward ? " backward" : "");
}

// One "complete event": times are in microseconds.
std::string trace_line(const ProfilerEvent& event, int64_t started) {
  constexpr const char* categories[] = {"kernel", "forward", "backward", "range"};
  std::string line =
      "{\"name\":\"" + trace_name(event) + "\",\"cat\":\"" + categories[static_cast<size_t>(event.kind)] +
      formatted("\",\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f", event.thread,
                static_cast<double>(event.begin - started) / 1e3, static_cast<double>(event.nanoseconds) / 1e3);
  if (event.kind == ProfilerEvent::Kind::kernel) {
    line += formatted(",\"args\":{\"bytes\":%lld", static_cast<long long>(event.bytes));
    if (event.operation) line += ",\"operation\":\"" + escaped(event.operation) + "\"";
    line += "}";
  }
  return line + "}";
}

}  // namespace

std::vector<ProfilerRow> Profiler::rows() const {
  std::map<std::pair<bool, std::string>, ProfilerRow> found;
  for (const ProfilerEvent& event : events()) {
    if (event.kind == ProfilerEvent::Kind::range) continue;
    const bool kernel = event.kind == ProfilerEvent::Kind::kernel, operation = !kernel || event.operation;
    const std::string name = event.operation ? event.operation : event.name;
    ProfilerRow& row = found[{operation, name}];
    row.name = name;
    row.is_operation = operation;
    ProfilerFigures& figures = event.in_backward ? row.backward : row.forward;
    // An operation is called once for all of its kernels, whose time it is.
    if (kernel) add(figures, event, operation ? 0 : 1);
    if (!kernel) ++figures.calls;
  }
  std::vector<ProfilerRow> rows;
  for (const auto& [key, row] : found) rows.push_back(row);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return nanoseconds(a) > nanoseconds(b); });
  return rows;
}

std::string Profiler::table() const {
  const std::vector<ProfilerRow> all = rows();
  ProfilerFigures forward, backward;
  for (const ProfilerRow& row : all) {
    for (const auto& [sum, figures] : {std::pair{&forward, &row.forward}, std::pair{&backward, &row.backward}}) {
      sum->calls += figures->calls;
      sum->nanoseconds += figures->nanoseconds;
      sum->bytes += figures->bytes;
    }
  }
  const auto kernels = static_cast<double>(std::max<int64_t>(forward.nanoseconds + backward.nanoseconds, 1));
  std::string text = formatted("%-24s %5s%9s %10s %9s%9s %10s %9s\n", "", "", "forward", "", "", "backward", "", "");
  text.erase(text.find_last_not_of(" \n") + 1);
  text += '\n' +
          formatted("%-24s %5s%9s %10s %9s%9s %10s %9s\n", "operation", "%", "calls", "ms", "MB", "calls", "ms", "MB");
  for (const bool operations : {true, false}) {
    if (!operations) text += "outside of operations\n";
    for (const ProfilerRow& row : all)
      if (row.is_operation == operations)
        text += row_text((operations ? "" : "  ") + row.name, 100 * static_cast<double>(nanoseconds(row)) / kernels,
                         row.forward, row.backward);
  }
  text += row_text("all", 100, forward, backward);
  return text + formatted("%.1f ms since the start, %.1f %% of it in kernels\n", milliseconds(elapsed()),
                          100 * kernels / static_cast<double>(std::max<int64_t>(elapsed(), 1)));
}

void Profiler::write_chrome_trace(const std::string& path) const {
  std::string text =
      "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,"
      "\"args\":{\"name\":\"roux\"}}";
  for (const ProfilerEvent& event : events()) text += ",\n" + trace_line(event, started_);
  write_file_atomically(path, text + "\n]}\n");
}

}  // namespace roux
