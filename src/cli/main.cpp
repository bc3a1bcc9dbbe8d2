// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <iostream>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include "cli/common/command.hpp"
#include "files/temporary_file.hpp"
#include "spec/nearest.hpp"

namespace {

/// A wrong word where a command should stand: CLI11 would only say that a command is missing.
void require_known_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands(nullptr)) known.push_back(command->get_name());
  if (std::find(known.begin(), known.end(), argv[1]) != known.end()) return;
  const std::string name = sigprop::spec::nearest(argv[1], known);
  throw sigprop::cli::Failure(sigprop::cli::wrong_usage,
                              std::string("\"") + argv[1] + "\" is not a command; " +
                                  (name.empty() ? "sigprop --help lists them" : "did you mean \"" + name + "\"?"));
}

constexpr const char* version_text =
#ifdef SIGPROP_WITHOUT_OPENBLAS
    "sigprop " SIGPROP_VERSION "\nbuilt without OpenBLAS: Eigen computes the matrix products";
#else
    "sigprop " SIGPROP_VERSION;
#endif

int run(int argc, char** argv) {
  using namespace sigprop::cli;
  CLI::App app{"How signals and gradients move through a deep transformer at initialization", "sigprop"};
  app.set_version_flag("--version", version_text);
  app.require_subcommand(1);
  app.footer(
      "Example:\n  sigprop predict specs/bert-base.json\n\nExit status: 0 fine; 1 a check failed; 2 wrong usage or "
      "spec; 3 the machine.");
  add_predict(app);
  add_explain(app);
  add_simulate(app);
  add_verify(app);
  add_check(app);
  add_experiment(app);
  add_init(app);
  add_compare(app);
  add_sweep(app);
  add_report(app);
  add_schemes(app);
  add_expand(app);
  add_import(app);
  add_inspect(app);
  add_formulas(app);
  add_schema(app);
  add_man(app);
  add_completion(app);
  require_known_command(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help and --version
      const int status = app.exit(error);
      flush_output();
      return status;
    }
    throw Failure(wrong_usage,
                  std::string(error.what()) + "; sigprop --help and sigprop COMMAND --help tell what there is");
  }
  return fine;
}

/// Every line of a message with the program's name before it.
void complain(const std::string& message) {
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);) sigprop::cli::say(line);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    sigprop::files::remove_on_signals();
    sigprop::cli::keep_output_errors();
    return run(argc, argv);
  } catch (const sigprop::cli::Failure& failure) {
    if (*failure.what() != '\0') complain(failure.what());
    return failure.status();
  } catch (const std::bad_alloc&) {
    complain("out of memory: the model has too many layers or components for this machine");
  } catch (const std::exception& error) {
    complain(std::string("unexpected: ") + error.what());
  }
  return sigprop::cli::machine;
}
