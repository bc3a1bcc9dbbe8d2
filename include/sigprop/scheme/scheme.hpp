// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "sigprop/network/stack.hpp"

/// Initialization schemes: what a published recipe sets in a stack of transformer layers.
namespace sigprop::scheme {

/// A number that a scheme leaves to its user.
struct Parameter {
  std::string name;
  std::optional<double> value;  ///< default; absent: the model's, as `about` tells
  double lowest = 0;
  double highest = 0;
  std::string about;
  bool is_switch = false;  ///< 0 or 1
};

/// Parameters that were given, by name.
using Parameters = std::map<std::string, double>;

/// Which stack of which model is to be initialized.
struct Task {
  /// Sizes, norm and dropout. What the user sets beside the scheme stands in it too: deviations (0
  /// where they are left to the scheme), residual scales and gains (1 there).
  network::Stack stack;
  bool skip_is_set = false;    ///< by the user, who wins over the scheme
  bool branch_is_set = false;  ///< likewise
  network::Network
      model;  ///< input and tokens, an embedding's deviation being 0 where it is left to the scheme; no stacks
  bool decoder = false;                     ///< of an encoder–decoder model
  std::optional<std::size_t> other_layers;  ///< layers of the model's other stack, where there are two
  Parameters parameters;                    ///< those that are given
};

/// What a scheme sets. What is absent or empty it leaves as it is.
struct Settings {
  std::optional<double> embedding;
  std::vector<network::LayerStd> std;  ///< one a layer
  std::vector<double> skip;            ///< one a residual branch, as branch and gain
  std::vector<double> branch;
  bool learned_branch = false;  ///< the branch scales are parameters
  std::vector<double> gain;     ///< of the branch's norm
  std::optional<double> score_scale;
  bool inner_norm = false;
  double truncation =
      0;  ///< standard deviations at which the normal is cut, 0 for a whole one; `std` holds what is left after the cut
};

/// The norm that a scheme was made for.
enum class NormUse { any, pre, post, pre_rms, none };

/// How its formula came here.
enum class Evidence { read, recalled, standard, own };

/// Formulas for people, by weight class.
struct Formulas {
  std::string embedding;
  std::string query_key;
  std::string value;
  std::string output;
  std::string ffn_in;
  std::string ffn_out;
  std::string residual;  ///< scales, norms, truncation; empty where nothing is set
};

struct Scheme {
  std::string name;
  Formulas formulas;
  NormUse norm = NormUse::any;
  std::string source;
  Evidence evidence = Evidence::read;
  std::vector<Parameter> parameters;
  std::function<Settings(const Task&)>
      rule;  ///< takes a task that has all parameters with a default; throws NotApplicable
};

/// A model that a scheme has no rule for. what(): why, and what to do instead.
class NotApplicable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// All schemes, in the order they are listed to a user.
[[nodiscard]] const std::vector<Scheme>& schemes();

/// The scheme of that name, or nullptr.
[[nodiscard]] const Scheme* find(const std::string& name);

/// What the scheme sets, parameters that are not given having their defaults. Throws NotApplicable,
/// and std::domain_error where a model has no moments.
[[nodiscard]] Settings apply(const Scheme& scheme, Task task);

/// Does the scheme say how embeddings are drawn? Exactly then it tells a formula for them.
[[nodiscard]] bool sets_embedding(const Scheme& scheme);

/// Standard deviation of a standard normal cut at ±cut, redrawn there: √(1 - 2c φ(c)/(2Φ(c) - 1));
/// 1 for a cut of 0, which stands for none.
[[nodiscard]] double truncated_std(double cut);

/// "Pre-LN", "Post-LN", "Pre-RMSNorm", "no norm", "any".
[[nodiscard]] const char* name_of(NormUse use);

/// "read", "recalled", "standard", "own".
[[nodiscard]] const char* name_of(Evidence evidence);

}  // namespace sigprop::scheme
