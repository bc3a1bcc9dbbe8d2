// SPDX-License-Identifier: Apache-2.0
#include "sigprop/simulate/simulate.hpp"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <sstream>

#include "cuda/cuda.hpp"
#include "scalar/blas_threads.hpp"
#include "simulate/assemble.hpp"
#include "simulate/gigabytes.hpp"
#include "simulate/precision.hpp"
#include "simulate/record_file.hpp"
#include "simulate/replicate.hpp"
#include "simulate/workers.hpp"

namespace sigprop::simulate {
namespace {

/// Bytes that programs may still take, as the kernel estimates them; none where it does not tell.
std::optional<double> available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  double kibibytes = 0;
  std::string unit;
  while (file >> name >> kibibytes) {
    if (name == "MemAvailable:") return kibibytes * 1024;
    std::getline(file, unit);
  }
  return std::nullopt;
}

int threads_of(const Settings& settings) {
  return settings.threads > 0 ? settings.threads : omp_get_max_threads();
}

/// A run's replicates are the same whatever else is asked: more of them may be added later.
/// All of them.
std::string digits_of(double x) {
  std::ostringstream out;
  out.precision(std::numeric_limits<double>::max_digits10);
  out << x;
  return out.str();
}

std::string identity_of(const Settings& settings) {
  return settings.checkpoint->identity + "\nseed " + std::to_string(settings.seed) +
         (settings.engine == Engine::cuda ? "\nengine cuda" : "") + (settings.tokens.moments ? "\ntokens" : "") +
         (settings.tokens.gram > 0 ? "\ngram " + std::to_string(settings.tokens.gram) : "") + "\nprecision " +
         name_of(settings.precision) + "\nrank " + std::to_string(settings.largest_rank) + "\nepsilon " +
         digits_of(settings.norm_epsilon) + "\nversion " + SIGPROP_VERSION;
}

void require_finite(const Sample& sample, const network::Outline& outline, const Layout& layout,
                    const Settings& settings) {
  if (std::all_of(sample.begin(), sample.end(), [](double x) { return std::isfinite(x); })) return;
  std::string where = "on the way back";
  for (std::size_t i = layout.forward.size(); i-- > 0;) {
    if (!std::isfinite(sample[layout.forward[i].begin + 1])) where = "at " + outline.points[i].path;
  }
  throw UsageError(
      "the simulation left the range of its numbers (" + where + "): use " +
      (settings.precision == Precision::float64
           ? ""
           : std::string(settings.engine == Engine::cuda ? "--engine cpu " : "") + "--precision float64, or ") +
      "fewer layers or smaller weights; predict has no such limit");
}

/// One replicate a thread, or one that all threads work on.
class CpuWorkers : public Workers {
 public:
  CpuWorkers(const Subject& subject, const Settings& settings, const Plan& plan, const std::atomic<bool>* stop)
      : subject_(subject), settings_(settings), plan_(plan), stop_(stop) {}

  [[nodiscard]] int count() const override { return plan_.replicates_at_once; }
  [[nodiscard]] std::size_t batch() const override { return 1; }

  [[nodiscard]] std::vector<Sample> run(int, std::uint32_t first, std::size_t) override {
    const Draw draw(settings_.seed, first);
    const Team team{plan_.threads_per_replicate};
    const Policy policy = plan_.recompute ? Policy::recompute : Policy::keep;
    return {settings_.precision == Precision::float32 ? run_replicate<float>(subject_, draw, team, policy, stop_)
                                                      : run_replicate<double>(subject_, draw, team, policy, stop_)};
  }

 private:
  const Subject& subject_;
  const Settings& settings_;
  const Plan& plan_;
  const std::atomic<bool>* stop_;
};

/// Batches of replicates side by side, each on its own thread, handed to `done` in their order.
/// What cannot be handed on ends the loop.
class Run {
 public:
  Run(const Subject& subject, const Settings& settings, Workers& workers, const std::atomic<bool>* stop)
      : subject_(subject), settings_(settings), workers_(workers), stop_(stop) {}

  /// Replicates from the first to that before the last.
  template <class Done>
  void operator()(std::size_t first, std::size_t last, const Done& done) {
    const auto begin = static_cast<std::int64_t>(first), end = static_cast<std::int64_t>(last);
    const auto batch = static_cast<std::int64_t>(workers_.batch());
#pragma omp parallel for ordered schedule(dynamic, 1) num_threads(workers_.count())
    for (std::int64_t r = begin; r < end; r += batch) {
      const auto samples = attempt(static_cast<std::uint32_t>(r), static_cast<std::size_t>(std::min(batch, end - r)));
#pragma omp ordered
      hand_on(samples, done);
    }
    if (failure_) std::rethrow_exception(failure_);
  }

  /// A replicate is missing, so that none behind it counts.
  [[nodiscard]] bool has_ended() const {
    return ended_;
  }

 private:
  [[nodiscard]] std::vector<Sample> attempt(std::uint32_t first, std::size_t count) {
    if (ended_.load() || (stop_ != nullptr && stop_->load())) return {};
    try {
      return workers_.run(omp_get_thread_num(), first, count);
    } catch (const Stopped&) {
    } catch (...) {
      keep_failure();
    }
    return {};
  }

  /// Of a replicate that is missing, those after it are not counted either: what is measured must
  /// be replicates 0, 1, 2, ...
  template <class Done>
  void hand_on(const std::vector<Sample>& samples, const Done& done) {
    if (samples.empty()) ended_ = true;
    for (const Sample& sample : samples) {
      if (ended_) return;
      try {
        require_finite(sample, subject_.outline, subject_.layout, settings_);
        done(sample);
      } catch (...) {
        keep_failure();
      }
    }
  }

  void keep_failure() {
#pragma omp critical(sigprop_simulate_failure)
    if (!failure_) failure_ = std::current_exception();
    ended_ = true;
  }

  const Subject& subject_;
  const Settings& settings_;
  Workers& workers_;
  const std::atomic<bool>* stop_;
  std::atomic<bool> ended_{false};
  std::exception_ptr failure_;
};

Plan on_cpu(int replicates_at_once, int threads_per_replicate, bool recompute, double bytes) {
  Plan plan;
  plan.replicates_at_once = replicates_at_once;
  plan.threads_per_replicate = threads_per_replicate;
  plan.recompute = recompute;
  plan.bytes = bytes;
  return plan;
}

/// A device's kernels sum over all tokens, the first and the last.
void require_tokens(const Settings& settings) {
  if (settings.tokens.any() && settings.engine == Engine::cuda)
    throw UsageError("single tokens are measured on the CPU only: --tokens and --gram need --engine cpu");
}

Plan plan_of(const Subject& subject, const Settings& settings) {
  require_precision(settings.engine, settings.precision);
  require_tokens(settings);
  if (settings.engine == Engine::cuda) return cuda::module().plan(subject, settings);
  const network::Network& network = subject.network;
  const double bytes = settings.precision == Precision::float32 ? sizeof(float) : sizeof(double);
  const double keep = bytes * elements_held(network, Policy::keep);
  const double recompute = bytes * elements_held(network, Policy::recompute);
  constexpr double usable = 0.6;     // of what is available: other programs run too, and the estimate is one
  constexpr double thrifty = 2.5e9;  // clearing more fresh memory takes as long as computing a layer again
  const std::optional<double> available = available_memory();
  const double limit = settings.memory.value_or(available ? usable * *available : thrifty);
  const double keep_limit = settings.memory.value_or(std::min(limit, thrifty));
  const int threads = threads_of(settings);
  if (settings.replicates >= static_cast<std::size_t>(threads) && keep * threads <= keep_limit)
    return on_cpu(threads, 1, false, keep * threads);
  if (keep <= keep_limit) return on_cpu(1, threads, false, keep);
  if (recompute <= limit) return on_cpu(1, threads, true, recompute);
  throw MachineError("one network needs " + in_gigabytes(recompute) + " of memory, but may use " + in_gigabytes(limit) +
                     (settings.memory ? " (--memory)" : ", 60 % of what is available") +
                     ": shorten the sequence, lower the batch" + (settings.memory ? ", or raise --memory" : ""));
}

std::unique_ptr<Workers> workers_of(const Subject& subject, const Settings& settings, const Plan& plan,
                                    const std::atomic<bool>* stop) {
  if (settings.engine == Engine::cuda) {
    omp_set_max_active_levels(2);  // a device's worker has threads for what the processor does
    return cuda::module().workers(subject, settings, plan, stop);
  }
  return std::make_unique<CpuWorkers>(subject, settings, plan, stop);
}

}  // namespace

Plan plan(const network::Network& network, const Settings& settings) {
  const network::Outline outline = network::outline_of(network);
  const Layout layout = layout_of(network, outline, {settings.largest_rank, settings.tokens});
  return plan_of({network, outline, layout, settings.norm_epsilon}, settings);
}

Result simulate(const network::Network& network, const Settings& settings,
                const std::function<void(const Progress&)>& report, const std::atomic<bool>* stop) {
  scalar::keep_products_on_their_thread();
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  const network::Outline outline = network::outline_of(network);
  const Layout layout = layout_of(network, outline, {settings.largest_rank, settings.tokens});
  const Subject subject{network, outline, layout, settings.norm_epsilon};
  const Plan division = plan_of(subject, settings);
  Accumulator measured(layout);
  std::unique_ptr<RecordFile> file;
  std::map<std::uint64_t, Sample> kept;
  if (settings.checkpoint) {
    const Checkpoint& checkpoint = *settings.checkpoint;
    file = std::make_unique<RecordFile>(checkpoint.file, checkpoint.resume, identity_of(settings), layout.size());
    if (checkpoint.warn && file->lost() > 0) checkpoint.warn(loss_warning(*file, checkpoint.file, "replicates"));
    kept = file->read();
    kept.erase(kept.lower_bound(settings.replicates), kept.end());
  }
  const std::size_t resumed = kept.size();
  std::size_t computed = 0;
  const std::unique_ptr<Workers> workers = workers_of(subject, settings, division, stop);
  Run run(subject, settings, *workers, stop);
  // Replicates are measured in their order, whether they were kept or are computed now.
  for (std::size_t next = 0; next < settings.replicates && !run.has_ended();) {
    const auto found = kept.lower_bound(next);
    const std::size_t end = found == kept.end() ? settings.replicates : static_cast<std::size_t>(found->first);
    run(next, end, [&](const Sample& sample) {
      if (file) file->append(measured.count(), sample);
      measured.add(sample);
      ++computed;
      if (report) report({resumed + computed, settings.replicates, resumed, seconds()});
    });
    next = end;
    if (found == kept.end() || run.has_ended()) continue;
    measured.add(found->second);
    ++next;
  }
  if (measured.count() == 0) throw UsageError("stopped before one replicate was done: there is nothing to report");
  return {assemble(subject, measured), measured.count(), measured.count() < settings.replicates, seconds(),
          division.device_name};
}

}  // namespace sigprop::simulate
