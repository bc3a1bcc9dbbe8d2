// SPDX-License-Identifier: Apache-2.0
#include "sigprop/spec/read.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "spec/lower.hpp"
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
  return {std::nullopt, std::move(errors), "[]"};
}

}  // namespace

ReadResult read_text(std::string_view text, const std::string& file) {
  std::vector<std::string> errors;
  const std::optional<Json> spec = parse(text, errors);
  if (!spec) return refused(file, std::move(errors));
  errors = validate(grammar(), *spec);
  if (!errors.empty()) return refused(file, std::move(errors));
  network::Network network = lower(*spec, errors);
  if (!errors.empty()) return refused(file, std::move(errors));
  if (network.name.empty()) network.name = stem(file);
  return {std::move(network), {}, spec->value("checks", Json::array()).dump()};
}

std::optional<std::string> file_text(const std::string& path, std::vector<std::string>& errors) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  if (std::filesystem::is_directory(path)) {
    errors.push_back(path + ": cannot be read: it is a folder; name a JSON file in it");
    return std::nullopt;
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (file) return std::string(std::istreambuf_iterator<char>(file), {});
  errors.push_back(path + ": cannot be read: " + std::strerror(errno));
  return std::nullopt;
}

ReadResult read_file(const std::string& path) {
  std::vector<std::string> errors;
  const std::optional<std::string> text = file_text(path, errors);
  if (!text) return {std::nullopt, std::move(errors), "[]"};
  return read_text(*text, path == "-" ? "standard input" : path);
}

}  // namespace sigprop::spec
