// SPDX-License-Identifier: Apache-2.0
#include "import/keys.hpp"

#include <algorithm>

#include "spec/nearest.hpp"
#include "spec/validate.hpp"

namespace sigprop::importer {
namespace {

using spec::Rule;
using spec::shown;

template <class T>
const T* named(const std::vector<T>& table, const std::string& name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const T& entry) { return entry.name == name; });
  return found == table.end() ? nullptr : &*found;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// A class's own limits stand before those of all configurations, which they may replace.
std::vector<Limit> limits_of(const Family& family) {
  std::vector<Limit> limits = family.limits;
  for (const Limit& limit : common_limits()) {
    if (!named(limits, limit.name) && !named(family.keys, limit.name)) limits.push_back(limit);
  }
  return limits;
}

bool is_harmless(const Limit& limit, const Json& value) {
  return std::find(limit.harmless.begin(), limit.harmless.end(), value) != limit.harmless.end();
}

/// Other names of a key give way to it.
void rename(const Family& family, Json& config, Findings& findings) {
  for (const auto& [alias, name] : family.aliases) {
    if (!config.contains(alias)) continue;
    if (config.contains(name) && config[name] != config[alias]) {
      findings.errors.push_back("/" + alias + " is " + shown(config[alias]) + ", but /" + name +
                                ", another name of it, is " + shown(config[name]) + ": remove one of them");
    }
    if (!config.contains(name)) config[name] = config[alias];
    config.erase(alias);
  }
}

/// Keys that no table has.
void name_unknown(const Family& family, const Json& config, Findings& findings) {
  const std::vector<std::string> known = known_names(family);
  for (const auto& member : config.items()) {
    if (has(known, member.key())) continue;
    const std::string name = spec::nearest(member.key(), known);
    findings.warnings.push_back((Json::json_pointer() / member.key()).to_string() +
                                " is not a key that sigprop knows of " + family.type + ": ignored" +
                                (name.empty() ? "" : "; did you mean \"" + name + "\"?"));
  }
}

/// An object of the keys that stand in the file, with the rule of each, for the validation of
/// specs.
class Checked {
 public:
  explicit Checked(const Json& config) : config_(config) { rule_.kind = Rule::Kind::object; }

  /// A key or a limit, under its own name and the class's other names of it.
  void add(const Family& family, const std::string& name, Kind kind, bool nullable) {
    add(name, kind, nullable);
    for (const auto& [alias, key] : family.aliases) {
      if (key == name) add(alias, kind, nullable);
    }
  }

  [[nodiscard]] std::vector<std::string> errors() const {
    if (values_.is_null()) return {};
    return spec::validate({std::make_shared<const Rule>(rule_), {}}, values_);
  }

 private:
  void add(const std::string& name, Kind kind, bool nullable) {
    const auto found = config_.find(name);
    if (kind == Kind::anything || found == config_.end() || (nullable && found->is_null())) return;
    if (kind == Kind::object && found->is_object()) return;  // whose members are judged where they are read
    rule_.fields.push_back({name, rule_of(kind), false, ""});
    values_[name] = *found;
  }

  const Json& config_;
  Rule rule_;
  Json values_;
};

std::vector<std::string> wrong_values(const Family& family, const Json& config) {
  Checked checked(config);
  for (const Key& key : family.keys) checked.add(family, key.name, key.role().kind, true);
  for (const Limit& limit : limits_of(family)) checked.add(family, limit.name, limit.kind, is_harmless(limit, nullptr));
  return checked.errors();
}

void name_limits(const Family& family, const Json& config, Findings& findings) {
  for (const Limit& limit : limits_of(family)) {
    const auto found = config.find(limit.name);
    const Json& value = found == config.end() ? limit.fallback : *found;
    if (is_harmless(limit, value)) continue;
    findings.warnings.push_back("/" + limit.name + " is " + shown(value) +
                                (found == config.end() ? " by default" : "") +
                                ", which a spec cannot express: " + limit.written);
  }
}

/// One note on all keys that the class's defaults stand in for.
void name_defaults(const Family& family, const Json& config, Findings& findings) {
  std::string text;
  for (const Key& key : family.keys) {
    const auto found = config.find(key.name);
    const bool absent = found == config.end() || (found->is_null() && !key.nullable());
    if (!absent || key.fallback.is_null()) continue;
    text += (text.empty() ? "" : ", ") + key.name + " " + shown(key.fallback);
  }
  if (!text.empty())
    findings.notes.push_back("keys that the file leaves out have the defaults of " + family.type + ": " + text);
}

}  // namespace

std::vector<std::string> known_names(const Family& family) {
  std::vector<std::string> names;
  for (const Key& key : family.keys) names.push_back(key.name);
  for (const Limit& limit : limits_of(family)) names.push_back(limit.name);
  for (const auto& [alias, name] : family.aliases) names.push_back(alias);
  return both(both(names, family.idle), idle_keys());
}

Values values_of(const Family& family, Json config, Findings& findings) {
  for (std::string& error : wrong_values(family, config)) findings.errors.push_back(std::move(error));
  rename(family, config, findings);
  name_unknown(family, config, findings);
  Values values = Json::object();
  if (!findings.errors.empty()) return values;
  name_limits(family, config, findings);
  name_defaults(family, config, findings);
  for (const Key& key : family.keys) {
    for (const std::string& role : key.roles) {
      const auto found = config.find(key.name);
      const bool absent = found == config.end() || (found->is_null() && !key.nullable());
      const Json& value = absent ? key.fallback : *found;
      if (!value.is_null()) values[role] = value;
    }
  }
  return values;
}

std::string key_of(const Family& family, const std::string& role) {
  for (const Key& key : family.keys) {
    if (has(key.roles, role)) return "/" + key.name;
  }
  return "/" + role;
}

}  // namespace sigprop::importer
