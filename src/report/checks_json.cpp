// SPDX-License-Identifier: Apache-2.0
#include "report/check_list.hpp"
#include "report/json_value.hpp"
#include "sigprop/report/checks.hpp"

namespace sigprop::report {
namespace {

Json bound_json(const std::optional<double>& x) {
  return x ? Json(*x) : Json(nullptr);
}

Json outcome_json(const Listed& listed) {
  const check::Outcome& outcome = *listed.outcome;
  const check::Check& check = outcome.check;
  return {{"spec", listed.spec->file},
          {"name", listed.spec->name},
          {"pointer", check.pointer},
          {"line", check.line},
          {"preset", check.preset},
          {"check", subject(check.condition)},
          {"quantity", check.condition.quantity},
          {"min", bound_json(check.condition.min)},
          {"max", bound_json(check.condition.max)},
          {"value", quantity_json(outcome.value)},
          {"path", outcome.path},
          {"log10_beyond", finite(outcome.excess)},
          {"places", outcome.places},
          {"failing", outcome.failing},
          {"passed", outcome.passed()}};
}

}  // namespace

void write_checks_json(std::ostream& out, const std::vector<CheckedSpec>& specs, const Provenance& provenance) {
  Json checks = Json::array(), faults = Json::array();
  std::size_t failed = 0;
  for (const Listed& listed : worst_first(specs)) checks.push_back(outcome_json(listed));
  for (const CheckedSpec& spec : specs) {
    failed += failures(spec);
    for (const check::Fault& fault : spec.faults)
      faults.push_back({{"spec", spec.file}, {"line", fault.line}, {"message", fault.message}});
  }
  const Json summary = {{"checks", checks.size()}, {"failed", failed}, {"faults", faults.size()}};
  const Json json = {{"sigprop", SIGPROP_VERSION},
                     {"command", provenance.command},
                     {"settings", settings_json(provenance)},
                     {"checks", checks},
                     {"faults", faults},
                     {"summary", summary}};
  out << json.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace sigprop::report
