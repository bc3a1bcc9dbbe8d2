// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "spec/rule.hpp"

/// What is known of the model classes: the rows of model_types.json. docs/import.md shows them to
/// users.
namespace sigprop::importer {

using spec::Json;

/// Which values a key may have (kinds.cpp).
enum class Kind {
  count,
  size,
  width,
  words,
  index,
  amount,
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

/// The kind that a row calls by this name; throws std::logic_error where it names none.
[[nodiscard]] Kind kind_named(const std::string& name);

/// What the value of a key is to the import: "width", "heads", ...
struct Role {
  Kind kind;
  bool nullable = false;  ///< null is as good as absent
};

/// Throws std::logic_error for a role that the import does not read.
[[nodiscard]] const Role& role_named(const std::string& name);

/// A key that a spec is made from.
struct Key {
  std::string name;
  std::vector<std::string> roles;  ///< names of its value in Values
  Json fallback;                   ///< the class's own value where the file has none; null: derived from others

  [[nodiscard]] const Role& role() const { return role_named(roles.front()); }
  [[nodiscard]] bool nullable() const { return role().nullable || fallback.is_null(); }
};

/// A key that no spec can express, unless it has a value that changes nothing.
struct Limit {
  std::string name;
  Kind kind;
  Json fallback;
  std::vector<Json> harmless;
  std::string written;  ///< what the spec says instead
};

enum class Source {
  words,    ///< tables of an embedding
  image,    ///< patches and class tokens
  features  ///< the outputs of something that a spec does not have, given by moments
};

/// How standard deviations follow from a configuration.
enum class Deviations {
  equal,  ///< one for all
  t5,     ///< by fan-in; scores are not divided by √(head width)
  clip,   ///< by width and depth
  xavier  ///< by fan-in and fan-out
};

/// What the class fixes and no key tells.
struct Layout {  // NOLINT(clang-analyzer-optin.performance.Padding): in the order of what they tell
  Source source = Source::words;
  std::vector<std::string> tables;       ///< of the embedding
  bool embedding_norm = false;           ///< after the sum
  bool words_by_root_width = false;      ///< the words' table is multiplied by √width
  bool embedding_dropout_first = false;  ///< before the norm
  bool always_projected = false;         ///< weights behind the embedding, even where the tables have the model's width
  bool positions_after_padding = false;  ///< the first position is the padding word's number + 1
  bool positions_are_sines = false;      ///< instead of a random table
  bool position_table = true;            ///< of an image
  std::size_t special_tokens = 0;        ///< of an image, besides its patches
  bool special_drawn = false;            ///< they and the positions are random, not 0
  std::string norm = "layer_norm";
  std::string placement = "pre";       ///< of the norm, unless the role `pre` says otherwise
  double epsilon = 1e-5;               ///< of the norms, where no key gives it
  double norm_gain = 1;                ///< of every norm
  bool final_norm = true;              ///< unless the norm's place has none
  std::string query_key_norm;          ///< of queries and keys, unless the role `query_key_normed` is false; none
  bool query_key_norm_of_all = false;  ///< of all heads together
  bool causal = false;
  bool gated = false;  ///< unless the roles `gated` or `ffn_kind` say otherwise
  bool encoder_decoder = false;
  bool parallel = false;   ///< attention and FFN side by side, unless the role `parallel` says otherwise
  bool tied = false;       ///< all layers have the same weights
  std::string activation;  ///< where there is no key for it
  std::map<std::string, std::string> activation_names;  ///< that the class reads as others
  bool gelu_is_tanh = false;                            ///< newer versions of the class take "gelu" for its tanh form
  std::optional<double> rotary_base;                    ///< where no key gives one; none: no rotary positions
  double rotary_share = 1;                              ///< of a head's features that turn, where no key gives one
  bool score_by_scalar = false;  ///< scores divided by the root of the role `score_scalar`, not of the head's width
  std::optional<double> score_scale;  ///< the factor on scores itself
  std::string router = "softmax";     ///< what makes weights of experts of its logits
  bool shared_gate = false;           ///< the shared experts' output is multiplied by a sigmoid of its own
  Deviations deviations = Deviations::equal;
  bool outputs_by_depth = false;    ///< attention's and FFN's output weights divided by √(2 layers)
  bool attention_by_depth = false;  ///< attention's output weights alone
  bool weights_lost_range = false;  ///< version 5 draws all but the tables with 0.02, whatever the key says
  bool outputs_lost_depth = false;  ///< but for some versions
  std::vector<std::string> beyond;  ///< facts that no spec can express: "..., which ...: written ..."
};

struct Family {
  std::string type;
  Layout layout;
  std::vector<Key> keys;
  std::vector<Limit> limits;
  std::vector<std::string> idle;               ///< keys of this class without bearing on a random network
  std::map<std::string, std::string> aliases;  ///< another name of a key, and the key
  std::string refused;                         ///< why there can be no spec of it; empty: there can
  std::map<std::string, std::string> parts;    ///< of a configuration of configurations: "text", and its type
};

/// The value of every role; of a role that the class does not have, nothing.
using Values = Json;

/// All of them, in the order of the table.
[[nodiscard]] const std::vector<Family>& families();

/// The one of this type; null where there is none.
[[nodiscard]] const Family* family_named(const std::string& type);

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
