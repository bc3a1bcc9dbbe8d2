// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <vector>

/// Files as the system has them: locks, temporary names, what is really on the disk.
namespace sigprop::files {

/// The system's reason why a file cannot be opened, written or renamed.
class Error : public std::runtime_error {
 public:
  explicit Error(int number);

  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

/// Writes all of these bytes. Throws Error.
void write_all(int descriptor, const char* bytes, std::size_t count);

/// An open file, closed at the end.
class Descriptor {
 public:
  Descriptor() = default;
  /// flags as open(2) has them; programs that are started do not inherit it. A new file gets the
  /// permissions that umask leaves of 0666. Throws Error.
  Descriptor(const std::string& path, int flags);
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

  /// Throws Error.
  void write(const char* bytes, std::size_t count) const { write_all(number_, bytes, count); }
  /// All that the file holds. Throws Error.
  [[nodiscard]] std::string read_all() const;
  /// Cuts the file off. Throws Error.
  void truncate(std::size_t size) const;
  /// Waits until the disk has what was written. Throws Error.
  void sync() const;
  /// Throws Error.
  void close();

 private:
  int release();

  int number_ = -1;
};

/// A stream's way into a descriptor. What went wrong is kept in error().
class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int descriptor);

  [[nodiscard]] int error() const { return error_; }

 protected:
  int_type overflow(int_type c) override;
  int sync() override;

 private:
  bool flush();

  int descriptor_;
  std::vector<char> buffer_;
  int error_ = 0;
};

}  // namespace sigprop::files
