// SPDX-License-Identifier: Apache-2.0
#include "spec/lower.hpp"

#include <cmath>

#include "spec/fields.hpp"
#include "spec/lower_components.hpp"
#include "spec/lower_stack.hpp"
#include "spec/names.hpp"
#include "spec/validate.hpp"

namespace sigprop::spec {
namespace {

using Errors = std::vector<std::string>;

profile::Thresholds thresholds_of(const Json& json) {
  profile::Thresholds t;
  t.exploding_variance = number(json, "exploding_variance", t.exploding_variance);
  t.exploding_gradient = number(json, "exploding_gradient", t.exploding_gradient);
  t.vanishing_gradient = number(json, "vanishing_gradient", t.vanishing_gradient);
  t.rank_collapse = number(json, "rank_collapse", t.rank_collapse);
  t.entropy_collapse = number(json, "entropy_collapse", t.entropy_collapse);
  return t;
}

/// Its deviation is the input's own, else init's, else 0 until a scheme has been asked.
network::Embedding embedding_of(const Json& spec) {
  const Json& json = spec.at("input").at("embedding");
  network::Embedding out;
  out.vocabulary = count(json, "vocabulary", 2);
  out.token = out.position = out.segment = false;
  for (const Json& table : json.at("tables")) {
    const std::string name = table.get<std::string>();
    (name == "token" ? out.token : name == "position" ? out.position : out.segment) = true;
  }
  out.std = number(json, "std", number(member(member(spec, "init"), "std"), "embedding", 0));
  return out;
}

/// The tables' deviation where the spec's input leaves it to `init`.
void set_embedding_std(const Json& spec, const std::optional<double>& std, network::Network& out, Errors& errors) {
  auto* embedding = std::get_if<network::Embedding>(&out.source);
  if (embedding == nullptr || spec.at("input").at("embedding").contains("std")) return;
  if (!std) {
    errors.push_back(
        "/input/embedding/std is missing, but must be a number in [0, 1000000]: no scheme sets it (for example 0.02)");
  }
  embedding->std = std.value_or(0);
}

/// Norm and dropout after the sum of the tables.
std::vector<network::Component> after_embedding(const Json& json, std::size_t width) {
  std::vector<network::Component> list;
  const std::string norm = text(json, "norm", "none");
  if (norm != "none") list.push_back({network::Norm{value_of(norm_names, norm), width}, ""});
  const double dropout = number(json, "dropout", 0);
  if (dropout > 0) list.push_back({network::Dropout{dropout}, ""});
  return list;
}

void lower_input(const Json& spec, network::Network& out) {
  const Json& input = member(spec, "input");
  if (input.contains("embedding")) {
    const Json& embedding = input.at("embedding");
    out.source = embedding_of(spec);
    out.input = after_embedding(embedding, out.width);
  } else {
    out.source = network::GivenInput{number(input, "mean", 0), number(input, "variance", 1),
                                     number(input, "token_correlation", 0)};
  }
}

void lower_gradient(const Json& spec, network::Network& out, Errors& errors) {
  const Json& gradient = member(spec, "gradient");
  out.gradient_variance = number(gradient, "variance", 1);
  out.gradient_token_correlation = number(gradient, "token_correlation", 0);
  const double length = out.length();
  const bool alone = length < 2;
  const double least = alone ? 0 : -1 / (length - 1);
  if (out.gradient_token_correlation < least) {
    const std::string why = alone ? "where there is one token" : "-1/(L-1): tokens cannot correlate less";
    errors.push_back("/gradient/token_correlation is " + shown(gradient.at("token_correlation")) +
                     ", but must be at least " + (alone ? "0" : shown(least)) + ", " + why);
    return;
  }
  out.gradient_cross_correlation = number(gradient, "cross_correlation", 0);
  const double of_means = (1 + (length - 1) * out.gradient_token_correlation) / length;
  if (out.gradient_cross_correlation > of_means) {
    errors.push_back("/gradient/cross_correlation is " + shown(gradient.at("cross_correlation")) +
                     ", but must be at most " + shown(of_means) +
                     ", (1 + (L-1) token_correlation)/L: sequences cannot have more in common than tokens of one");
  }
}

/// Both stacks, or the one; `embedding_std` receives what init says of the embedding.
void lower_stacks(const Json& spec, Lowered& out, std::optional<double>& embedding_std, Errors& errors) {
  for (const char* key : {"stack", "encoder", "decoder"}) {
    if (!spec.contains(key)) continue;
    LoweredStack lowered = lower_stack(spec, key, out.network, errors);
    embedding_std = lowered.embedding_std;
    out.truncation = lowered.truncation;
    out.stacks.push_back(std::move(lowered.stack));
  }
  if (out.stacks.size() > 1 && out.stacks[1].width != out.network.width) {
    errors.push_back("/decoder/width is " + std::to_string(out.stacks[1].width) + ", but must be the encoder's, " +
                     std::to_string(out.network.width) + ": cross-attention reads the encoder's output");
  }
  if (!errors.empty()) return;
  out.network.body = network::components_of(out.stacks.back());
  if (out.stacks.size() > 1) out.network.encoder = network::components_of(out.stacks.front());
}

}  // namespace

Lowered lower(const Json& spec, std::vector<std::string>& errors) {
  Lowered result;
  network::Network& out = result.network;
  out.name = text(spec, "name", "");
  out.sequence_length = count(spec, "sequence_length", 1);
  out.batch = count(spec, "batch", 1);
  out.thresholds = thresholds_of(member(spec, "thresholds"));
  std::optional<double> embedding_std;
  if (spec.contains("components")) {
    lower_components(spec, out, errors);
    lower_input(spec, out);
  } else {
    out.width = count(spec.at(spec.contains("stack") ? "stack" : "encoder"), "width", 1);
    lower_input(spec, out);
    lower_stacks(spec, result, embedding_std, errors);
  }
  const bool scheme_failed = member(spec, "init").contains("scheme") && !errors.empty();
  if (!scheme_failed) set_embedding_std(spec, embedding_std, out, errors);
  lower_gradient(spec, out, errors);
  return result;
}

}  // namespace sigprop::spec
