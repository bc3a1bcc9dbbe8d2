// SPDX-License-Identifier: Apache-2.0
#include "files/descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sigprop::files {
namespace {

constexpr mode_t by_umask = 0666;

}  // namespace

Error::Error(int number) : std::runtime_error(std::strerror(number != 0 ? number : EIO)), number_(number) {}

void write_all(int descriptor, const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t written = write(descriptor, bytes, count);
    if (written < 0) {
      if (errno == EINTR) continue;
      throw Error(errno);
    }
    bytes += written;
    count -= static_cast<std::size_t>(written);
  }
}

Descriptor::Descriptor(const std::string& path, int flags) : number_(open(path.c_str(), flags | O_CLOEXEC, by_umask)) {
  if (number_ < 0) throw Error(errno);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (is_open()) ::close(number_);
  number_ = other.release();
  return *this;
}

Descriptor::~Descriptor() {
  if (is_open()) ::close(number_);
}

std::string Descriptor::read_all() const {
  std::string out;
  std::vector<char> part(1 << 16);
  for (;;) {
    const ssize_t got = pread(number_, part.data(), part.size(), static_cast<off_t>(out.size()));
    if (got == 0) return out;
    if (got > 0) {
      out.append(part.data(), static_cast<std::size_t>(got));
    } else if (errno != EINTR) {
      throw Error(errno);
    }
  }
}

void Descriptor::truncate(std::size_t size) const {
  if (ftruncate(number_, static_cast<off_t>(size)) != 0) throw Error(errno);
}

void Descriptor::sync() const {
  // A pipe or a device has nothing to wait for.
  if (fsync(number_) != 0 && errno != EINVAL && errno != EROFS) throw Error(errno);
}

void Descriptor::close() {
  if (::close(release()) != 0 && errno != EINTR) throw Error(errno);
}

int Descriptor::release() {
  return std::exchange(number_, -1);
}

DescriptorBuffer::DescriptorBuffer(int descriptor) : descriptor_(descriptor), buffer_(1 << 16) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

DescriptorBuffer::int_type DescriptorBuffer::overflow(int_type c) {
  if (!flush()) return traits_type::eof();
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  return sputc(traits_type::to_char_type(c));
}

int DescriptorBuffer::sync() {
  return flush() ? 0 : -1;
}

bool DescriptorBuffer::flush() {
  if (error_ != 0) return false;
  try {
    write_all(descriptor_, pbase(), static_cast<std::size_t>(pptr() - pbase()));
  } catch (const Error& error) {
    error_ = error.number();
    return false;
  }
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return true;
}

}  // namespace sigprop::files
