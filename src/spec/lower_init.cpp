// SPDX-License-Identifier: Apache-2.0
#include "spec/lower_init.hpp"

#include <algorithm>
#include <map>

#include "spec/fields.hpp"
#include "spec/names.hpp"
#include "spec/validate.hpp"

namespace sigprop::spec {
namespace {

using Errors = std::vector<std::string>;
using network::LayerStd;

/// May the spec leave a weight out where there is no scheme?
bool must_be_given(const WeightClass& weight, const network::Stack& stack) {
  return !weight.is_bias && (stack.gated || !weight.gated_only);
}

/// The deviations that the spec states for a stack.
struct OwnStd {
  Json values = Json::object();
  std::map<std::string, std::string> places;  ///< of each in the spec

  [[nodiscard]] bool contains(const std::string& name) const { return places.count(name) > 0; }
  [[nodiscard]] std::vector<double> of_layers(const std::string& name, std::size_t layers, Errors& errors) const {
    return one_or_each(values.at(name), layers, places.at(name), "layer", errors);
  }
  void add(const Json& std, const std::string& place) {
    for (const auto& item : std.items()) {
      values[item.key()] = item.value();
      places[item.key()] = place + '/' + item.key();
    }
  }
};

OwnStd own_std(const Json& init, const std::string& stack, Errors& errors) {
  OwnStd out;
  out.add(member(init, "std"), "/init/std");
  for (const char* key : {"encoder", "decoder"}) {
    if (key == stack) out.add(member(member(init, key), "std"), std::string("/init/") + key + "/std");
    if (stack == "stack" && init.contains(key))
      errors.push_back(std::string("/init/") + key +
                       " is given, but the model has one stack: move its std to init.std");
  }
  return out;
}

void read_std(const OwnStd& std, const WeightClass& weight, network::Stack& stack, Errors& errors) {
  if (weight.gated_only && !stack.gated) {
    errors.push_back(std.places.at(weight.name) +
                     " is given, but the FFN is not gated: remove it or set \"gated\": true");
    return;
  }
  const std::vector<double> values = std.of_layers(weight.name, stack.layers(), errors);
  for (std::size_t i = 0; i < stack.layers(); ++i) {
    stack.std[i].*weight.std = values[i];
    if (weight.std == &LayerStd::bias) stack.std[i].ffn_out_bias = values[i];
  }
}

/// The spec's own deviations, into the stack.
void read_own(const OwnStd& std, bool has_scheme, network::Stack& stack, Errors& errors) {
  for (const WeightClass& weight : weight_classes) {
    if (std.contains(weight.name)) {
      read_std(std, weight, stack, errors);
    } else if (!has_scheme && must_be_given(weight, stack)) {
      errors.push_back(std::string("/init/std/") + weight.name +
                       " is missing, but must be a number in [0, 1000000] where init has no scheme (for example 0.02)");
    }
  }
  for (const CrossWeight& weight : cross_weights) {
    if (!std.contains(weight.name)) continue;
    const std::vector<double> values = std.of_layers(weight.name, stack.layers(), errors);
    for (std::size_t i = 0; i < stack.layers(); ++i) stack.std[i].*weight.std = values[i];
  }
}

/// The spec's own deviations in place of the scheme's.
void prefer_own(const OwnStd& std, const network::Stack& own, scheme::Settings& out) {
  out.std.resize(own.layers());
  for (const CrossWeight& weight : cross_weights) {
    for (std::size_t i = 0; i < own.layers(); ++i) out.std[i].*weight.std = own.std[i].*weight.std;
  }
  for (const WeightClass& weight : weight_classes) {
    const bool with_bias = weight.std == &LayerStd::ffn_out_bias && std.contains("bias");
    if (!std.contains(weight.name) && !with_bias) continue;
    for (std::size_t i = 0; i < own.layers(); ++i) out.std[i].*weight.std = own.std[i].*weight.std;
  }
  if (std.contains("embedding")) out.embedding = std.values.at("embedding").get<double>();
}

/// The parameters that are given, all of which the scheme must have.
scheme::Parameters parameters_of(const Json& json, const scheme::Scheme& scheme, Errors& errors) {
  scheme::Parameters out;
  for (const auto& item : json.items()) {
    std::string known;
    for (const scheme::Parameter& parameter : scheme.parameters) {
      known += (known.empty() ? "" : ", ") + parameter.name;
      if (parameter.name == item.key()) out[item.key()] = item.value().get<double>();
    }
    if (out.count(item.key()) == 0) {
      errors.push_back("/init/parameters/" + item.key() + " is no parameter of the scheme \"" + scheme.name + "\"" +
                       (known.empty() ? ", which has none: remove it" : "; it has " + known));
    }
  }
  return out;
}

/// Does the scheme set norms where there are none?
void require_norm(const scheme::Settings& settings, const network::Stack& stack) {
  if (stack.norm || (settings.gain.empty() && !settings.inner_norm)) return;
  throw scheme::NotApplicable("it sets norms, and this model has none: set the norm's kind");
}

scheme::Settings applied(const scheme::Scheme& scheme, const scheme::Task& task, Errors& errors) {
  try {
    scheme::Settings settings = scheme::apply(scheme, task);
    require_norm(settings, task.stack);
    return settings;
  } catch (const scheme::NotApplicable& error) {
    errors.push_back(does_not_fit(scheme.name) + error.what());
  } catch (const std::domain_error& error) {
    errors.push_back(does_not_fit(scheme.name) + "no moments by theory: " + error.what() +
                     "; look for a standard deviation or residual scale of 0");
  }
  return {};
}

}  // namespace

std::string does_not_fit(const std::string& scheme) {
  return "/init/scheme is \"" + scheme + "\", but must be one that fits this model: ";
}

std::vector<double> one_or_each(const Json& json, std::size_t wanted, const std::string& pointer,
                                const std::string& what, Errors& errors) {
  std::vector<double> all(wanted, json.is_number() ? json.get<double>() : 0.0);
  if (json.is_number()) return all;
  if (json.size() != wanted) {
    errors.push_back(pointer + " has " + counted(json.size()) + ", but must be one number or " +
                     std::to_string(wanted) + ", one per " + what);
    return all;
  }
  return json.get<std::vector<double>>();
}

scheme::Settings lower_init(const Json& spec, const std::string& stack, scheme::Task task, Errors& errors) {
  const Json& init = member(spec, "init");
  const OwnStd std = own_std(init, stack, errors);
  const scheme::Scheme* scheme = scheme::find(text(init, "scheme", ""));
  read_own(std, scheme != nullptr, task.stack, errors);
  scheme::Settings out;
  if (scheme != nullptr) {
    task.parameters = parameters_of(member(init, "parameters"), *scheme, errors);
    if (errors.empty()) out = applied(*scheme, task, errors);
  }
  prefer_own(std, task.stack, out);
  return out;
}

}  // namespace sigprop::spec
