// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "report/check_list.hpp"
#include "report/json_value.hpp"

namespace sigprop::report {
namespace {

/// A path as a URI reference (RFC 3986): what is no letter, digit or mark is percent-encoded.
std::string uri(const std::string& path) {
  constexpr const char* digits = "0123456789ABCDEF";
  std::string out = path.rfind('/', 0) == 0 ? "file://" : "";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       std::string("-._~/").find(c) != std::string::npos;
    out += plain ? std::string(1, c) : std::string{'%', digits[byte / 16], digits[byte % 16]};
  }
  return out;
}

/// What names no line concerns the file from its first.
Json location(const Finding& finding) {
  return {{"physicalLocation",
           {{"artifactLocation", {{"uri", uri(finding.file)}}},
            {"region", {{"startLine", std::max<std::size_t>(finding.line, 1)}}}}}};
}

Json result(const Finding& finding) {
  Json out = {{"ruleId", finding.title}, {"level", "error"}, {"message", {{"text", finding.message}}}};
  out["locations"] = Json::array();
  if (finding.file != "-") out["locations"].push_back(location(finding));
  return out;
}

Json rule(const std::string& id) {
  const std::string about = id == "spec" ? "The spec and its checks can be read and evaluated"
                                         : "Bounds of " + id + " at initialization, from the spec's checks";
  return {{"id", id}, {"shortDescription", {{"text", about}}}};
}

}  // namespace

void write_sarif(std::ostream& out, const std::vector<CheckedSpec>& specs) {
  Json results = Json::array(), rules = Json::array();
  std::set<std::string> seen;
  for (const Finding& finding : findings(specs)) {
    if (seen.insert(finding.title).second) rules.push_back(rule(finding.title));
    results.push_back(result(finding));
  }
  const Json driver = {{"name", "sigprop"}, {"version", SIGPROP_VERSION}, {"rules", rules}};
  const Json run = {{"tool", {{"driver", driver}}}, {"results", results}};
  const Json log = {
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"}, {"runs", Json::array({run})}};
  out << log.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace sigprop::report
