// SPDX-License-Identifier: Apache-2.0
#include "spec/lower.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "spec/fields.hpp"
#include "spec/given_files.hpp"
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
  t.negligible_gradient = number(json, "negligible_gradient", t.negligible_gradient);
  return t;
}

/// The input's own deviation of a table, one for all or each its own; absent where it says nothing.
std::optional<double> own_std(const Json& embedding, const char* table) {
  const Json& std = member(embedding, "std");
  if (std.is_number()) return std.get<double>();
  return std.contains(table) ? std::optional(std.at(table).get<double>()) : std::nullopt;
}

void require_table(const Json& json, const char* name, const std::string& pointer, Errors& errors) {
  const Json& tables = json.at("tables");
  if (std::find(tables.begin(), tables.end(), name) != tables.end()) return;
  errors.push_back(pointer + " is given, but /input/embedding/tables has no " + name + ": remove it or add the table");
}

/// A deviation is the input's own, else init's, else 0 until a scheme has been asked.
network::Embedding embedding_of(const Json& spec, Errors& errors) {
  const Json& json = spec.at("input").at("embedding");
  const double of_all = number(member(member(spec, "init"), "std"), "embedding", 0);
  network::Embedding out;
  out.vocabulary = count(json, "vocabulary", 2);
  for (const auto& [name, table] : table_names) {
    const Json& tables = json.at("tables");
    (out.*table).used = std::find(tables.begin(), tables.end(), name) != tables.end();
    if ((out.*table).used) (out.*table).std = own_std(json, name).value_or(of_all);
    if (member(json, "std").contains(name))
      require_table(json, name, std::string("/input/embedding/std/") + name, errors);
  }
  if (json.contains("segments")) require_table(json, "segment", "/input/embedding/segments", errors);
  const std::size_t segments = count(json, "segments", 2);
  if (segments == 0) out.segment = {};
  if (segments == 1) out.segments = 1;
  return out;
}

/// The tables' deviations where the spec's input leaves them to `init`.
void set_embedding_std(const Json& spec, const std::optional<double>& std, network::Network& out, Errors& errors) {
  auto* embedding = std::get_if<network::Embedding>(&out.source);
  if (embedding == nullptr) return;
  const Json& json = spec.at("input").at("embedding");
  for (const auto& [name, table] : table_names) {
    if (!(embedding->*table).used || own_std(json, name)) continue;
    (embedding->*table).std = std.value_or(0);
    if (std) continue;
    errors.push_back(std::string("/input/embedding/std") + (json.contains("std") ? std::string("/") + name : "") +
                     " is missing, but must be a number in [0, 1000000]: no scheme sets it (for example 0.02)");
    return;
  }
}

/// The ε of a model's first norms, which the embedding's has where it is not told.
double first_epsilon(const Json& spec) {
  for (const char* key : {"stack", "encoder"}) {
    if (spec.contains(key)) return number(spec.at(key).at("norm"), "epsilon", 0);
  }
  return 0;
}

/// Norm and dropout after the sum of the tables, and a factor on them: a residual without a skip.
std::vector<network::Component> after_embedding(const Json& spec, std::size_t width, Errors& errors) {
  const Json& json = spec.at("input").at("embedding");
  std::vector<network::Component> list;
  const std::string norm = text(json, "norm", "none");
  const double epsilon = number(json, "norm_epsilon", first_epsilon(spec));
  if (norm != "none") list.push_back({network::Norm{value_of(norm_names, norm), width, epsilon}, ""});
  if (norm == "none" && json.contains("norm_epsilon")) {
    errors.push_back(
        "/input/embedding/norm_epsilon is given, but there is no norm: name the norm or remove norm_epsilon");
  }
  const double dropout = number(json, "dropout", 0);
  if (dropout > 0) list.push_back({network::Dropout{dropout}, ""});
  const double scale = number(json, "scale", 1);
  if (scale != 1) list = {{network::Residual{0, scale, std::move(list)}, ""}};
  return list;
}

/// An image's patches behind its class tokens.
network::GivenInput patches_of(const Json& input, const network::Network& out, Errors& errors) {
  const Json& patches = input.at("patches");
  network::GivenInput given{.variance = number(patches, "variance", 1),
                            .token_correlation = number(patches, "token_correlation", 0)};
  given.position = {patches.contains("position_std"), number(patches, "position_std", 0)};
  given.pixels = count(patches, "pixels", 0);
  if (!input.contains("class_token")) return given;
  given.class_std = number(input.at("class_token"), "std", 0);
  given.class_tokens = count(input.at("class_token"), "count", 1);
  if (given.class_tokens >= out.sequence_length) {
    errors.push_back("/input/class_token is given for " + std::to_string(given.class_tokens) + " of " +
                     std::to_string(out.sequence_length) +
                     " tokens, but must leave at least one patch: raise sequence_length");
  }
  return given;
}

/// The words that tokens hold where the spec says.
void lower_words(const Json& words, const std::string& folder, const network::Network& out,
                 network::Embedding& embedding, Errors& errors) {
  if (words.empty()) return;
  if (!embedding.token.used) {
    errors.push_back(
        "/input/embedding/words is given, but /input/embedding/tables has no token: remove it or add the table");
    return;
  }
  if (words.contains("match")) {
    const auto count = static_cast<double>(embedding.vocabulary);
    embedding.match = words.at("match").get<double>();
    embedding.exponent = network::exponent_of(*embedding.match, count);
    if (*embedding.match < 1 / count) {
      errors.push_back("/input/embedding/words/match is " + shown(words.at("match")) + ", but must be at least " +
                       shown(1 / count) +
                       ", 1/vocabulary: so many words match as often even where all are as frequent");
    }
  }
  if (!words.contains("file")) return;
  embedding.text = read_words(folder, words.at("file"), out.sequence_length, embedding.vocabulary, errors);
  if (embedding.text && embedding.text->sequences.size() < out.batch) {
    errors.push_back("/input/embedding/words/file: " + embedding.text->file + " has " +
                     std::to_string(embedding.text->sequences.size()) + " sequences, but must have at least " +
                     std::to_string(out.batch) + ", the batch: lower that, or add sequences");
  }
}

network::GivenInput products_of(const std::string& file, const std::string& folder, const network::Network& out,
                                Errors& errors) {
  network::GivenInput given;
  given.gram = read_gram(folder, file, out.sequence_length, errors);
  if (!given.gram) return given;
  given.variance = given.gram->mean_own();
  given.token_correlation = given.gram->mean_of_pairs() / given.variance;
  return given;
}

void lower_input(const Json& spec, const std::string& folder, network::Network& out, Errors& errors) {
  const Json& input = member(spec, "input");
  if (input.contains("embedding")) {
    network::Embedding embedding = embedding_of(spec, errors);
    lower_words(member(input.at("embedding"), "words"), folder, out, embedding, errors);
    out.source = std::move(embedding);
    out.input = after_embedding(spec, out.width, errors);
    return;
  }
  network::GivenInput given{.mean = number(input, "mean", 0),
                            .variance = number(input, "variance", 1),
                            .token_correlation = number(input, "token_correlation", 0),
                            .cross_correlation = number(input, "cross_correlation", 0)};
  if (input.contains("patches")) given = patches_of(input, out, errors);
  if (input.contains("gram")) given = products_of(input.at("gram"), folder, out, errors);
  if (given.cross_correlation > given.token_correlation) {
    errors.push_back("/input/cross_correlation is " + shown(input.at("cross_correlation")) +
                     ", but must be at most token_correlation, " + shown(Json(given.token_correlation)) +
                     ": tokens of two sequences cannot have more in common than those of one");
  }
  out.source = given;
}

/// The tokens at which the loss gradient enters; none: all.
std::vector<std::size_t> gradient_tokens(const Json& gradient, const network::Network& network, Errors& errors) {
  std::vector<std::size_t> out;
  if (!gradient.contains("at") || gradient.at("at") == "all") return out;
  const Json& at = gradient.at("at");
  if (at == "last") return {network.sequence_length - 1};
  if (at == "class_token") {
    const auto* given = std::get_if<network::GivenInput>(&network.source);
    const std::size_t first = given != nullptr ? std::max<std::size_t>(1, given->class_tokens) : 1;
    for (std::size_t token = 0; token < first; ++token) out.push_back(token);
    return out;
  }
  for (std::size_t i = 0; i < at.size(); ++i) {
    out.push_back(at.at(i).get<std::size_t>());
    if (out.back() < network.sequence_length) continue;
    errors.push_back("/gradient/at/" + std::to_string(i) + " is " + std::to_string(out.back()) +
                     ", but must be a token's number from 0 to " + std::to_string(network.sequence_length - 1));
  }
  std::sort(out.begin(), out.end());
  return out;
}

void lower_gradient(const Json& spec, network::Network& out, Errors& errors) {
  const Json& gradient = member(spec, "gradient");
  out.gradient_tokens = gradient_tokens(gradient, out, errors);
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

Lowered lower(const Json& spec, const std::string& folder, std::vector<std::string>& errors) {
  Lowered result;
  network::Network& out = result.network;
  out.name = text(spec, "name", "");
  out.sequence_length = count(spec, "sequence_length", 1);
  out.batch = count(spec, "batch", 1);
  out.thresholds = thresholds_of(member(spec, "thresholds"));
  std::optional<double> embedding_std;
  if (spec.contains("components")) {
    lower_components(spec, out, errors);
    lower_input(spec, folder, out, errors);
  } else {
    out.width = count(spec.at(spec.contains("stack") ? "stack" : "encoder"), "width", 1);
    lower_input(spec, folder, out, errors);
    lower_stacks(spec, result, embedding_std, errors);
  }
  const bool scheme_failed = member(spec, "init").contains("scheme") && !errors.empty();
  if (!scheme_failed) set_embedding_std(spec, embedding_std, out, errors);
  lower_gradient(spec, out, errors);
  const Json& input = member(spec, "input");
  for (const Json& file : {member(member(member(input, "embedding"), "words"), "file"), member(input, "gram")})
    if (file.is_string()) result.files.push_back(path_in(folder, file.get<std::string>()));
  return result;
}

}  // namespace sigprop::spec
