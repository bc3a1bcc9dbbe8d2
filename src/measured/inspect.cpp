// SPDX-License-Identifier: Apache-2.0
#include "sigprop/measured/inspect.hpp"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <cstdio>
#include <set>
#include <stdexcept>
#include <tuple>

#include "measured/copies.hpp"
#include "measured/names.hpp"
#include "measured/tensors.hpp"
#include "scalar/processors.hpp"
#include "spec/names.hpp"

namespace sigprop::measured {
namespace {

constexpr const char* cross = "cross_";

/// A weight, and where its elements stand.
struct Task {
  const Tensor* tensor;
  Region region;
};

bool is_embedding(const std::string& name) {
  return name.starts_with("embedding.");
}

bool is_matrix(const std::string& name) {
  return name != "gain" && name != "bias" && name != "outside";
}

// ---- what is expected ------------------------------------------------------------------------------------------------

std::optional<double> std_of_layer(const network::LayerStd& std, const std::string& name) {
  if (name.starts_with(cross))
    return std_of_layer(network::of_cross_attention(std), name.substr(std::string(cross).size()));
  for (const spec::WeightClass& known : spec::weight_classes) {
    if (!known.is_bias && name == known.name) return std.*known.std;
  }
  return {};
}

bool is_ffn_out_bias(const std::string& tensor) {
  static const Names names;
  const auto meaning = names.of(tensor.substr(0, tensor.size() - std::string("bias").size()) + "weight");
  return meaning && meaning->weights.front() == "ffn_out";
}

struct Moments {
  double mean;
  double std;
};

std::optional<Moments> expected_of(const Weight& weight, const Expected& expected) {
  const auto around_zero = [](const std::optional<double>& std) {
    return std ? std::optional(Moments{0, *std}) : std::nullopt;
  };
  if (weight.name == "gain") return Moments{expected.gain, 0};
  if (weight.name == "embedding.token") return around_zero(expected.token_std);
  if (weight.name == "embedding.position") return around_zero(expected.position_std);
  if (weight.name == "embedding.segment") return around_zero(expected.segment_std);
  if (weight.name == "class_token") return around_zero(expected.class_std);
  if (weight.name == "patch") return around_zero(expected.patch_std);
  if (weight.stack >= expected.stacks.size()) return {};
  const network::Stack& stack = expected.stacks[weight.stack];
  if (weight.name == "router") return stack.router_std > 0 ? around_zero(stack.router_std) : std::nullopt;
  if (weight.layer == 0 || weight.layer > stack.layers()) return {};
  const network::LayerStd& std = stack.std[stack.tied ? 0 : weight.layer - 1];
  if (weight.name == "bias" && !expected.has_biases) return {};
  if (weight.name == "bias") return Moments{0, is_ffn_out_bias(weight.tensor) ? std.ffn_out_bias : std.bias};
  std::optional<double> deviation = std_of_layer(std, weight.name);
  if (deviation && expected.query_by_layer && weight.name == "query") *deviation *= static_cast<double>(weight.layer);
  return around_zero(deviation);
}

// ---- verdicts --------------------------------------------------------------------------------------------------------

std::string printed(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string number(double value) {
  return printed("%.4g", value);
}

/// The cut of a normal distribution, in its standard deviations, whose largest element is so many
/// of what is left; none beyond 3.
std::optional<double> cut_of(double largest) {
  const auto ratio = [](double cut) {
    const boost::math::normal normal;
    const double inside = 2 * boost::math::cdf(normal, cut) - 1;
    return cut / std::sqrt(1 - 2 * cut * boost::math::pdf(normal, cut) / inside);
  };
  constexpr double least = 0.1, most = 3;
  if (largest <= ratio(least) || largest >= ratio(most)) return {};
  std::uintmax_t steps = 60;
  const auto [low, high] =
      boost::math::tools::toms748_solve([&](double cut) { return ratio(cut) - largest; }, least, most,
                                        boost::math::tools::eps_tolerance<double>(20), steps);
  return (low + high) / 2;
}

/// "uniform", "a normal cut at 2.0 standard deviations"; empty where nothing is to be told.
std::string law_of(const Statistics& seen) {
  if (!(seen.std > 0) || seen.count < 1000) return "";
  constexpr double errors = 6, of_uniform = 1.8, of_normal = 3;
  const double error = errors * std::sqrt(24 / seen.count);
  if (std::abs(seen.kurtosis - of_uniform) < error / 4) return "uniform";
  if (seen.kurtosis > of_normal - error) return "";
  const std::optional<double> cut = cut_of(seen.largest / seen.std);
  return cut ? "a normal cut at " + printed("%.1f", *cut) + " standard deviations" : "";
}

double error_of_std(const Statistics& seen) {
  return std::sqrt(std::max(0.0, seen.kurtosis - 1) / (4 * seen.count));
}

std::string compared(const char* what, double seen, double expected) {
  std::string out = std::string(what) + " is " + number(seen) + ", but must be " + number(expected);
  if (expected > 0) out += ": " + printed("%.3g", seen / expected) + " times it";
  return out;
}

/// How wrong a verdict may be: beyond so many sampling errors, or with this probability, a mean or
/// a std is wrong that is off by more than the tolerance besides.
struct Level {
  double critical;
  double probability;
  double tolerance;
};

void blame(Weight& weight, const char* kind, std::string fault) {
  const bool by_name = weight.name == "gain" || weight.name == "bias";
  weight.fault_kind = by_name ? weight.name : kind;
  weight.fault = std::move(fault);
}

/// The row of an embedding that is farthest from what must be drawn, where one is too far. The sum
/// of a row's squares is a chi-square; of a law with shorter tails than a normal's it varies less.
void judge_rows(Weight& weight, const Level& level) {
  const Statistics& seen = weight.seen;
  const double columns = static_cast<double>(weight.shape.back()), rows = seen.count / columns;
  const boost::math::chi_squared squares(columns);
  const double each = level.probability / (2 * rows);  // Bonferroni's, over rows and both sides
  const double low = std::sqrt(quantile(squares, each) / columns) - level.tolerance;
  const double high = std::sqrt(quantile(complement(squares, each)) / columns) + level.tolerance;
  for (const Row& row : {*seen.largest_row, *seen.smallest_row}) {
    const double ratio = row.size / *weight.expected_std;
    if (ratio >= low && ratio <= high) continue;
    return blame(weight, "row",
                 "row " + std::to_string(row.number) + " (from 0 on) has a root mean square of " + number(row.size) +
                     ", but the std is " + number(*weight.expected_std) + ": " + printed("%.3g", ratio) + " times it");
  }
}

/// What is wrong with a weight, and how far off it is.
void judge(Weight& weight, const Level& level) {
  const double critical = level.critical, tolerance = level.tolerance;
  const Statistics& seen = weight.seen;
  if (seen.non_finite > 0)
    return blame(weight, "non_finite", number(seen.non_finite) + " elements are no finite numbers");
  if (!weight.expected_std || !(seen.count > 0)) return;
  const double mean = *weight.expected_mean, std = *weight.expected_std;
  if (!(std > 0)) {
    weight.allowed_mean = weight.allowed_std = 1e-6 * std::max(1.0, std::abs(mean));
    if (seen.std > weight.allowed_std) {
      blame(weight, "std", compared("std", seen.std, 0) + ", every element " + number(mean));
    } else if (std::abs(seen.mean - mean) > weight.allowed_mean) {
      blame(weight, "mean",
            seen.std > 0 ? compared("mean", seen.mean, mean)
                         : "every element is " + number(seen.mean) + ", but must be " + number(mean));
    }
    return;
  }
  weight.allowed_std = std * (critical * error_of_std(seen) + tolerance);
  weight.allowed_mean = critical * seen.std / std::sqrt(seen.count) + tolerance * std;
  if (!(seen.std > 0))
    return blame(weight, seen.mean == 0 ? "zeros" : "std",
                 "every element is " + number(seen.mean) + ", but their std must be " + number(std));
  const double z_std = (seen.std / std - 1) / error_of_std(seen);
  const double z_mean = (seen.mean - mean) * std::sqrt(seen.count) / seen.std;
  weight.z = std::abs(z_std) > std::abs(z_mean) ? z_std : z_mean;
  if (std::abs(seen.std - std) > weight.allowed_std) {
    const std::string law = law_of(seen);
    blame(weight, law.starts_with("a normal cut") ? "cut" : "std",
          compared("std", seen.std, std) + (law.empty() ? "" : "; it is " + law));
  } else if (std::abs(seen.mean - mean) > weight.allowed_mean) {
    blame(weight, "mean", compared("mean", seen.mean, mean));
  } else if (seen.largest_row) {
    judge_rows(weight, level);
  }
}

// ---- reading ---------------------------------------------------------------------------------------------------------

/// All that the files hold, and what of it no pattern knows.
std::vector<Task> tasks_of(const TensorFiles& files, const Names& names, const std::optional<Expected>& expected,
                           Inspection& out) {
  std::vector<Task> tasks;
  for (const Tensor& tensor : files.tensors) {
    if (tensor.type == Type::other) continue;
    std::optional<Meaning> meaning = names.of(tensor.name);
    if (meaning && expected && expected->stacks.size() == 1) meaning->stack = 0;  // OPT's only one is called a decoder
    if (!meaning) {
      const std::string near = Names::nearest(tensor.name);
      out.unmatched.push_back(tensor.name + (near.empty() ? "" : "; a name like it: " + near));
      continue;
    }
    std::size_t head_width = 0;
    if (expected && meaning->stack < expected->stacks.size())
      head_width = expected->stacks[meaning->stack].attention.head_width;
    for (std::size_t part = 0; part < meaning->weights.size(); ++part) {
      Weight weight;
      weight.tensor = tensor.name;
      weight.name = meaning->weights[part];
      weight.stack = meaning->stack;
      weight.layer = meaning->layer;
      weight.shape = tensor.shape;
      tasks.push_back({&tensor, region_of(tensor, *meaning, part, head_width)});
      out.weights.push_back(std::move(weight));
    }
    out.bytes += static_cast<double>(tensor.bytes.size());
  }
  return tasks;
}

void set_spectral(const Task& task, Statistics& seen) {
  const double columns = static_cast<double>(std::min(task.region.columns, task.tensor->columns()));
  seen.spectral_norm = spectral_norm(*task.tensor, task.region);
  const double edge = columns > 0 ? seen.std * (std::sqrt(seen.count / columns) + std::sqrt(columns)) : 0;
  if (edge > 0) seen.spectral_ratio = *seen.spectral_norm / edge;
}

/// Every weight's numbers, and a sample where copies are looked for.
std::vector<std::vector<float>> read_all(const TensorFiles& files, const std::vector<Task>& tasks, bool spectral,
                                         std::vector<Weight>& weights) {
  std::vector<std::vector<float>> samples(tasks.size());
  const auto read = [&](std::size_t i) {
    const files::MappedFile& file = files.files[tasks[i].tensor->file];
    Measured measured = measure(*tasks[i].tensor, tasks[i].region, is_embedding(weights[i].name),
                                [&](std::string_view part) { file.forget(part); });
    weights[i].seen = measured.statistics;
    if (is_matrix(weights[i].name)) samples[i] = std::move(measured.sample);
    if (spectral && tasks[i].tensor->shape.size() == 2) set_spectral(tasks[i], weights[i].seen);
    file.forget(tasks[i].tensor->bytes);
  };
  scalar::on_all_processors(tasks.size(), [&] { return read; });
  return samples;
}

std::vector<std::string> missing_from(const Inspection& inspection, const Expected& expected) {
  std::set<std::tuple<std::size_t, std::size_t, std::string>> found;  // stack, layer, weight
  for (const Weight& weight : inspection.weights) found.insert({weight.stack, weight.layer, weight.name});
  std::vector<std::string> out;
  for (std::size_t stack = 0; stack < expected.stacks.size(); ++stack) {
    const network::Stack& one = expected.stacks[stack];
    for (std::size_t layer = 1; layer <= (one.tied ? 1 : one.layers()); ++layer) {
      const auto require = [&](const char* name) {
        if (found.count({stack, layer, name}) > 0) return;
        Weight weight;
        weight.name = name;
        weight.stack = stack;
        weight.layer = layer;
        out.push_back(weight.place(expected.stacks.size()));
      };
      for (const spec::WeightClass& known : spec::weight_classes) {
        if (!known.is_bias && (one.gated || !known.gated_only)) require(known.name);
      }
      if (!one.cross_attention) continue;
      for (const spec::CrossWeight& known : spec::cross_weights) require(known.name);
    }
  }
  return out;
}

}  // namespace

std::string Weight::place(std::size_t stacks) const {
  if (layer == 0) return name;
  const std::string of_stack = stacks > 1 ? (stack == 0 ? "encoder " : "decoder ") : "";
  return of_stack + "layer " + std::to_string(layer) + ' ' + name;
}

std::size_t Inspection::faults() const {
  return copies.size() + missing.size() +
         static_cast<std::size_t>(
             std::count_if(weights.begin(), weights.end(), [](const Weight& weight) { return !weight.fault.empty(); }));
}

Inspection inspect(const std::string& path, const std::optional<Expected>& expected, const Settings& settings) {
  const Names names(settings.names);
  const TensorFiles files = open_tensors(path);
  Inspection out;
  const std::vector<Task> tasks = tasks_of(files, names, expected, out);
  const std::vector<std::vector<float>> samples = read_all(files, tasks, settings.spectral, out.weights);
  for (Weight& weight : out.weights) {
    const std::optional<Moments> moments = expected ? expected_of(weight, *expected) : std::nullopt;
    if (!moments) continue;
    weight.expected_mean = moments->mean;
    weight.expected_std = moments->std;
    if (moments->std > 0) out.comparisons += weight.seen.largest_row ? 3 : 2;  // mean, std, rows
  }
  // Šidák's correction: all of them together are wrong with this probability.
  const double each =
      -std::expm1(std::log1p(-settings.level) / static_cast<double>(std::max<std::size_t>(1, out.comparisons)));
  out.critical = boost::math::quantile(boost::math::complement(boost::math::normal(), each / 2));
  for (Weight& weight : out.weights) judge(weight, {out.critical, each, settings.tolerance});
  out.copies = copies_among(out.weights, samples, settings.level);
  if (expected) out.missing = missing_from(out, *expected);
  return out;
}

}  // namespace sigprop::measured
