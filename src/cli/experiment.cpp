// SPDX-License-Identifier: Apache-2.0
#include "sigprop/experiment/experiment.hpp"

#include <algorithm>
#include <chrono>

#include "cli/common/experiment_table.hpp"
#include "cli/common/interrupt.hpp"
#include "cli/common/pending_file.hpp"
#include "cli/common/progress.hpp"
#include "cli/common/simulation.hpp"

namespace sigprop::cli {
namespace {

using experiment::Component;
using experiment::Grid;

struct ExperimentOptions {
  std::string name;
  std::size_t settings = 50;
  bool all = false;
  std::uint64_t seed = 0;
  std::size_t replicates = 0;  ///< 0: the grid's own
  int threads = 0;
  EngineOptions engine;
  std::string checkpoint;
  std::string resume;
  OutputOptions output;
};

struct Outcome {
  std::vector<report::ErrorTable> tables;
  double seconds = 0;

  [[nodiscard]] bool partial() const {
    return std::any_of(tables.begin(), tables.end(), [](const auto& t) { return t.settings.size() < t.asked; });
  }
};

constexpr const char* every = "all";

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const Component component : experiment::components) out.emplace_back(grid_of(component).name);
  out.emplace_back(every);
  return out;
}

std::vector<Component> chosen(const std::string& name) {
  std::vector<Component> out;
  for (const Component component : experiment::components) {
    if (name == every || name == grid_of(component).name) out.push_back(component);
  }
  return out;
}

std::size_t largest_grid(const std::string& name) {
  std::size_t largest = 0;
  for (const Component component : chosen(name)) largest = std::max(largest, grid_of(component).settings());
  return largest;
}

/// Of grids with fewer settings than asked for, all.
std::vector<experiment::Task> tasks(const ExperimentOptions& options) {
  const std::size_t largest = largest_grid(options.name);
  if (!options.all && options.settings > largest) {
    throw Failure(wrong_usage, "--settings " + std::to_string(options.settings) + ": " + options.name + " takes 1 to " +
                                   std::to_string(largest) + " settings; --all takes the whole grid");
  }
  std::vector<experiment::Task> out;
  for (const Component component : chosen(options.name)) {
    const Grid& grid = grid_of(component);
    const std::size_t count = options.all ? grid.settings() : options.settings;
    out.push_back({component, random_indices(grid, count, options.seed)});
  }
  return out;
}

experiment::Options run_options(const ExperimentOptions& options) {
  experiment::Options out;
  out.seed = options.seed;
  if (options.replicates > 0) out.replicates = options.replicates;
  out.threads = options.threads;
  out.engine = options.engine.kind();
  out.device = options.engine.device;
  out.precision = options.engine.precise();
  const bool resume = !options.resume.empty();
  if (resume || !options.checkpoint.empty()) {
    const std::string& file = resume ? options.resume : options.checkpoint;
    note_input(file);  // which the result must not replace
    out.checkpoint = experiment::Checkpoint{file, resume, warn_of_loss};
  }
  return out;
}

std::vector<std::vector<std::optional<experiment::Measured>>> measured(const std::vector<experiment::Task>& work,
                                                                       const ExperimentOptions& options) {
  keep_freed_memory();
  try {
    const Interrupt interrupt;
    ProgressLine line(options.output.quiet);
    const auto show = [&](const experiment::Progress& p) {
      line.show(std::string(grid_of(p.component).name) + ": setting", p.done, p.total, p.resumed, p.seconds);
    };
    return experiment::run(work, run_options(options), show, &Interrupt::asked());
  } catch (const simulate::UsageError& error) {
    throw Failure(wrong_usage, error.what());
  } catch (const simulate::MachineError& error) {
    throw Failure(machine, error.what());
  }
}

Outcome outcome(const ExperimentOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<experiment::Task> work = tasks(options);
  const auto results = measured(work, options);
  Outcome out;
  bool any = false;
  for (std::size_t i = 0; i < work.size(); ++i) {
    out.tables.push_back(error_table(work[i], options.replicates, results[i]));
    any = any || !out.tables.back().settings.empty();
  }
  if (!any) throw Failure(interrupted_status(), "stopped before one setting was done: there is nothing to report");
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

void write(std::ostream& out, const ExperimentOptions& options, const Outcome& outcome) {
  if (options.output.format == "table") return report::write_experiment_table(out, outcome.tables);
  if (options.output.format == "csv") return report::write_experiment_csv(out, outcome.tables);
  const report::Provenance provenance{"experiment",
                                      {{"component", options.name},
                                       {"seed", options.seed},
                                       {"engine", options.engine.engine},
                                       {"precision", options.engine.precision},
                                       {"partial", outcome.partial()},
                                       {"seconds", outcome.seconds}}};
  report::write_experiment_json(out, outcome.tables, provenance);
}

void run_experiment(const ExperimentOptions& options) {
  write_output(options.output, [&] {
    const auto result = std::make_shared<Outcome>(outcome(options));
    return [&options, result](std::ostream& out) { write(out, options, *result); };
  });
  end_if_interrupted("settings");
}

void add_options(CLI::App& command, ExperimentOptions& options) {
  command.add_option("NAME", options.name, "Component, or all of them")->required()->check(CLI::IsMember(names()));
  auto* settings = command.add_option("--settings", options.settings, "Random settings of the component's grid")
                       ->type_name("K")
                       ->check(CLI::Range(std::size_t{1}, largest_grid(every)))
                       ->capture_default_str();
  command.add_flag("--all", options.all, "The whole grid")->excludes(settings);
  command.add_option("--seed", options.seed, "Of the choice of settings and of their random numbers")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--replicates", options.replicates, "Of every setting; default: the published simulation's")
      ->type_name("R")
      ->check(CLI::Range(2, 1000000000));
  add_engine_options(command, options.engine);
  command.add_option("--threads", options.threads, "Threads of the CPU to use; 0: all")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  auto* checkpoint =
      command.add_option("--checkpoint", options.checkpoint, "Keep every finished setting in FILE")->type_name("FILE");
  command.add_option("--resume", options.resume, "Go on with the settings of FILE, to the same result")
      ->type_name("FILE")
      ->excludes(checkpoint);
  add_output_options(command, options.output);
}

}  // namespace

void add_experiment(CLI::App& app) {
  auto options = std::make_shared<ExperimentOptions>();
  CLI::App* command = app.add_subcommand(
      "experiment", "The published component simulations: measured beside the published errors and both theories");
  add_options(*command, *options);
  command->footer(
      "Examples:\n"
      "  sigprop experiment relu\n"
      "  sigprop experiment attention --settings 1000 --checkpoint attention.run --format json --output "
      "attention.json\n"
      "  sigprop experiment all --all --resume all.run --format csv --output all.csv");
  command->callback([options] { run_experiment(*options); });
}

}  // namespace sigprop::cli
