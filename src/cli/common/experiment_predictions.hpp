// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <tuple>

#include "sigprop/experiment/experiment.hpp"
#include "sigprop/formula/softmax_means.hpp"

namespace sigprop::cli {

/// The two theories' moments of a component alone, by formula. The row of the table tells the form
/// where a theory has two.
class ExperimentPredictions {
 public:
  [[nodiscard]] static experiment::Measured paper(const experiment::Setting& setting, const experiment::Row& row);
  [[nodiscard]] experiment::Measured full(const experiment::Setting& setting);

 private:
  [[nodiscard]] experiment::Measured attention(const experiment::Setting& setting);

  struct Softmax {
    formula::RowMeans<double> row;
    formula::PairMeans<double> pair;
  };
  /// By score variance, correlation, tokens and head width: many settings of the grid have the
  /// same.
  std::map<std::tuple<double, double, double, double>, Softmax> softmax_;
};

}  // namespace sigprop::cli
