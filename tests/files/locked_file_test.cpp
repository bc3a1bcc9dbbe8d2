// SPDX-License-Identifier: Apache-2.0
#include "files/locked_file.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "support/temporary.hpp"

namespace {

using namespace sigprop::files;
using Way = LockedFile::Way;
namespace fs = std::filesystem;

struct FreeName {
  explicit FreeName(const std::string& name) : path(sigprop::test::own_path(name)) { fs::remove(path); }
  ~FreeName() { fs::remove(path); }
  std::string path;
};

std::string busy_message(const std::string& path) {
  try {
    const LockedFile again(path, Way::open_old);
  } catch (const Busy& busy) {
    return busy.what();
  }
  return "nobody writes it";
}

TEST_CASE("a file that a process writes is refused to the next, with the process named") {
  const FreeName name("locked");
  {
    const LockedFile file(name.path, Way::make_new);
    CHECK(busy_message(name.path) == "process " + std::to_string(getpid()) + " writes it");
  }
  CHECK(busy_message(name.path) == "nobody writes it");
}

TEST_CASE("a lock ends with its process, however it ends") {
  const FreeName name("killed");
  const pid_t child = fork();
  if (child == 0) {
    const LockedFile file(name.path, Way::make_new);
    file.append("left");
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  CHECK(LockedFile(name.path, Way::open_old).read_all() == "left");
}

TEST_CASE("a new file is made by its maker only, and through no link") {
  const FreeName name("made"), link("link");
  std::ofstream(name.path) << "somebody's";
  CHECK_THROWS_AS(LockedFile(name.path, Way::make_new), Error);
  fs::create_symlink(name.path, link.path);
  CHECK_THROWS_AS(LockedFile(link.path, Way::make_new), Error);
  CHECK_THROWS_AS(LockedFile(link.path, Way::open_or_make), Error);
  CHECK(LockedFile(name.path, Way::open_old).read_all() == "somebody's");
}

TEST_CASE("appended bytes lie at the end, behind a cut too") {
  const FreeName name("appended");
  const LockedFile file(name.path, Way::open_or_make);
  file.append("abcdef");
  file.truncate(3);
  file.append(std::string("\0x", 2));
  file.sync();
  CHECK(file.read_all() == std::string("abc\0x", 5));
}

TEST_CASE("a reason is the system's") {
  CHECK_THROWS_WITH(LockedFile("/nowhere/x", Way::make_new), "No such file or directory");
}

}  // namespace
