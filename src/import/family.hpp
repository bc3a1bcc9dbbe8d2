// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spec/rule.hpp"

/// What is known of the model classes: tables, no code. docs/import.md shows them to users.
namespace sigprop::importer {

using spec::Json;

/// Which values a key may have (kinds.cpp).
enum class Kind {
  count,
  size,
  width,
  words,
  index,
  rate,
  deviation,
  factor,
  epsilon,
  base,
  share,
  flag,
  text,
  extent,
  object,
  anything
};

[[nodiscard]] spec::RulePtr rule_of(Kind kind);

/// A key that a spec is made from.
struct Key {
  std::string name;
  Kind kind;
  std::vector<std::string> roles;  ///< names of its value in Values
  Json fallback;                   ///< the class's own value where the file has none; null: derived from others
  bool nullable = false;
};

/// A key that no spec can express, unless it has a value that changes nothing.
struct Limit {
  std::string name;
  Kind kind;
  Json fallback;
  std::vector<Json> harmless;
  std::string written;  ///< what the spec says instead
};

/// What the class fixes and no key tells.
struct Layout {
  std::string norm = "layer_norm";
  const char* placement = "pre";       ///< of the norm, unless the role `pre` says otherwise
  double epsilon = 1e-5;               ///< of the norms, where no key gives it
  const char* query_key_norm = "";     ///< of every head's queries and keys; none
  bool query_key_norm_of_all = false;  ///< of all heads together
  bool causal = false;
  bool gated = false;
  bool encoder_decoder = false;
  bool parallel = false;                 ///< attention and FFN side by side, unless the role `parallel` says otherwise
  std::vector<std::string> tables;       ///< of the embedding; none: the patches of an image
  bool embedding_norm = false;           ///< after the tables' sum
  bool embedding_by_root_width = false;  ///< the embedding is multiplied by √width
  bool positions_after_padding = false;  ///< the first position is the padding word's number + 1
  bool outputs_by_depth =
      false;                  ///< attention's and FFN's output weights divided by √(2 layers), but for some versions
  bool by_fan_in = false;     ///< T5's standard deviations; scores are not divided by √(head width)
  bool gelu_is_tanh = false;  ///< newer versions of the class take "gelu" for its tanh form
  const char* activation = "";             ///< where there is no key for it
  std::optional<double> rotary_base = {};  ///< where no key gives one; none: no rotary positions
  double rotary_share = 1;                 ///< of a head's features that turn, where no key gives one
  bool score_by_scalar = false;    ///< scores divided by the root of the role `score_scalar` instead of √(head width)
  std::size_t special_tokens = 0;  ///< of an image, besides its patches
  bool special_drawn = false;      ///< they and the positions are random, not 0
  std::vector<std::string> beyond = {};  ///< facts that no spec can express: "..., which ...: written ..."
};

struct Family {
  std::string type;
  Layout layout;
  std::vector<Key> keys;
  std::vector<Limit> limits;
  std::vector<std::string> idle;  ///< keys of this class without bearing on a random network
  std::vector<std::pair<std::string, std::string>> aliases{};  ///< another name of a key, and the key
};

/// The value of every role; of a role that the class does not have, nothing.
using Values = Json;

[[nodiscard]] std::vector<Family> bert_families();
[[nodiscard]] std::vector<Family> llama_families();
[[nodiscard]] std::vector<Family> gpt_families();
[[nodiscard]] std::vector<Family> t5_families();
[[nodiscard]] std::vector<Family> bart_families();
[[nodiscard]] std::vector<Family> image_families();

/// All of them, by name.
[[nodiscard]] const std::vector<Family>& families();

/// Keys of every configuration, without bearing on a random network.
[[nodiscard]] const std::vector<std::string>& idle_keys();

/// Keys of every configuration that no spec can express.
[[nodiscard]] const std::vector<Limit>& common_limits();

/// Two tables as one.
template <class T>
[[nodiscard]] std::vector<T> both(std::vector<T> first, const std::vector<T>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace sigprop::importer
