// SPDX-License-Identifier: Apache-2.0
#include "sigprop/predict/explain.hpp"

#include <cmath>
#include <stdexcept>

#include "predict/explain/explaining.hpp"
#include "predict/explain/recursion.hpp"
#include "predict/walk/walk.hpp"
#include "predict/walk/warnings.hpp"

namespace sigprop::predict {
namespace {

using network::Network;
using scalar::Expression;
using Algebraic = Explaining::Algebra;

void require_in_range(const formula::Moments<double>& x, const formula::Gradient<double>& g, const std::string& layer) {
  const bool finite = std::isfinite(x.variance) && std::isfinite(g.variance);
  if (!finite || x.variance == 0 || g.variance == 0)
    throw std::overflow_error(layer + " is reached by a signal or a gradient of 0 or beyond double's range");
}

/// The equations of one list of components, in an algebra of expressions.
class Explained {
 public:
  Explained(const Network& network, Theory theory, const std::shared_ptr<Functionals<double>::Tables>& tables,
            Explanation& out, std::vector<std::string> points, std::vector<std::string> weights)
      : notebook_(std::make_shared<Notebook>(out)),
        named_(named(network, *notebook_)),
        algebra_(named_, AlikeTokens<Expression, NotebookNotes>(named_, theory, tables, {notebook_})),
        explaining(algebra_, notebook_, std::move(points), std::move(weights)),
        walk(algebra_, explaining) {}

  [[nodiscard]] const network::Lifted<Expression>& network() const { return named_; }

 private:
  std::shared_ptr<Notebook> notebook_;
  network::Lifted<Expression> named_;
  Algebraic algebra_;

 public:
  Explaining explaining;
  Walk<Algebraic, Explaining> walk;
};

void explain_input(const Network& network, Theory theory, const Recorded& recorded,
                   const std::shared_ptr<Functionals<double>::Tables>& tables, Explanation& out) {
  Network input = network;
  input.encoder.clear();
  input.body = network.input;
  input.input.clear();
  Explained one(input, theory, tables, out, {}, {});
  const bool embedded = std::holds_alternative<network::Embedding>(input.source);
  const auto start = embedded ? one.explaining.begin_with_embedding() : one.explaining.begin_with(recorded.source);
  static_cast<void>(one.walk.forward(one.network().body, start));
}

void explain_layer(const Network& network, Theory theory, const network::Outline& outline, const Recorded& recorded,
                   std::size_t layer, const std::shared_ptr<Functionals<double>::Tables>& tables, Explanation& out) {
  const std::size_t first = network::first_point(outline, layer);
  std::vector<std::string> points;
  for (std::size_t point = first; point < outline.points.size() && outline.points[point].layer == layer; ++point)
    points.push_back(outline.points[point].path);
  if (points.empty()) throw std::out_of_range(out.layer + " has no point in the profile");
  const std::size_t last = first + points.size() - 1;
  const Recorder::Signal& entering = recorded.signals[first - 1];
  require_in_range(entering.moments, recorded.gradients[last].moments, out.layer);

  std::vector<std::string> weights;
  for (const network::Outline::Weight& weight : outline.layers[layer - 1].weights) weights.push_back(weight.name);
  Explained one(network::layer_alone(network, outline, layer), theory, tables, out, points, weights);
  const bool decodes = !network.encoder.empty() && out.layer.rfind("decoder/", 0) == 0;
  if (decodes) one.explaining.attend_to_memory(recorded.memory);
  const Explaining::Signal end = one.walk.forward(one.network().body, one.explaining.begin_with(entering));
  one.walk.backward(one.explaining.begin_back_with(end, recorded.gradients[last]));
  if (decodes) one.explaining.note_memory_gradient();
}

}  // namespace

Explanation explain(const Network& network, Theory theory, std::size_t layer) {
  const network::Outline outline = network::outline_of(network);
  if (layer > outline.layers.size())
    throw std::out_of_range("there is no layer " + std::to_string(layer) + ", the model has " +
                            std::to_string(outline.layers.size()));
  const auto tables = std::make_shared<Functionals<double>::Tables>();
  const network::Lifted<double> lifted = network::lifted<double>(network);
  AlikeAlgebra<double> algebra(lifted, AlikeTokens<double>(lifted, theory, tables));
  profile::Profile profile = network::blank_profile(outline);
  Recorder recorder(outline, algebra, profile);
  walk_network(algebra, algebra, recorder, recorder);
  const Recorded recorded{algebra.source(), std::move(recorder.signals), std::move(recorder.gradients),
                          algebra.field().memory()};

  Explanation out;
  profile.theory = name_of(theory);
  out.warnings = warnings_of(network, theory, profile);
  if (layer == 0) {
    out.layer = outline.points.front().path;
    explain_input(network, theory, recorded, tables, out);
  } else {
    out.layer = outline.layers[layer - 1].path;
    explain_layer(network, theory, outline, recorded, layer, tables, out);
    out.recursion = recursion_of(network, theory, outline, recorded, layer, tables);
  }
  return out;
}

}  // namespace sigprop::predict
