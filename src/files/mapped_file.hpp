// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sigprop::files {

/// A file's bytes as the system maps them into memory: of a large file only what is read takes any.
class MappedFile {
 public:
  /// Throws Error, and for what is no ordinary file std::runtime_error.
  explicit MappedFile(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  [[nodiscard]] std::string_view bytes() const { return {begin_, size_}; }
  /// What has been read need not stay in memory.
  void forget(std::string_view part) const;

 private:
  const char* begin_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sigprop::files
