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
  CHECK(bad.size() >= 150);
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
  const spec::ReadResult endless = spec::read_file("/dev/zero");
  CHECK(endless.errors ==
        std::vector<std::string>{"/dev/zero: is larger than 256 MiB, the most that is read; name a JSON file"});
}

TEST_CASE("a model without a name is called after its file") {
  const std::string text = test::text_of(test::small_stack());
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
  CHECK(std::get<network::Embedding>(network.source).token.std == 0.3);
  spec["input"]["embedding"]["std"] = 0.7;
  network = test::network_of(spec);
  CHECK(std::get<network::Embedding>(network.source).token.std == 0.7);
}

TEST_CASE("a stack's own standard deviation wins over the model's, and a cross-attention's over its layer's") {
  json spec = test::encoder_decoder_of(test::small_stack());
  spec["init"] = {{"scheme", "bert"},
                  {"std", {{"query", 0.5}}},
                  {"encoder", {{"std", {{"query", 0.6}}}}},
                  {"decoder", {{"std", {{"cross_query", {0.7, 0.8}}, {"output", 0.9}}}}}};
  for (const char* key : {"encoder", "decoder"}) spec[key]["layers"] = 2;
  const spec::ReadResult read = spec::read_text(test::text_of(spec), "test.json");
  REQUIRE(read.network);
  const auto &encoder = read.stacks[0].std[1], &decoder = read.stacks[1].std[1];
  CHECK(encoder.query == 0.6);
  CHECK(encoder.output == 0.02);
  CHECK(decoder.query == 0.5);
  CHECK(decoder.output == 0.9);
  // Components hold them: of the second layer's three branches that with the cross-attention.
  const std::vector<network::Component> branch = network::residual_of(read.stacks[1], 4);
  std::size_t found = 0;
  network::for_each_component(branch, [&](const network::Component& component) {
    const auto* attention = std::get_if<network::Attention>(&component.op);
    if (attention == nullptr) return;
    ++found;
    CHECK(attention->query_std == 0.8);
    CHECK(attention->key_std == 0.02);
    CHECK(attention->output_std == 0.9);
  });
  CHECK(found == 1);
}

TEST_CASE("each embedding table has its own deviation, and what is left out has init's") {
  json spec = test::small_stack();
  spec["init"] = {{"scheme", "gpt2"}};
  spec["input"] = {{"embedding",
                    {{"vocabulary", 100},
                     {"tables", {"token", "position", "segment"}},
                     {"segments", 1},
                     {"std", {{"token", 1.0}, {"segment", 0.5}}}}}};
  const network::Network network = test::network_of(spec);
  const auto& embedding = std::get<network::Embedding>(network.source);
  CHECK(embedding.token.std == 1);
  CHECK(embedding.position.std == 0.02);
  CHECK(embedding.segment.std == 0.5);
  CHECK(embedding.segments == 1);
  spec["input"]["embedding"]["segments"] = 0;
  CHECK_FALSE(std::get<network::Embedding>(test::network_of(spec).source).segment.used);
}

TEST_CASE("all norms of a stack have its epsilon, the embedding's too, and attention's may have another") {
  json spec = test::small_stack();
  spec["stack"]["norm"]["epsilon"] = 1e-5;
  spec["stack"]["norm"]["inner"] = true;
  spec["stack"]["attention"]["norm_epsilon"] = 1e-3;
  spec["stack"]["ffn"]["dropout"] = 0.25;
  spec["input"] = {{"embedding", {{"vocabulary", 100}, {"tables", {"token"}}, {"norm", "layer_norm"}, {"std", 1.0}}}};
  const network::Network network = test::network_of(spec);
  CHECK(std::get<network::Norm>(network.input.front().op).epsilon == 1e-5);
  std::size_t norms = 0, dropouts = 0;
  network::for_each_component(network.body, [&](const network::Component& component) {
    if (const auto* attention = std::get_if<network::Attention>(&component.op)) CHECK(attention->norm_epsilon == 1e-3);
    if (const auto* norm = std::get_if<network::Norm>(&component.op)) {
      ++norms;
      CHECK(norm->epsilon == 1e-5);
    }
    const auto* dropout = std::get_if<network::Dropout>(&component.op);
    if (dropout != nullptr && dropout->probability == 0.25) ++dropouts;
  });
  CHECK(norms > 2);
  CHECK(dropouts == 1);
}

TEST_CASE("branches of rezero, skipinit and layerscale have learned scales, and a spec's own word wins") {
  json spec = test::small_stack();
  spec["stack"]["norm"] = {{"kind", "none"}};
  const auto learned = [&] {
    bool found = false;
    const network::Network network = test::network_of(spec);
    network::for_each_component(network.body, [&](const network::Component& component) {
      const auto* residual = std::get_if<network::Residual>(&component.op);
      found = found || (residual != nullptr && residual->learned_branch);
    });
    return found;
  };
  for (const char* scheme : {"rezero", "skipinit", "layerscale"}) {
    spec["init"] = {{"scheme", scheme}};
    CHECK(learned());
  }
  spec["stack"]["residual"]["learned_branch"] = false;
  CHECK_FALSE(learned());
  spec["init"] = {{"scheme", "xavier"}};
  spec["stack"]["residual"].erase("learned_branch");
  CHECK_FALSE(learned());
}

TEST_CASE("a causal decoder with grouped heads, rotary positions and a gate is a good spec, behind an encoder too") {
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

/// The attention of the first branch of a stack with norms before its branches.
network::Attention attention_of(const json& spec) {
  const network::Network network = test::network_of(spec);
  const auto& layer = std::get<network::Repeat>(network.body.front().op);
  return std::get<network::Attention>(std::get<network::Residual>(layer.of.front().op).of[1].op);
}

TEST_CASE("all features of a head turn by default, and none without a base") {
  json spec = test::small_stack();
  CHECK_FALSE(attention_of(spec).rotary_base);
  CHECK_FALSE(attention_of(spec).query_key_norm);
  spec["stack"]["attention"]["rotary_base"] = 10000;
  CHECK(attention_of(spec).rotary_width == 32);
  spec["stack"]["attention"].update({{"rotary_width", 8}, {"query_key_norm", "layer_norm"}});
  CHECK(attention_of(spec).rotary_width == 8);
  CHECK(attention_of(spec).query_key_norm == network::NormKind::layer_norm);
}

TEST_CASE("a part of an odd head may turn") {
  json spec = test::small_stack();
  spec["stack"]["attention"].update({{"head_width", 5}, {"rotary_base", 10000}, {"rotary_width", 4}});
  CHECK(attention_of(spec).rotary_width == 4);
}

TEST_CASE("a token goes to one expert by default") {
  json spec = test::small_stack();
  spec["stack"]["ffn"]["experts"] = 8;
  const network::Network network = test::network_of(spec);
  const auto& layer = std::get<network::Repeat>(network.body.front().op);
  const auto& experts = std::get<network::Experts>(std::get<network::Residual>(layer.of[1].op).of[1].op);
  CHECK(experts.count == 8);
  CHECK(experts.chosen == 1);
}

TEST_CASE("sandwich and output have a final norm by default") {
  json spec = test::small_stack();
  spec["stack"]["norm"].erase("final");
  for (const char* placement : {"sandwich", "output"}) {
    spec["stack"]["norm"]["placement"] = placement;
    CHECK(std::holds_alternative<network::Norm>(test::network_of(spec).body.back().op));
  }
}

TEST_CASE("parallel layers have one branch, so that lists of scales have one number a layer") {
  json spec = test::small_stack();
  spec["stack"]["parallel"] = true;
  spec["stack"]["residual"] = {{"branch", {1, 0.5, 0.25, 0.125}}};
  CHECK(test::network_of(spec).body.size() == 4);
}

TEST_CASE("tied layers may differ within a layer") {
  json spec = test::small_stack();
  spec["stack"]["tied"] = true;
  spec["stack"]["residual"] = {{"branch", {1, 0.5, 1, 0.5, 1, 0.5, 1, 0.5}}};
  const network::Network network = test::network_of(spec);
  const auto& layer = std::get<network::Repeat>(network.body.front().op);
  CHECK(layer.tied);
  CHECK(layer.times == 4);
}

TEST_CASE("components nest in lists side by side, in experts and in tied repeats") {
  const json linear = {{"linear", {{"in", 16}, {"out", 16}, {"weight_std", 0.1}}}};
  const json spec = {
      {"sequence_length", 8},
      {"components",
       {{{"repeat",
          {{"times", 3},
           {"tied", true},
           {"of",
            {{{"parallel",
               {{"of", {{linear}, {{{"experts", {{"count", 4}, {"top_k", 2}, {"of", {linear}}}}}}}}}}}}}}}}}}};
  const network::Network network = test::network_of(spec);
  CHECK(network.width == 16);
  const auto& repeat = std::get<network::Repeat>(network.body.front().op);
  CHECK(repeat.tied);
  const auto& parallel = std::get<network::Parallel>(repeat.of.front().op);
  CHECK(repeat.of.front().point == "parallel");
  REQUIRE(parallel.of.size() == 2);
  CHECK(std::get<network::Experts>(parallel.of[1].front().op).chosen == 2);
}

TEST_CASE("whole numbers may be written as decimals") {
  json spec = test::small_stack();
  spec["stack"]["layers"] = 4.0;
  CHECK(std::get<network::Repeat>(test::network_of(spec).body.front().op).times == 4);
}

TEST_CASE("schemes have the standard deviations of their formulas") {
  const auto attention_by = [](const char* scheme) {
    json spec = test::small_stack();
    spec["init"] = {{"scheme", scheme}};
    return attention_of(spec);
  };
  CHECK(attention_by("xavier").query_std == Approx(std::sqrt(2.0 / (128 + 32))));
  CHECK(attention_by("xavier").output_std == Approx(std::sqrt(1.0 / 128)));
  CHECK(attention_by("lecun").value_std == Approx(std::sqrt(1.0 / 128)));
  CHECK(attention_by("kaiming").value_std == Approx(std::sqrt(2.0 / 128)));
  CHECK(attention_by("bert").output_std == 0.02);
  CHECK(attention_by("gpt2").output_std == Approx(0.02 / std::sqrt(8.0)));
  CHECK(attention_by("gpt2").query_std == 0.02);
}

}  // namespace
