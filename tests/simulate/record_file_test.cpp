// SPDX-License-Identifier: Apache-2.0
#include "simulate/record_file.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

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

using Records = std::map<std::uint64_t, Sample>;

RecordFile resumed(const std::string& path) {
  return {path, true, "model", 2};
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// Three records of two numbers.
void make_three(const std::string& path) {
  RecordFile file(path, false, "model", 2);
  for (const std::uint64_t number : {0U, 1U, 2U}) {
    const auto value = static_cast<double>(number);
    file.append(number, {value, -value});
  }
}

const Records three{{0, {0, -0.0}}, {1, {1, -1}}, {2, {2, -2}}};

TEST_CASE("records come back with their numbers, in whichever order they were written") {
  const FreeName name("records");
  RecordFile(name.path, false, "model", 2).append(3, {1, 2});
  resumed(name.path).append(0, {3, 4});
  CHECK(resumed(name.path).read() == Records{{0, {3, 4}}, {3, {1, 2}}});
}

TEST_CASE("a record that a kill cut off is dropped, wherever it was cut") {
  const FreeName name("cut");
  make_three(name.path);
  const std::string whole = bytes_of(name.path);
  for (std::size_t cut = 1; cut <= 32; ++cut) {
    write_bytes(name.path, whole.substr(0, whole.size() - cut));
    {
      RecordFile file = resumed(name.path);
      CHECK(file.read() == Records{{0, {0, -0.0}}, {1, {1, -1}}});
      CHECK(file.lost() == 0);
      file.append(2, {2, -2});
    }
    CHECK(bytes_of(name.path) == whole);
  }
}

TEST_CASE("a flipped bit loses the record it lies in and no other, or the file is refused") {
  const FreeName name("flipped");
  make_three(name.path);
  const std::string whole = bytes_of(name.path);
  const std::size_t records = 3 * 32, head = whole.size() - records;
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    write_bytes(name.path, flipped);
    if (bit / 8 < head) {
      CHECK_THROWS_AS(resumed(name.path), UsageError);
      continue;
    }
    const RecordFile file = resumed(name.path);
    Records expected = three;
    expected.erase((bit / 8 - head) / 32);
    CHECK(file.read() == expected);
    CHECK(file.lost() == 1);
    CHECK(loss_warning(file, "x", "replicates") ==
          "--resume x: 1 record is damaged and left out; the replicates that are missing are computed again");
  }
}

TEST_CASE("a copy of a record counts once") {
  const FreeName name("copied");
  make_three(name.path);
  const std::string whole = bytes_of(name.path);
  write_bytes(name.path, whole + whole.substr(whole.size() - 64));
  CHECK(resumed(name.path).read() == three);
}

TEST_CASE("a file that was killed while it was made is begun again") {
  const FreeName name("begun");
  { const RecordFile file(name.path, false, "model", 2); }
  const std::string header = bytes_of(name.path);
  for (std::size_t size = 0; size < header.size(); ++size) {
    write_bytes(name.path, header.substr(0, size));
    resumed(name.path).append(0, {1, 2});
    CHECK(resumed(name.path).read() == Records{{0, {1, 2}}});
  }
}

TEST_CASE("one process at a time writes a checkpoint") {
  const FreeName name("busy");
  const RecordFile first(name.path, false, "model", 2);
  CHECK(message_of([&] { resumed(name.path); }) == "--resume " + name.path + ": is in use: process " +
                                                       std::to_string(getpid()) +
                                                       " writes it; wait until it has ended, or name another file");
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
  const std::string long_name(400, 'x');
  for (const bool resume : {false, true}) {
    CHECK(message_of([&] { RecordFile(long_name, resume, "model", 2); }) ==
          (resume ? "--resume " : "--checkpoint ") + long_name +
              ": cannot be written: File name too long; name a file in a folder that exists and is yours");
  }
}

TEST_CASE("a full disk is told, with the way to go on") {
  const FreeName name("full");
  RecordFile file(name.path, false, "model", 2);
  const rlimit small{fs::file_size(name.path) + 40, RLIM_INFINITY};
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  file.append(0, {1, 2});
  const std::string message = message_of([&] { file.append(1, {3, 4}); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(message == "--checkpoint " + name.path +
                       ": writing failed: File too large; the replicates before stay whole: make room and go on with "
                       "--resume " +
                       name.path);
}

}  // namespace
