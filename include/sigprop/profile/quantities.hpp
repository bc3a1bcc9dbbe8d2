// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "sigprop/profile/profile.hpp"

/// The table of quantities: one row for each number that a profile can hold. Whatever prints,
/// compares or checks a profile reads this table, so a new quantity is one new row.
///
/// In the texts, x is the signal and g the gradient of the loss with respect to it; a batch has B
/// sequences of L tokens with D features.
namespace sigprop::profile {

/// What a profile must have so that it holds a quantity. JSON and CSV write quantities in this
/// order.
enum class Presence { always, attention, cross_attention, batch, mask, token_list, gram_list };

/// The number that an error of a quantity is relative to. `none`: the quantity is another one in
/// other units, and is not compared again.
enum class Scale { itself, one, root_second_moment, second_moment, gradient_variance, log_length, none };

/// Which bound on the error of the theory `full` holds for a quantity (docs/verify.md).
enum class ErrorKind { forward, rank, gradient, scores, entropy, value_weight, score_weight };

/// How a value is reached from the point, layer or weight that holds it.
template <class Entry, class Value>
struct Access {
  const Value* (*find)(const Entry&);  ///< null where the value is absent
  Value& (*make)(Entry&);              ///< creates the value where it is absent
};

/// One row of the table. Value is a quantity or, of token lists, a list of quantities.
template <class Entry, class Value = Quantity>
struct Row {
  std::string_view name;
  std::string_view unit;
  std::string_view help;
  Presence presence;
  Scale scale;
  ErrorKind error;
  Access<Entry, Value> access;

  [[nodiscard]] const Value* find(const Entry& entry) const { return access.find(entry); }
  [[nodiscard]] Value& make(Entry& entry) const { return access.make(entry); }
};

using PointRow = Row<Point>;
using ListRow = Row<Point, std::vector<Quantity>>;
using LayerRow = Row<Layer>;
using WeightRow = Row<Weight>;

namespace chain {

template <class T>
[[nodiscard]] constexpr const T* held(const T& x) {
  return &x;
}
template <class T>
[[nodiscard]] constexpr const T* held(const std::optional<T>& x) {
  return x ? &*x : nullptr;
}
template <class T>
[[nodiscard]] constexpr const T* held(const Rare<T>& x) {
  return x ? &*x : nullptr;
}
template <class T>
[[nodiscard]] constexpr T& made(T& x) {
  return x;
}
template <class T>
[[nodiscard]] constexpr T& made(std::optional<T>& x) {
  return x ? *x : x.emplace();
}
template <class T>
[[nodiscard]] constexpr T& made(Rare<T>& x) {
  return x ? *x : x.emplace();
}

template <auto Member, auto... Rest, class Entry>
[[nodiscard]] constexpr auto find(const Entry& entry) {
  const auto* member = held(entry.*Member);
  if constexpr (sizeof...(Rest) == 0) {
    return member;
  } else {
    return member != nullptr ? find<Rest...>(*member) : nullptr;
  }
}

template <auto Member, auto... Rest, class Entry>
[[nodiscard]] constexpr auto& make(Entry& entry) {
  auto& member = made(entry.*Member);
  if constexpr (sizeof...(Rest) == 0) {
    return member;
  } else {
    return make<Rest...>(member);
  }
}

/// The access through a chain of members, of which any may be optional.
template <class Entry, class Value, auto... Members>
inline constexpr Access<Entry, Value> access{[](const Entry& entry) -> const Value* { return find<Members...>(entry); },
                                             [](Entry& entry) -> Value& { return make<Members...>(entry); }};

template <auto... Members>
inline constexpr auto signal = access<Point, Quantity, &Point::forward, Members...>;
template <auto... Members>
inline constexpr auto gradient = access<Point, Quantity, &Point::backward, Members...>;
template <auto Kind, auto Member>
inline constexpr auto attention = access<Layer, Quantity, Kind, Member>;

}  // namespace chain

/// The quantities of a point on the residual stream.
inline constexpr PointRow point_quantities[] = {
    {"forward.mean", "x", "E[x]", Presence::always, Scale::root_second_moment, ErrorKind::forward,
     chain::signal<&Forward::mean>},
    {"forward.variance", "x²", "Var[x]", Presence::always, Scale::itself, ErrorKind::forward,
     chain::signal<&Forward::variance>},
    {"forward.second_moment", "x²", "E[x²]", Presence::always, Scale::itself, ErrorKind::forward,
     chain::signal<&Forward::second_moment>},
    {"forward.token_dot", "x²", "E[x_i x_j] for two tokens of a sequence, per feature", Presence::always,
     Scale::second_moment, ErrorKind::forward, chain::signal<&Forward::token_dot>},
    {"forward.cross_dot", "x²", "E[x_i x_j] for tokens of two sequences, per feature", Presence::batch,
     Scale::second_moment, ErrorKind::forward, chain::signal<&Forward::cross_dot>},
    {"forward.token_correlation", "1", "Cov[x_i, x_j]/Var[x] for two tokens of a sequence", Presence::always,
     Scale::one, ErrorKind::forward, chain::signal<&Forward::token_correlation>},
    {"forward.rank_residual", "1", "relative distance of the tokens from their mean token; 0 when all are equal",
     Presence::always, Scale::one, ErrorKind::forward, chain::signal<&Forward::rank_residual>},
    {"forward.effective_rank", "1",
     "number of directions that the tokens span, at most about min(L, D); measured only where that is at most 256",
     Presence::always, Scale::itself, ErrorKind::rank, chain::signal<&Forward::effective_rank>},
    {"backward.variance", "g²", "E[g²]", Presence::always, Scale::itself, ErrorKind::gradient,
     chain::gradient<&Backward::variance>},
    {"backward.token_dot", "g²", "E[g_i g_j] for two tokens of a sequence, per feature", Presence::always,
     Scale::gradient_variance, ErrorKind::gradient, chain::gradient<&Backward::token_dot>},
    {"backward.cross_dot", "g²", "E[g_i g_j] for tokens of two sequences, per feature", Presence::batch,
     Scale::gradient_variance, ErrorKind::gradient, chain::gradient<&Backward::cross_dot>},
    {"backward.token_correlation", "1", "`token_dot`/`variance` of the gradient", Presence::always, Scale::one,
     ErrorKind::gradient, chain::gradient<&Backward::token_correlation>},
    {"backward.norm", "g", "√E‖g‖² over batch, tokens and features, √(B L D · variance)", Presence::always,
     Scale::itself, ErrorKind::gradient, chain::gradient<&Backward::norm>},
    {"forward.first_second_moment", "x²", "E[x²] of the first token", Presence::mask, Scale::itself, ErrorKind::forward,
     chain::signal<&Forward::ends, &Ends::first>},
    {"forward.last_second_moment", "x²", "E[x²] of the last token", Presence::mask, Scale::itself, ErrorKind::forward,
     chain::signal<&Forward::ends, &Ends::last>},
    {"backward.first_variance", "g²", "E[g²] at the first token", Presence::mask, Scale::itself, ErrorKind::gradient,
     chain::gradient<&Backward::ends, &Ends::first>},
    {"backward.last_variance", "g²", "E[g²] at the last token", Presence::mask, Scale::itself, ErrorKind::gradient,
     chain::gradient<&Backward::ends, &Ends::last>},
};

/// The lists of a point, one number for each token or for each pair of tokens; empty where absent.
inline constexpr ListRow token_lists[] = {
    {"forward.tokens.second_moment", "x²", "E[x²] of every token, a list", Presence::token_list, Scale::itself,
     ErrorKind::forward, chain::access<Point, std::vector<Quantity>, &Point::forward, &Forward::tokens>},
    {"backward.tokens.variance", "g²", "E[g²] at every token, a list", Presence::token_list, Scale::itself,
     ErrorKind::gradient, chain::access<Point, std::vector<Quantity>, &Point::backward, &Backward::tokens>},
    {"forward.gram", "x²", "E[x_i x_j] per feature of the tokens in `gram_tokens`, a list of rows", Presence::gram_list,
     Scale::second_moment, ErrorKind::forward,
     chain::access<Point, std::vector<Quantity>, &Point::forward, &Forward::gram>},
};

/// The quantities of a layer. A name begins with the kind of attention, the key of its object in
/// JSON.
inline constexpr LayerRow layer_quantities[] = {
    {"attention.score_variance", "1", "variance of a row's scores around their mean, before the softmax",
     Presence::attention, Scale::itself, ErrorKind::scores,
     chain::attention<&Layer::attention, &AttentionMetrics::score_variance>},
    {"attention.entropy", "nats", "mean entropy of a row, before dropout; absent for the theory paper",
     Presence::attention, Scale::log_length, ErrorKind::entropy,
     chain::attention<&Layer::attention, &AttentionMetrics::entropy>},
    {"attention.entropy_fraction", "1", "the same over ln L", Presence::attention, Scale::none, ErrorKind::entropy,
     chain::attention<&Layer::attention, &AttentionMetrics::entropy_fraction>},
    {"cross_attention.score_variance", "1", "variance of a row's scores around their mean, before the softmax",
     Presence::cross_attention, Scale::itself, ErrorKind::scores,
     chain::attention<&Layer::cross_attention, &AttentionMetrics::score_variance>},
    {"cross_attention.entropy", "nats", "mean entropy of a row, before dropout; absent for the theory paper",
     Presence::cross_attention, Scale::log_length, ErrorKind::entropy,
     chain::attention<&Layer::cross_attention, &AttentionMetrics::entropy>},
    {"cross_attention.entropy_fraction", "1", "the same over ln L", Presence::cross_attention, Scale::none,
     ErrorKind::entropy, chain::attention<&Layer::cross_attention, &AttentionMetrics::entropy_fraction>},
};

/// The quantities of a weight, which `name_of` puts behind "weights." and the weight's name. The
/// error of a query's or a key's weight is larger: ErrorKind::score_weight.
inline constexpr WeightRow weight_quantities[] = {
    {"gradient_norm", "g", "√E‖∂loss/∂W‖² over the batch; absent for query and key in the theory paper",
     Presence::always, Scale::itself, ErrorKind::value_weight, chain::access<Weight, Quantity, &Weight::gradient_norm>},
};

/// "weights.query.gradient_norm".
[[nodiscard]] std::string name_of(const WeightRow& row, std::string_view weight);

/// The name of a quantity's spread: "forward.spread.variance", "weights.query.spread".
[[nodiscard]] std::string spread_name(std::string_view name);

/// Was the spread between networks predicted too?
[[nodiscard]] bool has_spread(const Profile& profile);

/// The row of a point's quantity; an unknown name does not compile.
[[nodiscard]] consteval const PointRow& point_quantity(std::string_view name) {
  for (const PointRow& row : point_quantities) {
    if (row.name == name) return row;
  }
  throw "the table has no such quantity of a point";
}

/// The row of a layer's quantity; an unknown name does not compile.
[[nodiscard]] consteval const LayerRow& layer_quantity(std::string_view name) {
  for (const LayerRow& row : layer_quantities) {
    if (row.name == name) return row;
  }
  throw "the table has no such quantity of a layer";
}

/// The rows of point_quantities by presence, and in their order where it is the same.
[[nodiscard]] const std::vector<const PointRow*>& point_quantities_by_presence();

/// True if the layer has the kind of attention that a quantity belongs to, whether or not a theory
/// has a value for it.
[[nodiscard]] bool has_attention_of(const Layer& layer, const LayerRow& row);

/// True if every quantity of the layer and of its weights is finite in a double.
[[nodiscard]] bool is_finite(const Layer& layer);

/// The tokens, from 1, that each number of a list belongs to: one token, or the two of a product.
[[nodiscard]] std::vector<std::vector<std::size_t>> tokens_of(const ListRow& row, const Profile& profile);

}  // namespace sigprop::profile
