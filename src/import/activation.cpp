// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string_view>

#include "import/keys.hpp"
#include "import/subject.hpp"
#include "spec/nearest.hpp"
#include "spec/validate.hpp"

namespace sigprop::importer {
namespace {

struct Spelling {
  std::string_view theirs;
  const char* ours;
};

/// The library's names that a spec has a function for; several spell the tanh form of GELU.
constexpr std::array<Spelling, 18> spellings{{
    {"relu", "relu"},
    {"relu2", "squared_relu"},
    {"gelu", "gelu"},
    {"gelu_python", "gelu"},
    {"gelu_new", "gelu_tanh"},
    {"gelu_fast", "gelu_tanh"},
    {"gelu_accurate", "gelu_tanh"},
    {"gelu_pytorch_tanh", "gelu_tanh"},
    {"gelu_python_tanh", "gelu_tanh"},
    {"quick_gelu", "quick_gelu"},
    {"silu", "silu"},
    {"swish", "silu"},
    {"mish", "mish"},
    {"softplus", "softplus"},
    {"sigmoid", "sigmoid"},
    {"tanh", "tanh"},
    {"leaky_relu", "leaky_relu"},
    {"linear", "identity"},
}};

std::string known() {
  std::string names;
  for (const Spelling& spelling : spellings) names += (names.empty() ? "" : ", ") + std::string(spelling.theirs);
  return names;
}

}  // namespace

std::string activation_named(const Subject& subject, const std::string& role, const std::string& name) {
  for (const Spelling& spelling : spellings) {
    if (name == spelling.theirs) return spelling.ours;
  }
  subject.findings.errors.push_back(key_of(subject.family, role) + " is " + spec::shown(subject.values.at(role)) +
                                    ", but a spec has only the activations " + known());
  return "";
}

}  // namespace sigprop::importer
