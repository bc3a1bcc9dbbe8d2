// SPDX-License-Identifier: Apache-2.0
#include "cli/common/sensitivity.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <sstream>

#include "cli/common/progress.hpp"
#include "report/number.hpp"
#include "sigprop/check/check.hpp"
#include "sigprop/network/knobs.hpp"
#include "sigprop/spec/edit.hpp"

namespace sigprop::cli {
namespace {

using network::Knob;

predict::Slopes slopes_of(const network::Network& network, const TheoryOptions& theory, const std::string& spec,
                          const check::Condition& asked, const std::vector<Knob>& knobs,
                          const std::function<void(std::size_t, std::size_t)>& progress = {}) {
  try {
    return explained(spec, [&] {
      return predict::slopes(
          network, theory_of(theory), options_of(theory), knobs,
          [&](const profile::Profile& profile) { return check::read(asked, profile); }, progress);
    });
  } catch (const std::invalid_argument& error) {
    throw Failure(wrong_usage, shown_path(spec) + ": " + error.what());
  } catch (const std::range_error& error) {
    throw Failure(wrong_usage, shown_path(spec) + ": the quantity " + asked.quantity + " " + error.what());
  }
}

report::KnobSlope row(const Knob& knob, double slope) {
  report::KnobSlope out{knob.name, knob.lowest, knob.highest, {}, {}};
  const bool zero = knob.is_zero();
  if (!zero) out.elasticity = slope;
  if (out.lowest == out.highest) out.log10_per_unit = (zero ? slope : slope / out.lowest) / std::log(10.0);
  return out;
}

}  // namespace

report::Sensitivity sensitivity(network::Network network, const TheoryOptions& theory, const std::string& spec,
                                const std::string& quantity, const OutputOptions& output) {
  const check::Condition asked = reading_of("--sensitivity", quantity);
  const std::vector<Knob> knobs = network::knobs_of(network);
  announce(network, theory, spec, output, {}, explained(spec, [&] {
             return predict::predictions_for_slopes(network, theory_of(theory), options_of(theory), knobs.size());
           }));
  const auto start = std::chrono::steady_clock::now();
  ProgressLine line(output.quiet);
  const predict::Slopes found =
      slopes_of(network, theory, spec, asked, knobs, [&](std::size_t done, std::size_t total) {
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        line.show("knob", done, total, 0, seconds.count());
      });
  report::Sensitivity out{network.name, theory.name, found.warnings, quantity, found.value, found.by_differences, {}};
  for (std::size_t i = 0; i < knobs.size(); ++i) out.knobs.push_back(row(knobs[i], found.by_knob[i]));
  report::rank(out);
  return out;
}

namespace {

struct Target {
  std::string quantity;
  check::Condition reading;
  double value = 0;
};

/// "QUANTITY = VALUE"; "ratio" before two places may stand there.
Target target_of(const std::string& text) {
  const auto refuse = [&](const std::string& why) {
    throw Failure(
        wrong_usage,
        "--target \"" + text + "\" " + why +
            "; it must be a quantity, its place, = and a value above 0, as in \"backward.variance first/last = 1\"");
  };
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos) refuse("has no =");
  Target out;
  std::istringstream words(text.substr(0, equals));
  for (std::string word; words >> word;) {
    if (word != "ratio") out.quantity += (out.quantity.empty() ? "" : " ") + word;
  }
  std::istringstream value(text.substr(equals + 1));
  std::string rest;
  if (!(value >> out.value) || value >> rest || !(out.value > 0) || !std::isfinite(out.value))
    refuse("has the value \"" + text.substr(equals + 1) + "\"");
  out.reading = reading_of("--target", out.quantity);
  return out;
}

/// A knob's path in a spec whose stack is called "stack".
std::string path_of(const std::string& knob) {
  for (const char* outside : {"sequence_length", "batch", "init.", "input.", "gradient.", "encoder.", "decoder."}) {
    if (knob.rfind(outside, 0) == 0) return knob;
  }
  return "stack." + knob;
}

/// One spec after another with another value at a place.
class Search {
 public:
  Search(std::string text, std::string file, const TheoryOptions& theory, Target target, std::string adjust)
      : text_(std::move(text)),
        file_(std::move(file)),
        theory_(theory),
        target_(std::move(target)),
        adjust_(std::move(adjust)) {
    constexpr std::string_view stack = "stack.";
    if (adjust_.rfind(stack, 0) == 0) adjust_ = adjust_.substr(stack.size());
  }

  [[nodiscard]] Solved run(const OutputOptions& output) {
    const spec::ReadResult read = spec::read_text(text_, file_, spec::folder_of(file_));
    require_good(read);
    double x = start(read);
    constexpr double usual_steps = 6, of_step = 3;
    announce(*read.network, theory_, file_, output, {}, usual_steps * of_step);
    Step step = at(x);
    // Newton's method in logarithms; between two values on either side of the target, bisection
    // where it leaves them.
    double below = -infinity,
           above = infinity;  // ln x where ln Q - ln target, times the sign of its slope, is negative, positive
    for (int turn = 0; turn < most_turns && std::abs(step.miss) > tolerance; ++turn) {
      const double u = std::log(std::abs(x)), rising = step.miss * step.slope;
      if (rising < 0) below = std::max(below, u);
      if (rising > 0) above = std::min(above, u);
      double next = u - std::clamp(step.miss / step.slope, -longest_step, longest_step);
      if (!(next > below && next < above)) next = (below + above) / 2;
      constexpr double unmoved = 1e-9;
      if (std::abs(step.slope) < unmoved || !std::isfinite(next)) fail(x, step, "does not move it there");
      const double before = x;
      x = std::copysign(std::exp(next), x);
      step = closest(before, x);
    }
    if (std::abs(step.miss) > tolerance) fail(x, step, "was followed for " + std::to_string(most_turns) + " steps");
    return {spec::indented(edited(x)),
            adjust_ + " = " + report::exact(x) + " gives " + target_.quantity + " = " + report::number(step.value)};
  }

 private:
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  static constexpr int most_turns = 100;
  static constexpr double longest_step = 1;
  static constexpr double tolerance = 1e-10;

  struct Step {
    double miss = 0;   ///< ln Q - ln target
    double slope = 0;  ///< by ln x
    profile::Quantity value;
  };

  [[noreturn]] void fail(double x, const Step& step, const std::string& why) const {
    throw Failure(failed, file_ + ": no value of " + adjust_ + " was found for which " + target_.quantity + " is " +
                              report::number(target_.value) + ": at " + report::exact(x) + " it is " +
                              report::number(step.value) + ", and the knob " + why +
                              "; adjust another, or ask for a value nearer to that");
  }

  [[nodiscard]] std::string edited(double x) const {
    const spec::Edited out = spec::edited(text_, {{path_of(adjust_), report::exact(x)}});
    if (!out.error.empty()) throw Failure(wrong_usage, file_ + ": --adjust " + out.error);
    return out.text;
  }

  /// The knob's value as the spec has it.
  [[nodiscard]] double start(const spec::ReadResult& read) const {
    const std::vector<Knob> knobs = network::knobs_of(*read.network);
    std::string known;
    for (const Knob& knob : knobs) known += (known.empty() ? "" : ", ") + knob.name;
    const auto found = std::find_if(knobs.begin(), knobs.end(), [&](const Knob& knob) { return knob.name == adjust_; });
    const std::string asked = file_ + ": --adjust " + adjust_;
    if (read.stacks.empty())
      throw Failure(wrong_usage, asked + ": a list of components has no such place; adjust a stack");
    if (found == knobs.end()) throw Failure(wrong_usage, asked + " is no knob of this model; there are " + known);
    if (found->whole)
      throw Failure(
          wrong_usage,
          asked + " is a size, which has no values between whole numbers; adjust a deviation, scale or probability");
    if (found->lowest != found->highest)
      throw Failure(wrong_usage, asked + " differs between layers, from " + report::exact(found->lowest) + " to " +
                                     report::exact(found->highest) + "; set it to one number in the spec first");
    if (found->is_zero())
      throw Failure(wrong_usage, asked + " is 0; set it to a value in the spec from which to start");
    return found->lowest;
  }

  [[nodiscard]] Step at(double x) const {
    spec::ReadResult read =
        spec::read_text(edited(x), file_ + " with " + adjust_ + " = " + report::exact(x), spec::folder_of(file_));
    require_good(read);
    std::vector<Knob> knobs = network::knobs_of(*read.network);
    std::erase_if(knobs, [&](const Knob& knob) { return knob.name != adjust_; });
    const predict::Slopes found = slopes_of(*read.network, theory_, file_, target_.reading, knobs);
    return {std::log(10.0) * (found.value.log10 - std::log10(target_.value)), found.by_knob.front(), found.value};
  }

  /// At x, or, where no model has that, half-way back and so on.
  [[nodiscard]] Step closest(double before, double& x) const {
    constexpr int most_halvings = 20;
    for (int halving = 0;; ++halving) {
      try {
        return at(x);
      } catch (const Failure&) {
        if (halving == most_halvings) throw;
        x = std::copysign(std::sqrt(before * x), x);
      }
    }
  }

  std::string text_, file_;
  TheoryOptions theory_;
  Target target_;
  std::string adjust_;
};

}  // namespace

Solved solved(const std::string& text, const std::string& file, const TheoryOptions& theory, const std::string& target,
              const std::string& adjust, const OutputOptions& output) {
  return Search(text, file, theory, target_of(target), adjust).run(output);
}

}  // namespace sigprop::cli
