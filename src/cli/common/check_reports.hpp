// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/common/command.hpp"
#include "cli/common/side_files.hpp"
#include "sigprop/report/checks.hpp"

namespace sigprop::cli {

/// What services that show test results read, beside a command's output.
struct CheckReportOptions {
  std::string junit;
  std::string sarif;
  bool github = false;
};

/// How the help of a command calls what was checked, and what of it failed.
struct CheckWords {
  std::string checked;
  std::string failed;
};

void add_check_report_options(CLI::App& command, CheckReportOptions& options, const CheckWords& words);

/// The files that the options name.
[[nodiscard]] std::vector<NamedFile> files_of(const CheckReportOptions& options);

/// Opens them, for what `checks` holds when they are written. Throws Failure as PendingFile does.
void add_check_reports(const CheckReportOptions& options,
                       const std::shared_ptr<std::vector<report::CheckedSpec>>& checks, SideFiles& files);

/// Writes the annotations of a GitHub workflow to standard error, where they are asked for.
void annotate(const CheckReportOptions& options, const std::vector<report::CheckedSpec>& checks);

}  // namespace sigprop::cli
