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

std::vector<double> effective_ranks(const std::vector<Grams>& grams) {
  std::vector<std::span<const double>> matrices;
  for (const Grams& several : grams) {
    const std::size_t elements = several.size * several.size;
    for (std::size_t at = 0; at < several.values.size(); at += elements)
      matrices.push_back(std::span(several.values).subspan(at, elements));
  }
  std::vector<double> out(matrices.size());
  const int threads = std::max(1, omp_get_num_procs() / omp_get_num_threads());
  for_each({threads}, static_cast<Eigen::Index>(out.size()), [&](Eigen::Index i) {
    const auto at = static_cast<std::size_t>(i);
    out[at] = effective_rank(matrices[at]);
  });
  return out;
}

}  // namespace sigprop::simulate
