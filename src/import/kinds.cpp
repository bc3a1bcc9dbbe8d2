// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "import/family.hpp"

namespace sigprop::importer {
namespace {

using spec::Rule;
using spec::RulePtr;

RulePtr made(Rule::Kind kind, Json example) {
  Rule rule;
  rule.kind = kind;
  rule.example = std::move(example);
  return std::make_shared<const Rule>(std::move(rule));
}

RulePtr between(Rule::Kind kind, double low, double high, Json example, bool above = false, bool below = false) {
  Rule rule;
  rule.kind = kind;
  rule.minimum = low;
  rule.maximum = high;
  rule.above_minimum = above;
  rule.below_maximum = below;
  rule.example = std::move(example);
  return std::make_shared<const Rule>(std::move(rule));
}

/// One side, or height and width.
RulePtr extent() {
  const RulePtr side = between(Rule::Kind::integer, 1, 1e5, 16);
  Rule pair;
  pair.kind = Rule::Kind::array;
  pair.alternatives = {side};
  pair.fewest = pair.most = 2;
  pair.example = {16, 16};
  Rule rule;
  rule.kind = Rule::Kind::either;
  rule.alternatives = {side, std::make_shared<const Rule>(std::move(pair))};
  rule.example = 16;
  return std::make_shared<const Rule>(std::move(rule));
}

}  // namespace

RulePtr rule_of(Kind kind) {
  constexpr auto integer = Rule::Kind::integer, number = Rule::Kind::number;
  // Sizes, rates and standard deviations have the ranges that they have in a spec.
  static const std::map<Kind, RulePtr> rules = {
      {Kind::count, between(integer, 1, 1e6, 12)},
      {Kind::size, between(integer, 1, 1e7, 64)},
      {Kind::width, between(integer, 2, 1e7, 768)},  // a norm needs two features
      {Kind::words, between(integer, 2, 1e9, 30522)},
      {Kind::index, between(integer, -1, 1e9, 0)},  // -1: none, in old files
      {Kind::rate, between(number, 0, 1, 0.1, false, true)},
      {Kind::deviation, between(number, 0, 1, 0.02)},
      {Kind::factor, between(number, 0, 1e3, 1.0)},
      {Kind::epsilon, between(number, 0, 1, 1e-5)},
      {Kind::base, between(number, 1, 1e12, 10000, true)},
      {Kind::share, between(number, 0, 1, 0.25, true)},
      {Kind::flag, made(Rule::Kind::boolean, false)},
      {Kind::text, made(Rule::Kind::text, "gelu")},
      {Kind::extent, extent()},
      {Kind::object, made(Rule::Kind::object, Json::object())},
  };
  return rules.at(kind);
}

}  // namespace sigprop::importer
