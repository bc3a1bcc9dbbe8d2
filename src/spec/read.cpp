// SPDX-License-Identifier: Apache-2.0
#include "sigprop/spec/read.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <system_error>

#include "spec/check_lines.hpp"
#include "spec/lower.hpp"
#include "spec/lower_checks.hpp"
#include "spec/parse.hpp"
#include "spec/validate.hpp"

namespace sigprop::spec {
namespace {

/// All of it; refused where it does not end within what a spec may have.
FileText all_of(std::istream& in, const std::string& name) {
  constexpr std::size_t piece = std::size_t{1} << 16, most = std::size_t{1} << 28;
  std::string text;
  while (in && text.size() <= most) {
    const std::size_t before = text.size();
    text.resize(before + piece);
    in.read(text.data() + before, piece);
    text.resize(before + static_cast<std::size_t>(in.gcount()));
  }
  if (text.size() > most)
    return {{}, name, {name + ": is larger than 256 MiB, the most that is read; name a JSON file"}};
  return {std::move(text), name, {}};
}

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

constexpr const char* schema_words = "is a JSON Schema, not a spec; name the specs that it describes";
constexpr const char* config_words =
    "is a Hugging Face configuration, not a spec: sigprop import FILE makes a spec of it";

/// What a file is that is taken for a spec by mistake; null for another.
const char* other_kind(const Json& json) {
  if (!json.is_object()) return nullptr;
  const auto schema = json.find("$schema");
  if (schema != json.end() && schema->is_string() &&
      schema->get_ref<const std::string&>().find("json-schema.org") != std::string::npos)
    return schema_words;
  return json.contains("model_type") || json.contains("architectures") ? config_words : nullptr;
}

}  // namespace

ReadResult read_text(std::string_view text, const std::string& file, const std::string& folder) {
  std::vector<std::string> errors;
  const std::optional<Json> spec = parse(text, errors);
  if (!spec) return refused(file, std::move(errors));
  if (const char* other = other_kind(*spec)) {
    ReadResult out = refused(file, {other});
    out.is_schema = other == schema_words;
    return out;
  }
  errors = validate(grammar(), *spec);
  if (!errors.empty()) return refused(file, std::move(errors));
  Lowered lowered = lower(*spec, folder, errors);
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
          lowered.truncation,
          false,
          std::move(lowered.files)};
}

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/') + 1);
}

FileText text_of(const std::string& path) {
  if (path == "-") return all_of(std::cin, "standard input");
  if (path.empty()) return {{}, path, {"the name of a spec is empty: name a JSON file, or - for standard input"}};
  std::error_code ignored;  // what there is no status of cannot be opened either
  if (std::filesystem::is_directory(path, ignored))
    return {{}, path, {path + ": cannot be read: it is a folder; name a JSON file in it"}};
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return {{}, path, {path + ": cannot be read: " + std::strerror(errno)}};
  return all_of(file, path);
}

ReadResult read_file(const std::string& path) {
  FileText file = text_of(path);
  if (file.text) return read_text(*file.text, file.name, folder_of(path));
  ReadResult out;
  out.errors = std::move(file.errors);
  return out;
}

}  // namespace sigprop::spec
