// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iostream>

#include "cli/common/command.hpp"
#include "cli/common/pending_file.hpp"
#include "cli/common/progress.hpp"
#include "files/descriptor.hpp"
#include "sigprop/report/plain_text.hpp"
#include "sigprop/spec/read.hpp"

namespace sigprop::cli {

namespace {

files::DescriptorBuffer& output_buffer() {
  static auto* const buffer = new files::DescriptorBuffer(STDOUT_FILENO);  // outlives std::cout
  return *buffer;
}

}  // namespace

void keep_output_errors() {
  std::cout.rdbuf(&output_buffer());
}

void flush_output() {
  std::cout.flush();
  if (std::cout) return;
  const files::Error error(output_buffer().error());
  if (error.number() == EPIPE) throw Failure(static_cast<Status>(ended_by_signal + SIGPIPE), "");
  throw Failure(machine, std::string("standard output: writing failed: ") + error.what());
}

void add_output_options(CLI::App& command, OutputOptions& options) {
  command.add_option("--format", options.format, "How to print the result")
      ->check(CLI::IsMember({"table", "json", "csv"}))
      ->capture_default_str();
  command.add_option("--output", options.file, "Write the result to FILE, whole or not at all")->type_name("FILE");
  command.add_flag("--quiet", options.quiet, "No warnings on standard error");
  add_limits(command, options.limits);
}

void add_limits(CLI::App& command, Limits& limits) {
  const CLI::Validator not_negative = CLI::Range(0.0, 1e9);
  command.add_option("--max-seconds", limits.seconds, "End with exit status 3 after so many seconds; 0 for no limit")
      ->check(not_negative)
      ->capture_default_str();
  command
      .add_option("--max-memory", limits.gigabytes,
                  "End with exit status 3 beyond so many GB of memory; 0 for no limit")
      ->check(not_negative)
      ->capture_default_str();
}

void add_tokens_option(CLI::App& command, profile::TokenLists& tokens) {
  command.add_flag("--tokens", tokens.moments,
                   "Every token's second moment and gradient variance too, in JSON and CSV");
}

void add_gram_option(CLI::App& command, profile::TokenLists& tokens) {
  command
      .add_option("--gram", tokens.gram,
                  "The Gram matrix E[x_i x_j] of N tokens, evenly from the first to the last, in JSON and CSV")
      ->type_name("N")
      ->check(CLI::Range(2, 512));
}

void require_place_for_tokens(const profile::TokenLists& tokens, const OutputOptions& output) {
  if (output.format != "table") return;
  if (tokens.moments)
    throw Failure(wrong_usage, "--tokens lists every token, which a table does not show: add --format json or csv");
  if (tokens.gram > 0)
    throw Failure(wrong_usage,
                  "--gram lists products of tokens, which a table does not show: add --format json or csv");
}

void write_output(const OutputOptions& options, const std::function<std::function<void(std::ostream&)>()>& produce) {
  if (!options.file.empty() && options.file != "-") {
    // Before the watch, whose thread could take a signal while this one still makes the file.
    PendingFile file("--output", options.file);
    const Watch watch(options.limits, options.quiet);
    produce()(file.stream());
    file.finish();
    return;
  }
  Watch watch(options.limits, options.quiet);
  const std::function<void(std::ostream&)> write = produce();
  watch.hide();  // standard output may be the same terminal, or a pager's
  write(std::cout);
  flush_output();
}

std::string shown_path(const std::string& path) {
  return path == "-" ? "standard input" : path;
}

void warn(const OutputOptions& options, const std::string& spec, const std::vector<std::string>& warnings) {
  if (options.quiet) return;
  for (const std::string& warning : warnings) say("warning: " + shown_path(spec) + ": " + warning);
}

void refuse(const std::vector<std::string>& errors) {
  std::string message;
  for (const std::string& error : errors) message += (message.empty() ? "" : "\n") + error;
  throw Failure(wrong_usage, message);
}

void require_good(const spec::ReadResult& read) {
  for (const std::string& file : read.files) note_input(file);
  if (!read.network) refuse(read.errors);
}

spec::ReadResult load(const std::string& path) {
  note_input(path);
  spec::ReadResult result = spec::read_file(path);
  require_good(result);
  return result;
}

void make_plain(network::Network& network, const OutputOptions& output) {
  if (output.format == "json") return;
  network.name = report::plain_text(network.name);
  for (auto* list : {&network.input, &network.body, &network.encoder}) {
    network::for_each_component(*list, [](network::Component& component) {
      component.point = report::plain_text(component.point);
      if (auto* linear = std::get_if<network::Linear>(&component.op)) linear->name = report::plain_text(linear->name);
    });
  }
}

network::Network load_model(const std::string& path, const OutputOptions& output) {
  network::Network network = *load(path).network;
  make_plain(network, output);
  return network;
}

void say(const std::string& text) {
  StatusLine::clear();
  std::cerr << "sigprop: " << report::plain_text(text) << '\n';
}

spec::FileText load_text(const std::string& path) {
  note_input(path);
  spec::FileText file = spec::text_of(path);
  if (!file.text) refuse(file.errors);
  return file;
}

}  // namespace sigprop::cli
