// SPDX-License-Identifier: Apache-2.0
#include "sigprop/spec/read.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "spec/check_lines.hpp"
#include "spec/lower.hpp"
#include "spec/lower_checks.hpp"
#include "spec/parse.hpp"
#include "spec/validate.hpp"

namespace sigprop::spec {
namespace {

/// The file's name without folder and ending.
std::string stem(const std::string& file) {
  const std::size_t slash = file.find_last_of('/');
  const std::string base = slash == std::string::npos ? file : file.substr(slash + 1);
  const std::size_t dot = base.find_last_of('.');
  return dot == std::string::npos || dot == 0 ? base : base.substr(0, dot);
}

ReadResult refused(const std::string& file, std::vector<std::string> errors) {
  for (std::string& error : errors) error.insert(0, file + ": ");
  ReadResult out;
  out.errors = std::move(errors);
  return out;
}

}  // namespace

ReadResult read_text(std::string_view text, const std::string& file) {
  std::vector<std::string> errors;
  const std::optional<Json> spec = parse(text, errors);
  if (!spec) return refused(file, std::move(errors));
  errors = validate(grammar(), *spec);
  if (!errors.empty()) return refused(file, std::move(errors));
  Lowered lowered = lower(*spec, errors);
  const std::vector<std::size_t> lines = spec->contains("checks") ? check_lines(text) : std::vector<std::size_t>{};
  std::vector<check::Check> conditions = lower_checks(*spec, lines, errors);
  if (errors.empty()) require_layers(conditions, lowered.network, errors);
  if (!errors.empty()) return refused(file, std::move(errors));
  if (lowered.network.name.empty()) lowered.network.name = stem(file);
  return {std::move(lowered.network),
          {},
          spec->value("checks", Json::array()).dump(),
          std::move(conditions),
          std::move(lowered.stacks),
          lowered.truncation};
}

FileText text_of(const std::string& path) {
  if (path == "-") return {std::string(std::istreambuf_iterator<char>(std::cin), {}), "standard input", {}};
  if (std::filesystem::is_directory(path))
    return {{}, path, {path + ": cannot be read: it is a folder; name a JSON file in it"}};
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return {{}, path, {path + ": cannot be read: " + std::strerror(errno)}};
  return {std::string(std::istreambuf_iterator<char>(file), {}), path, {}};
}

ReadResult read_file(const std::string& path) {
  FileText file = text_of(path);
  if (file.text) return read_text(*file.text, file.name);
  ReadResult out;
  out.errors = std::move(file.errors);
  return out;
}

}  // namespace sigprop::spec
