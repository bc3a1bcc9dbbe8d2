// SPDX-License-Identifier: Apache-2.0
#include "files/temporary_file.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "support/temporary.hpp"

namespace {

using namespace sigprop::files;
namespace fs = std::filesystem;

struct Folder {
  Folder() : path(sigprop::test::own_path("temporary")) {
    fs::remove_all(path);
    fs::create_directory(path);
  }
  ~Folder() { fs::remove_all(path); }

  [[nodiscard]] std::string operator/(const std::string& name) const { return path + "/" + name; }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(path)) out.push_back(entry.path().filename().string());
    return out;
  }

  std::string path;
};

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// How a child process ends that does this.
template <class Work>
int status_of_child(const Work& work) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST_CASE("a file has its name when it is whole, and not before") {
  const Folder folder;
  const std::string target = folder / "result";
  std::ofstream(target) << "before";
  {
    TemporaryFile file(target);
    file.stream() << std::string(200000, 'x');
    CHECK(text_of(target) == "before");
    CHECK(folder.names().size() == 2);
    file.finish();
  }
  CHECK(text_of(target) == std::string(200000, 'x'));
  CHECK(folder.names() == std::vector<std::string>{"result"});
}

TEST_CASE("a file that is not finished leaves nothing") {
  const Folder folder;
  { TemporaryFile(folder / "result").stream() << "half"; }
  CHECK(folder.names().empty());
}

TEST_CASE("two files of one target have different names that do not follow from it") {
  const Folder folder;
  const TemporaryFile one(folder / "result"), two(folder / "result");
  const std::vector<std::string> names = folder.names();
  REQUIRE(names.size() == 2);
  for (const std::string& name : names) {
    CHECK(name.rfind(".result.", 0) == 0);
    CHECK(name.size() == std::string(".result.").size() + 12);
  }
}

TEST_CASE("a new file has the permissions that umask leaves") {
  const Folder folder;
  const mode_t before = umask(027);
  TemporaryFile file(folder / "result");
  file.finish();
  umask(before);
  struct stat found = {};
  REQUIRE(stat((folder / "result").c_str(), &found) == 0);
  CHECK((found.st_mode & 0777U) == 0640U);
}

TEST_CASE("a signal that ends the program removes the files that are not finished") {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const Folder folder;
    const int status = status_of_child([&] {
      remove_on_signals();
      TemporaryFile one(folder / "one"), two(folder / "two");
      one.stream() << "half" << std::flush;
      std::raise(signal);
    });
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == signal);
    CHECK(folder.names().empty());
  }
}

TEST_CASE("beyond a limit on file sizes, writing is an error") {
  const Folder folder;
  const int status = status_of_child([&] {
    remove_on_signals();
    const rlimit small{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &small);
    try {
      TemporaryFile file(folder / "result");
      file.stream() << std::string(5000, 'x');
      file.finish();
    } catch (const Error& error) {
      _exit(error.number() == EFBIG ? 7 : 8);
    }
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(folder.names().empty());
}

TEST_CASE("a full disk is told with the system's reason, and what was there stays") {
  if (!fs::exists("/dev/full")) return;
  TemporaryFile file("/dev/full");
  file.stream() << "x";
  CHECK_THROWS_WITH(file.finish(), "No space left on device");
}

}  // namespace
