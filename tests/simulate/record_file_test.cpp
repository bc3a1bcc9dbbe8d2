// SPDX-License-Identifier: Apache-2.0
#include "simulate/record_file.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "sigprop/simulate/simulate.hpp"
#include "support/temporary.hpp"

namespace {

using namespace sigprop::simulate;
namespace fs = std::filesystem;

/// A file name in the temporary folder, free at the start and at the end.
struct FreeName {
  explicit FreeName(const std::string& name) : path(sigprop::test::own_path(name)) { fs::remove(path); }
  ~FreeName() { fs::remove(path); }
  std::string path;
};

template <class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const UsageError& error) {
    return error.what();
  } catch (const MachineError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST_CASE("records come back in their order") {
  const FreeName name("records");
  RecordFile(name.path, false, "model", 2).append({1, 2});
  RecordFile(name.path, true, "model", 2).append({3, 4});
  CHECK(RecordFile(name.path, true, "model", 2).read() == std::vector<Sample>{{1, 2}, {3, 4}});
}

TEST_CASE("a record cut off in the middle is dropped, and the next one takes its place") {
  const FreeName name("cut");
  {
    RecordFile file(name.path, false, "model", 2);
    file.append({1, 2});
    file.append({3, 4});
  }
  for (const std::uintmax_t cut : {1U, 8U, 23U}) {
    fs::resize_file(name.path, fs::file_size(name.path) - cut);
    RecordFile file(name.path, true, "model", 2);
    CHECK(file.read() == std::vector<Sample>{{1, 2}});
    file.append({5, 6});
  }
  CHECK(RecordFile(name.path, true, "model", 2).read() == std::vector<Sample>{{1, 2}, {5, 6}});
}

TEST_CASE("a checkpoint is not overwritten, and that of another run not resumed") {
  const FreeName name("foreign");
  { const RecordFile file(name.path, false, "model", 2); }
  CHECK(message_of([&] { RecordFile(name.path, false, "model", 2); }) ==
        "--checkpoint " + name.path + ": the file exists; go on with it by --resume " + name.path +
            ", or name another file");
  for (const char* other : {"medol", "models", ""}) {
    CHECK(message_of([&] { RecordFile(name.path, true, other, 2); }) ==
          "--resume " + name.path +
              ": belongs to another model, seed, precision or version; resume with those it was made with, or start "
              "anew");
  }
}

TEST_CASE("what is no checkpoint, is missing or cannot be written is named") {
  const FreeName name("text");
  CHECK(message_of([&] { RecordFile(name.path, true, "model", 2); }) ==
        "--resume " + name.path + ": there is no such file; start with --checkpoint " + name.path);
  std::ofstream(name.path) << "{}\n";
  CHECK(message_of([&] { RecordFile(name.path, true, "model", 2); }) ==
        "--resume " + name.path + ": is no checkpoint of this version of sigprop; name the file of --checkpoint");
  CHECK(message_of([] { RecordFile("/nowhere/x", false, "model", 2); }) ==
        "--checkpoint /nowhere/x: cannot be written: No such file or directory; name a file in a folder that exists "
        "and is yours");
}

TEST_CASE("a full disk is told, with the way to go on") {
  if (!fs::exists("/dev/full")) return;
  const FreeName name("full");
  fs::create_symlink("/dev/full", name.path + ".partial");
  CHECK(message_of([&] { RecordFile(name.path, false, "model", 2); }).find("No space left on device") !=
        std::string::npos);
  fs::remove(name.path + ".partial");
}

}  // namespace
