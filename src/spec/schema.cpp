// SPDX-License-Identifier: Apache-2.0
#include "sigprop/spec/write.hpp"

#include "spec/rule.hpp"

namespace sigprop::spec {
namespace {

using Kind = Rule::Kind;

Json schema_of(const Rule& rule);

Json range_schema(const Rule& rule) {
  Json out = {{"type", rule.kind == Kind::integer ? "integer" : "number"}};
  out[rule.above_minimum ? "exclusiveMinimum" : "minimum"] = rule.minimum;
  out[rule.below_maximum ? "exclusiveMaximum" : "maximum"] = rule.maximum;
  return out;
}

Json required(const std::vector<std::string>& names) {
  return {{"required", names}};
}

Json object_schema(const Rule& rule) {
  Json out = {{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
  std::vector<std::string> needed;
  for (const Rule::Field& field : rule.fields) {
    Json property = schema_of(*field.rule);
    property["description"] = field.about;
    out["properties"][field.name] = property;
    if (field.required) needed.push_back(field.name);
  }
  if (!needed.empty()) out["required"] = needed;
  for (const std::string& name : rule.exactly_one) out["oneOf"].push_back(required({name}));
  for (const auto& [name, other] : rule.requires_other) out["dependentRequired"][name].push_back(other);
  for (const auto& [name, other] : rule.excludes) out["allOf"].push_back({{"not", required({name, other})}});
  return out;
}

Json array_schema(const Rule& rule) {
  Json out = {{"type", "array"}, {"items", schema_of(*rule.alternatives.front())}, {"minItems", rule.fewest}};
  if (rule.most != std::numeric_limits<std::size_t>::max()) out["maxItems"] = rule.most;
  if (rule.unique) out["uniqueItems"] = true;
  return out;
}

Json schema_of(const Rule& rule) {
  switch (rule.kind) {
    case Kind::number:
    case Kind::integer:
      return range_schema(rule);
    case Kind::boolean:
      return {{"type", "boolean"}};
    case Kind::text:
      return {{"type", "string"}, {"minLength", 1}};
    case Kind::constant_false:
      return {{"const", false}};
    case Kind::choice:
      return {{"enum", rule.choices}};
    case Kind::object:
      return object_schema(rule);
    case Kind::array:
      return array_schema(rule);
    case Kind::reference:
      return {{"$ref", "#/$defs/" + rule.reference}};
    case Kind::either:
      break;
  }
  Json out = {{"anyOf", Json::array()}};
  for (const RulePtr& alternative : rule.alternatives) out["anyOf"].push_back(schema_of(*alternative));
  return out;
}

}  // namespace

std::string schema_text() {
  Json out = {
      {"$schema", "https://json-schema.org/draft/2020-12/schema"},
      {"title", "sigprop spec"},
      {"description",
       "One transformer, or a list of components, whose signal propagation at initialization sigprop predicts."}};
  out.update(schema_of(*grammar().root));
  for (const auto& [name, rule] : grammar().named) out["$defs"][name] = schema_of(*rule);
  return out.dump(2) + "\n";
}

}  // namespace sigprop::spec
