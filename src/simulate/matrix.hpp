// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <algorithm>

#include "simulate/subject.hpp"

/// What every part of the CPU engine shares: matrices, and loops over a team of threads.
namespace sigprop::simulate {

/// A row is a token, a column a feature; for a weight (out, in).
template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class T>
using Row = Eigen::Matrix<T, 1, Eigen::Dynamic>;

/// The threads that work on one network.
struct Team {
  int threads = 1;
};

/// Calls f(0), ..., f(count - 1), each once, on the team. What f computes must not depend on which
/// thread it runs on, so that results are the same bits for every number of threads.
template <class F>
void for_each(Team team, Eigen::Index count, const F& f) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(team.threads) if (team.threads > 1 && count > 1)
  for (Eigen::Index i = 0; i < count; ++i) f(i);
}

/// The same over ranges of rows: f(first, count). The division into ranges is fixed.
template <class F>
void for_rows(Team team, Eigen::Index rows, const F& f) {
  constexpr Eigen::Index range = 32;
  for_each(team, (rows + range - 1) / range, [&](Eigen::Index i) { f(i * range, std::min(range, rows - i * range)); });
}

}  // namespace sigprop::simulate
