// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <string>

#include "sigprop/scheme/scheme.hpp"

namespace sigprop::test {

/// BERT-base's sizes with another depth, Pre-LN, dropout 0.1; three embedding tables.
[[nodiscard]] inline scheme::Task task(std::size_t layers) {
  scheme::Task out;
  network::Stack& stack = out.stack;
  stack.width = 768;
  stack.attention.width = 768;
  stack.attention.heads = stack.attention.kv_heads = 12;
  stack.attention.head_width = 64;
  stack.attention.score_scale = 0.125;
  stack.attention.dropout = 0.1;
  stack.ffn_width = 3072;
  stack.norm = network::NormKind::layer_norm;
  stack.std.resize(layers);
  for (std::vector<double>* scale : {&stack.skip, &stack.branch, &stack.gain}) scale->assign(stack.branches(), 1);
  stack.dropout.assign(stack.branches(), 0.1);
  out.model.sequence_length = 512;
  out.model.width = 768;
  out.model.source = network::Embedding{30522, {true, 0.02}, {true, 0.02}, {true, 0.02}};
  out.model.input = {{network::Dropout{0.1}, ""}};
  return out;
}

[[nodiscard]] inline scheme::Task base_task() {
  return task(12);
}

/// What a scheme gives under the norm it was made for; named as on the command line,
/// NAME:PARAMETER=VALUE:...
[[nodiscard]] inline scheme::Settings apply(const std::string& choice, scheme::Task task) {
  std::istringstream parts(choice);
  std::string name, parameter;
  std::getline(parts, name, ':');
  while (std::getline(parts, parameter, ':')) {
    const std::size_t sign = parameter.find('=');
    task.parameters[parameter.substr(0, sign)] = std::strtod(parameter.c_str() + sign + 1, nullptr);
  }
  const scheme::Scheme* scheme = scheme::find(name);
  REQUIRE(scheme != nullptr);
  if (scheme->norm == scheme::NormUse::post) task.stack.placement = network::Placement::post;
  return scheme::apply(*scheme, task);
}

}  // namespace sigprop::test
