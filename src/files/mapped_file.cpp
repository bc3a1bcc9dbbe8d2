// SPDX-License-Identifier: Apache-2.0
#include "files/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "files/descriptor.hpp"

namespace sigprop::files {

MappedFile::MappedFile(const std::string& path) {
  const Descriptor file(path, O_RDONLY | O_NONBLOCK);  // a pipe must not hold the program up
  struct stat status {};
  if (fstat(file.number(), &status) != 0) throw Error(errno);
  if (!S_ISREG(status.st_mode)) throw std::runtime_error("is no ordinary file");
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;
  void* const mapped = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (mapped == MAP_FAILED) throw Error(errno);  // NOLINT: the system's macro casts
  madvise(mapped, size_, MADV_SEQUENTIAL);
  begin_ = static_cast<const char*>(mapped);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : begin_(std::exchange(other.begin_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile::~MappedFile() {
  if (begin_ != nullptr) munmap(const_cast<char*>(begin_), size_);  // NOLINT: what was mapped for reading
}

void MappedFile::forget(std::string_view part) const {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto first = (reinterpret_cast<std::uintptr_t>(part.data()) + page - 1) / page * page;  // NOLINT: an address
  const auto last = reinterpret_cast<std::uintptr_t>(part.data() + part.size()) / page * page;  // NOLINT: likewise
  if (last > first) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);       // NOLINT: likewise
}

}  // namespace sigprop::files
