// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/common/command.hpp"
#include "cli/common/description.hpp"

namespace sigprop::cli {
namespace {

/// What completes an option's value: its words, or the names of files.
std::string reply(const OptionText& option) {
  return option.choices.empty() ? "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\"))"
                                : "COMPREPLY=($(compgen -W '" + joined(option.choices, " ") + "' -- \"$word\"))";
}

void write_bash_command(std::ostream& out, const CommandText& command) {
  std::string words;
  const OptionText* chosen = nullptr;  // the positional argument that is one of a list of words
  out << "    " << command.name << ")\n      case $before in\n";
  for (const OptionText& option : command.options) {
    for (const std::string& word : option.words) words += (words.empty() ? "" : " ") + word;
    if (option.words.empty() && !option.choices.empty()) chosen = &option;
    if (!option.words.empty() && !option.value.empty() && !option.attached)
      out << "        " << joined(option.words, "|") << ") " << reply(option) << "; return ;;\n";
  }
  out << "      esac\n      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W '" << words << "' -- \"$word\"))\n"
      << "      else " << reply(chosen != nullptr ? *chosen : OptionText{}) << "; fi ;;\n";
}

void write_bash(std::ostream& out, const std::vector<CommandText>& commands) {
  std::string names;
  for (auto command = commands.begin() + 1; command != commands.end(); ++command)
    names += (names.empty() ? "" : " ") + command->name;
  out << "# Completion of sigprop in bash, written by `sigprop completion bash`.\n_sigprop() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  if (( COMP_CWORD == 1 )); then\n    COMPREPLY=($(compgen -W '"
      << names << " --help --version' -- \"$word\"))\n    return\n  fi\n  case ${COMP_WORDS[1]} in\n";
  for (auto command = commands.begin() + 1; command != commands.end(); ++command) write_bash_command(out, *command);
  out << "  esac\n}\ncomplete -F _sigprop sigprop\n";
}

/// Text between single quotes as a description of zsh's _arguments and _describe.
std::string zsh(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else if (c == ':' || c == '[' || c == ']' || c == '\\')
      out += {'\\', c};
    else
      out += c;
  }
  return out;
}

/// What an argument is called, and what completes it.
std::string zsh_value(const OptionText& option) {
  return ":" + zsh(option.value) + ":" + (option.choices.empty() ? "_files" : "(" + joined(option.choices, " ") + ")");
}

void write_zsh_option(std::ostream& out, const OptionText& option) {
  if (option.words.empty()) {
    out << " \\\n        '*" << zsh_value(option) << '\'';
    return;
  }
  for (const std::string& word : option.words)
    out << " \\\n        '*" << word << (option.attached && !option.choices.empty() ? "=-" : "") << '['
        << zsh(option.help) << ']' << (option.value.empty() ? "" : (option.attached ? ":" : "") + zsh_value(option))
        << '\'';
}

void write_zsh(std::ostream& out, const std::vector<CommandText>& commands) {
  out << "#compdef sigprop\n# Completion of sigprop in zsh, written by `sigprop completion zsh`.\n_sigprop() {\n"
         "  if (( CURRENT == 2 )); then\n    local -a commands=(";
  for (auto command = commands.begin() + 1; command != commands.end(); ++command)
    out << "\n      '" << command->name << ':' << zsh(command->help) << '\'';
  out << ")\n    _describe -t commands command commands\n    return\n  fi\n"
         "  local name=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $name in\n";
  for (auto command = commands.begin() + 1; command != commands.end(); ++command) {
    out << "    " << command->name << ")\n      _arguments";
    for (const OptionText& option : command->options) write_zsh_option(out, option);
    out << " ;;\n";
  }
  out << "  esac\n}\nif [[ $funcstack[1] == _sigprop ]]; then _sigprop \"$@\"; else compdef _sigprop sigprop; fi\n";
}

struct CompletionOptions {
  std::string shell;
  OutputOptions output;
};

}  // namespace

void add_completion(CLI::App& app) {
  auto options = std::make_shared<CompletionOptions>();
  CLI::App* command = app.add_subcommand("completion", "Print the completion of commands and options for a shell");
  command->add_option("SHELL", options->shell, "Shell that reads the completion")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
  command->add_option("--output", options->output.file, "Write the completion to FILE, whole or not at all")
      ->type_name("FILE");
  command->footer("Examples:\n  eval \"$(sigprop completion bash)\"\n  sigprop completion zsh --output _sigprop");
  command->callback([options, &app] {
    write_output(options->output, [options, &app] {
      return [options, &app](std::ostream& out) {
        (options->shell == "bash" ? write_bash : write_zsh)(out, described(app));
      };
    });
  });
}

}  // namespace sigprop::cli
