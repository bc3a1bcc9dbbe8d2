// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "cli/common/pending_file.hpp"

namespace sigprop::cli {

/// Files that a command writes beside its output: opened before the work, written after it.
class SideFiles {
 public:
  using Writer = std::function<void(std::ostream&)>;

  /// No path: no file. Throws Failure as PendingFile does.
  void add(const std::string& option, const std::string& path, Writer writer) {
    if (!path.empty()) files_.emplace_back(std::make_unique<PendingFile>(option, path), std::move(writer));
  }

  /// Throws Failure.
  void write() const {
    for (const auto& [file, writer] : files_) {
      writer(file->stream());
      file->finish();
    }
  }

 private:
  std::vector<std::pair<std::unique_ptr<PendingFile>, Writer>> files_;
};

/// An option that names a file, and the file; empty where it is not given.
using NamedFile = std::pair<std::string, std::string>;

/// Files with one name would overwrite each other, or what is read; only --output may be standard
/// output. what: of the files read and of the output, in messages. Throws Failure.
void require_different_files(const std::vector<std::string>& read, const std::string& output,
                             const std::vector<NamedFile>& beside, const std::string& what_is_read,
                             const std::string& what_is_printed);

}  // namespace sigprop::cli
