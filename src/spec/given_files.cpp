// SPDX-License-Identifier: Apache-2.0
#include "spec/given_files.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "files/npy.hpp"
#include "sigprop/spec/read.hpp"
#include "spec/parse.hpp"
#include "spec/validate.hpp"

namespace sigprop::spec {
namespace {

using Errors = std::vector<std::string>;
using Lists = std::vector<std::vector<double>>;

/// A fault of a file, without its name.
using Fault = std::runtime_error;

/// Numbers in rows; `flat` where the file has one list without rows.
struct Numbers {
  Lists rows;
  bool flat = false;
};

/// A named pipe could wait for ever, a device never end.
std::string bytes_of(const std::string& path) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) throw Fault("is no regular file");
  FileText read = text_of(path);
  if (read.text) return *std::move(read.text);
  throw Fault(read.errors.front().substr(path.size() + 2));
}

double number_of(const Json& value, const std::string& place) {
  if (value.is_number()) return value.get<double>();
  throw Fault(place + " is no number");
}

Numbers numbers_of_json(std::string_view bytes) {
  Errors faults;
  const std::optional<Json> json = parse(bytes, faults);
  if (!json) throw Fault("is no JSON, or not such as a spec may be");
  if (!json->is_array() || json->empty()) throw Fault("is no list, or an empty one");
  Numbers out;
  out.flat = !json->front().is_array();
  if (out.flat) out.rows.emplace_back();
  for (std::size_t row = 0; row < json->size(); ++row) {
    const std::string place = "entry " + std::to_string(row + 1);
    if (out.flat) {
      out.rows.front().push_back(number_of((*json)[row], place));
      continue;
    }
    if (!(*json)[row].is_array()) throw Fault(place + " is no list, as entry 1 is");
    std::vector<double>& numbers = out.rows.emplace_back();
    for (const Json& value : (*json)[row])
      numbers.push_back(number_of(value, place + ", number " + std::to_string(numbers.size() + 1)));
  }
  return out;
}

Numbers numbers_of_array(std::string_view bytes) {
  const files::NpyArray array = files::npy_array(bytes);
  Numbers out;
  out.flat = array.shape.size() == 1;
  const std::size_t rows = out.flat ? 1 : array.shape[0], columns = out.flat ? array.shape[0] : array.shape[1];
  if (rows == 0 || columns == 0) throw Fault("is an array without numbers");
  for (std::size_t row = 0; row < rows; ++row) {
    const auto begin = array.values.begin() + static_cast<std::ptrdiff_t>(row * columns);
    out.rows.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(columns));
  }
  return out;
}

Numbers numbers_of_lines(std::string_view text) {
  constexpr std::string_view between = " \t\r,";
  Numbers out;
  std::size_t line = 0;
  while (!text.empty()) {
    ++line;
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view rest = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::vector<double> row;
    while (true) {
      rest.remove_prefix(std::min(rest.find_first_not_of(between), rest.size()));
      if (rest.empty()) break;
      std::uint64_t id = 0;
      const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), id);
      const auto read = static_cast<std::size_t>(stop - rest.data());
      if (error != std::errc() || (read < rest.size() && between.find(rest[read]) == std::string_view::npos))
        throw Fault("line " + std::to_string(line) + ", entry " + std::to_string(row.size() + 1) + " is no token id");
      rest.remove_prefix(read);
      row.push_back(static_cast<double>(id));
    }
    if (!row.empty()) out.rows.push_back(std::move(row));
  }
  if (out.rows.empty()) throw Fault("holds no token ids");
  return out;
}

Numbers numbers_of(const std::string& bytes, bool lines) {
  if (files::is_npy(bytes)) return numbers_of_array(bytes);
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  const bool json = first != std::string::npos && (bytes[first] == '[' || bytes[first] == '{');
  return lines && !json ? numbers_of_lines(bytes) : numbers_of_json(bytes);
}

/// One list as sequences of a length; what is left over is not read.
Lists cut(const std::vector<double>& list, std::size_t length) {
  Lists out;
  for (std::size_t at = 0; at + length <= list.size(); at += length) {
    const auto begin = list.begin() + static_cast<std::ptrdiff_t>(at);
    out.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(length));
  }
  return out;
}

/// Without a fraction where it has none.
std::string shown_id(double id) {
  constexpr double exact = 9007199254740992;
  return shown(std::abs(id) < exact && id == std::floor(id) ? Json(static_cast<std::int64_t>(id)) : Json(id));
}

std::vector<std::uint32_t> ids_of(const std::vector<double>& numbers, std::size_t sequence, std::size_t vocabulary) {
  std::vector<std::uint32_t> out;
  out.reserve(numbers.size());
  for (const double id : numbers) {
    if (!(id >= 0 && id < static_cast<double>(vocabulary) && id == std::floor(id))) {
      throw Fault("sequence " + std::to_string(sequence) + ", token " + std::to_string(out.size() + 1) + " is " +
                  shown_id(id) + ", but must be a token id from 0 to " + std::to_string(vocabulary - 1) +
                  ", below the vocabulary: raise that to the tokenizer's");
    }
    out.push_back(static_cast<std::uint32_t>(id));
  }
  return out;
}

network::Text text_of_numbers(const std::string& file, Numbers numbers, std::size_t length, std::size_t vocabulary) {
  if (numbers.flat) {
    const std::size_t ids = numbers.rows.front().size();
    if (ids < length)
      throw Fault("holds " + std::to_string(ids) + " token ids, but must hold at least " + std::to_string(length) +
                  ", sequence_length: lower that");
    numbers.rows = cut(numbers.rows.front(), length);
  }
  std::vector<std::vector<std::uint32_t>> sequences;
  for (const std::vector<double>& row : numbers.rows) {
    const std::size_t sequence = sequences.size() + 1;
    if (row.size() < length)
      throw Fault("sequence " + std::to_string(sequence) + " has " + std::to_string(row.size()) +
                  " tokens, but must have at least " + std::to_string(length) +
                  ", sequence_length: lower that, or leave the sequence out");
    sequences.push_back(ids_of(row, sequence, vocabulary));
  }
  return network::text_of(file, std::move(sequences), length);
}

network::Gram gram_of_numbers(const std::string& file, const Numbers& numbers, std::size_t length) {
  const auto require_length = [&](std::size_t count, const std::string& what) {
    if (count != length)
      throw Fault(what + std::to_string(count) + ", but must have " + std::to_string(length) +
                  ", sequence_length: set that to the file's");
  };
  if (numbers.flat && length > 1) throw Fault("is one list, but must be rows of products");
  require_length(numbers.rows.size(), "rows: ");
  std::vector<double> products;
  for (std::size_t row = 0; row < numbers.rows.size(); ++row) {
    require_length(numbers.rows[row].size(), "numbers in row " + std::to_string(row + 1) + ": ");
    products.insert(products.end(), numbers.rows[row].begin(), numbers.rows[row].end());
  }
  return network::gram_of(file, length, std::move(products));
}

/// What `read` makes of a file, or its fault.
template <class Read>
auto read_file_of(const std::string& pointer, const std::string& path, Errors& errors, const Read& read)
    -> std::shared_ptr<const decltype(read(std::string()))> {
  try {
    return std::make_shared<const decltype(read(std::string()))>(read(bytes_of(path)));
  } catch (const std::runtime_error& fault) {
    errors.push_back(pointer + ": " + path + ": " + fault.what());
  } catch (const std::domain_error& fault) {
    errors.push_back(pointer + ": " + path + ": " + fault.what() + "; write the mean over features of x_i x_j there");
  }
  return nullptr;
}

}  // namespace

std::string path_in(const std::string& folder, const std::string& file) {
  return file.starts_with('/') ? file : folder + file;
}

std::shared_ptr<const network::Text> read_words(const std::string& folder, const std::string& file, std::size_t length,
                                                std::size_t vocabulary, Errors& errors) {
  return read_file_of("/input/embedding/words/file", path_in(folder, file), errors, [&](const std::string& bytes) {
    return text_of_numbers(file, numbers_of(bytes, true), length, vocabulary);
  });
}

std::shared_ptr<const network::Gram> read_gram(const std::string& folder, const std::string& file, std::size_t length,
                                               Errors& errors) {
  return read_file_of("/input/gram", path_in(folder, file), errors, [&](const std::string& bytes) {
    return gram_of_numbers(file, numbers_of(bytes, false), length);
  });
}

}  // namespace sigprop::spec
