// SPDX-License-Identifier: Apache-2.0
// The files were saved by NumPy 1.24.
#include "files/npy.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <fstream>
#include <sstream>

namespace {

using sigprop::files::npy_array;
using sigprop::files::NpyArray;

std::string saved(const std::string& name) {
  std::ifstream file(SIGPROP_SOURCE "/tests/data/given/" + name + ".npy", std::ios::binary);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

/// An array with this header, of format version 1.
std::string made(const std::string& header, std::size_t bytes) {
  std::string out = "\x93NUMPY";
  out += '\x01';
  out += '\0';
  out += static_cast<char>(header.size() % 256);
  out += static_cast<char>(header.size() / 256);
  return out + header + std::string(bytes, '\0');
}

std::string reason(const std::string& bytes) {
  try {
    static_cast<void>(npy_array(bytes));
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

const std::vector<double> ids{0, 1, 2, 1, 3, 3, 3, 4, 5, 6, 7, 8};

TEST_CASE("integers and floats are read row by row, whatever the order in which they lie") {
  for (const char* name : {"ids_i8", "ids_u2_fortran"}) {
    const NpyArray array = npy_array(saved(name));
    CHECK(array.shape == std::vector<std::size_t>{3, 4});
    CHECK(array.values == ids);
  }
  const NpyArray flat = npy_array(saved("ids_flat_i4"));
  CHECK(flat.shape == std::vector<std::size_t>{11});
  CHECK(flat.values == std::vector<double>(ids.begin(), ids.end() - 1));
  const NpyArray doubles = npy_array(saved("gram_f8")), floats = npy_array(saved("gram_f4"));
  CHECK(doubles.shape == std::vector<std::size_t>{4, 4});
  CHECK(doubles.values[1] == 0.5);
  CHECK(floats.values[15] == Approx(4.04).epsilon(1e-7));
}

TEST_CASE("what is no such array is refused with a reason") {
  const std::string prefix = "is no NumPy array that can be read: ";
  CHECK(reason("hello") == prefix + "it does not begin as one");
  CHECK(reason(saved("ids_i8").substr(0, 20)) == prefix + "it ends within its header");
  CHECK(reason(saved("ids_i8").substr(0, 150)) == prefix + "it ends before its last number");
  CHECK(reason(made("{'fortran_order': False, 'shape': (2,), }", 16)) == prefix + "its header has no descr");
  CHECK(reason(made("{'descr': '<i8', 'fortran_order': False, 'shape': 2, }", 16)) == prefix + "its shape is no tuple");
  CHECK(reason(made("{'descr': '<i8', 'fortran_order': False, 'shape': (a,), }", 16)) ==
        prefix + "its shape is no tuple of numbers");
  CHECK(reason(made("{'descr': '<i8', 'fortran_order': False, 'shape': (1, 1, 1), }", 16)) ==
        prefix + "it has 3 dimensions, not 1 or 2");
  for (const char* type : {">i8", "<c8", "|S3", "|O"}) {
    CHECK(reason(made("{'descr': '" + std::string(type) + "', 'fortran_order': False, 'shape': (1,), }", 16)) ==
          prefix + "its numbers are neither integers nor floats of 4 or 8 bytes");
  }
  CHECK(reason(made("{'descr': '<i8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 16)) ==
        prefix + "it ends before its last number");
  std::string future = saved("ids_i8");
  future[6] = 4;
  CHECK(reason(future) == prefix + "its format version is 4, not 1 to 3");
}

TEST_CASE("an array cut anywhere is refused") {
  const std::string whole = saved("ids_u2_fortran");
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(reason(whole.substr(0, size)).empty());
}

}  // namespace
