// SPDX-License-Identifier: Apache-2.0
#include "cli/common/description.hpp"

#include <sstream>

namespace sigprop::cli {
namespace {

/// The words of "{full,paper}".
std::vector<std::string> choices_of(const std::string& list) {
  std::vector<std::string> out;
  std::istringstream in(list.substr(1, list.find('}') - 1));
  for (std::string word; std::getline(in, word, ',');) out.push_back(word);
  return out;
}

OptionText described(const CLI::Option& option) {
  OptionText out{};
  for (const std::string& name : option.get_snames()) out.words.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.words.push_back("--" + name);
  // CLI11 writes type and conditions as "TEXT:{full,paper}" and "UINT:INT in [0 - 1000]".
  const std::string type = option.get_type_name();
  const std::size_t colon = type.find(':');
  if (option.get_positional())
    out.value = option.get_name(true);
  else if (option.get_items_expected_max() > 0)
    out.value = type.substr(0, colon);
  if (colon != std::string::npos) {
    const std::string condition = type.substr(colon + 1);
    const std::size_t range = condition.find('[');
    if (condition.starts_with('{'))
      out.choices = choices_of(condition);
    else if (range != std::string::npos)
      out.range = condition.substr(range);
  }
  out.default_value = option.get_default_str();
  out.help = option.get_description();
  out.attached = !option.get_fnames().empty() || (option.get_items_expected_min() == 0 && !out.choices.empty());
  return out;
}

CommandText described_command(const CLI::App& app, const std::string& name) {
  CommandText out{name, app.get_description(), app.get_footer(), {}};
  for (const CLI::Option* option : app.get_options())
    if (!option->get_group().empty()) out.options.push_back(described(*option));
  return out;
}

}  // namespace

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

std::vector<CommandText> described(const CLI::App& app) {
  std::vector<CommandText> out{described_command(app, "")};
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!command->get_group().empty()) out.push_back(described_command(*command, command->get_name()));
  return out;
}

}  // namespace sigprop::cli
