// SPDX-License-Identifier: Apache-2.0
#include "measured/tensors.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <utility>

#include "files/npy.hpp"
#include "sigprop/measured/inspect.hpp"
#include "sigprop/spec/read.hpp"

namespace sigprop::measured {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t most_header = 100'000'000;  // as the format's own reader has it
constexpr std::size_t most_dimensions = 16;

[[noreturn]] void refuse(const std::string& why) {
  throw std::runtime_error(why);
}

template <class T>
T value_at(std::string_view bytes, std::size_t at) {
  T out;
  std::memcpy(&out, bytes.data() + at, sizeof out);
  return out;
}

std::size_t size_of(Type type) {
  switch (type) {
    case Type::f16:
    case Type::bf16:
      return 2;
    case Type::f32:
      return 4;
    case Type::f64:
      return 8;
    case Type::other:
      break;
  }
  return 0;
}

/// A product of sizes, each of which may be anything.
std::size_t product(const std::vector<std::size_t>& shape, std::size_t unit) {
  std::size_t out = unit;
  for (const std::size_t size : shape) {
    if (size != 0 && out > std::numeric_limits<std::size_t>::max() / size)
      refuse("a shape has more elements than any file holds");
    out *= size;
  }
  return out;
}

// ---- safetensors -----------------------------------------------------------------------------------------------------

/// The JSON of a header, of which a name may stand there once only.
json header_of(std::string_view text) {
  std::vector<std::set<std::string>> names;
  std::string twice;
  const json::parser_callback_t watch = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end) names.pop_back();
    if (event == json::parse_event_t::key && !names.back().insert(value.get<std::string>()).second)
      twice = value.get<std::string>();
    return true;
  };
  json out = json::parse(text, watch, false);
  if (out.is_discarded() || !out.is_object()) refuse("its header is no JSON object");
  if (!twice.empty()) refuse("its header names \"" + twice + "\" twice");
  return out;
}

Type type_of(const std::string& name) {
  if (name == "F16") return Type::f16;
  if (name == "BF16") return Type::bf16;
  if (name == "F32") return Type::f32;
  return name == "F64" ? Type::f64 : Type::other;
}

std::size_t whole_number(const json& value, const std::string& what) {
  if (!value.is_number_unsigned())
    refuse(what + " is " + value.dump().substr(0, 40) + ", but must be a whole number from 0 on");
  return value.get<std::size_t>();
}

Tensor tensor_of(const std::string& name, const json& entry, std::string_view data) {
  const std::string where = "tensor \"" + name + "\": ";
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() || !entry.contains("shape") ||
      !entry["shape"].is_array() || !entry.contains("data_offsets") || !entry["data_offsets"].is_array() ||
      entry["data_offsets"].size() != 2)
    refuse(where + "must have dtype, shape and data_offsets");
  Tensor out;
  out.name = name;
  out.type = type_of(entry["dtype"].get<std::string>());
  if (entry["shape"].size() > most_dimensions) refuse(where + "has more than 16 dimensions");
  for (const json& size : entry["shape"]) out.shape.push_back(whole_number(size, where + "a size"));
  const std::size_t begin = whole_number(entry["data_offsets"][0], where + "its first offset");
  const std::size_t end = whole_number(entry["data_offsets"][1], where + "its last offset");
  if (begin > end || end > data.size())
    refuse(where + "its offsets " + std::to_string(begin) + " and " + std::to_string(end) +
           " do not lie in the file's " + std::to_string(data.size()) + " bytes of data");
  if (out.type != Type::other && product(out.shape, size_of(out.type)) != end - begin)
    refuse(where + "its shape needs " + std::to_string(product(out.shape, size_of(out.type))) + " bytes, but it has " +
           std::to_string(end - begin));
  out.bytes = data.substr(begin, end - begin);
  return out;
}

// ---- npz -------------------------------------------------------------------------------------------------------------

/// An array as NumPy saves it, within an archive.
Tensor array_of(std::string name, std::string_view bytes) {
  Tensor out;
  out.name = std::move(name);
  try {
    const files::NpyHeader header = files::npy_header(bytes);
    out.shape = header.shape;
    out.type = header.type == "<f2"   ? Type::f16
               : header.type == "<f4" ? Type::f32
               : header.type == "<f8" ? Type::f64
                                      : Type::other;
    if (header.by_column && out.shape.size() > 1) refuse("stands column by column: save numpy.ascontiguousarray of it");
    out.bytes = header.data;
    if (out.type != Type::other && product(out.shape, size_of(out.type)) != out.bytes.size())
      refuse("has " + std::to_string(out.bytes.size()) + " bytes of numbers, but its shape needs " +
             std::to_string(product(out.shape, size_of(out.type))));
  } catch (const std::runtime_error& error) {
    refuse('"' + out.name + "\" " + error.what());
  }
  return out;
}

// ---- numbers ---------------------------------------------------------------------------------------------------------

double half(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  double out = 0;
  if (exponent == 31) {
    out = fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  } else {
    out = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -out : out;
}

const std::vector<double>& halves() {
  static const std::vector<double> all = [] {
    std::vector<double> out(65536);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = half(static_cast<std::uint16_t>(i));
    return out;
  }();
  return all;
}

double brain(std::uint16_t bits) {
  return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16));
}

// ---- files -----------------------------------------------------------------------------------------------------------

std::vector<Tensor> tensors_of(std::string_view bytes) {
  return bytes.starts_with("PK") ? npz(bytes) : safetensors(bytes);
}

/// The files that an index lists, in the order of their names.
std::set<std::string> listed_files(std::string_view bytes) {
  const json index = json::parse(bytes, nullptr, false);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object() ||
      index["weight_map"].empty())
    refuse("is no index of .safetensors files: it has no weight_map");
  std::set<std::string> out;
  for (const auto& [name, file] : index["weight_map"].items()) {
    if (!file.is_string()) refuse("weight_map: \"" + name + "\" is in no file");
    const auto& text = file.get_ref<const std::string&>();
    if (text.empty() || text.find('/') != std::string::npos)
      refuse("weight_map: \"" + text + "\" must be a file beside the index");
    out.insert(text);
  }
  return out;
}

void add_file(const std::string& path, TensorFiles& out) {
  try {
    out.files.emplace_back(path);
    for (Tensor& tensor : tensors_of(out.files.back().bytes())) {
      tensor.file = out.files.size() - 1;
      out.tensors.push_back(std::move(tensor));
    }
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

}  // namespace

std::size_t Tensor::count() const {
  return size_of(type) == 0 ? 0 : bytes.size() / size_of(type);
}

std::vector<Tensor> safetensors(std::string_view bytes) {
  constexpr std::size_t before = 8;
  if (bytes.size() < before)
    refuse("is too short for a .safetensors file: it must begin with the length of its header");
  const auto length = value_at<std::uint64_t>(bytes, 0);
  if (length > most_header || length > bytes.size() - before)
    refuse("its header is said to have " + std::to_string(length) + " bytes, but the file has " +
           std::to_string(bytes.size() - before) +
           ", and a header at most 100 000 000: it is no .safetensors file, or cut off");
  const json header = header_of(bytes.substr(before, length));
  const std::string_view data = bytes.substr(before + length);
  std::vector<Tensor> out;
  for (const auto& [name, entry] : header.items()) {
    if (name != "__metadata__") out.push_back(tensor_of(name, entry, data));
  }
  std::sort(out.begin(), out.end(), [](const Tensor& a, const Tensor& b) {
    return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
  });
  const char* end = data.data();
  for (const Tensor& tensor : out) {
    if (tensor.bytes.data() < end) refuse("tensor \"" + tensor.name + "\" lies on another: their offsets overlap");
    if (tensor.bytes.data() > end) refuse("bytes before tensor \"" + tensor.name + "\" belong to no tensor");
    end = tensor.bytes.data() + tensor.bytes.size();
  }
  if (end != data.data() + data.size()) refuse("bytes at its end belong to no tensor");
  return out;
}

std::vector<Tensor> npz(std::string_view bytes) {
  constexpr std::size_t end_size = 22, entry_size = 46, local_size = 30;
  constexpr std::uint32_t of_end = 0x06054b50, of_entry = 0x02014b50, of_local = 0x04034b50;
  if (bytes.size() < end_size || value_at<std::uint32_t>(bytes, bytes.size() - end_size) != of_end)
    refuse("is no .npz that can be read: it does not end as an archive without a comment does");
  const std::size_t end = bytes.size() - end_size;
  const std::size_t entries = value_at<std::uint16_t>(bytes, end + 10);
  std::size_t at = value_at<std::uint32_t>(bytes, end + 16);
  std::vector<Tensor> out;
  std::set<std::string> names;
  for (std::size_t i = 0; i < entries; ++i) {
    if (at > end || end - at < entry_size || value_at<std::uint32_t>(bytes, at) != of_entry)
      refuse("its list of arrays is damaged, or longer than 4 GiB");
    const std::size_t method = value_at<std::uint16_t>(bytes, at + 10), size = value_at<std::uint32_t>(bytes, at + 20);
    const std::size_t name_size = value_at<std::uint16_t>(bytes, at + 28),
                      local = value_at<std::uint32_t>(bytes, at + 42);
    const std::size_t beside =
        value_at<std::uint16_t>(bytes, at + 30) + std::size_t{value_at<std::uint16_t>(bytes, at + 32)};
    if (end - at - entry_size < name_size + beside) refuse("its list of arrays is cut off");
    std::string name(bytes.substr(at + entry_size, name_size));
    at += entry_size + name_size + beside;
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    if (method != 0) refuse("\"" + name + "\" is compressed: save with numpy.savez, not savez_compressed");
    if (!names.insert(name).second) refuse("\"" + name + "\" stands there twice");
    if (local > end || end - local < local_size || value_at<std::uint32_t>(bytes, local) != of_local)
      refuse("\"" + name + "\" is not where the archive's list has it");
    const std::size_t start =
        local + local_size + value_at<std::uint16_t>(bytes, local + 26) + value_at<std::uint16_t>(bytes, local + 28);
    if (start > end || size > end - start) refuse("\"" + name + "\" is cut off");
    out.push_back(array_of(std::move(name), bytes.substr(start, size)));
  }
  return out;
}

void read_numbers(const Tensor& tensor, std::size_t first, std::size_t count, double* out) {
  const char* const from = tensor.bytes.data() + first * size_of(tensor.type);
  const auto each = [&]<class Stored>(Stored, const auto& number) {
    for (std::size_t i = 0; i < count; ++i) {
      Stored stored;
      std::memcpy(&stored, from + i * sizeof(Stored), sizeof stored);
      out[i] = number(stored);
    }
  };
  switch (tensor.type) {
    case Type::f16: {
      const double* const table = halves().data();
      each(std::uint16_t{}, [table](std::uint16_t bits) { return table[bits]; });
      break;
    }
    case Type::bf16:
      each(std::uint16_t{}, brain);
      break;
    case Type::f32:
      each(float{}, [](float value) { return static_cast<double>(value); });
      break;
    case Type::f64:
      each(double{}, [](double value) { return value; });
      break;
    case Type::other:
      break;
  }
}

std::vector<std::string> files_of(const std::string& path) {
  std::vector<std::string> out{path};
  if (!path.ends_with(".json")) return out;
  try {
    for (const std::string& part : listed_files(files::MappedFile(path).bytes()))
      out.push_back(spec::folder_of(path) + part);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
  return out;
}

TensorFiles open_tensors(const std::string& path) {
  TensorFiles out;
  const std::vector<std::string> paths = files_of(path);
  // An index has no tensors itself.
  for (std::size_t i = paths.size() > 1 ? 1 : 0; i < paths.size(); ++i) add_file(paths[i], out);
  return out;
}

}  // namespace sigprop::measured
