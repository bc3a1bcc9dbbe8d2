// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <set>

#include "import/keys.hpp"
#include "import/subject.hpp"
#include "spec/fields.hpp"
#include "spec/validate.hpp"

namespace sigprop::importer {
namespace {

/// Version 5 writes rope_parameters, with the base in it; version 4 wrote rope_scaling, or null,
/// beside rope_theta.
struct Rotary {
  double base;
  double share;  ///< of a head's features
};

constexpr const char* share_key = "partial_rotary_factor";

/// A member of the object behind a role, where it is there and of the right kind.
double member_number(const Subject& subject, const std::string& role, const Json& object, const char* name, Kind kind,
                     double fallback) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return fallback;
  spec::Rule rule;
  rule.kind = spec::Rule::Kind::object;
  rule.fields = {{name, rule_of(kind), false, ""}};
  const auto errors = spec::validate({std::make_shared<const spec::Rule>(rule), {}}, Json{{name, *found}});
  for (const std::string& error : errors) subject.findings.errors.push_back(key_of(subject.family, role) + error);
  return errors.empty() ? found->get<double>() : fallback;
}

std::string type_in(const Json& object) {
  for (const char* name : {"rope_type", "type"}) {  // the older name last
    if (object.contains(name))
      return object[name].is_string() ? object[name].get<std::string>() : spec::shown(object[name]);
  }
  return "default";
}

/// What belongs to a type other than the default one is named with it.
void name_unknown(const Subject& subject, const std::string& role, const Json& object) {
  static const std::set<std::string> known = {"rope_theta",    "rope_type",         "type",
                                              "mrope_section", "mrope_interleaved", share_key};
  for (const auto& entry : object.items()) {
    if (known.contains(entry.key())) continue;
    const std::string place = (Json::json_pointer(key_of(subject.family, role)) / entry.key()).to_string();
    subject.findings.warnings.push_back(place + " is not a key that sigprop knows of " + subject.family.type +
                                        ": ignored");
  }
}

/// Objects of the kinds of layers, instead of one of all: that of layers with a window, which most
/// have, else any.
Json of_one_kind(const Subject& subject, const std::string& role) {
  const Json& object = spec::member(subject.values, role.c_str());
  std::string chosen;
  for (const auto& entry : object.items()) {
    if (!entry.value().is_object()) continue;
    if (chosen.empty() || entry.key() == "sliding_attention") chosen = entry.key();
  }
  if (chosen.empty()) return object;
  for (const auto& entry : object.items()) {
    if (entry.value() == object[chosen]) continue;
    subject.findings.notes.push_back(key_of(subject.family, role) + " has two kinds: written with that of " + chosen +
                                     " in all layers");
    break;
  }
  return object[chosen];
}

void read_object(const Subject& subject, const std::string& role, Rotary& rotary) {
  const Json object = of_one_kind(subject, role);
  rotary.base = member_number(subject, role, object, "rope_theta", Kind::base, rotary.base);
  rotary.share = member_number(subject, role, object, share_key, Kind::share, rotary.share);
  const std::string type = type_in(object);
  if (type == "default" || type == "mrope")
    return name_unknown(subject, role, object);  // of text alone, mrope's are the same
  subject.findings.warnings.push_back(key_of(subject.family, role) + " is " + spec::shown(object) +
                                      ", which a spec cannot express: written with unscaled rotary positions");
}

}  // namespace

std::optional<RotaryPositions> rotary_of(const Subject& subject) {
  const Layout& layout = subject.family.layout;
  const bool by_kind = spec::text(subject.values, "position_kind", "") == "rotary";
  if (!layout.rotary_base && !by_kind) return std::nullopt;
  Rotary rotary{spec::number(subject.values, "rotary_base", layout.rotary_base.value_or(1e4)),
                spec::number(subject.values, "rotary_share", layout.rotary_share)};
  read_object(subject, "rotary_scaling", rotary);
  read_object(subject, "rotary", rotary);
  const auto share = static_cast<std::size_t>(rotary.share * static_cast<double>(head_width_of(subject)));
  // As the library has it; of latent attention the part of a key that turns.
  std::size_t in_pairs = share + share % 2;
  if (subject.values.contains("turning_key_width")) {
    const double turning = spec::number(subject.values, "turning_key_width", 0);
    const double part = turning / (turning + spec::number(subject.values, "fixed_key_width", 0));
    in_pairs = 2 * static_cast<std::size_t>(std::lround(part * static_cast<double>(head_width_of(subject)) / 2));
  }
  const std::size_t width = spec::count(subject.values, "rotary_width", in_pairs);
  if (width == 0) return std::nullopt;
  return RotaryPositions{rotary.base, width};
}

}  // namespace sigprop::importer
