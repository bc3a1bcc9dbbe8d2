// SPDX-License-Identifier: Apache-2.0
#include "sigprop/predict/explain.hpp"

#include <cmath>
#include <stdexcept>

#include "predict/explaining.hpp"
#include "predict/recursion.hpp"
#include "predict/walk.hpp"
#include "predict/warnings.hpp"

namespace sigprop::predict {
namespace {

using network::Network;

void require_in_range(const formula::Moments<double>& x, const formula::Gradient<double>& g, const std::string& layer) {
  const bool finite = std::isfinite(x.variance) && std::isfinite(g.variance);
  if (!finite || x.variance == 0 || g.variance == 0)
    throw std::overflow_error(layer + " is reached by a signal or a gradient of 0 or beyond double's range");
}

void explain_input(const Network& network, Theory theory, const Keeping& keeping,
                   const std::shared_ptr<Known<double>::Tables>& tables, Explanation& out) {
  Network input = network;
  input.encoder.clear();
  input.body = network.input;
  input.input.clear();
  const auto notebook = std::make_shared<Notebook>(out);
  Explaining algebra(input, theory, tables, notebook, {}, {});
  if (const auto* embedding = std::get_if<network::Embedding>(&input.source)) {
    algebra.begin_with(*embedding);
  } else {
    algebra.begin_with(keeping.source());
  }
  const network::Outline outline = network::outline_of(input);
  profile::Profile unread = blank_profile(outline);
  static_cast<void>(Walk<Explaining>(input, outline, algebra, unread).forward(input.body));
}

void explain_layer(const Network& network, Theory theory, const network::Outline& outline, const Keeping& keeping,
                   std::size_t layer, const std::shared_ptr<Known<double>::Tables>& tables, Explanation& out) {
  const std::size_t first = network::first_point(outline, layer);
  std::vector<std::string> points;
  for (std::size_t point = first; point < outline.points.size() && outline.points[point].layer == layer; ++point)
    points.push_back(outline.points[point].path);
  if (points.empty()) throw std::out_of_range(out.layer + " has no point in the profile");
  const std::size_t last = first + points.size() - 1;
  const Keeping::Signal& entering = keeping.signals[first - 1];
  require_in_range(entering.moments, keeping.gradients[last].moments, out.layer);

  const Network one = network::layer_alone(network, outline, layer);
  const network::Outline places = network::outline_of(one);
  profile::Profile unread = blank_profile(places);
  const auto notebook = std::make_shared<Notebook>(out);
  std::vector<std::string> weights;
  for (const network::Outline::Weight& weight : outline.layers[layer - 1].weights) weights.push_back(weight.name);
  Explaining algebra(one, theory, tables, notebook, points, weights);
  const bool decodes = !network.encoder.empty() && out.layer.rfind("decoder/", 0) == 0;
  if (decodes) algebra.attend_to_memory(keeping.memory);
  algebra.begin_with(entering);
  Walk<Explaining> walk(one, places, algebra, unread);
  const Explaining::Signal end = walk.forward(one.body);
  walk.backward(algebra.turned_back(end, keeping.gradients[last]));
  if (decodes) algebra.note_memory_gradient();
}

}  // namespace

Explanation explain(const Network& network, Theory theory, std::size_t layer) {
  const network::Outline outline = network::outline_of(network);
  if (layer > outline.layers.size())
    throw std::out_of_range("there is no layer " + std::to_string(layer) + ", the model has " +
                            std::to_string(outline.layers.size()));
  const auto tables = std::make_shared<Known<double>::Tables>();
  Keeping keeping(network, theory, tables);
  profile::Profile profile = blank_profile(outline);
  walk_network(network, outline, keeping, keeping, profile);

  Explanation out;
  profile.theory = name_of(theory);
  out.warnings = warnings_of(network, theory, profile);
  if (layer == 0) {
    out.layer = outline.points.front().path;
    explain_input(network, theory, keeping, tables, out);
  } else {
    out.layer = outline.layers[layer - 1].path;
    explain_layer(network, theory, outline, keeping, layer, tables, out);
    out.recursion = recursion_of(network, theory, outline, keeping, layer, tables);
  }
  return out;
}

}  // namespace sigprop::predict
