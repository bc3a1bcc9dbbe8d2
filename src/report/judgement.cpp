// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/judgement.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "report/csv_field.hpp"
#include "report/json_value.hpp"
#include "report/number.hpp"

namespace sigprop::report {
namespace {

using verify::Judged;
using verify::Judgement;

Json judged_json(const Judged& judged, const Judgement& judgement) {
  const auto [low, high] = judged.range(judgement.critical_z);
  return {{"quantity", judged.spot.quantity},
          {"path", judged.path},
          {"predicted", finite(judged.predicted)},
          {"measured", finite(judged.measured)},
          {"spread", finite(judged.spread)},
          {"model_error", judged.model_error},
          {"z", finite(judged.z)},
          {"low", finite(low)},
          {"high", finite(high)},
          {"agrees", !judged.off}};
}

/// How far a quantity lies from its prediction: as a factor, of a correlation as a difference.
std::string beside(const Judged& judged) {
  return judged.of_logarithm() ? "x " + digits(judged.measured / judged.predicted, 3)
                               : fixed(judged.measured - judged.predicted, 4);
}

std::string spread_text(const Judged& judged) {
  return judged.of_logarithm() ? percent(judged.spread) : fixed(judged.spread, 4);
}

/// The place of every quantity that lies farthest, in the order of the profile.
std::vector<const Judged*> farthest(const Judgement& judgement) {
  std::map<std::string, const Judged*> worst;
  std::vector<std::string> order;
  for (const Judged& judged : judgement.quantities) {
    const auto [found, is_new] = worst.try_emplace(judged.spot.quantity, &judged);
    if (is_new) {
      order.push_back(judged.spot.quantity);
    } else if (std::abs(judged.z) > std::abs(found->second->z)) {
      found->second = &judged;
    }
  }
  std::vector<const Judged*> out;
  out.reserve(order.size());
  for (const std::string& quantity : order) out.push_back(worst[quantity]);
  return out;
}

check::Outcome outcome_of(const Judged& judged, double critical_z) {
  const auto [low, high] = judged.range(critical_z);
  check::Outcome out;
  out.check.condition.quantity = judged.spot.quantity;
  out.check.condition.at = {check::Location::Kind::layer, judged.layer};
  out.check.condition.min = low;
  out.check.condition.max = high;
  out.value = judged.measured;
  out.path = judged.path;
  out.places = 1;
  out.failing = judged.off ? 1 : 0;
  out.excess = std::log10(std::abs(judged.z) / critical_z);
  return out;
}

}  // namespace

void write_table(std::ostream& out, const Judgement& judgement, const JudgedModel& model, bool all) {
  out << model.name << ", "
      << (judgement.networks == 1 ? "one network" : "the mean of " + std::to_string(judgement.networks) + " networks")
      << " against theory full with its spread" << (all ? "" : "; of every quantity the farthest place") << "\n\n";
  std::vector<const Judged*> shown;
  if (all) {
    for (const Judged& judged : judgement.quantities) shown.push_back(&judged);
  } else {
    shown = farthest(judgement);
  }
  std::size_t quantity_width = 29, path_width = 18;
  for (const Judged* judged : shown) {
    quantity_width = std::max(quantity_width, characters(judged->spot.quantity));
    path_width = std::max(path_width, characters(judged->path));
  }
  out << left("quantity", quantity_width) << ' ' << left("at", path_width) << right("predicted", 11)
      << right("measured", 11) << right("off", 9) << right("spread", 8) << right("model", 7) << right("z", 7) << '\n';
  for (const Judged* judged : shown) {
    out << left(judged->spot.quantity, quantity_width) << ' ' << left(judged->path, path_width)
        << right(number(judged->predicted), 11) << right(number(judged->measured), 11) << right(beside(*judged), 9)
        << right(spread_text(*judged), 8) << right(percent(judged->model_error), 7) << right(fixed(judged->z, 1), 7)
        << (judged->off ? " !" : "") << '\n';
  }
  out << "\noff        measured over predicted, of a correlation their difference\n"
      << "spread     predicted standard deviation between networks; model: error granted to the mean\n"
      << "z          off in units of both; beyond " << fixed(judgement.critical_z, 1) << " a quantity is off\n";
  if (judgement.together) {
    const verify::Together& together = *judgement.together;
    out << "together   χ² " << fixed(together.chi_square, 1) << " of " << together.parts << " parts, limit "
        << fixed(together.limit, 1) << (together.off ? " !" : "") << '\n';
  }
  for (const verify::Power& power : judgement.powers)
    out << "power      " << power.fault << ": " << percent(power.chance) << " of such networks are off\n";
  out << "verdict    " << (judgement.agrees() ? "agrees" : "DISAGREES") << ": " << judgement.sentence << '\n';
}

void write_csv(std::ostream& out, const Judgement& judgement) {
  out << "path,quantity,predicted,measured,spread,model_error,z,low,high,agrees\n";
  for (const Judged& judged : judgement.quantities) {
    const auto [low, high] = judged.range(judgement.critical_z);
    out << csv_field(judged.path) << ',' << csv_field(judged.spot.quantity);
    for (const double x : {judged.predicted, judged.measured, judged.spread, judged.model_error, judged.z, low, high})
      out << ',' << exact(x);
    out << ',' << (judged.off ? "false" : "true") << '\n';
  }
}

void write_json(std::ostream& out, const Judgement& judgement, const JudgedModel& model, const Provenance& provenance) {
  Json quantities = Json::array();
  for (const Judged& judged : judgement.quantities) quantities.push_back(judged_json(judged, judgement));
  Json together = nullptr;
  if (judgement.together) {
    together = {{"chi_square", finite(std::round(1e3 * judgement.together->chi_square) / 1e3)},
                {"parts", judgement.together->parts},
                {"limit", finite(judgement.together->limit)},
                {"agrees", !judgement.together->off}};
  }
  Json powers = Json::array();
  for (const verify::Power& power : judgement.powers)
    powers.push_back({{"fault", power.fault}, {"chance", finite(power.chance)}});
  const Json json = {{"sigprop", SIGPROP_VERSION},
                     {"command", provenance.command},
                     {"name", model.name},
                     {"theory", "full"},
                     {"settings", settings_json(provenance)},
                     {"warnings", model.warnings},
                     {"quantities", std::move(quantities)},
                     {"together", std::move(together)},
                     {"faults", std::move(powers)},
                     {"summary",
                      {{"verdict", judgement.agrees() ? "agrees" : "disagrees"},
                       {"networks", judgement.networks},
                       {"judged", judgement.quantities.size()},
                       {"off", judgement.off()},
                       {"critical_z", judgement.critical_z},
                       {"sentence", judgement.sentence}}}};
  out << json.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
}

CheckedSpec checks_of(const Judgement& judgement, const JudgedModel& model) {
  CheckedSpec out;
  out.file = model.file;
  out.name = model.name;
  for (const Judged& judged : judgement.quantities) out.outcomes.push_back(outcome_of(judged, judgement.critical_z));
  if (judgement.off() == 0 && !judgement.agrees()) out.faults.push_back({judgement.sentence, 0});
  return out;
}

}  // namespace sigprop::report
