// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <ostream>
#include <stdexcept>
#include <string>

#include "cli/common/watch.hpp"
#include "sigprop/spec/read.hpp"

/// What the commands share. A command adds itself to the application and keeps its options alive in
/// a shared object.
namespace sigprop::cli {

/// Exit statuses of every command. A program that a signal ended early has 128 and the signal's
/// number.
enum Status : int { fine = 0, failed = 1, wrong_usage = 2, machine = 3, ended_by_signal = 128 };

/// Ends the program with a message on standard error.
class Failure : public std::runtime_error {
 public:
  Failure(Status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  [[nodiscard]] Status status() const { return status_; }

 private:
  Status status_;
};

/// Options that every command with a result has.
struct OutputOptions {
  std::string format = "table";
  std::string file = {};
  bool quiet = false;
  Limits limits = {};
};

void add_output_options(CLI::App& command, OutputOptions& options);
void add_limits(CLI::App& command, Limits& limits);

/// Standard output as a stream that keeps what went wrong. To be called once, before anything is
/// written.
void keep_output_errors();

/// Throws Failure where something that was written to standard output did not get there: with the
/// system's reason or, where nobody reads a pipe any more, without a message.
void flush_output();

/// Opens the destination, then calls `produce` for the work, then writes with the writer it
/// returns: a file is written whole or not at all (through a temporary file beside it), and a
/// destination that cannot be written fails before the work. Throws Failure.
void write_output(const OutputOptions& options, const std::function<std::function<void(std::ostream&)>()>& produce);

/// The option of commands whose results may list every token, and of those that may have Gram
/// matrices.
void add_tokens_option(CLI::App& command, profile::TokenLists& tokens);
void add_gram_option(CLI::App& command, profile::TokenLists& tokens);

/// Throws Failure where single tokens are asked for in a table, which has no place for them.
void require_place_for_tokens(const profile::TokenLists& tokens, const OutputOptions& output);

/// How messages name the file of a path: "standard input" for -.
[[nodiscard]] std::string shown_path(const std::string& path);

/// A result's warnings on standard error, with the spec they are about; none where the output is to
/// be quiet.
void warn(const OutputOptions& options, const std::string& spec, const std::vector<std::string>& warnings);

/// A model for a result of this format: in one for people, or in CSV, names from the spec are plain
/// text (report::plain_text); JSON has them as they are. Throws Failure.
[[nodiscard]] network::Network load_model(const std::string& path, const OutputOptions& output);

/// Its names in plain text, unless the format is JSON.
void make_plain(network::Network& network, const OutputOptions& output);

/// A line on standard error: "sigprop: " and the text, in plain text.
void say(const std::string& text);

/// Throws Failure with all errors of a file, one a line.
[[noreturn]] void refuse(const std::vector<std::string>& errors);

/// A good spec file: its network is there. Throws Failure with all errors of the file, one a line.
[[nodiscard]] spec::ReadResult load(const std::string& path);

/// Throws Failure with all errors of a spec that has some, one a line.
void require_good(const spec::ReadResult& read);

/// The text of a spec file, which is there. Throws Failure.
[[nodiscard]] spec::FileText load_text(const std::string& path);

void add_predict(CLI::App& app);
void add_simulate(CLI::App& app);
void add_verify(CLI::App& app);
void add_check(CLI::App& app);
void add_expand(CLI::App& app);
void add_explain(CLI::App& app);
void add_import(CLI::App& app);
void add_inspect(CLI::App& app);
void add_experiment(CLI::App& app);
void add_init(CLI::App& app);
void add_compare(CLI::App& app);
void add_sweep(CLI::App& app);
void add_report(CLI::App& app);
void add_schemes(CLI::App& app);
void add_formulas(CLI::App& app);
void add_schema(CLI::App& app);
void add_man(CLI::App& app);
void add_completion(CLI::App& app);

}  // namespace sigprop::cli
