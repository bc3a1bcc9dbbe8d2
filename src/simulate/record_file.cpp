// SPDX-License-Identifier: Apache-2.0
#include "simulate/record_file.hpp"

#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "files/check_sum.hpp"
#include "sigprop/simulate/simulate.hpp"

namespace sigprop::simulate {
namespace {

constexpr const char* first_line = "sigprop checkpoint 2\n";

template <class Value>
void put(std::string& out, const Value* values, std::size_t count) {
  const std::size_t at = out.size();
  out.resize(at + count * sizeof(Value));
  if (count > 0) std::memcpy(out.data() + at, values, count * sizeof(Value));
}

template <class Value>
Value value_at(const std::string& text, std::size_t at) {
  Value out;
  std::memcpy(&out, text.data() + at, sizeof(Value));
  return out;
}

/// The first lines: what the file is, the length of the identity, and the identity.
std::string header_of(const std::string& identity) {
  return first_line + std::to_string(identity.size()) + '\n' + identity + '\n';
}

constexpr const char* elsewhere = "; name a file in a folder that exists and is yours";

files::LockedFile opened(const std::string& path, bool resume) {
  const std::string option = resume ? "--resume " + path : "--checkpoint " + path;
  try {
    return {path, resume ? files::LockedFile::Way::open_old : files::LockedFile::Way::make_new};
  } catch (const files::Busy& busy) {
    throw UsageError(option + ": is in use: " + busy.what() + "; wait until it has ended, or name another file");
  } catch (const files::Error& error) {
    throw UsageError(option + ": cannot be written: " + error.what() + elsewhere);
  }
}

}  // namespace

RecordFile::RecordFile(const std::string& path, bool resume, const std::string& identity, std::size_t sample_size)
    : path_(path) {
  std::error_code unknown;  // what keeps the name from being looked up keeps it from being opened
  const std::filesystem::file_type type = std::filesystem::symlink_status(path, unknown).type();
  if (resume && type == std::filesystem::file_type::not_found)
    throw UsageError("--resume " + path + ": there is no such file; start with --checkpoint " + path);
  if (!resume && type != std::filesystem::file_type::not_found && type != std::filesystem::file_type::none) {
    throw UsageError("--checkpoint " + path + ": the file exists; go on with it by --resume " + path +
                     ", or name another file");
  }
  file_.emplace(opened(path, resume));
  try {
    if (resume) {
      load(identity, sample_size);
    } else {
      file_->append(header_of(identity));
    }
  } catch (const files::Error& error) {
    if (!resume) std::filesystem::remove(path, unknown);
    throw MachineError((resume ? "--resume " : "--checkpoint ") + path + ": cannot be written: " + error.what() +
                       elsewhere);
  }
}

void RecordFile::load(const std::string& identity, std::size_t sample_size) {
  const std::string text = file_->read_all(), header = header_of(identity);
  if (text.size() < header.size() && header.rfind(text, 0) == 0) {  // killed while it was made
    file_->truncate(0);
    file_->append(header);
    return;
  }
  if (text.rfind(first_line, 0) != 0) {
    throw UsageError("--resume " + path_ +
                     ": is no checkpoint of this version of sigprop; name the file of --checkpoint");
  }
  if (text.rfind(header, 0) != 0) {
    throw UsageError(
        "--resume " + path_ +
        ": belongs to another model, seed, precision or version; resume with those it was made with, or start anew");
  }
  const std::size_t numbers = sample_size * sizeof(double);
  const std::size_t summed = sizeof(std::uint64_t) + numbers, record = summed + sizeof(std::uint64_t);
  std::size_t at = header.size();
  for (; text.size() - at >= record; at += record) {
    if (files::check_sum(std::string_view(text).substr(at, summed)) != value_at<std::uint64_t>(text, at + summed)) {
      ++lost_;
      continue;
    }
    Sample sample(sample_size);
    if (sample_size > 0) std::memcpy(sample.data(), text.data() + at + sizeof(std::uint64_t), numbers);
    read_.emplace(value_at<std::uint64_t>(text, at), std::move(sample));
  }
  if (at < text.size()) file_->truncate(at);
}

void RecordFile::append(std::uint64_t number, const Sample& sample) {
  std::string bytes;
  put(bytes, &number, 1);
  put(bytes, sample.data(), sample.size());
  const std::uint64_t sum = files::check_sum(bytes);
  put(bytes, &sum, 1);
  try {
    file_->append(bytes);
  } catch (const files::Error& error) {
    throw MachineError("--checkpoint " + path_ + ": writing failed: " + error.what() +
                       "; the replicates before stay whole: make room and go on with --resume " + path_);
  }
}

std::string loss_warning(const RecordFile& file, const std::string& path, const std::string& pieces) {
  if (file.lost() == 0) return "";
  return "--resume " + path + ": " + std::to_string(file.lost()) +
         (file.lost() == 1 ? " record is damaged and left out" : " records are damaged and left out") + "; the " +
         pieces + " that are missing are computed again";
}

}  // namespace sigprop::simulate
