// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "sigprop/import/import.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;

/// Every config.json that the transformers library was seen to write.
std::vector<json> recorded() {
  std::vector<json> configs;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(SIGPROP_SOURCE "/tests/data/hugging_face")) {
    if (entry.path().filename() != "config.json") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    configs.push_back(json::parse(file));
  }
  return configs;
}

importer::Imported imported(const json& config) {
  importer::Options options;
  if (!config.contains("patch_size")) options.sequence_length = 64;
  return importer::from_hugging_face(test::text_of(config), "config.json", options);
}

TEST_CASE("the library's own configurations have no key that sigprop does not know") {
  const std::vector<json> configs = recorded();
  CHECK(configs.size() >= 70);
  for (const json& config : configs) {
    INFO(test::text_of(config));
    const importer::Imported result = imported(config);
    CHECK(result.errors.empty());
    for (const std::string& warning : result.warnings) CHECK(warning.find("is not a key") == std::string::npos);
  }
}

/// Values that a key may be changed to: of every type, at and beyond the edges.
const std::vector<json>& odd_values() {
  static const std::vector<json> values = {nullptr,
                                           true,
                                           false,
                                           0,
                                           1,
                                           -1,
                                           2,
                                           3,
                                           7,
                                           64,
                                           1e7,
                                           1e9,
                                           1e18,
                                           0.5,
                                           -0.5,
                                           1e-300,
                                           1e300,
                                           "",
                                           "gelu",
                                           "gated-",
                                           "gated-gelu",
                                           "relu",
                                           json::array(),
                                           {1, 2},
                                           {0, "x"},
                                           json::object(),
                                           {{"rope_theta", 0.5}},
                                           {{"rope_type", 3}},
                                           {{"rope_theta", nullptr}, {"a/b~", 1}}};
  return values;
}

TEST_CASE("a configuration changed at random gives a spec that the reader accepts, or errors", "[bulk]") {
  constexpr int changes_of_each = 60;
  std::mt19937 random(1);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  int accepted = 0, refused = 0;
  for (const json& config : recorded()) {
    for (int i = 0; i < changes_of_each; ++i) {
      json changed = config;
      for (std::size_t change = 0; change <= below(3); ++change) {
        const auto member = std::next(changed.begin(), static_cast<std::ptrdiff_t>(below(changed.size())));
        if (below(4) == 0) {
          changed.erase(member.key());
        } else {
          *member = odd_values()[below(odd_values().size())];
        }
      }
      INFO(test::text_of(changed));
      const importer::Imported result = imported(changed);
      CHECK(result.spec.empty() == !result.errors.empty());
      if (!result.spec.empty()) CHECK(spec::read_text(result.spec, "spec.json").network);
      ++(result.spec.empty() ? refused : accepted);
    }
  }
  CHECK(accepted > 500);
  CHECK(refused > 500);
}

}  // namespace
