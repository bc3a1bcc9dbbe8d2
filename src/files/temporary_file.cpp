// SPDX-License-Identifier: Apache-2.0
#include "files/temporary_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <utility>

namespace sigprop::files {
namespace {

/// Names of temporary files where a signal's handler can read them: memory that never moves.
struct Slot {
  std::atomic<bool> taken{false};
  std::atomic<bool> filled{false};
  std::array<char, 4096> path{};
};
std::array<Slot, 16> slots;
static_assert(std::atomic<bool>::is_always_lock_free);

/// A file of too many, or of too long a name, is removed on every way out but a signal's.
void remember(const std::string& path) {
  for (Slot& slot : slots) {
    if (path.size() >= slot.path.size() || slot.taken.exchange(true)) continue;
    std::memcpy(slot.path.data(), path.c_str(), path.size() + 1);
    slot.filled = true;
    return;
  }
}

void forget(const std::string& path) {
  for (Slot& slot : slots) {
    if (!slot.filled || path != slot.path.data()) continue;
    slot.filled = false;
    slot.taken = false;
  }
}

extern "C" void remove_and_end(int signal) {
  remove_temporary_files();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

bool is_device(const std::string& path) {
  struct stat found = {};
  return stat(path.c_str(), &found) == 0 && !S_ISREG(found.st_mode);
}

std::string unforeseen_name(const std::string& target) {
  static constexpr const char* letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::size_t count = 12, longest = 200;
  const std::filesystem::path path(target);
  std::random_device random;
  std::uniform_int_distribution<std::size_t> any(0, 35);
  std::string name = "." + path.filename().string().substr(0, longest) + ".";
  for (std::size_t i = 0; i < count; ++i) name += letters[any(random)];
  return (path.parent_path() / name).string();
}

/// The name that a new file got, for nobody has it: O_EXCL follows no link either.
Descriptor make(const std::string& target, std::string& path) {
  if (is_device(target)) return {target, O_WRONLY};
  for (;;) {
    path = unforeseen_name(target);
    remember(path);  // before it is there: a signal may come at any time
    try {
      return {path, O_WRONLY | O_CREAT | O_EXCL};
    } catch (const Error& error) {
      forget(path);
      if (error.number() != EEXIST) throw;
    }
  }
}

/// A name reaches the disk with its folder. Not every file system can do that; the file is whole
/// there all the same.
void sync_folder_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  try {
    Descriptor(folder.empty() ? "." : folder.string(), O_RDONLY | O_DIRECTORY).sync();
  } catch (const Error&) {
  }
}

}  // namespace

void remove_temporary_files() {
  for (const Slot& slot : slots) {
    if (slot.filled) unlink(slot.path.data());
  }
}

TemporaryFile::TemporaryFile(std::string target)
    : target_(std::move(target)), file_(make(target_, path_)), buffer_(file_.number()), stream_(&buffer_) {}

TemporaryFile::~TemporaryFile() {
  if (path_.empty()) return;
  unlink(path_.c_str());
  forget(path_);
}

void TemporaryFile::finish() {
  stream_.flush();
  if (!stream_) throw Error(buffer_.error());
  file_.sync();
  file_.close();
  if (path_.empty()) return;
  if (std::rename(path_.c_str(), target_.c_str()) != 0) throw Error(errno);
  forget(path_);
  path_.clear();
  sync_folder_of(target_);
}

void remove_on_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    // A signal that whoever started the program had it ignore stays ignored.
    if (std::signal(signal, remove_and_end) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
  for (const int signal : {SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_IGN);
}

}  // namespace sigprop::files
