// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <sstream>

#include "cli/common/command.hpp"
#include "cli/common/description.hpp"

namespace sigprop::cli {
namespace {

/// Text that groff prints as it is: no escape, no request at the beginning of a line.
std::string roff(const std::string& text) {
  std::string out = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '`':
        out += "\\(ga";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// Lines as they are, as examples need them.
void write_lines(std::ostream& out, const std::string& text) {
  out << ".PP\n.nf\n";
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) out << roff(line) << '\n';
  out << ".fi\n";
}

void write_option(std::ostream& out, const OptionText& option) {
  const std::string value = option.choices.empty() ? option.value : joined(option.choices, "|");
  out << ".TP\n\\fB" << roff(joined(option.words, ", ")) << "\\fR";
  if (!value.empty()) out << (option.words.empty() ? "" : " ") << "\\fI" << roff(value) << "\\fR";
  out << '\n' << roff(option.help);
  if (!option.range.empty()) out << "; range " << roff(option.range);
  if (!option.default_value.empty()) out << "; default " << roff(option.default_value);
  out << ".\n";
}

void write(std::ostream& out, const std::vector<CommandText>& commands) {
  const CommandText& program = commands.front();
  out << ".TH SIGPROP 1 \"\" \"sigprop " SIGPROP_VERSION "\" \"User Commands\"\n.SH NAME\nsigprop \\- "
      << roff(program.help) << "\n.SH SYNOPSIS\n.B sigprop\n.I COMMAND\n[\\fIOPTION\\fR]...\n.SH OPTIONS\n";
  for (const OptionText& option : program.options) write_option(out, option);
  out << ".SH COMMANDS\n";
  for (auto command = commands.begin() + 1; command != commands.end(); ++command) {
    out << ".SS " << roff(command->name) << '\n' << roff(command->help) << ".\n";
    for (const OptionText& option : command->options) write_option(out, option);
    if (!command->footer.empty()) write_lines(out, command->footer);
  }
  out << ".SH EXAMPLE AND EXIT STATUS\n";
  write_lines(out, program.footer);
}

}  // namespace

void add_man(CLI::App& app) {
  auto options = std::make_shared<OutputOptions>();
  CLI::App* command = app.add_subcommand("man", "Print the manual page of sigprop, for man and groff");
  command->add_option("--output", options->file, "Write the page to FILE, whole or not at all")->type_name("FILE");
  command->footer("Example:\n  sigprop man | man -l -");
  command->callback([options, &app] {
    write_output(*options, [&app] { return [&app](std::ostream& out) { write(out, described(app)); }; });
  });
}

}  // namespace sigprop::cli
