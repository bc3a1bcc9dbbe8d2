// SPDX-License-Identifier: Apache-2.0
#include "sigprop/import/import.hpp"

#include <algorithm>

#include "import/choice.hpp"
#include "import/keys.hpp"
#include "import/subject.hpp"
#include "sigprop/spec/read.hpp"
#include "spec/fields.hpp"
#include "spec/parse.hpp"
#include "spec/validate.hpp"

namespace sigprop::importer {
namespace {

/// The name of the checkpoint, else of the class.
std::string name_of(const Json& config, const Family& family) {
  const auto found = config.find("_name_or_path");
  const bool named = found != config.end() && found->is_string() && !found->get_ref<const std::string&>().empty();
  return named ? found->get<std::string>() : family.type;
}

/// An error where the number of one role does not divide that of another.
void expect_divides(const Subject& subject, const char* role, const char* whole_role) {
  const std::size_t whole = spec::count(subject.values, whole_role, 1);
  const std::size_t part = spec::count(subject.values, role, whole);
  if (whole % part == 0) return;
  subject.findings.errors.push_back(key_of(subject.family, role) + " is " + std::to_string(part) +
                                    ", but must divide " + key_of(subject.family, whole_role) + ", " +
                                    std::to_string(whole) + ": change one of them");
}

/// Rules across keys that a spec has too, in the configuration's own words.
void check_heads(const Subject& subject) {
  const auto& keys = subject.family.keys;
  const bool by_key =
      std::any_of(keys.begin(), keys.end(), [](const Key& key) { return key.roles.front() == "head_width"; });
  if (!by_key) {  // else a class takes what the division leaves
    for (const char* heads : {"heads", "decoder_heads"}) expect_divides(subject, heads, "width");
  }
  expect_divides(subject, "kv_heads", "heads");
}

void check_experts(const Subject& subject) {
  const std::size_t experts = spec::count(subject.values, "experts", 1);
  const std::size_t chosen = spec::count(subject.values, "chosen_experts", 1);
  if (chosen <= experts) return;
  subject.findings.errors.push_back(key_of(subject.family, "chosen_experts") + " is " + std::to_string(chosen) +
                                    ", but must be at most " + key_of(subject.family, "experts") + ", " +
                                    std::to_string(experts) + ": lower it");
}

Json spec_of(const Subject& subject, const Json& config) {
  Json spec = {{"$schema", "sigprop.schema.json"}, {"name", name_of(config, subject.family)}};
  spec["sequence_length"] = subject.tokens;
  spec["batch"] = subject.options.batch;
  spec["input"] = input_of(subject);
  spec.update(stacks_of(subject));
  Json std = deviations_of(subject);
  if (const auto embedding = embedding_deviation(subject)) std["embedding"] = *embedding;
  spec["init"] = {{"std", std}};
  return spec;
}

std::string written(const Json& config, const Family& family, const Options& options, Findings& findings) {
  const auto library = version_of(options.library);
  if (!library) {
    findings.errors.push_back("--library is " + spec::shown(options.library) +
                              ", but must be a version of transformers from 4 to 5 (for example 5, or 4.57.1)");
  }
  const Values values = values_of(family, config, findings);
  if (!findings.errors.empty()) return "";
  Subject subject{family, values, options, *library, 0, findings};
  subject.tokens = sequence_length(subject);
  check_heads(subject);
  check_experts(subject);
  return findings.errors.empty() ? spec_of(subject, config).dump(2) + "\n" : "";
}

/// Values that follow from others, such as an FFN's width of 4 times the model's, have the ranges
/// of a spec too.
void check_spec(const std::string& text, Findings& findings) {
  if (!findings.errors.empty()) return;
  for (const std::string& error : spec::read_text(text, "as a spec").errors) findings.errors.push_back(error);
}

/// NaN and the infinities, which Python writes into JSON, as null: no key that counts has them.
std::string with_null_for_non_numbers(std::string_view text) {
  std::string out;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto word = [&](std::string_view name) { return !in_string && text.substr(at, name.size()) == name; };
    std::size_t length = 1;
    for (const std::string_view name : {"-Infinity", "Infinity", "NaN"}) {
      if (word(name)) length = name.size();
    }
    if (length > 1) {
      out += "null";
    } else {
      if (in_string && text[at] == '\\') length = std::min<std::size_t>(2, text.size() - at);
      if (text[at] == '"') in_string = !in_string;
      out += text.substr(at, length);
    }
    at += length;
  }
  return out;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : "; ") + line;
  return out;
}

void be_strict(Findings& findings) {
  if (findings.warnings.empty()) return;
  findings.errors.insert(findings.errors.end(), findings.warnings.begin(), findings.warnings.end());
  findings.errors.emplace_back(
      "--strict takes only a model that a spec expresses wholly: leave it out to have the spec with warnings");
  findings.warnings.clear();
}

}  // namespace

Imported from_hugging_face(std::string_view text, const std::string& file, const Options& options) {
  Findings findings;
  std::string spec;
  if (auto config = spec::parse(with_null_for_non_numbers(text), findings.errors)) {
    const Choice choice = choose(std::move(*config), options, findings);
    if (choice.family != nullptr) spec = written(choice.config, *choice.family, options, findings);
    findings.lead_from(choice.place);
  }
  if (!spec.empty()) check_spec(spec, findings);
  if (options.strict) be_strict(findings);
  if (!findings.errors.empty()) spec.clear();
  for (std::string& error : findings.errors) error.insert(0, file + ": ");
  return {std::move(spec), std::move(findings.notes), std::move(findings.warnings), std::move(findings.errors)};
}

std::vector<ModelType> model_types() {
  std::vector<ModelType> out;
  for (const Family& family : families()) {
    const bool composite = family.keys.empty() && family.refused.empty();
    std::string parts;
    for (const auto& [part, type] : family.parts) parts += (parts.empty() ? "" : ", ") + part + " " + type;
    out.push_back({family.type, family.refused.empty(),
                   family.refused.empty() ? (composite ? parts : joined(family.layout.beyond)) : family.refused});
  }
  return out;
}

}  // namespace sigprop::importer
