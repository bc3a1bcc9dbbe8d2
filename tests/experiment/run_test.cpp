// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "sigprop/experiment/experiment.hpp"
#include "sigprop/simulate/simulate.hpp"
#include "support/temporary.hpp"

using namespace sigprop;
using experiment::Component;
using experiment::Task;

namespace {

using Results = std::vector<std::vector<std::optional<experiment::Measured>>>;

/// Settings of three components, two replicates each: some share their random numbers.
const std::vector<Task> tasks{{Component::relu, random_indices(grid_of(Component::relu), 20, 0)},
                              {Component::dropout, {0, 18, 36, 600}},
                              {Component::softmax, {0, 5, 620}}};

experiment::Options options(int threads = 1) {
  experiment::Options out;
  out.seed = 5;
  out.replicates = 2;
  out.threads = threads;
  return out;
}

/// A file of its own that is removed again.
struct File {
  std::string path = test::own_path("experiment_test");
  File() { std::filesystem::remove(path); }
  ~File() { std::filesystem::remove(path); }
};

experiment::Options with_file(const File& file, bool resume) {
  experiment::Options out = options();
  out.checkpoint = experiment::Checkpoint{file.path, resume};
  return out;
}

std::size_t settings_done(const Results& results) {
  std::size_t done = 0;
  for (const auto& task : results)
    done +=
        static_cast<std::size_t>(std::count_if(task.begin(), task.end(), [](const auto& m) { return m.has_value(); }));
  return done;
}

}  // namespace

TEST_CASE("The results of a run do not depend on the number of threads, not in a bit") {
  const Results one = run(tasks, options());
  CHECK(settings_done(one) == 27);
  CHECK(one == run(tasks, options(3)));
}

TEST_CASE("A setting's result does not depend on the settings measured with it") {
  const Results together = run(tasks, options());
  const Results alone = run({{Component::dropout, {36}}}, options());
  CHECK(alone[0][0] == together[1][2]);
}

TEST_CASE("Progress counts settings, component by component") {
  std::vector<std::size_t> done;
  (void)run(tasks, options(), [&](const experiment::Progress& p) {
    if (p.component == Component::dropout) done.push_back(p.done);
    CHECK(p.done <= p.total);
  });
  CHECK(done.back() == 4);
}

TEST_CASE("A run that is stopped and resumed ends with the same bits") {
  const File file;
  std::atomic<bool> stop{false};
  const auto stop_early = [&](const experiment::Progress& p) { stop = p.component == Component::relu && p.done >= 7; };
  const Results partial = run(tasks, with_file(file, false), stop_early, &stop);
  CHECK(settings_done(partial) == 7);
  std::size_t resumed = 0;
  const Results whole =
      run(tasks, with_file(file, true), [&](const experiment::Progress& p) { resumed = std::max(resumed, p.resumed); });
  CHECK(resumed == 7);
  CHECK(whole == run(tasks, options()));
}

TEST_CASE("A record that was cut by a killed process is measured again") {
  const File file;
  (void)run(tasks, with_file(file, false));
  std::filesystem::resize_file(file.path, std::filesystem::file_size(file.path) - 5);
  CHECK(run(tasks, with_file(file, true)) == run(tasks, options()));
}

TEST_CASE("A checkpoint of another seed is refused, and one that exists is not overwritten") {
  const File file;
  (void)run(tasks, with_file(file, false));
  CHECK_THROWS_AS(run(tasks, with_file(file, false)), simulate::UsageError);
  experiment::Options other = with_file(file, true);
  other.seed = 6;
  CHECK_THROWS_AS(run(tasks, other), simulate::UsageError);
}

TEST_CASE("A run that is stopped from the start measures nothing") {
  const std::atomic<bool> stop{true};
  CHECK(settings_done(run(tasks, options(), {}, &stop)) == 0);
}

TEST_CASE("What goes wrong in a thread comes out of the run") {
  experiment::Options wrong = options(2);
  wrong.replicates = 1;
  CHECK_THROWS_WITH(run(tasks, wrong), "replicates 1: a covariance needs at least 2 of them");
}
