// SPDX-License-Identifier: Apache-2.0
#include "files/npy.hpp"

#include <bit>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace sigprop::files {
namespace {

constexpr std::string_view magic = "\x93NUMPY";

static_assert(std::endian::native == std::endian::little);

[[noreturn]] void refuse(const std::string& why) {
  throw std::runtime_error("is no NumPy array that can be read: " + why);
}

template <class T>
T value_at(std::string_view bytes, std::size_t at) {
  T out;
  std::memcpy(&out, bytes.data() + at, sizeof out);
  return out;
}

/// What follows 'key': in the header, a Python literal.
std::string_view after_key(std::string_view header, const std::string& key) {
  std::size_t at = header.find('\'' + key + '\'');
  if (at == std::string_view::npos) refuse("its header has no " + key);
  at = header.find(':', at);
  if (at == std::string_view::npos) refuse("its header ends after " + key);
  do ++at;
  while (at < header.size() && header[at] == ' ');
  return header.substr(at);
}

std::vector<std::size_t> shape_of(std::string_view header) {
  std::string_view text = after_key(header, "shape");
  const std::size_t end = text.find(')');
  if (text.empty() || text.front() != '(' || end == std::string_view::npos) refuse("its shape is no tuple");
  text = text.substr(1, end - 1);
  std::vector<std::size_t> out;
  while (true) {
    while (!text.empty() && (text.front() == ' ' || text.front() == ',')) text.remove_prefix(1);
    if (text.empty()) break;
    std::size_t size = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    if (error != std::errc()) refuse("its shape is no tuple of numbers");
    out.push_back(size);
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  }
  return out;
}

template <class T>
std::vector<double> values_of(std::string_view bytes, std::size_t count) {
  std::vector<double> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<double>(value_at<T>(bytes, i * sizeof(T)));
  return out;
}

struct Type {
  const char* name;
  std::size_t size;
  std::vector<double> (*read)(std::string_view bytes, std::size_t count);
};

constexpr Type types[] = {
    {"|b1", 1, values_of<std::uint8_t>},  {"|u1", 1, values_of<std::uint8_t>},  {"|i1", 1, values_of<std::int8_t>},
    {"<u2", 2, values_of<std::uint16_t>}, {"<i2", 2, values_of<std::int16_t>},  {"<u4", 4, values_of<std::uint32_t>},
    {"<i4", 4, values_of<std::int32_t>},  {"<u8", 8, values_of<std::uint64_t>}, {"<i8", 8, values_of<std::int64_t>},
    {"<f4", 4, values_of<float>},         {"<f8", 8, values_of<double>}};

const Type& type_of(std::string_view name) {
  for (const Type& type : types) {
    if (name == type.name) return type;
  }
  refuse("its numbers are neither integers nor floats of 4 or 8 bytes");
}

}  // namespace

bool is_npy(std::string_view bytes) {
  return bytes.starts_with(magic);
}

NpyHeader npy_header(std::string_view bytes) {
  constexpr std::size_t before_length = 8, short_length = 2, long_length = 4;
  if (!is_npy(bytes) || bytes.size() < before_length + long_length) refuse("it does not begin as one");
  const auto version = static_cast<unsigned char>(bytes[magic.size()]);
  if (version < 1 || version > 3) refuse("its format version is " + std::to_string(version) + ", not 1 to 3");
  const std::size_t of_length = version == 1 ? short_length : long_length, start = before_length + of_length;
  const std::size_t length =
      version == 1 ? value_at<std::uint16_t>(bytes, before_length) : value_at<std::uint32_t>(bytes, before_length);
  if (length > bytes.size() - start) refuse("it ends within its header");
  const std::string_view header = bytes.substr(start, length), type = after_key(header, "descr");
  NpyHeader out;
  out.shape = shape_of(header);
  if (type.size() > 4) out.type = type.substr(1, 3);
  out.by_column = after_key(header, "fortran_order").starts_with("True");
  out.data = bytes.substr(start + length);
  return out;
}

NpyArray npy_array(std::string_view bytes) {
  const NpyHeader header = npy_header(bytes);
  NpyArray out;
  out.shape = header.shape;
  if (out.shape.empty() || out.shape.size() > 2)
    refuse("it has " + std::to_string(out.shape.size()) + " dimensions, not 1 or 2");
  const Type& type = type_of(header.type);
  const std::string_view data = header.data;
  const std::size_t rows = out.shape.front(), columns = out.shape.size() > 1 ? out.shape[1] : 1;
  if (rows > 0 && columns > data.size() / type.size / rows) refuse("it ends before its last number");
  out.values = type.read(data, rows * columns);
  if (!header.by_column || out.shape.size() < 2) return out;
  std::vector<double> turned(out.values.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) turned[i * columns + j] = out.values[j * rows + i];
  out.values = std::move(turned);
  return out;
}

}  // namespace sigprop::files
