// SPDX-License-Identifier: Apache-2.0
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <memory>

#include "cuda/cuda.hpp"
#include "experiment/group.hpp"
#include "scalar/blas_threads.hpp"
#include "simulate/matrix.hpp"
#include "simulate/precision.hpp"
#include "simulate/record_file.hpp"

namespace sigprop::experiment {
namespace {

/// Groups of one component by their number, each with the settings asked for and its moments once
/// they are there.
struct Work {
  std::size_t settings = 0;
  std::optional<Measured> unit;
};
using Groups = std::map<std::size_t, Work>;

Groups groups_of(const Grid& grid, const std::vector<std::size_t>& indices) {
  Groups groups;
  for (const std::size_t index : indices) ++groups[group_of(setting_of(grid, index))].settings;
  return groups;
}

/// The moments of the groups of all components.
class Records {
 public:
  explicit Records(const Options& options) {
    if (!options.checkpoint) return;
    const std::string replicates = options.replicates ? std::to_string(*options.replicates) : "of the grid";
    const std::string identity = "experiment\nseed " + std::to_string(options.seed) + "\nreplicates " + replicates +
                                 engine_of(options) + "\nversion " + SIGPROP_VERSION;
    const Checkpoint& checkpoint = *options.checkpoint;
    file_ = std::make_unique<simulate::RecordFile>(checkpoint.file, checkpoint.resume, identity, quantities);
    if (checkpoint.warn && file_->lost() > 0)
      checkpoint.warn(simulate::loss_warning(*file_, checkpoint.file, "settings"));
  }

  void restore(Component component, Groups& groups) const {
    if (!file_) return;
    for (auto& [group, work] : groups) {
      const auto found = file_->read().find(number_of(component, group));
      if (found == file_->read().end()) continue;
      work.unit.emplace();
      std::copy(found->second.begin(), found->second.end(), work.unit->begin());
    }
  }

  void keep(Component component, std::size_t group, const Measured& unit) {
    if (!file_) return;
    file_->append(number_of(component, group), simulate::Sample(unit.begin(), unit.end()));
  }

 private:
  [[nodiscard]] static std::string engine_of(const Options& options) {
    if (options.engine == simulate::Engine::cpu) return "";
    return std::string("\nengine cuda\nprecision ") + simulate::name_of(options.precision);
  }

  /// Of a group's record.
  [[nodiscard]] static std::uint64_t number_of(Component component, std::size_t group) {
    return (static_cast<std::uint64_t>(component) << 32U) + group;
  }

  std::unique_ptr<simulate::RecordFile> file_;
};

/// Measures the groups of one component that have no moments yet, side by side. They come in the
/// order of their seeds, which is random: what is done when the run is stopped is a fair sample,
/// and the time that is left can be told from the time it took.
class Loop {
 public:
  Loop(const Grid& grid, const Options& options, Measurer& measurer, Records& records,
       const std::function<void(const Progress&)>& report, const std::atomic<bool>* stop)
      : grid_(grid), options_(options), measurer_(measurer), records_(records), report_(report), stop_(stop) {}

  void operator()(Groups& groups) {
    std::vector<Groups::value_type*> open;
    for (auto& group : groups) {
      total_ += group.second.settings;
      if (group.second.unit) {
        resumed_ += group.second.settings;
      } else {
        open.push_back(&group);
      }
    }
    done_ = resumed_;
    const auto seed = [&](const Groups::value_type* group) { return group_seed(options_.seed, grid_, group->first); };
    std::sort(open.begin(), open.end(), [&](const auto* a, const auto* b) { return seed(a) < seed(b); });
    simulate::for_each({measurer_.workers()}, static_cast<Eigen::Index>(open.size()),
                       [&](Eigen::Index i) { attempt(*open[static_cast<std::size_t>(i)]); });
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void attempt(Groups::value_type& group) {
    if (ended_.load() || (stop_ != nullptr && stop_->load())) return;
    try {
      const auto unit = measure_group(measurer_, omp_get_thread_num(), grid_, group.first, options_.seed,
                                      options_.replicates.value_or(grid_.replicates), stop_);
      if (unit) {
#pragma omp critical(sigprop_experiment)
        hand_on(group, *unit);
      }
    } catch (...) {
      keep_failure();
    }
  }

  /// No exception may leave a critical region.
  void hand_on(Groups::value_type& group, const Measured& unit) {
    if (ended_) return;
    try {
      records_.keep(grid_.component, group.first, unit);
      group.second.unit = unit;
      done_ += group.second.settings;
      if (report_) report_({grid_.component, done_, total_, resumed_, seconds()});
    } catch (...) {
      failure_ = std::current_exception();
      ended_ = true;
    }
  }

  void keep_failure() {
#pragma omp critical(sigprop_experiment)
    if (!failure_) failure_ = std::current_exception();
    ended_ = true;
  }

  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  const Grid& grid_;
  const Options& options_;
  Measurer& measurer_;
  Records& records_;
  const std::function<void(const Progress&)>& report_;
  const std::atomic<bool>* stop_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::size_t done_ = 0, total_ = 0, resumed_ = 0;
  std::atomic<bool> ended_{false};
  std::exception_ptr failure_;
};

std::unique_ptr<Measurer> measurer_of(const Options& options) {
  simulate::require_precision(options.engine, options.precision);
  if (options.engine == simulate::Engine::cuda) return cuda::module().measurer(options.device, options.precision);
  return cpu_measurer(options.threads > 0 ? options.threads : omp_get_max_threads());
}

}  // namespace

std::vector<std::vector<std::optional<Measured>>> run(const std::vector<Task>& tasks, const Options& options,
                                                      const std::function<void(const Progress&)>& report,
                                                      const std::atomic<bool>* stop) {
  scalar::keep_products_on_their_thread();
  const std::unique_ptr<Measurer> measurer = measurer_of(options);
  Records records(options);
  std::vector<std::vector<std::optional<Measured>>> results;
  for (const Task& task : tasks) {
    const Grid& grid = grid_of(task.component);
    Groups groups = groups_of(grid, task.indices);
    records.restore(task.component, groups);
    Loop loop(grid, options, *measurer, records, report, stop);
    loop(groups);
    std::vector<std::optional<Measured>>& result = results.emplace_back();
    for (const std::size_t index : task.indices) {
      const Setting setting = setting_of(grid, index);
      const std::optional<Measured>& unit = groups.at(group_of(setting)).unit;
      result.push_back(unit ? std::optional(scaled(*unit, setting)) : std::nullopt);
    }
  }
  return results;
}

}  // namespace sigprop::experiment
