// SPDX-License-Identifier: Apache-2.0
#include "spec/lower_init.hpp"

#include <algorithm>

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

void read_std(const Json& std, const WeightClass& weight, network::Stack& stack, Errors& errors) {
  const std::string pointer = std::string("/init/std/") + weight.name;
  if (weight.gated_only && !stack.gated) {
    errors.push_back(pointer + " is given, but the FFN is not gated: remove it or set \"gated\": true");
    return;
  }
  const std::vector<double> values = one_or_each(std.at(weight.name), stack.layers(), pointer, "layer", errors);
  for (std::size_t i = 0; i < stack.layers(); ++i) {
    stack.std[i].*weight.std = values[i];
    if (weight.std == &LayerStd::bias) stack.std[i].ffn_out_bias = values[i];
  }
}

/// The spec's own deviations, into the stack.
void read_own(const Json& std, bool has_scheme, network::Stack& stack, Errors& errors) {
  for (const WeightClass& weight : weight_classes) {
    if (std.contains(weight.name)) {
      read_std(std, weight, stack, errors);
    } else if (!has_scheme && must_be_given(weight, stack)) {
      errors.push_back(std::string("/init/std/") + weight.name +
                       " is missing, but must be a number in [0, 1000000] where init has no scheme (for example 0.02)");
    }
  }
}

/// The spec's own deviations in place of the scheme's.
void prefer_own(const Json& std, const network::Stack& own, scheme::Settings& out) {
  out.std.resize(own.layers());
  for (const WeightClass& weight : weight_classes) {
    const bool with_bias = weight.std == &LayerStd::ffn_out_bias && std.contains("bias");
    if (!std.contains(weight.name) && !with_bias) continue;
    for (std::size_t i = 0; i < own.layers(); ++i) out.std[i].*weight.std = own.std[i].*weight.std;
  }
  if (std.contains("embedding")) out.embedding = std.at("embedding").get<double>();
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
    const scheme::Settings settings = scheme::apply(scheme, task);
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
  if (json.is_number()) return std::vector<double>(wanted, json.get<double>());
  if (json.size() != wanted) {
    errors.push_back(pointer + " has " + counted(json.size()) + ", but must be one number or " +
                     std::to_string(wanted) + ", one per " + what);
    return std::vector<double>(wanted, 0.0);
  }
  return json.get<std::vector<double>>();
}

scheme::Settings lower_init(const Json& spec, scheme::Task task, Errors& errors) {
  const Json &init = member(spec, "init"), &std = member(init, "std");
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
