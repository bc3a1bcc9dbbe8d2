// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace sigprop::test {

/// The whole message of the std::domain_error that `call` throws, or a sentence that matches none
/// where it does not.
template <class Call>
[[nodiscard]] std::string domain_message(Call&& call) {
  try {
    static_cast<void>(call());
  } catch (const std::domain_error& error) {
    return error.what();
  }
  return "no std::domain_error was thrown";
}

}  // namespace sigprop::test
