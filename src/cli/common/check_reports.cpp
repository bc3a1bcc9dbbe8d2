// SPDX-License-Identifier: Apache-2.0
#include "cli/common/check_reports.hpp"

#include <iostream>

namespace sigprop::cli {

void add_check_report_options(CLI::App& command, CheckReportOptions& options, const CheckWords& words) {
  command.add_option("--junit", options.junit, "Write " + words.checked + " as JUnit's XML too")->type_name("FILE");
  command.add_option("--sarif", options.sarif, "Write " + words.failed + " as SARIF 2.1.0 too")->type_name("FILE");
  command.add_flag("--github", options.github, "Annotate " + words.failed + " in a GitHub workflow, on standard error");
}

std::vector<NamedFile> files_of(const CheckReportOptions& options) {
  return {{"--junit", options.junit}, {"--sarif", options.sarif}};
}

void add_check_reports(const CheckReportOptions& options,
                       const std::shared_ptr<std::vector<report::CheckedSpec>>& checks, SideFiles& files) {
  files.add("--junit", options.junit, [checks](std::ostream& out) { report::write_junit(out, *checks); });
  files.add("--sarif", options.sarif, [checks](std::ostream& out) { report::write_sarif(out, *checks); });
}

void annotate(const CheckReportOptions& options, const std::vector<report::CheckedSpec>& checks) {
  if (options.github) report::write_github(std::cerr, checks);
}

}  // namespace sigprop::cli
