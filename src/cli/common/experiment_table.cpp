// SPDX-License-Identifier: Apache-2.0
#include "cli/common/experiment_table.hpp"

#include "cli/common/experiment_predictions.hpp"

namespace sigprop::cli {
namespace {

using experiment::Component;

double value(const experiment::Measured& moments, experiment::Quantity quantity) {
  return moments[static_cast<std::size_t>(quantity)];
}

void judge(report::Judged& out, const experiment::Row& row, Component component, const experiment::Measured& measured,
           const experiment::Measured& predicted) {
  out.predicted.push_back(value(predicted, row.quantity));
  out.error.push_back(experiment::error(component, row.quantity, measured, predicted));
}

report::MeasuredSetting judged(const experiment::Setting& setting, const experiment::Measured& measured,
                               ExperimentPredictions& predictions) {
  report::MeasuredSetting out;
  out.index = setting.index;
  out.parameters = setting.values;
  const experiment::Measured full = predictions.full(setting);
  for (const experiment::Row& row : setting.grid->rows) {
    out.measured.push_back(value(measured, row.quantity));
    judge(out.paper, row, setting.grid->component, measured, ExperimentPredictions::paper(setting, row));
    judge(out.full, row, setting.grid->component, measured, full);
  }
  return out;
}

report::Percentiles percentiles(const report::ErrorTable& table, report::Judged report::MeasuredSetting::*theory,
                                std::size_t row) {
  std::vector<double> errors;
  for (const report::MeasuredSetting& setting : table.settings) errors.push_back((setting.*theory).error[row]);
  return experiment::percentiles(std::move(errors));
}

}  // namespace

report::ErrorTable error_table(const experiment::Task& task, std::size_t replicates,
                               const std::vector<std::optional<experiment::Measured>>& measured) {
  const experiment::Grid& grid = grid_of(task.component);
  report::ErrorTable table;
  table.component = grid.name;
  table.replicates = replicates > 0 ? replicates : grid.replicates;
  table.asked = task.indices.size();
  table.grid_size = grid.settings();
  for (const experiment::Axis& axis : grid.axes) table.parameters.emplace_back(axis.name);
  ExperimentPredictions predictions;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    if (measured[i]) table.settings.push_back(judged(setting_of(grid, task.indices[i]), *measured[i], predictions));
  }
  if (table.settings.empty()) return table;
  for (std::size_t row = 0; row < grid.rows.size(); ++row) {
    table.rows.push_back({std::string(grid.rows[row].name), grid.rows[row].published,
                          percentiles(table, &report::MeasuredSetting::paper, row),
                          percentiles(table, &report::MeasuredSetting::full, row)});
  }
  return table;
}

}  // namespace sigprop::cli
