// SPDX-License-Identifier: Apache-2.0
#include "spec/lower_components.hpp"

#include "spec/fields.hpp"
#include "spec/lower_stack.hpp"
#include "spec/names.hpp"
#include "spec/validate.hpp"

namespace sigprop::spec {
namespace {

using network::Component;

constexpr double most_turns = 1e7;  // components after unrolling: some minutes and gigabytes of prediction

/// Width that a list's first component with a width takes, 0 if none tells.
std::size_t first_width(const Json& list) {
  for (const Json& json : list) {
    if (json.contains("linear")) return count(json.at("linear"), "in", 0);
    if (json.contains("gated_linear")) return count(json.at("gated_linear"), "in", 0);
    if (json.contains("attention") && json.at("attention").contains("width"))
      return count(json.at("attention"), "width", 0);
    for (const char* nested : {"residual", "repeat", "experts"}) {
      if (!json.contains(nested)) continue;
      if (const std::size_t width = first_width(json.at(nested).at("of"))) return width;
    }
    if (!json.contains("parallel")) continue;
    for (const Json& of : json.at("parallel").at("of")) {
      if (const std::size_t width = first_width(of)) return width;
    }
  }
  return 0;
}

/// Reads lists of components, carrying the width that arrives at each.
class Reader {
 public:
  Reader(double sequence_length, std::size_t width, std::vector<std::string>& errors)
      : sequence_length_(sequence_length), width_(width), errors_(errors) {}

  [[nodiscard]] std::vector<Component> list(const Json& json, const std::string& pointer, bool outer, double turns) {
    std::vector<Component> out;
    for (std::size_t i = 0; i < json.size(); ++i) {
      const std::string at = pointer + "/" + std::to_string(i);
      out.push_back(component(json[i], at, outer, turns));
      unrolled_ += turns;
    }
    return out;
  }

  [[nodiscard]] double unrolled() const { return unrolled_; }

 private:
  [[nodiscard]] Component component(const Json& json, const std::string& pointer, bool outer, double turns) {
    Component out;
    if (json.contains("linear"))
      out.op = linear(json.at("linear"), pointer + "/linear");
    else if (json.contains("gated_linear"))
      out.op = gated(json.at("gated_linear"), pointer + "/gated_linear");
    else if (json.contains("activation"))
      out.op = network::Activation{value_of(activation_names, text(json, "activation", ""))};
    else if (json.contains("dropout"))
      out.op = network::Dropout{number(json, "dropout", 0)};
    else if (json.contains("norm"))
      out.op = norm(json.at("norm"), pointer + "/norm");
    else if (json.contains("attention"))
      out.op = attention(json.at("attention"), pointer + "/attention");
    else if (json.contains("residual"))
      out.op = residual(json.at("residual"), pointer + "/residual", turns);
    else if (json.contains("repeat"))
      out.op = repeat(json.at("repeat"), pointer + "/repeat", outer, turns);
    else if (json.contains("parallel"))
      out.op = parallel(json.at("parallel").at("of"), pointer + "/parallel/of", turns);
    else
      out.op = experts(json.at("experts"), pointer + "/experts", turns);
    out.point = point_of(json, out, pointer, outer);
    return out;
  }

  /// On the outer level every component but a repeat is a point, named after its kind unless the
  /// spec says otherwise.
  [[nodiscard]] std::string point_of(const Json& json, const Component& component, const std::string& pointer,
                                     bool outer) {
    const bool repeat = std::holds_alternative<network::Repeat>(component.op);
    if (json.contains("point")) {
      if (json.at("point").is_boolean()) return "";
      if (!outer || repeat) {
        errors_.push_back(
            pointer + "/point is " + shown(json.at("point")) +
            ", but must be absent: points lie on the outer level and within its repeats, after single components");
      }
      return json.at("point").get<std::string>();
    }
    return outer && !repeat ? network::kind_name(component) : "";
  }

  void expect_width(std::size_t in, const std::string& pointer) {
    if (width_ != 0 && width_ != in) {
      errors_.push_back(pointer + " is " + std::to_string(in) + ", but must be " + std::to_string(width_) +
                        ", the width that arrives there");
    }
  }

  [[nodiscard]] network::Linear linear(const Json& json, const std::string& pointer) {
    network::Linear out{count(json, "in", 1), count(json, "out", 1), number(json, "weight_std", 0),
                        number(json, "bias_std", 0), text(json, "name", "linear")};
    expect_width(out.in, pointer + "/in");
    width_ = out.out;
    return out;
  }

  [[nodiscard]] network::GatedLinear gated(const Json& json, const std::string& pointer) {
    network::GatedLinear out{count(json, "in", 1),        count(json, "out", 1),
                             number(json, "gate_std", 0), number(json, "weight_std", 0),
                             number(json, "bias_std", 0), value_of(activation_names, text(json, "activation", ""))};
    expect_width(out.in, pointer + "/in");
    width_ = out.out;
    return out;
  }

  /// The width that arrives; an error where nothing before has told it.
  [[nodiscard]] std::size_t known_width(const std::string& pointer) {
    if (width_ == 0) {
      errors_.push_back("/width is missing, but must be an integer from 1 to 10000000: nothing before " + pointer +
                        " tells the input's width (for example 768)");
      width_ = 2;  // the least a norm takes: one error is enough
    }
    return width_;
  }

  [[nodiscard]] network::Norm norm(const Json& json, const std::string& pointer) {
    const std::string kind = json.is_object() ? text(json, "kind", "") : json.get<std::string>();
    network::Norm out{value_of(norm_names, kind), known_width(pointer),
                      json.is_object() ? number(json, "epsilon", 0) : 0};
    if (out.width < 2) errors_.push_back(pointer + " normalizes a width of 1, but must have at least 2 features");
    return out;
  }

  [[nodiscard]] network::Attention attention(const Json& json, const std::string& pointer) {
    if (json.contains("width")) {
      expect_width(count(json, "width", 1), pointer + "/width");
      width_ = count(json, "width", 1);
    }
    network::Attention out = lower_attention(json, known_width(pointer), sequence_length_, pointer, errors_);
    out.query_std = number(json, "query_std", 0);
    out.key_std = number(json, "key_std", 0);
    out.value_std = number(json, "value_std", 0);
    out.output_std = number(json, "output_std", 0);
    out.bias_std = number(json, "bias_std", 0);
    if (json.contains("inner_norm")) out.inner_norm = value_of(norm_names, text(json, "inner_norm", ""));
    return out;
  }

  [[nodiscard]] network::Residual residual(const Json& json, const std::string& pointer, double turns) {
    const std::size_t before = width_;
    network::Residual out{number(json, "skip", 1), number(json, "branch", 1),
                          list(json.at("of"), pointer + "/of", false, turns), flag(json, "learned_branch", false)};
    return_to(before, pointer + "/of", "the residual sum needs");
    return out;
  }

  [[nodiscard]] network::Repeat repeat(const Json& json, const std::string& pointer, bool outer, double turns) {
    const std::size_t before = width_;
    network::Repeat out;
    out.times = count(json, "times", 1);
    out.tied = flag(json, "tied", false);
    out.of = list(json.at("of"), pointer + "/of", outer, turns * static_cast<double>(out.times));
    if (out.times > 1) return_to(before, pointer + "/of", "its next turn takes");
    return out;
  }

  [[nodiscard]] network::Parallel parallel(const Json& json, const std::string& pointer, double turns) {
    std::size_t before = width_, after = 0;
    network::Parallel out;
    for (std::size_t i = 0; i < json.size(); ++i) {
      const std::string at = pointer + "/" + std::to_string(i);
      if (before == 0) before = first_width(json[i]);
      width_ = before;
      out.of.push_back(list(json[i], at, false, turns));
      if (i == 0) after = width_;
      return_to(after, at, "the first of the parallel lists ends with");
    }
    return out;
  }

  [[nodiscard]] network::Experts experts(const Json& json, const std::string& pointer, double turns) {
    const std::size_t width = width_ != 0 ? width_ : first_width(json.at("of"));
    network::Experts out{count(json, "count", 1),
                         count(json, "top_k", 1),
                         list(json.at("of"), pointer + "/of", false, turns),
                         number(json, "router_std", 0),
                         width,
                         value_of(router_names, text(json, "router", "softmax"))};
    check_top_k(out.chosen, out.count, pointer, errors_);
    const bool sums_to_1 = out.router == network::Router::softmax || out.router == network::Router::sigmoid;
    if (!sums_to_1 && !std::holds_alternative<network::Linear>(out.of.back().op))
      errors_.push_back(pointer + "/router is " + shown(json.at("router")) +
                        ", whose weights do not sum to 1, but the list does not end with a linear component: a mean "
                        "would change; let it end so, or take another router");
    if (out.has_router() && width == 0)
      errors_.push_back(pointer + "/router_std is " + shown(json.at("router_std")) +
                        ", but must be 0 where no width is known: give the spec's \"width\"");
    network::for_each_component(out.of, [&](const Component& inner) {
      if (std::holds_alternative<network::Attention>(inner.op))
        errors_.push_back(pointer + "/of holds attention, but experts take tokens one by one: put attention outside");
    });
    return out;
  }

  /// A branch, or a turn of a repeat, must give back the width it took. A width not known before is
  /// the first that appears in it.
  void return_to(std::size_t before, const std::string& pointer, const char* why) {
    if (before != 0 && width_ != before) {
      errors_.push_back(pointer + " ends with width " + std::to_string(width_) + ", but must end with " +
                        std::to_string(before) + ", which " + why);
      width_ = before;
    }
  }

  double sequence_length_;
  std::size_t width_;
  std::vector<std::string>& errors_;
  double unrolled_ = 0;
};

}  // namespace

void lower_components(const Json& spec, network::Network& out, std::vector<std::string>& errors) {
  const Json& list = spec.at("components");
  out.width = count(spec, "width", first_width(list));
  Reader reader(out.length(), out.width, errors);
  out.body = reader.list(list, "/components", true, 1);
  if (out.width == 0) out.width = 1;  // nothing has weights or features to count: elementwise components only
  if (reader.unrolled() > most_turns) {
    errors.push_back("/components has " + shown(static_cast<long long>(reader.unrolled())) +
                     " components after unrolling its repeats, but must have at most " +
                     shown(static_cast<long long>(most_turns)) + ": lower a \"times\"");
  }
}

}  // namespace sigprop::spec
