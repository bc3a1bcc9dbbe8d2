// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace sigprop::spec {

using Json = nlohmann::ordered_json;

/// What a JSON value may be. One tree of rules (grammar.cpp) is the reader's validation and the
/// JSON Schema alike.
struct Rule {
  enum class Kind { number, integer, boolean, text, choice, constant_false, object, array, either, reference };

  struct Field {
    std::string name;
    std::shared_ptr<const Rule> rule;
    bool required = false;
    std::string about;
  };

  Kind kind = Kind::number;

  // number, integer
  double minimum = -std::numeric_limits<double>::max();
  double maximum = std::numeric_limits<double>::max();
  bool above_minimum = false;  ///< the minimum itself is excluded
  bool below_maximum = false;

  std::vector<std::string> choices;

  // object
  std::vector<Field> fields;
  std::vector<std::string> exactly_one;                             ///< of these names one must be there
  std::vector<std::pair<std::string, std::string>> requires_other;  ///< the first needs the second
  std::vector<std::pair<std::string, std::string>> excludes;        ///< the first forbids the second

  // array
  std::size_t fewest = 0;
  std::size_t most = std::numeric_limits<std::size_t>::max();
  bool unique = false;

  std::vector<std::shared_ptr<const Rule>>
      alternatives;       ///< items of an array (one) or an either (several, of different JSON types)
  std::string reference;  ///< name in the grammar
  Json example;           ///< a good value, for messages
};

using RulePtr = std::shared_ptr<const Rule>;

/// The rules of a spec: `root`, and those that others refer to by name.
struct Grammar {
  RulePtr root;
  std::map<std::string, RulePtr> named;

  [[nodiscard]] const Rule& resolve(const Rule& rule) const {
    return rule.kind == Rule::Kind::reference ? *named.at(rule.reference) : rule;
  }
};

[[nodiscard]] const Grammar& grammar();

/// "an integer from 1 to 100", "one of pre, post", "a number in [0, 1)": what a message says a
/// value must be.
[[nodiscard]] std::string describe(const Rule& rule);

}  // namespace sigprop::spec
