// SPDX-License-Identifier: Apache-2.0
#include "cli/common/resumable_lines.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string_view>

#include "cli/common/command.hpp"
#include "cli/common/pending_file.hpp"
#include "files/check_sum.hpp"

namespace sigprop::cli {
namespace {

/// Before the head: what the file is.
constexpr const char* first_line = "sigprop sweep, unfinished, 2\n";

constexpr const char* elsewhere = "; name a file in a folder that exists and is yours";

/// In hexadecimal digits.
std::string check_sum(std::string_view text) {
  std::array<char, 17> out{};
  std::snprintf(out.data(), out.size(), "%016llx", static_cast<unsigned long long>(files::check_sum(text)));
  return out.data();
}

/// "SUM NUMBER LINE", the sum of all that follows it.
std::string record_of(std::size_t number, const std::string& line) {
  const std::string summed = std::to_string(number) + ' ' + line;
  return check_sum(summed) + ' ' + summed;
}

struct Record {
  std::size_t number;
  std::string line;
};

/// With its end; none of a line that is damaged.
std::optional<Record> read_record(std::string_view text) {
  constexpr std::size_t digits = 16;
  if (text.size() <= digits || text[digits] != ' ') return {};
  const std::string_view summed = text.substr(digits + 1);
  if (check_sum(summed) != text.substr(0, digits)) return {};
  std::size_t number = 0;
  const auto read = std::from_chars(summed.data(), summed.data() + summed.size(), number);
  const auto length = static_cast<std::size_t>(read.ptr - summed.data());
  if (read.ec != std::errc() || length >= summed.size() || summed[length] != ' ') return {};
  return Record{number, std::string(summed.substr(length + 1))};
}

}  // namespace

ResumableLines::ResumableLines(const std::string& file, const std::string& head) : head_(head) {
  if (file.empty() || file == "-") {
    std::cout << head;
    return;
  }
  const std::string option = "--output " + file;
  file_ = real_path(file);
  partial_ = file_ + ".partial";
  note_output(option, file_);
  std::error_code ignored;
  if (std::filesystem::is_directory(file_, ignored))
    throw Failure(wrong_usage, option + ": cannot be written: it is a folder; name a file in it");
  open(option);
}

void ResumableLines::open(const std::string& option) {
  try {
    kept_.emplace(partial_, files::LockedFile::Way::open_or_make);
    read();
  } catch (const files::Busy& busy) {
    throw Failure(wrong_usage,
                  partial_ + ": is in use: " + busy.what() + "; wait until it has ended, or choose another --output");
  } catch (const files::Error& error) {
    throw Failure(wrong_usage, option + ": cannot be written: " + error.what() + elsewhere);
  }
}

void ResumableLines::read() {
  const std::string text = kept_->read_all(), head = first_line + head_;
  if (text.size() < head.size() && head.rfind(text, 0) == 0) {  // new, or killed while it was made
    kept_->truncate(0);
    kept_->append(head);
    return;
  }
  if (text.rfind(head, 0) != 0) {
    throw Failure(wrong_usage,
                  partial_ +
                      ": holds another sweep, of another spec, other options or another version of sigprop: finish "
                      "that with its own command, remove the file, or choose another --output");
  }
  std::size_t at = head.size();
  for (std::size_t end = text.find('\n', at); end != std::string::npos; end = text.find('\n', at)) {
    if (auto record = read_record(std::string_view(text).substr(at, end + 1 - at))) {
      lines_.emplace(record->number, std::move(record->line));
    } else {
      ++lost_;
    }
    at = end + 1;
  }
  if (at < text.size()) kept_->truncate(at);
  found_ = lines_.size();
}

void ResumableLines::keep(std::size_t number, const std::string& line) {
  try {
    kept_->append(record_of(number, line));
  } catch (const files::Error& error) {
    throw Failure(machine,
                  partial_ + ": writing failed: " + error.what() + "; the same command goes on from what is there");
  }
}

void ResumableLines::write(std::size_t number, const std::string& line) {
  if (kept_) keep(number, line);
  lines_.emplace(number, line);
  if (kept_) return;
  for (auto waiting = lines_.find(next_); waiting != lines_.end(); waiting = lines_.find(++next_)) {
    std::cout << waiting->second;
    waiting->second.clear();
  }
  flush_output();
}

void ResumableLines::finish() {
  if (!kept_) return;
  try {
    files::TemporaryFile whole(file_);
    whole.stream() << head_;
    for (const auto& [number, line] : lines_) whole.stream() << line;
    whole.finish();
  } catch (const files::Error& error) {
    throw Failure(machine, file_ + ": writing failed: " + error.what() + "; the result is in " + partial_ +
                               ": make room and give the same command again");
  }
  std::remove(partial_.c_str());
}

}  // namespace sigprop::cli
