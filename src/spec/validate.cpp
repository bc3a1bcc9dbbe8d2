// SPDX-License-Identifier: Apache-2.0
#include "spec/validate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "spec/names.hpp"
#include "spec/nearest.hpp"
#include "spec/pointer.hpp"

namespace sigprop::spec {
namespace {

using Kind = Rule::Kind;
using Errors = std::vector<std::string>;

/// A number as a message shows it: 1e+06 as 1000000, no trailing zeros.
std::string plain(double x) {
  constexpr double exact = 1e15;
  if (std::floor(x) == x && std::abs(x) < exact) return std::to_string(static_cast<long long>(x));
  return Json(x).dump();
}

std::string joined(const std::vector<std::string>& names, const char* last) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? last : ", ";
    out += names[i];
  }
  return out;
}

std::string range_of(const Rule& rule) {
  const bool bounded_below = rule.minimum > -std::numeric_limits<double>::max();
  const bool bounded_above = rule.maximum < std::numeric_limits<double>::max();
  if (!bounded_below && !bounded_above) return "";
  if (rule.kind == Kind::integer) return " from " + plain(rule.minimum) + " to " + plain(rule.maximum);
  return std::string(" in ") + (rule.above_minimum ? "(" : "[") + plain(rule.minimum) + ", " + plain(rule.maximum) +
         (rule.below_maximum ? ")" : "]");
}

/// "/stack/width", or "the file" for the whole.
std::string place(const std::string& pointer) {
  return pointer.empty() ? "the file" : pointer;
}

bool in_range(const Rule& rule, double x) {
  const bool low = rule.above_minimum ? x > rule.minimum : x >= rule.minimum;
  const bool high = rule.below_maximum ? x < rule.maximum : x <= rule.maximum;
  return low && high;
}

/// Names of gated feed-forward networks, and the activation of their gates.
constexpr std::array<std::pair<const char*, const char*>, 4> gated_activations{
    {{"swiglu", "silu"}, {"geglu", "gelu"}, {"reglu", "relu"}, {"gated-gelu", "gelu_tanh"}}};

class Validator {
 public:
  Validator(const Grammar& grammar, Errors& errors) : grammar_(grammar), errors_(errors) {}

  void check(const Rule& named, const Json& value, const std::string& pointer) {
    const Rule& rule = grammar_.resolve(named);
    switch (rule.kind) {
      case Kind::object:
        return check_object(rule, value, pointer);
      case Kind::array:
        return check_array(rule, value, pointer);
      case Kind::either:
        return check_either(rule, value, pointer);
      default:
        if (!fits(rule, value)) refuse(rule, value, pointer);
    }
  }

 private:
  /// A value that is neither object, array nor either.
  [[nodiscard]] static bool fits(const Rule& rule, const Json& value) {
    switch (rule.kind) {
      case Kind::number:
        return value.is_number() && in_range(rule, value.get<double>());
      case Kind::integer:
        return value.is_number() && std::floor(value.get<double>()) == value.get<double>() &&
               in_range(rule, value.get<double>());
      case Kind::boolean:
        return value.is_boolean();
      case Kind::text:
        return value.is_string() && !value.get_ref<const std::string&>().empty();
      case Kind::constant_false:
        return value.is_boolean() && !value.get<bool>();
      case Kind::choice:
        return value.is_string() &&
               std::find(rule.choices.begin(), rule.choices.end(), value.get<std::string>()) != rule.choices.end();
      default:
        return false;
    }
  }

  void refuse(const Rule& rule, const Json& value, const std::string& pointer) {
    std::string cure = " (for example " + shown(rule.example) + ")";
    const Rule* choice = &rule;
    for (const RulePtr& alternative : rule.alternatives)
      if (rule.kind == Kind::either && alternative->kind == Kind::choice) choice = alternative.get();
    const std::string name = value.is_string() ? nearest(value.get<std::string>(), choice->choices) : "";
    if (rule.kind == Kind::either && !name.empty()) cure = "; did you mean \"" + name + "\"?";
    if (rule.kind == Kind::choice && value.is_string()) {
      cure = name.empty() ? "" : "; did you mean \"" + name + "\"?";
      for (const auto& [other, activation] : activation_spellings) {
        if (value == std::string(other) &&
            std::find(rule.choices.begin(), rule.choices.end(), activation) != rule.choices.end())
          cure = std::string("; here it is \"") + activation + "\"";
      }
      for (const auto& [gated, activation] : gated_activations) {
        if (value == gated && std::find(rule.choices.begin(), rule.choices.end(), activation) != rule.choices.end())
          cure = std::string(R"(; it is "activation": ")") + activation + R"(" with "gated": true)";
      }
    }
    errors_.push_back(place(pointer) + " is " + shown(value) + ", but must be " + describe(rule) + cure);
  }

  void check_array(const Rule& rule, const Json& value, const std::string& pointer) {
    if (!value.is_array()) return refuse(rule, value, pointer);
    if (value.size() < rule.fewest || value.size() > rule.most) {
      errors_.push_back(place(pointer) + " has " + counted(value.size()) + ", but must have " +
                        (rule.fewest == rule.most     ? ""
                         : value.size() < rule.fewest ? "at least "
                                                      : "at most ") +
                        std::to_string(value.size() < rule.fewest ? rule.fewest : rule.most) + " (for example " +
                        shown(rule.example) + ")");
      return;
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
      const bool repeated = rule.unique && std::find(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(i),
                                                     value[i]) != value.begin() + static_cast<std::ptrdiff_t>(i);
      const std::string at = child(pointer, std::to_string(i));
      if (repeated)
        errors_.push_back(at + " is " + shown(value[i]) + " a second time, but values must differ: remove it");
      check(*rule.alternatives.front(), value[i], at);
    }
  }

  /// The alternative whose JSON type the value has judges it; of none, the whole rule refuses.
  void check_either(const Rule& rule, const Json& value, const std::string& pointer) {
    for (const RulePtr& named : rule.alternatives) {
      const Rule& alternative = grammar_.resolve(*named);
      const bool same_type = (alternative.kind == Kind::array && value.is_array()) ||
                             (alternative.kind == Kind::object && value.is_object()) || fits(alternative, value);
      if (same_type) return check(alternative, value, pointer);
    }
    refuse(rule, value, pointer);
  }

  void check_object(const Rule& rule, const Json& value, const std::string& pointer) {
    if (!value.is_object()) return refuse(rule, value, pointer);
    std::vector<std::string> known;
    for (const Rule::Field& field : rule.fields) known.push_back(field.name);
    for (const auto& member : value.items()) {
      const std::string& key = member.key();
      const auto field =
          std::find_if(rule.fields.begin(), rule.fields.end(), [&](const auto& f) { return f.name == key; });
      if (field != rule.fields.end()) {
        check(*field->rule, member.value(), child(pointer, key));
        continue;
      }
      const std::string name = nearest(key, known);
      errors_.push_back(child(pointer, key) + " is not a known key" +
                        (name.empty() ? "; known are " + joined(known, " and ") : "; did you mean \"" + name + "\"?"));
    }
    for (const Rule::Field& field : rule.fields) {
      if (field.required && !value.contains(field.name)) missing(field, pointer, "");
    }
    check_company(rule, value, pointer);
  }

  void missing(const Rule::Field& field, const std::string& pointer, const std::string& why) {
    const Rule& rule = grammar_.resolve(*field.rule);
    errors_.push_back(child(pointer, field.name) + " is missing, but must be " + describe(rule) + why +
                      " (for example " + shown(rule.example) + ")");
  }

  /// Which keys must, and must not, stand together.
  void check_company(const Rule& rule, const Json& value, const std::string& pointer) {
    if (!rule.exactly_one.empty()) {
      std::vector<std::string> present;
      for (const std::string& name : rule.exactly_one) {
        if (value.contains(name)) present.push_back(name);
      }
      if (present.size() != 1) {
        const std::string all = joined(rule.exactly_one, " and ");
        errors_.push_back(place(pointer) + " has " +
                          (present.empty()
                               ? "none of " + all + ", but must have exactly one of them"
                               : joined(present, " and ") + " together, but must have exactly one of " + all));
      }
    }
    for (const auto& [name, other] : rule.requires_other) {
      if (!value.contains(name) || value.contains(other)) continue;
      for (const Rule::Field& field : rule.fields) {
        if (field.name == other) missing(field, pointer, " where there is \"" + name + "\"");
      }
    }
    for (const auto& [name, other] : rule.excludes) {
      if (!value.contains(name) || !value.contains(other)) continue;
      errors_.push_back(child(pointer, other) + " stands beside \"" + name + "\", but must not: remove one of the two");
    }
  }

  const Grammar& grammar_;
  Errors& errors_;
};

}  // namespace

std::string describe(const Rule& rule) {
  switch (rule.kind) {
    case Kind::number:
      return "a number" + range_of(rule);
    case Kind::integer:
      return "an integer" + range_of(rule);
    case Kind::boolean:
      return "true or false";
    case Kind::text:
      return "a non-empty string";
    case Kind::constant_false:
      return "false";
    case Kind::choice:
      return (rule.choices.size() == 1 ? "" : "one of ") + joined(rule.choices, ", ");
    case Kind::object:
      return "an object";
    case Kind::array:
      return "an array";
    case Kind::reference:
      return "a component";
    case Kind::either:
      break;
  }
  std::string out;
  for (const RulePtr& alternative : rule.alternatives) {
    out += out.empty() ? "" : " or ";
    out += describe(*alternative);
    if (alternative->kind != Kind::array) continue;
    const RulePtr& item = alternative->alternatives.front();
    const bool stands_alone =
        std::find(rule.alternatives.begin(), rule.alternatives.end(), item) != rule.alternatives.end();
    out += stands_alone ? " of such values" : " of which each is " + describe(*item);
  }
  return out;
}

std::string counted(std::size_t values) {
  return std::to_string(values) + (values == 1 ? " value" : " values");
}

std::string shown(const Json& value) {
  constexpr std::size_t longest = 60;
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() <= longest) return text;
  std::size_t end = longest - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;  // not within a UTF-8 character
  return text.substr(0, end) + "...";
}

std::vector<std::string> validate(const Grammar& grammar, const Json& value) {
  std::vector<std::string> errors;
  Validator(grammar, errors).check(*grammar.root, value, "");
  return errors;
}

}  // namespace sigprop::spec
