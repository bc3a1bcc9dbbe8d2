// SPDX-License-Identifier: Apache-2.0
#include "cli/common/scheme_choice.hpp"

#include <charconv>
#include <cmath>
#include <sstream>

#include "cli/common/command.hpp"
#include "spec/nearest.hpp"

namespace sigprop::cli {
namespace {

const scheme::Parameter& known_parameter(const scheme::Scheme& scheme, const std::string& name) {
  std::string known;
  for (const scheme::Parameter& parameter : scheme.parameters) {
    if (parameter.name == name) return parameter;
    known += (known.empty() ? "" : ", ") + parameter.name;
  }
  throw Failure(wrong_usage, "the scheme " + scheme.name + " has no parameter \"" + name + "\"; it has " +
                                 (known.empty() ? "none" : known));
}

double number_of(const std::string& text, const scheme::Scheme& scheme, const scheme::Parameter& parameter) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = read.ec == std::errc() && read.ptr == text.data() + text.size();
  const bool allowed =
      parameter.is_switch ? value == 0 || value == 1 : value >= parameter.lowest && value <= parameter.highest;
  if (whole && allowed) return value;
  std::ostringstream message;
  message << "the parameter " << parameter.name << " of the scheme " << scheme.name << " is \"" << text
          << "\", but must be ";
  if (parameter.is_switch) {
    message << "0 or 1";
  } else {
    message << "a number in [" << parameter.lowest << ", " << parameter.highest << "]";
  }
  message << ": " << parameter.about;
  throw Failure(wrong_usage, message.str());
}

}  // namespace

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

const scheme::Scheme& known_scheme(const std::string& name) {
  if (name.empty()) throw Failure(wrong_usage, "the name of the scheme is empty; sigprop schemes lists them");
  if (const scheme::Scheme* scheme = scheme::find(name)) return *scheme;
  std::vector<std::string> known;
  for (const scheme::Scheme& scheme : scheme::schemes()) known.push_back(scheme.name);
  const std::string near = spec::nearest(name, known);
  throw Failure(wrong_usage, "\"" + name + "\" is not a scheme; " +
                                 (near.empty() ? "sigprop schemes lists them" : "did you mean \"" + near + "\"?"));
}

spec::SchemeChoice scheme_choice(const std::string& text) {
  const std::vector<std::string> parts = split(text, ':');
  const scheme::Scheme& scheme = known_scheme(parts.empty() ? text : parts.front());
  spec::SchemeChoice choice{scheme.name, {}};
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t sign = parts[i].find('=');
    if (sign == std::string::npos) {
      throw Failure(wrong_usage, "\"" + text + "\" has \"" + parts[i] +
                                     "\" where a parameter should stand, but must be " + scheme.name +
                                     ":PARAMETER=VALUE");
    }
    const scheme::Parameter& parameter = known_parameter(scheme, parts[i].substr(0, sign));
    const double value = number_of(parts[i].substr(sign + 1), scheme, parameter);
    if (!choice.parameters.emplace(parameter.name, value).second)
      throw Failure(wrong_usage, "\"" + text + "\" sets " + parameter.name + " twice: remove one of the two");
  }
  return choice;
}

}  // namespace sigprop::cli
