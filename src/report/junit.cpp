// SPDX-License-Identifier: Apache-2.0
#include "report/check_list.hpp"
#include "report/json_value.hpp"
#include "report/markup.hpp"

namespace sigprop::report {
namespace {

/// Valid UTF-8, bytes that are none replaced.
std::string valid(const std::string& text) {
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

/// The value of an XML attribute. Characters that XML 1.0 cannot hold become U+FFFD.
std::string attribute(const std::string& text) {
  std::string out = "\"";
  for (const char c : valid(text)) {
    if (const char* instead = entity(c)) {
      out += instead;
    } else if (c == '\t' || c == '\n' || c == '\r') {
      out += "&#" + std::to_string(static_cast<int>(c)) + ";";
    } else if (static_cast<unsigned char>(c) < ' ') {
      out += "\uFFFD";
    } else {
      out += c;
    }
  }
  for (const char* forbidden : {"\uFFFE", "\uFFFF"}) {
    for (std::size_t at = out.find(forbidden); at != std::string::npos; at = out.find(forbidden))
      out.replace(at, std::string(forbidden).size(), "\uFFFD");
  }
  return out + "\"";
}

/// "tests="3" failures="1" errors="0"".
struct Counts {
  std::size_t tests = 0, failures = 0, errors = 0;

  void add(const CheckedSpec& spec) {
    tests += spec.outcomes.size() + spec.faults.size();
    failures += report::failures(spec);
    errors += spec.faults.size();
  }
};

std::ostream& operator<<(std::ostream& out, const Counts& counts) {
  return out << "tests=\"" << counts.tests << "\" failures=\"" << counts.failures << "\" errors=\"" << counts.errors
             << '"';
}

void begin_case(std::ostream& out, const CheckedSpec& spec, const std::string& name, std::size_t line) {
  out << "    <testcase classname=" << attribute(spec.file) << " name=" << attribute(name)
      << " file=" << attribute(spec.file);
  if (line > 0) out << " line=\"" << line << '"';
}

void write_outcome(std::ostream& out, const CheckedSpec& spec, const check::Outcome& outcome) {
  const check::Check& check = outcome.check;
  const std::string origin = check.pointer.empty() ? "--preset " + check.preset : check.pointer;
  begin_case(out, spec, origin + " " + subject(check.condition), check.line);
  if (outcome.passed()) {
    out << "/>\n";
  } else {
    out << "><failure type=\"check\" message=" << attribute(sentence(outcome)) << "/></testcase>\n";
  }
}

void write_suite(std::ostream& out, const CheckedSpec& spec) {
  Counts counts;
  counts.add(spec);
  out << "  <testsuite name=" << attribute(spec.name.empty() ? spec.file : spec.name) << ' ' << counts << ">\n";
  for (std::size_t i = 0; i < spec.faults.size(); ++i) {
    begin_case(out, spec, "spec, fault " + std::to_string(i + 1), spec.faults[i].line);
    out << "><error type=\"spec\" message=" << attribute(spec.faults[i].message) << "/></testcase>\n";
  }
  for (const check::Outcome& outcome : spec.outcomes) write_outcome(out, spec, outcome);
  out << "  </testsuite>\n";
}

}  // namespace

void write_junit(std::ostream& out, const std::vector<CheckedSpec>& specs) {
  Counts counts;
  for (const CheckedSpec& spec : specs) counts.add(spec);
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"sigprop check\" " << counts << ">\n";
  for (const CheckedSpec& spec : specs) write_suite(out, spec);
  out << "</testsuites>\n";
}

}  // namespace sigprop::report
