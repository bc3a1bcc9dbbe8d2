// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "report/number.hpp"
#include "report/recipe_weights.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/report/schemes.hpp"

namespace sigprop::report {
namespace {

using network::LayerStd;
using network::Stack;

std::string digits(double x) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.6g", x);
  return buffer;
}

void row(std::ostream& out, const std::string& name, const std::string& shape, const std::string& std) {
  out << left(name, 20) << left(shape, 18) << std << '\n';
}

void write_tables(std::ostream& out, const network::Embedding& embedding) {
  if (const auto common = network::common_std(embedding)) return row(out, "embedding tables", "", digits(*common));
  if (embedding.token.used) row(out, "token table", "", digits(embedding.token.std));
  if (embedding.position.used) row(out, "position table", "", digits(embedding.position.std));
  if (embedding.segment.used) row(out, "segment table", "", digits(embedding.segment.std));
}

std::string one_or_by_layer(const std::vector<double>& values) {
  return all_equal(values) ? digits(values.front()) : "by layer, below";
}

/// The columns of what differs from layer to layer.
struct Column {
  std::string name;
  std::vector<double> values;
};

void write_columns(std::ostream& out, const std::string& index, const std::vector<Column>& columns) {
  if (columns.empty()) return;
  out << '\n' << left(index, 10);
  for (const Column& column : columns) out << right(column.name, 12);
  out << '\n';
  for (std::size_t i = 0; i < columns.front().values.size(); ++i) {
    out << left(std::to_string(i + 1), 10);
    for (const Column& column : columns) out << right(digits(column.values[i]), 12);
    out << '\n';
  }
}

void write_weights(std::ostream& out, const Stack& stack) {
  std::vector<Column> columns;
  for (const RecipeWeight& weight : weights_of(stack)) {
    row(out, weight.name, std::to_string(weight.out) + " x " + std::to_string(weight.in), one_or_by_layer(weight.std));
    if (!all_equal(weight.std)) columns.push_back({weight.name, weight.std});
  }
  const std::vector<double> bias = deviations(stack, &LayerStd::bias);
  const std::vector<double> last_bias = deviations(stack, &LayerStd::ffn_out_bias);
  row(out, "biases", "", one_or_by_layer(bias));
  if (last_bias != bias) row(out, "bias of ffn_out", "", one_or_by_layer(last_bias));
  row(out, "norms", "", all_equal(stack.gain) && stack.gain.front() == 1 ? "gain 1, bias 0" : "gain below, bias 0");
  write_columns(out, "layer", columns);
}

const char* norm_text(const Stack& stack) {
  if (!stack.norm) return "none";
  switch (stack.placement) {
    case network::Placement::pre:
      return "before each branch";
    case network::Placement::post:
      return "after each residual sum";
    case network::Placement::sandwich:
      return "at both ends of each branch";
    case network::Placement::output:
      return "at the end of each branch";
  }
  return "";
}

void write_residuals(std::ostream& out, const Stack& stack) {
  out << "\nresidual    x <- skip x + branch f(x), norm " << norm_text(stack);
  if (stack.inner_norm) out << ", one more before the output projection and before ffn_out";
  out << "\nscores      q·k times " << digits(stack.attention.score_scale);
  if (stack.cross_attention) out << ", in cross-attention " << digits(stack.cross_attention->score_scale);
  out << '\n';
  std::vector<Column> columns;
  for (const auto& [name, values] :
       {std::pair("skip", &stack.skip), {"branch", &stack.branch}, {"gain", &stack.gain}}) {
    const bool listed = !all_equal(*values);
    if (listed) columns.push_back({name, *values});
    if (name == std::string("gain") && !listed && values->front() == 1) continue;
    out << left(name, 12) << (listed ? "by branch, below" : digits(values->front()))
        << (name == std::string("gain") ? " (factor on the norm's output)\n" : "\n");
  }
  write_columns(out, "branch", columns);
}

}  // namespace

bool all_equal(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [&](double x) { return x == values.front(); });
}

std::string stack_name(const std::vector<Stack>& stacks, std::size_t index) {
  return stacks.size() == 1 ? "stack" : index == 0 ? "encoder" : "decoder";
}

std::vector<double> deviations(const Stack& stack, double LayerStd::*std) {
  std::vector<double> values;
  for (const LayerStd& layer : stack.std) values.push_back(layer.*std);
  return values;
}

std::vector<RecipeWeight> weights_of(const Stack& stack) {
  std::vector<RecipeWeight> list;
  const auto add = [&](std::size_t layer, const std::string& name, std::size_t out, std::size_t in, double std) {
    const auto known = std::find_if(list.begin(), list.end(), [&](const RecipeWeight& w) { return w.name == name; });
    RecipeWeight& weight = known != list.end() ? *known : list.emplace_back(RecipeWeight{name, out, in, {}});
    if (weight.std.size() == layer) weight.std.push_back(std);
  };
  for (std::size_t branch = 0; branch < stack.branches(); ++branch) {
    const std::vector<network::Component> residual = network::residual_of(stack, branch);
    network::for_each_component(residual, [&](const network::Component& component) {
      std::visit(
          [&](const auto& op) {
            for (const auto& slot : network::weight_slots(op))
              add(branch / stack.branches_per_layer(), std::string(slot.name), slot.out, slot.in, op.*slot.std);
          },
          component.op);
    });
  }
  return list;
}

void write_recipe(std::ostream& out, const Recipe& recipe) {
  out << recipe.model << ", " << recipe.scheme << "\n\n";
  row(out, "weight", "shape", "standard deviation");
  if (recipe.embedding) write_tables(out, *recipe.embedding);
  for (std::size_t i = 0; i < recipe.stacks.size(); ++i) {
    if (recipe.stacks.size() > 1) out << '\n' << stack_name(recipe.stacks, i) << '\n';
    write_weights(out, recipe.stacks[i]);
    write_residuals(out, recipe.stacks[i]);
  }
  if (recipe.truncation > 0) {
    const double cut = recipe.truncation, kept = scheme::truncated_std(cut);
    out << "\ntruncation  these are what a normal cut at " << digits(cut) << " standard deviations has: draw with "
        << digits(1 / kept) << " times the deviation,\n            cut at " << digits(cut) << " times that\n";
  }
}

}  // namespace sigprop::report
