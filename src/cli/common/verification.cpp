// SPDX-License-Identifier: Apache-2.0
// The one place where a prediction and a simulation of the same network meet.
#include "cli/common/verification.hpp"

#include <algorithm>
#include <memory>

#include "cli/common/progress.hpp"
#include "sigprop/network/knobs.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/predict/spread.hpp"

namespace sigprop::cli {
namespace {

bool holds_norm(const std::vector<network::Component>& list) {
  return list.size() == 1 && std::holds_alternative<network::Norm>(list.front().op);
}

/// Notes the properties of the network that the model error depends on.
void note_properties(const std::vector<network::Component>& list, bool in_branch, verify::Model& model) {
  for (const network::Component& component : list) {
    const bool outer = !in_branch && std::holds_alternative<network::Repeat>(component.op);
    for (const auto* inner : network::lists_in(component)) note_properties(*inner, !outer, model);
    const auto* residual = std::get_if<network::Residual>(&component.op);
    if (residual != nullptr && residual->skip == 0 && holds_norm(residual->of) && !in_branch)
      model.post_norm = true;  // with a gain
    const auto* attention = std::get_if<network::Attention>(&component.op);
    const auto* norm = std::get_if<network::Norm>(&component.op);
    if (attention != nullptr) {
      const auto head_width = static_cast<double>(attention->head_width);
      model.head_width = model.head_width > 0 ? std::min(model.head_width, head_width) : head_width;
    }
    if (norm != nullptr && !in_branch && !component.point.empty()) model.post_norm = true;
    if (attention != nullptr || norm != nullptr || std::holds_alternative<network::Activation>(component.op) ||
        std::holds_alternative<network::GatedLinear>(component.op))
      model.exact = false;
  }
}

verify::Model model_of(const network::Network& network) {
  verify::Model model;
  model.exact = true;
  for (const auto* list : {&network.input, &network.encoder, &network.body}) note_properties(*list, false, model);
  model.width = static_cast<double>(network.width);
  model.sequence_length = network.length();
  for (const network::Outline::Point& point : network::outline_of(network).points)
    model.width = std::min(model.width, static_cast<double>(point.width));
  return model;
}

}  // namespace

void require_scatter(std::size_t replicates) {
  if (replicates < 2)
    throw Failure(wrong_usage,
                  "--replicates is 1, but must be at least 2: one network tells nothing about the scatter");
}

verify::Verification verification(const network::Network& network, const profile::Profile& predicted,
                                  const simulate::Result& measured, const SimulationOptions& simulation,
                                  std::optional<double> tolerance) {
  if (measured.replicates < 2)
    throw Failure(interrupted_status(), "stopped before two replicates were done: there is nothing to verify");
  verify::Options how;
  how.replicates = measured.replicates;
  how.tolerance = tolerance;
  how.rounding = rounding_of(simulation.engine.precise());
  return verify::verify(predicted, measured.profile, model_of(network), how);
}

namespace {

/// Calls f with the name and the prediction of every network that has one class of weights drawn 10
/// % too wide.
template <class F>
void each_fault(const network::Network& network, const TheoryOptions& theory, const std::string& spec,
                const profile::TokenLists& tokens, bool quiet, const F& f) {
  constexpr double fault = 1.1;
  std::vector<network::Knob> knobs = network::knobs_of(network);
  std::erase_if(knobs, [](const network::Knob& knob) {
    return knob.is_zero() || !knob.name.starts_with("init.std.") || knob.name.ends_with("bias");
  });
  predict::Predictor predictor;
  ProgressLine progress(quiet);
  const auto begin = std::chrono::steady_clock::now();
  std::size_t done = 0;
  for (const network::Knob& knob : knobs) {
    network::Network faulty = network;
    network::change_knob(faulty, knob.name,
                         [](auto x) { return static_cast<decltype(x)>(fault * static_cast<double>(x)); });
    f(knob.name + " 10 % too large", prediction(predictor, faulty, theory, spec, tokens));
    progress.show("fault", ++done, knobs.size(), 0, seconds_since(begin));
  }
}

}  // namespace

verify::Judgement judgement(const network::Network& network, const TheoryOptions& theory, const std::string& spec,
                            profile::Profile& predicted, const std::vector<profile::Measurement>& measured,
                            const JudgeSettings& settings, bool quiet) {
  const predict::SpreadOptions how{options_of(theory), settings.given_ends};
  std::vector<profile::DeviationRow> rows;
  const auto spread = explained(spec, [&] {
    auto out = std::make_unique<const predict::Spread>(network, how);
    out->set(predicted);
    return out;
  });
  try {
    rows = spread->rows();
  } catch (const predict::NotCovered& reason) {
    predicted.warnings.push_back("quantities are judged one by one only: " + std::string(reason.what()));
  }
  verify::Judgement out =
      verify::judge(predicted, measured, rows, model_of(network), {settings.networks, settings.level});
  if (!out.agrees()) return out;
  each_fault(network, theory, spec, {}, quiet, [&](std::string fault, const profile::Profile& faulty) {
    out.powers.push_back({std::move(fault), verify::chance_to_see(out, faulty)});
  });
  return out;
}

void add_sights(verify::Verification& verification, const network::Network& network, const TheoryOptions& theory,
                const std::string& spec, const profile::Profile& predicted, const SimulationOptions& simulation,
                bool quiet) {
  verify::Options how;
  how.rounding = rounding_of(simulation.engine.precise());
  std::vector<verify::Sight> sights;
  each_fault(network, theory, spec, simulation.tokens, quiet, [&](std::string fault, const profile::Profile& faulty) {
    sights.push_back({std::move(fault), verify::replicates_to_see(verification, how, predicted, faulty)});
  });
  verify::add_sights(verification, std::move(sights));
}

void add_warning_of_few(std::size_t replicates, std::vector<std::string>& warnings) {
  constexpr std::size_t enough = 30;
  if (replicates >= enough) return;
  warnings.push_back(
      std::to_string(replicates) +
      " replicates are few: below 30 the standard errors themselves are uncertain, and little can be seen");
}

}  // namespace sigprop::cli
