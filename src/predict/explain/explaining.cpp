// SPDX-License-Identifier: Apache-2.0
#include "predict/explain/explaining.hpp"

#include <map>
#include <string>

#include "sigprop/scalar/expression.hpp"

namespace sigprop::predict {

using scalar::Expression;

Explaining::Explaining(Algebra& algebra, std::shared_ptr<Notebook> notebook, std::vector<std::string> points,
                       std::vector<std::string> weights)
    : algebra_(algebra), notebook_(std::move(notebook)), points_(std::move(points)), weights_(std::move(weights)) {}

namespace {

Expression number(double value) {
  return Expression(value);
}

formula::Moments<Expression> numbers(const formula::Moments<double>& x) {
  return {number(x.mean), number(x.variance), number(x.covariance), number(x.cross_covariance)};
}

}  // namespace

// ---- ends ------------------------------------------------------------------------------------------------------------

Explaining::Signal Explaining::begin_with(const PlainSignal& x) {
  notebook_->begin(this, "x₀ enters", "");
  return arisen({numbers(x.moments),
                 number(x.normalized_share),
                 number(x.width),
                 {number(x.anisotropy.participation), number(x.anisotropy.linear)},
                 {number(x.sizes.variance), number(x.sizes.words)}});
}

Explaining::Signal Explaining::begin_with_embedding() {
  const auto& embedding = std::get<network::BasicEmbedding<Expression, Expression>>(algebra_.network().source);
  notebook_->begin(&embedding, "x₀ = embedding", "embedding, embedding_token_match");
  explain_numbers(embedding);
  return arisen(algebra_.source());
}

Explaining::Gradient Explaining::begin_back_with(const Signal& last, const PlainGradient& g) {
  notebook_->turn_back();
  notebook_->begin(this, "The gradient at " + shown(last), "");
  const formula::Gradient<Expression> moments{number(g.moments.variance), number(g.moments.covariance),
                                              number(g.moments.cross_covariance)};
  ++readers_[number_of(last)];
  return taken({moments, number(g.centred_share), number(g.radial_share), number(g.response)}, number_of(last));
}

void Explaining::attend_to_memory(const PlainSignal& memory) {
  notebook_->begin(&memory, "The encoder's output", "");
  algebra_.field().attend_to(
      {notes().noted("m", numbers(memory.moments)),
       number(0),
       number(memory.width),
       {Notebook::only_named({"s_m", "s_m"}, number(memory.anisotropy.participation)), number(1)}});
  notebook_->explain_everywhere("s_m", "participation of the encoder's output");
}

void Explaining::note_memory_gradient() {
  const auto& gradient = algebra_.field().memory_gradient();
  if (gradient.variance.sample() == 0) return;
  notebook_->begin(&gradient, "back to the encoder's output, from this layer", "attention_backward");
  static_cast<void>(notes().noted("m", gradient));
}

void Explaining::at_point(std::size_t point, const Signal&) {
  // The walk's first point is its beginning.
  if (point > 0) notebook_->reach(points_.at(point - 1));
}

// ---- numbers of signals ----------------------------------------------------------------------------------------------

Explaining::Signal Explaining::arisen(const Signal& x) {
  const std::size_t number = signals_++;
  const std::string index = std::to_string(number);
  Signal out = x;
  out.moments = notes().noted(index.c_str(), x.moments);
  if (out.moments.variance.sample() == 0) out.moments.variance = Expression(indexed("σ", "\\sigma", index, true), 0);
  numbers_[out.moments.variance.key()] = number;
  const auto share = [&](const char* text, const char* latex, const Expression& value, const char* meaning) {
    const scalar::Symbol symbol = indexed(text, latex, index);
    notebook_->explain_everywhere(symbol.text, meaning);
    return Notebook::only_named(symbol, value);
  };
  out.normalized_share =
      share("a", "a", x.normalized_share, "share of the variance that passed a norm and only residual sums since");
  out.anisotropy.participation =
      share("s", "s", x.anisotropy.participation, "participation of the tokens' spread, 1/width if isotropic");
  out.anisotropy.linear = Expression(x.anisotropy.linear.sample());
  out.sizes.variance = share("τ", "\\tau", x.sizes.variance, "variance of a token's size over its square");
  out.width = Expression(x.width.sample());
  return out;
}

Explaining::Gradient Explaining::taken(const Gradient& g, std::size_t number) {
  const std::size_t still = readers_[number] - ++gradients_[number];
  std::string index = std::to_string(number);
  for (std::size_t i = 0; i < still; ++i) index += "'";
  Gradient out;
  out.moments = notes().noted(index.c_str(), g.moments);
  if (out.moments.variance.sample() == 0) out.moments.variance = Expression(indexed("γ", "\\gamma", index, true), 0);
  numbers_[out.moments.variance.key()] = number;
  const auto share = [&](const char* text, const char* latex, const Expression& value, const char* meaning) {
    const scalar::Symbol symbol = indexed(text, latex, index);
    notebook_->explain_everywhere(symbol.text, meaning);
    return Notebook::only_named(symbol, value);
  };
  out.centred_share =
      share("c", "c", g.centred_share, "share of the gradient's variance orthogonal to the features' common direction");
  out.radial_share =
      share("ρ", "\\rho", g.radial_share, "share of the gradient's variance orthogonal to the normalized signal");
  out.response = Expression(g.response.sample());
  return out;
}

Explaining::Signal Explaining::by_correlation(const Signal& x) const {
  const formula::Moments<Expression>& m = x.moments;
  const std::string index = std::to_string(number_of(x));
  const auto through = [&](const char* text, const char* latex, const Expression& covariance, bool across) {
    return notebook_->note(indexed(text, latex, index), formula::correlation(covariance, m.variance), across) *
           m.variance;
  };
  Signal out = x;
  out.moments.covariance = through("r", "r", m.covariance, false);
  out.moments.cross_covariance = through("r×", "r^\\times", m.cross_covariance, true);
  return out;
}

// ---- steps -----------------------------------------------------------------------------------------------------------

void Explaining::begin_mean(const Experts& op, const Signal& x, const Signal& y) {
  ++readers_[number_of(y)];
  // The router, and the sum of its gradient and the experts'.
  if (op.has_router()) readers_[number_of(x)] += 2;
  branch_ends_.push_back(number_of(y));
  notebook_->begin(&op, next() + " = mean of the experts that a token takes, each " + shown(y), formula_of(op));
  explain_numbers(op);
}

void Explaining::begin_add(const Signal& x, const Signal& a, const Signal& b) {
  ++readers_[number_of(x)];
  notebook_->begin(this, next() + " = " + shown(a) + " + " + shown(b), "");
}

void Explaining::begin_sum(const Residual& op, const Signal& x, const Signal& branch) {
  ++readers_[number_of(x)];
  ++readers_[number_of(branch)];
  branch_ends_.push_back(number_of(branch));
  const bool gain = op.skip == number(0) && op.of.size() == 1 && std::holds_alternative<Norm>(op.of.front().op);
  std::string right;
  const auto add_scaled = [&](const Expression& scale, const char* name, const std::string& what) {
    if (scale.sample() == 0) return;
    right += (right.empty() ? "" : " + ") + (scale.sample() == 1 ? what : name + (" " + what));
  };
  add_scaled(op.skip, "λ", shown(x));
  add_scaled(op.branch, gain ? "gain" : "β", shown(branch));
  notebook_->begin(&op, next() + " = " + (right.empty() ? "0" : right), "residual");
  explain_numbers(op);
}

void Explaining::begin_into(const Experts& op) {
  notebook_->begin(&op, "into the experts, at x" + subscript(std::to_string(branch_ends_.back())), formula_of(op));
  explain_numbers(op);
}

void Explaining::begin_into(const Residual& op) {
  notebook_->begin(&op, "into the branch, at x" + subscript(std::to_string(branch_ends_.back())), "residual");
  explain_numbers(op);
}

void Explaining::begin_add_back(const Gradient& a) {
  notebook_->begin(this, "both, back to x" + subscript(std::to_string(number_of(a))), "");
}

void Explaining::begin_join_back(const Residual& op, const Gradient& branch) {
  notebook_->begin(&op, "skip and branch together, back to x" + subscript(std::to_string(number_of(branch))),
                   "residual");
  explain_numbers(op);
}

namespace {

/// A weight's name in the letters of LaTeX mathematics.
std::string upright(const std::string& name) {
  static const std::map<char, const char*> signs{{'\\', "\\backslash "}, {'{', "\\{"}, {'}', "\\}"},    {'_', "\\_"},
                                                 {'%', "\\%"},           {'$', "\\$"}, {'#', "\\#"},    {'&', "\\&"},
                                                 {'^', "\\wedge "},      {' ', "\\ "}, {'~', "\\sim "}, {'"', "''"}};
  std::string out;
  for (const char c : name) {
    const auto found = signs.find(c);
    const bool is_ascii = c > ' ' && c < '\x7f';
    out += found != signs.end() ? std::string(found->second) : std::string(1, is_ascii ? c : '?');
  }
  return out;
}

}  // namespace

void Explaining::note_norms(const SquaredNorms<Expression>& norms, std::size_t weights) {
  const std::size_t first = weights_.size() - weights;
  for (std::size_t i = 0; i < weights; ++i) {
    if (!norms[i]) continue;
    const std::string& name = weights_[first + i];
    const std::string weight = R"(\|\partial W_{\mathrm{)" + upright(name) + R"(}}\|)";
    const Expression squared = notebook_->note({"E‖∂W_" + name + "‖²", "\\mathrm{E}" + weight + "^2"}, *norms[i]);
    static_cast<void>(notebook_->note({"‖∂W_" + name + "‖", weight}, sqrt(squared)));
  }
  weights_.resize(first);
}

}  // namespace sigprop::predict
