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

network::Embedding embedding_of(const Json& json, std::optional<double> std, Errors& errors) {
  network::Embedding out;
  out.vocabulary = number(json, "vocabulary", 2);
  out.token = out.position = out.segment = false;
  for (const Json& table : json.at("tables")) {
    const std::string name = table.get<std::string>();
    (name == "token" ? out.token : name == "position" ? out.position : out.segment) = true;
  }
  if (json.contains("std")) std = json.at("std").get<double>();
  if (!std) {
    errors.push_back(
        "/input/embedding/std is missing, but must be a number in [0, 1000000]: no scheme sets it (for example 0.02)");
  }
  out.std = std.value_or(0);
  return out;
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

void lower_input(const Json& spec, std::optional<double> embedding_std, network::Network& out, Errors& errors) {
  const Json& input = member(spec, "input");
  if (input.contains("embedding")) {
    const Json& embedding = input.at("embedding");
    out.source = embedding_of(embedding, embedding_std, errors);
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
  const bool alone = out.sequence_length < 2;
  const double least = alone ? 0 : -1 / (out.sequence_length - 1);
  if (out.gradient_token_correlation < least) {
    const std::string why = alone ? "where there is one token" : "-1/(L-1): tokens cannot correlate less";
    errors.push_back("/gradient/token_correlation is " + shown(gradient.at("token_correlation")) +
                     ", but must be at least " + (alone ? "0" : shown(least)) + ", " + why);
  }
}

}  // namespace

network::Network lower(const Json& spec, std::vector<std::string>& errors) {
  network::Network out;
  out.name = text(spec, "name", "");
  out.sequence_length = number(spec, "sequence_length", 1);
  out.batch = number(spec, "batch", 1);
  out.thresholds = thresholds_of(member(spec, "thresholds"));
  std::optional<double> embedding_std;
  if (spec.contains("components")) {
    lower_components(spec, out, errors);
  } else if (spec.contains("stack")) {
    out.width = count(spec.at("stack"), "width", 1);
    out.body = lower_stack(spec, "stack", embedding_std, errors);
  } else {
    out.width = count(spec.at("encoder"), "width", 1);
    out.encoder = lower_stack(spec, "encoder", embedding_std, errors);
    out.body = lower_stack(spec, "decoder", embedding_std, errors);
    const std::size_t decoder_width = count(spec.at("decoder"), "width", 1);
    if (decoder_width != out.width) {
      errors.push_back("/decoder/width is " + std::to_string(decoder_width) + ", but must be the encoder's, " +
                       std::to_string(out.width) + ": cross-attention reads the encoder's output");
    }
  }
  lower_input(spec, embedding_std, out, errors);
  lower_gradient(spec, out, errors);
  return out;
}

}  // namespace sigprop::spec
