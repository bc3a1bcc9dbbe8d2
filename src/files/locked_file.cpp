// SPDX-License-Identifier: Apache-2.0
#include "files/locked_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

namespace sigprop::files {
namespace {

/// A file by what it is, whatever its name.
std::string inode_of(const struct stat& file) {
  std::ostringstream out;
  out.fill('0');
  out << std::hex;
  out.width(2);
  out << major(file.st_dev) << ':';
  out.width(2);
  out << minor(file.st_dev) << ':' << std::dec << file.st_ino;
  return out.str();
}

/// The process that holds a file's lock, as /proc/locks tells: "1: FLOCK ADVISORY WRITE 4711
/// 08:01:123 0 EOF". Some systems tell nothing.
std::string holder_of(const struct stat& file) {
  const std::string wanted = inode_of(file);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, advisory, access, process, inode;
    words >> number >> kind >> advisory >> access >> process >> inode;
    if (kind == "FLOCK" && inode == wanted) return "process " + process;
  }
  return "another process";
}

int flags_of(LockedFile::Way way) {
  switch (way) {
    case LockedFile::Way::make_new:
      return O_RDWR | O_APPEND | O_CREAT | O_EXCL;
    case LockedFile::Way::open_or_make:
      return O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW;
    case LockedFile::Way::open_old:
      break;
  }
  return O_RDWR | O_APPEND;
}

}  // namespace

LockedFile::LockedFile(std::string path, Way way) : path_(std::move(path)) {
  for (;;) {
    file_ = Descriptor(path_, flags_of(way));
    struct stat opened = {}, named = {};
    if (fstat(file_.number(), &opened) != 0) throw Error(errno);
    if (flock(file_.number(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) throw Busy(holder_of(opened) + " writes it");
      if (errno != ENOLCK && errno != EOPNOTSUPP) throw Error(errno);  // a file system without locks
    }
    // The name may have been given to another file before the lock was ours.
    if (stat(path_.c_str(), &named) == 0 && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev) return;
    if (way == Way::make_new) throw Error(EEXIST);
  }
}

}  // namespace sigprop::files
