// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/sweep.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "cli/common/grid.hpp"
#include "cli/common/interrupt.hpp"
#include "cli/common/prediction.hpp"
#include "cli/common/progress.hpp"
#include "cli/common/resumable_lines.hpp"
#include "cli/common/scheme_choice.hpp"
#include "cli/common/simulation.hpp"
#include "scalar/processors.hpp"
#include "sigprop/check/check.hpp"

namespace sigprop::cli {
namespace {

struct SweepOptions {
  std::string spec;
  std::vector<std::string> sets;
  std::vector<std::string> quantities;
  TheoryOptions theory;
  std::optional<std::size_t> replicates;  ///< random networks a point; none: theory
  SimulationOptions simulation;
  int threads = 0;
  std::string output;
  bool quiet = false;
};

/// Where nothing is asked for: what a model has of these.
constexpr const char* usual_quantities[] = {"forward.variance last",
                                            "forward.variance last/first",
                                            "forward.token_correlation last",
                                            "forward.rank_residual last",
                                            "backward.variance first/last",
                                            "attention.score_variance first",
                                            "attention.entropy_fraction first",
                                            "attention.entropy_fraction last",
                                            "weights.all.gradient_norm first/last"};

struct Asked {
  std::string name;
  check::Condition reading;
};

class Sweep {
 public:
  explicit Sweep(const SweepOptions& options);

  void run();

 private:
  [[nodiscard]] spec::ReadResult model(std::size_t index) const;
  [[nodiscard]] profile::Profile profile(const network::Network& network, predict::Predictor& predictor) const;
  [[nodiscard]] report::SweepPoint point(std::size_t index, predict::Predictor& predictor) const;
  void require_good_models() const;
  [[nodiscard]] std::optional<profile::Profile> first_prediction() const;
  void choose_quantities();
  [[nodiscard]] report::SweepHead head() const;
  /// How many predict side by side; a simulation uses all threads for its own networks.
  [[nodiscard]] unsigned threads() const {
    return options_.threads > 0 ? static_cast<unsigned>(options_.threads)
                                : std::max(1U, std::thread::hardware_concurrency());
  }
  void compute(std::size_t index, predict::Predictor& predictor, ResumableLines& lines, ProgressLine& progress);
  [[nodiscard]] bool is_found(std::size_t index, const ResumableLines& lines);
  void store(std::size_t index, const std::string& line, ResumableLines& lines, ProgressLine& progress);

  const SweepOptions& options_;
  spec::FileText file_;
  std::vector<Axis> axes_;
  Grid grid_;
  std::vector<Asked> asked_;
  std::string name_;
  std::string sums_of_files_;  ///< that the input names

  std::atomic<std::size_t> failed_{0};
  std::mutex writing_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::vector<Axis> axes_of(const std::vector<std::string>& sets) {
  std::vector<Axis> axes;
  axes.reserve(sets.size());
  for (const std::string& set : sets) axes.push_back(axis_of(set));
  return axes;
}

std::vector<Asked> asked_of(const std::vector<std::string>& texts) {
  std::vector<Asked> out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.push_back({text, reading_of("--quantity", text)});
  return out;
}

Sweep::Sweep(const SweepOptions& options)
    : options_(options), file_(load_text(options.spec)), axes_(axes_of(options.sets)), grid_(axes_) {
  const spec::ReadResult before = spec::read_text(*file_.text, file_.name, spec::folder_of(file_.name));
  require_good(before);
  name_ = before.network->name;
  sums_of_files_ = sums_of_files(*before.network);
  require_good_models();
  if (!options_.replicates) {
    const double side_by_side = std::min<double>(threads(), static_cast<double>(grid_.size()));
    announce(*model(grid_.size() - 1).network, options_.theory, options_.spec, {.quiet = options_.quiet}, {},
             static_cast<double>(grid_.size()) / side_by_side);
  }
  choose_quantities();
}

/// The model of a point; errors name the file and what was set.
spec::ReadResult Sweep::model(std::size_t index) const {
  const std::vector<spec::Edit> edits = grid_[index];
  std::string where = file_.name + " with ";
  for (const spec::Edit& edit : edits) where += (&edit == edits.data() ? "" : ", ") + edit.path + "=" + edit.value;
  const spec::Edited edited = spec::edited(*file_.text, edits);
  if (edited.error.empty()) return spec::read_text(edited.text, where, spec::folder_of(file_.name));
  spec::ReadResult out;
  out.errors = {where + ": " + edited.error};
  return out;
}

/// Before the first point is computed: a sweep that runs for hours does not end at a value that its
/// spec cannot have.
void Sweep::require_good_models() const {
  constexpr std::size_t most_shown = 5;
  std::vector<std::string> errors;
  std::size_t bad = 0;
  for (std::size_t i = 0; i < grid_.size(); ++i) {
    const spec::ReadResult read = model(i);
    if (read.network) continue;
    if (++bad <= most_shown) errors.insert(errors.end(), read.errors.begin(), read.errors.end());
  }
  if (bad > most_shown) errors.push_back("and " + std::to_string(bad - most_shown) + " points more cannot be either");
  if (bad > 0) refuse(errors);
}

profile::Profile Sweep::profile(const network::Network& network, predict::Predictor& predictor) const {
  if (!options_.replicates) return prediction(predictor, network, options_.theory, options_.spec);
  SimulationOptions settings = options_.simulation;
  settings.replicates = *options_.replicates;
  return simulated(network, settings, true).profile;
}

report::SweepPoint Sweep::point(std::size_t index, predict::Predictor& predictor) const {
  report::SweepPoint out;
  out.index = index;
  for (const spec::Edit& edit : grid_[index]) out.set.emplace_back(edit.path, edit.value);
  try {
    const profile::Profile result = profile(*model(index).network, predictor);
    for (const Asked& asked : asked_) out.values.emplace_back(asked.name, check::read(asked.reading, result));
    out.verdicts = result.summary.verdicts;
  } catch (const std::invalid_argument& error) {
    out.error = error.what();
  } catch (const Failure& failure) {
    if (failure.status() != wrong_usage) throw;
    out.error = failure.what();
  }
  return out;
}

/// By theory, of the first point; none where networks are drawn of a model that theory does not
/// cover.
std::optional<profile::Profile> Sweep::first_prediction() const {
  try {
    return prediction(*model(0).network, options_.theory, options_.spec);
  } catch (const Failure&) {
    if (!options_.replicates) throw;
  }
  return {};
}

/// What was asked for, which the first model must have; or of the usual what it has.
void Sweep::choose_quantities() {
  const bool usual = options_.quantities.empty();
  asked_ = asked_of(usual ? std::vector<std::string>(std::begin(usual_quantities), std::end(usual_quantities))
                          : options_.quantities);
  const std::optional<profile::Profile> predicted = first_prediction();
  if (!predicted) return;
  std::erase_if(asked_, [&](const Asked& asked) {
    try {
      static_cast<void>(check::read(asked.reading, *predicted));
      return false;
    } catch (const std::invalid_argument& error) {
      if (!usual) throw Failure(wrong_usage, file_.name + ": " + error.what());
      return true;  // a model without attention has none of its quantities
    }
  });
}

report::SweepHead Sweep::head() const {
  report::SweepHead out;
  out.name = name_;
  out.provenance.command = "sweep";
  auto& settings = out.provenance.settings;
  settings.emplace_back("spec", options_.spec);
  if (options_.replicates) {
    settings.emplace_back("engine", options_.simulation.engine.engine);
    settings.emplace_back("precision", options_.simulation.engine.precision);
    settings.emplace_back("seed", options_.simulation.seed);
    settings.emplace_back("replicates", std::uint64_t{*options_.replicates});
  } else {
    settings.emplace_back("theory", options_.theory.name);
    if (options_.theory.prefix != "actual") settings.emplace_back("prefix", options_.theory.prefix);
    if (options_.theory.sequences) settings.emplace_back("sequences", std::uint64_t{*options_.theory.sequences});
  }
  if (!sums_of_files_.empty()) settings.emplace_back("files", sums_of_files_);
  out.spec = *file_.text;
  for (const Axis& axis : axes_) out.axes.emplace_back(axis.path, axis.values);
  for (const Asked& asked : asked_) out.quantities.push_back(asked.name);
  out.points = grid_.size();
  return out;
}

/// Did an earlier run of the same sweep leave it?
bool Sweep::is_found(std::size_t index, const ResumableLines& lines) {
  const std::lock_guard lock(writing_);
  return lines.has(index);
}

void Sweep::store(std::size_t index, const std::string& line, ResumableLines& lines, ProgressLine& progress) {
  const std::lock_guard lock(writing_);
  lines.write(index, line);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
  progress.show("point", lines.count(), grid_.size(), lines.found(), spent.count());
}

void Sweep::compute(std::size_t index, predict::Predictor& predictor, ResumableLines& lines, ProgressLine& progress) {
  if (Interrupt::asked() || is_found(index, lines)) return;
  const report::SweepPoint made = point(index, predictor);
  if (Interrupt::asked() && options_.replicates) return;  // of fewer networks than asked for
  if (!made.error.empty()) ++failed_;
  store(index, report::sweep_line(made), lines, progress);
}

void Sweep::run() {
  ResumableLines lines(options_.output, report::sweep_line(head()));
  if (lines.lost() > 0 && !options_.quiet) {
    say("warning: " + lines.waiting() + ": " + std::to_string(lines.lost()) +
        (lines.lost() == 1 ? " line is" : " lines are") +
        " damaged and left out; the points that are missing are computed again");
  }
  {
    const Interrupt interrupt;
    ProgressLine progress(options_.quiet);
    const auto worker = [&]() -> std::function<void(std::size_t)> {
      return [&, predictor = std::make_shared<predict::Predictor>()](std::size_t index) {
        compute(index, *predictor, lines, progress);
      };
    };
    scalar::on_all_processors(grid_.size(), worker, {}, options_.replicates ? 1 : threads());
  }
  if (Interrupt::signal() != 0) {
    throw Failure(interrupted_status(), "interrupted after " + std::to_string(lines.count()) + " of " +
                                            std::to_string(grid_.size()) + " points" +
                                            (lines.waiting().empty() ? "" : "; the same command goes on from there"));
  }
  lines.finish();
  if (failed_ > 0 && !options_.quiet) {
    std::cerr << "sigprop: warning: " << failed_ << " of " << grid_.size()
              << " points have no values; their lines say why\n";
  }
}

}  // namespace

void add_sweep(CLI::App& app) {
  auto options = std::make_shared<SweepOptions>();
  CLI::App* command = app.add_subcommand("sweep", "Predictions, or simulations, over a grid of a spec's values");
  command->add_option("SPEC", options->spec, "Model as a JSON spec; - for standard input")->required();
  command
      ->add_option("--set", options->sets,
                   "PATH=VALUES: a place in the spec, and A,B,... or FIRST:LAST:COUNT or log:FIRST:LAST:COUNT; several "
                   "make a grid, the last changing fastest")
      ->required()
      ->allow_extra_args(false)
      ->type_name("PATH=VALUES");
  command
      ->add_option("--quantity", options->quantities,
                   "A number of every point, as \"backward.variance first/last\"; several are possible")
      ->allow_extra_args(false)
      ->type_name("TEXT");
  add_theory_options(*command, options->theory);
  command->add_option("--replicates", options->replicates, "Draw so many random networks a point, in place of theory")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000000));
  command->add_option("--seed", options->simulation.seed, "Of the random networks")->check(CLI::NonNegativeNumber);
  add_engine_options(*command, options->simulation.engine);
  command->add_option("--threads", options->threads, "Threads of the CPU to use; 0: all")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command
      ->add_option("--output", options->output, "Write JSON Lines to FILE; begun again, an interrupted sweep goes on")
      ->type_name("FILE");
  command->add_flag("--quiet", options->quiet, "No progress and no warnings on standard error");
  command->footer(
      "Examples:\n"
      "  sigprop sweep specs/bert-base.json --set stack.residual.branch=0.1:1:10 --output branch.jsonl\n"
      "  sigprop sweep specs/bert-base.json --set stack.layers=6,12,24 --set init.std.query=log:0.01:1:20 \\\n"
      "    --quantity \"backward.variance first/last\" --quantity \"attention.entropy_fraction 1\"");
  command->callback([options] {
    options->simulation.threads = options->threads;
    Sweep(*options).run();
  });
}

}  // namespace sigprop::cli
