// Reads the figures once.
#include "tests/text/tokenizers/bpe_fixture.h"

#include <fstream>

#include <nlohmann/json.hpp>

namespace bpe_fixture {
namespace {

using Json = nlohmann::json;
using Strings = std::vector<std::string>;

const Json& figures() {
  static const Json json = Json::parse(std::ifstream("tests/oracle/byte_level_bpe.json"));
  return json;
}

Case read_case(const Json& json) {
  const Json& model = figures().at("models").at(json.at("model").get<std::string>());
  const Json& options = json.at("options");
  Case result;
  result.name = json.at("model").get<std::string>() + " " + options.dump();
  result.vocabulary = model.at("vocabulary").get<Strings>();
  result.merges = model.at("merges").get<Merges>();
  result.options.add_prefix_space = options.value("add_prefix_space", false);
  result.options.use_regex = options.value("use_regex", true);
  result.options.ignore_merges = options.value("ignore_merges", false);
  result.options.unk_token = options.value("unk_token", "");
  result.options.fuse_unk = options.value("fuse_unk", false);
  result.options.trim_offsets = options.contains("trim");
  result.options.trim_keeps_first_space = options.value("trim", true);
  for (const Json& text : json.at("texts")) {
    Expected expected{text[0].get<std::vector<int32_t>>(), {}, text[2].get<std::string>()};
    const auto positions = text[1].get<std::vector<int32_t>>();
    for (size_t i = 0; i < positions.size(); i += 2) expected.offsets.push_back({positions[i], positions[i + 1]});
    result.expected.push_back(std::move(expected));
  }
  return result;
}

Training read_training(const Json& json) {
  const Json& options = json.at("options");
  Training result;
  result.vocab_size = options.at("vocab_size").get<int64_t>();
  result.min_frequency = options.value("min_frequency", int64_t{0});
  result.add_prefix_space = options.value("add_prefix_space", false);
  result.special_tokens = options.value("special_tokens", Strings());
  result.first = json.value("first", Strings());
  result.size = json.value("size", int64_t{0});
  result.merges = json.value("merges", Merges());
  result.vocabulary = json.value("vocabulary", Strings());
  return result;
}

template <class T>
std::vector<T> read_all(const char* name, T (*read)(const Json&)) {
  std::vector<T> all;
  for (const Json& json : figures().at(name)) all.push_back(read(json));
  return all;
}

}  // namespace

const std::vector<std::string>& texts() {
  static const Strings all = figures().at("texts").get<Strings>();
  return all;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = read_all("cases", read_case);
  return all;
}

const roux::text::StringList& corpus() {
  static const roux::text::StringList all(figures().at("corpus").get<Strings>());
  return all;
}

const std::vector<Training>& trainings() {
  static const std::vector<Training> all = read_all("trainings", read_training);
  return all;
}

const Training& wordpiece_training() {
  static const Training training = read_training(figures().at("wordpiece"));
  return training;
}

}  // namespace bpe_fixture
