// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::filesystem::path> files(const std::string& folder, const std::string& ending) {
  std::vector<std::filesystem::path> list;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(SIGPROP_SOURCE + std::string("/") + folder)) {
    if (entry.path().extension() == ending) list.push_back(entry.path());
  }
  std::sort(list.begin(), list.end());
  return list;
}

TEST_CASE("every bad spec is refused with exactly its messages") {
  const auto bad = files("tests/spec/bad", ".json");
  CHECK(bad.size() >= 120);
  for (const auto& path : bad) {
    INFO(path.string());
    const spec::ReadResult result = spec::read_text(text_of(path), path.filename().string());
    CHECK_FALSE(result.network);
    std::string errors;
    for (const std::string& error : result.errors) errors += error + "\n";
    CHECK(errors == text_of(std::filesystem::path(path).replace_extension(".expected")));
  }
}

TEST_CASE("every spec of the project is accepted") {
  for (const auto& path : files("specs", ".json")) {
    if (path.filename() == "sigprop.schema.json") continue;
    INFO(path.string());
    CHECK(spec::read_file(path.string()).network);
  }
}

TEST_CASE("a file that cannot be read is an error like any other") {
  const spec::ReadResult missing = spec::read_file("no/such/file.json");
  CHECK(missing.errors == std::vector<std::string>{"no/such/file.json: cannot be read: No such file or directory"});
  const spec::ReadResult folder = spec::read_file("/");
  CHECK(folder.errors == std::vector<std::string>{"/: cannot be read: it is a folder; name a JSON file in it"});
}

TEST_CASE("a model without a name is called after its file") {
  const std::string text = test::small_stack().dump();
  CHECK(spec::read_text(text, "models/my.small.json").network->name == "my.small");
  CHECK(spec::read_text(text, "plain").network->name == "plain");
}

TEST_CASE("defaults are those of the documentation") {
  const network::Network network = test::network_of(test::small_stack());
  CHECK(network.batch == 1);
  CHECK(network.gradient_variance == 1);
  CHECK(network.gradient_token_correlation == 0);
  const auto& layer = std::get<network::Repeat>(network.body.front().op);
  CHECK(layer.times == 4);
  const auto& residual = std::get<network::Residual>(layer.of.front().op);
  CHECK(residual.skip == 1);
  CHECK(residual.branch == 1);
  const auto& attention = std::get<network::Attention>(residual.of[1].op);
  CHECK(attention.head_width == 32);
  CHECK(attention.kv_heads == 4);
  CHECK(attention.score_scale == Approx(1 / std::sqrt(32.0)));
  CHECK(attention.dropout == 0);
}

TEST_CASE("the final norm is there by default for pre and not for post") {
  json spec = test::small_stack();
  spec["stack"]["norm"].erase("final");
  CHECK(std::holds_alternative<network::Norm>(test::network_of(spec).body.back().op));
  spec["stack"]["norm"]["placement"] = "post";
  CHECK(std::holds_alternative<network::Repeat>(test::network_of(spec).body.back().op));
}

TEST_CASE("an explicit standard deviation wins over the scheme, and the embedding's own over both") {
  json spec = test::small_stack();
  spec["init"] = {{"scheme", "bert"}, {"std", {{"query", 0.5}, {"embedding", 0.3}}}};
  spec["input"] = {{"embedding", {{"vocabulary", 100}, {"tables", {"token"}}}}};
  network::Network network = test::network_of(spec);
  const auto& layer = std::get<network::Repeat>(network.body.front().op);
  const auto& attention = std::get<network::Attention>(std::get<network::Residual>(layer.of.front().op).of[1].op);
  CHECK(attention.query_std == 0.5);
  CHECK(attention.key_std == 0.02);
  CHECK(std::get<network::Embedding>(network.source).std == 0.3);
  spec["input"]["embedding"]["std"] = 0.7;
  network = test::network_of(spec);
  CHECK(std::get<network::Embedding>(network.source).std == 0.7);
}

TEST_CASE("what predict refuses is still a good spec") {
  json spec = test::small_stack();
  spec["stack"]["attention"].update({{"mask", "causal"}, {"kv_heads", 2}, {"rotary_base", 10000}});
  spec["stack"]["ffn"]["gated"] = true;
  CHECK(test::network_of(spec).body.size() == 1);
  spec["encoder"] = spec["stack"];
  spec["decoder"] = spec["stack"];
  spec["decoder"]["cross_attention"] = {{"heads", 4}};
  spec.erase("stack");
  CHECK(test::network_of(spec).encoder.size() == 1);
}

TEST_CASE("whole numbers may be written as decimals") {
  json spec = test::small_stack();
  spec["stack"]["layers"] = 4.0;
  CHECK(std::get<network::Repeat>(test::network_of(spec).body.front().op).times == 4);
}

TEST_CASE("schemes have the standard deviations of their formulas") {
  const auto attention_of = [](const char* scheme) {
    json spec = test::small_stack();
    spec["init"] = {{"scheme", scheme}};
    const network::Network network = test::network_of(spec);
    const auto& layer = std::get<network::Repeat>(network.body.front().op);
    return std::get<network::Attention>(std::get<network::Residual>(layer.of.front().op).of[1].op);
  };
  CHECK(attention_of("xavier").query_std == Approx(std::sqrt(2.0 / (128 + 32))));
  CHECK(attention_of("xavier").output_std == Approx(std::sqrt(1.0 / 128)));
  CHECK(attention_of("lecun").value_std == Approx(std::sqrt(1.0 / 128)));
  CHECK(attention_of("kaiming").value_std == Approx(std::sqrt(2.0 / 128)));
  CHECK(attention_of("bert").output_std == 0.02);
  CHECK(attention_of("gpt2").output_std == Approx(0.02 / std::sqrt(8.0)));
  CHECK(attention_of("gpt2").query_std == 0.02);
}

}  // namespace
