// SPDX-License-Identifier: Apache-2.0
#include "simulate/effective_rank.hpp"

#include <omp.h>

#include <Eigen/Eigenvalues>
#include <cmath>

#include "simulate/matrix.hpp"

namespace sigprop::simulate {

double effective_rank(std::span<const double> gram) {
  const auto size = static_cast<Eigen::Index>(std::lround(std::sqrt(static_cast<double>(gram.size()))));
  const Eigen::Map<const Eigen::MatrixXd> matrix(gram.data(), size, size);
  const double trace = matrix.trace();
  if (!(trace > 0)) return 0;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix, Eigen::EigenvaluesOnly);
  double entropy = 0;
  for (const double eigenvalue : solver.eigenvalues()) {
    const double share = eigenvalue / trace;
    if (share > 0) entropy -= share * std::log(share);
  }
  return std::exp(entropy);
}

std::vector<double> effective_ranks(std::span<const double> grams, std::size_t size) {
  const std::size_t elements = size * size;
  std::vector<double> out(grams.size() / elements);
  for_each({omp_get_max_threads()}, static_cast<Eigen::Index>(out.size()), [&](Eigen::Index i) {
    const auto at = static_cast<std::size_t>(i);
    out[at] = effective_rank(grams.subspan(at * elements, elements));
  });
  return out;
}

}  // namespace sigprop::simulate
