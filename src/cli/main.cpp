// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <new>

#include "cli/command.hpp"

namespace {

int run(int argc, char** argv) {
  using namespace sigprop::cli;
  CLI::App app{"How signals and gradients move through a deep transformer at initialization", "sigprop"};
  app.set_version_flag("--version", std::string("sigprop ") + SIGPROP_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Example:\n  sigprop predict specs/bert-base.json\n\nExit status: 0 fine; 1 a check failed; 2 wrong usage or "
      "spec; 3 the machine.");
  add_predict(app);
  add_expand(app);
  add_formulas(app);
  add_schema(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? fine : wrong_usage;
  }
  return fine;
}

/// Every line of a message with the program's name before it.
void complain(const std::string& message) {
  std::string line = "sigprop: ";
  for (const char c : message) {
    line += c;
    if (c == '\n') line += "sigprop: ";
  }
  std::cerr << line << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const sigprop::cli::Failure& failure) {
    complain(failure.what());
    return failure.status();
  } catch (const std::bad_alloc&) {
    complain("out of memory: the model has too many layers or components for this machine");
  } catch (const std::exception& error) {
    complain(std::string("unexpected: ") + error.what());
  }
  return sigprop::cli::machine;
}
