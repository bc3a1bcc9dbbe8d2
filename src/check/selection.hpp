// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "check/quantities.hpp"
#include "sigprop/check/check.hpp"

namespace sigprop::check {

/// A check that cannot be evaluated, and why.
class Refused : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Likewise, for the theory has no value of its quantity.
class NoValue : public Refused {
  using Refused::Refused;
};

/// How messages begin whose fault lies in a check's quantity: "/checks/0/quantity is
/// "attention.entropy"".
[[nodiscard]] std::string named(const Check& asked);

/// The series that a check judges: of several weights those that its places have. Throws Refused
/// where there is none.
[[nodiscard]] std::vector<Series> series_for(const Check& asked, const profile::Profile& profile);

}  // namespace sigprop::check
