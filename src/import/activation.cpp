// SPDX-License-Identifier: Apache-2.0
#include "import/keys.hpp"
#include "import/subject.hpp"
#include "spec/names.hpp"
#include "spec/nearest.hpp"
#include "spec/validate.hpp"

namespace sigprop::importer {
namespace {

std::string known() {
  std::string names;
  for (const spec::Spelling& spelling : spec::activation_spellings)
    names += (names.empty() ? "" : ", ") + std::string(spelling.theirs);
  return names;
}

}  // namespace

std::string activation_named(const Subject& subject, const std::string& role, const std::string& name) {
  for (const spec::Spelling& spelling : spec::activation_spellings) {
    if (name == spelling.theirs) return spelling.ours;
  }
  subject.findings.errors.push_back(key_of(subject.family, role) + " is " + spec::shown(subject.values.at(role)) +
                                    ", but a spec has only the activations " + known());
  return "";
}

}  // namespace sigprop::importer
