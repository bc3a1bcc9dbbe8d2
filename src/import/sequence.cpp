// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "import/keys.hpp"
#include "import/subject.hpp"
#include "spec/fields.hpp"

namespace sigprop::importer {
namespace {

constexpr std::size_t longest = 10000000;  // of a spec

/// The most positions the configuration names; 0: none.
std::size_t most_positions(const Subject& subject) {
  const std::size_t positions = spec::count(subject.values, "positions", 0);
  if (!subject.family.layout.positions_after_padding) return positions;
  const auto unused = static_cast<std::size_t>(spec::number(subject.values, "padding", -1) + 1);
  constexpr std::size_t fewest = 2;
  if (positions >= unused + fewest) return positions - unused;
  subject.findings.errors.push_back(key_of(subject.family, "padding") + " leaves fewer than 2 of the " +
                                    std::to_string(positions) + " positions of " + key_of(subject.family, "positions") +
                                    ": lower it or raise those");
  return positions;
}

std::size_t image_tokens(const Subject& subject) {
  if (subject.values.contains("patches")) return spec::count(subject.values, "patches", 1) + special_tokens(subject);
  std::size_t patches = 1;
  for (const std::size_t which : {0U, 1U})
    patches *= side(subject.values.at("image"), which) / side(subject.values.at("patch"), which);
  if (patches == 0) {
    subject.findings.errors.push_back(key_of(subject.family, "patch") + " is " + subject.values.at("patch").dump() +
                                      ", but must be at most " + key_of(subject.family, "image") + ", " +
                                      subject.values.at("image").dump() + ": lower it or enlarge the image");
  }
  if (patches > longest) {
    subject.findings.errors.push_back(key_of(subject.family, "image") + " and " + key_of(subject.family, "patch") +
                                      " make " + std::to_string(patches) + " patches, but must make at most " +
                                      std::to_string(longest) + ": enlarge the patches");
  }
  return patches + special_tokens(subject);
}

std::size_t image_length(const Subject& subject) {
  const std::size_t tokens = image_tokens(subject);
  const auto given = subject.options.sequence_length;
  if (given && *given != tokens) {
    subject.findings.errors.push_back("--sequence-length is " + std::to_string(*given) + ", but the image has " +
                                      std::to_string(tokens) + " tokens: leave the option out");
  }
  return tokens;
}

}  // namespace

std::size_t special_tokens(const Subject& subject) {
  return subject.family.layout.special_tokens + spec::count(subject.values, "registers", 0);
}

bool has_position_table(const Subject& subject) {
  const std::vector<std::string>& tables = subject.family.layout.tables;
  return std::find(tables.begin(), tables.end(), "position") != tables.end() &&
         spec::text(subject.values, "position_kind", "absolute") == "absolute";
}

std::size_t side(const Json& extent, std::size_t which) {
  return (extent.is_array() ? extent[which] : extent).get<std::size_t>();
}

std::size_t sequence_length(const Subject& subject) {
  if (subject.family.layout.source == Source::image) return image_length(subject);
  const std::size_t most = most_positions(subject);
  const bool bounded = most > 0 && (has_position_table(subject) || subject.family.layout.source == Source::features);
  const auto given = subject.options.sequence_length;
  const std::string range =
      "an integer from 2 to " + std::to_string(bounded ? most : longest) +
      (most > 0 ? " (" + key_of(subject.family, "positions") + " allows " + std::to_string(most) + ")" : "");
  if (!given && !subject.options.any_length)
    subject.findings.errors.push_back("--sequence-length is missing, but must be " + range +
                                      ": the file does not tell the length of the sequences");
  else if (given && (*given < 2 || *given > (bounded ? most : longest)))
    subject.findings.errors.push_back("--sequence-length is " + std::to_string(*given) + ", but must be " + range);
  else if (given && most > 0 && *given > most)
    subject.findings.notes.push_back("--sequence-length is more than " + key_of(subject.family, "positions") + ", " +
                                     std::to_string(most) + ": rotary positions go on beyond it");
  constexpr std::size_t any = 16;
  return given.value_or(subject.options.any_length ? any : 2);
}

}  // namespace sigprop::importer
