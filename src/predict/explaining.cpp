// SPDX-License-Identifier: Apache-2.0
#include "predict/explaining.hpp"

#include "sigprop/scalar/expression.hpp"

namespace sigprop::predict {

using scalar::Expression;

Explaining::Explaining(const network::Network& layer, Theory theory, std::shared_ptr<Known<Expression>::Tables> tables,
                       const std::shared_ptr<Notebook>& notebook, std::vector<std::string> points,
                       std::vector<std::string> weights)
    : Base(layer, theory, std::move(tables), {notebook}),
      notebook_(notebook),
      paper_(theory == Theory::paper),
      points_(std::move(points)),
      weights_(std::move(weights)) {
  notebook_->name(&layer.sequence_length, Expression({"L", "L"}, layer.sequence_length));
  if (layer.batch > 1) notebook_->name(&layer.batch, Expression({"B", "B"}, layer.batch));
  notebook_->explain_everywhere("L", "tokens of a sequence");
  notebook_->explain_everywhere("B", "sequences of a batch");
}

// ---- ends ------------------------------------------------------------------------------------------------------------

void Explaining::begin_with(const Entering& x) {
  const auto shown = [](double value) { return Expression(value); };
  notebook_->begin(this, "x₀ enters", "");
  entering_ = arisen({{shown(x.moments.mean), shown(x.moments.variance), shown(x.moments.covariance),
                       shown(x.moments.cross_covariance)},
                      shown(x.settled),
                      shown(x.width),
                      {shown(x.cloud.participation), shown(x.cloud.linear)}});
}

void Explaining::begin_with(const network::Embedding& embedding) {
  notebook_->begin(&embedding, "x₀ = embedding", "embedding, embedding_token_match");
  deviation(embedding.std, "w", "w", "variance of a table's elements");
  entering_ = arisen(Base::source());
}

Explaining::Gradient Explaining::turned_back(const Signal& last, const Leaving& g) {
  notebook_->turn_back();
  notebook_->begin(this, "The gradient at " + shown(last), "");
  const auto shown = [](double value) { return Expression(value); };
  const formula::Gradient<Expression> moments{shown(g.moments.variance), shown(g.moments.covariance),
                                              shown(g.moments.cross_covariance)};
  ++readers_[number_of(last)];
  return taken({moments, shown(g.centred), shown(g.radial)}, number_of(last));
}

void Explaining::attend_to_memory(const Entering& memory) {
  notebook_->begin(&memory, "The encoder's output", "");
  const auto shown = [](double value) { return Expression(value); };
  const formula::Moments<double>& x = memory.moments;
  Base::attend_to({notes().noted("m", formula::Moments<Expression>{shown(x.mean), shown(x.variance),
                                                                   shown(x.covariance), shown(x.cross_covariance)}),
                   Expression(0),
                   shown(memory.width),
                   {Notebook::only_named({"s_m", "s_m"}, shown(memory.cloud.participation)), Expression(1)}});
  notebook_->explain_everywhere("s_m", "participation of the encoder's output");
}

void Explaining::note_memory_gradient() {
  if (memory_gradient().variance.sample() == 0) return;
  notebook_->begin(&memory_gradient(), "back to the encoder's output, from this layer", "attention_backward");
  static_cast<void>(notes().noted("m", memory_gradient()));
}

profile::Forward Explaining::profile_of(const Signal&, const std::size_t&) {
  // The walk's first place is its beginning.
  if (next_point_ > 0) notebook_->reach(points_.at(next_point_ - 1));
  ++next_point_;
  return {};
}

// ---- numbers of signals ----------------------------------------------------------------------------------------------

Explaining::Signal Explaining::arisen(const Signal& x) {
  const std::size_t number = signals_++;
  const std::string index = std::to_string(number);
  Signal out = x;
  out.moments = notes().noted(index.c_str(), x.moments);
  if (out.moments.variance.sample() == 0) out.moments.variance = Expression(indexed("σ", "\\sigma", index, true), 0);
  numbers_[out.moments.variance.key()] = number;
  const auto share = [&](const char* name, const Expression& value, const char* meaning) {
    const scalar::Symbol symbol = indexed(name, name, index);
    notebook_->explain_everywhere(symbol.text, meaning);
    return Notebook::only_named(symbol, value);
  };
  out.settled = share("a", x.settled, "share of the variance that passed a norm and only residual sums since");
  out.cloud.participation =
      share("s", x.cloud.participation, "participation of the tokens' spread, 1/width if isotropic");
  out.cloud.linear = Expression(x.cloud.linear.sample());
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
  out.centred =
      share("c", "c", g.centred, "share of the gradient's variance orthogonal to the features' common direction");
  out.radial = share("ρ", "\\rho", g.radial, "share of the gradient's variance orthogonal to the normalized signal");
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

// ---- forward ---------------------------------------------------------------------------------------------------------

Explaining::Signal Explaining::forward(const network::Attention& op, const Signal& x,
                                       profile::AttentionMetrics& metrics) {
  begin(op, x);
  return arisen(Base::forward(op, x, metrics));
}

Explaining::Signal Explaining::mean_of(const network::Experts& op, const Signal& x, const Signal& y) {
  ++readers_[number_of(y)];
  branch_ends_.push_back(number_of(y));
  notebook_->begin(&op, next() + " = mean of the experts that a token takes, each " + shown(y), "experts");
  name_numbers(op);
  return arisen(Base::mean_of(op, x, y));
}

Explaining::Signal Explaining::add(const Signal& x, const Signal& a, const Signal& b) {
  ++readers_[number_of(x)];
  notebook_->begin(this, next() + " = " + shown(a) + " + " + shown(b), "");
  return arisen(Base::add(x, a, b));
}

Explaining::Sum Explaining::sum(const network::Residual& op, const Signal& x, const Signal& branch) {
  ++readers_[number_of(x)];
  ++readers_[number_of(branch)];
  branch_ends_.push_back(number_of(branch));
  const bool gain = op.skip == 0 && op.of.size() == 1 && std::holds_alternative<network::Norm>(op.of.front().op);
  std::string right;
  const auto add_scaled = [&](double scale, const char* name, const std::string& what) {
    if (scale == 0) return;
    right += (right.empty() ? "" : " + ") + (scale == 1 ? what : name + (" " + what));
  };
  add_scaled(op.skip, "λ", shown(x));
  add_scaled(op.branch, gain ? "gain" : "β", shown(branch));
  notebook_->begin(&op, next() + " = " + (right.empty() ? "0" : right), "residual");
  name_numbers(op);
  const Sum out = Base::sum(op, x, branch);
  return {arisen(out.signal), Expression(out.branch_share.sample())};
}

// ---- backward --------------------------------------------------------------------------------------------------------

Explaining::Gradient Explaining::into_experts(const network::Experts& op, const Gradient& g) {
  notebook_->begin(&op, "into the experts, at x" + lowered(std::to_string(branch_ends_.back())), "experts");
  name_numbers(op);
  const Gradient out = taken(Base::into_experts(op, g), branch_ends_.back());
  branch_ends_.pop_back();
  return out;
}

Explaining::Gradient Explaining::add(const Gradient& a, const Gradient& b) {
  notebook_->begin(this, "both, back to x" + lowered(std::to_string(number_of(a))), "");
  return taken(Base::add(a, b), number_of(a));
}

Explaining::Gradient Explaining::into_branch(const network::Residual& op, const Gradient& g) {
  notebook_->begin(&op, "into the branch, at x" + lowered(std::to_string(branch_ends_.back())), "residual");
  name_numbers(op);
  const Gradient out = taken(Base::into_branch(op, g), branch_ends_.back());
  branch_ends_.pop_back();
  return out;
}

Explaining::Gradient Explaining::sum(const network::Residual& op, const Gradient& g, const Gradient& branch,
                                     const Expression& branch_share) {
  notebook_->begin(&op, "skip and branch together, back to x" + lowered(std::to_string(number_of(branch))), "residual");
  name_numbers(op);
  return taken(Base::sum(op, g, branch, branch_share), number_of(branch));
}

void Explaining::note_norms(const SquaredNorms<Expression>& norms, std::size_t weights) {
  const std::size_t first = weights_.size() - weights;
  for (std::size_t i = 0; i < weights; ++i) {
    if (!norms[i]) continue;
    const std::string& name = weights_[first + i];
    std::string latex;
    for (const char c : name) latex += c == '_' ? std::string("\\_") : std::string(1, c);
    const std::string weight = "\\|\\partial W_{\\mathrm{" + latex + "}}\\|";
    const Expression squared = notebook_->note({"E‖∂W_" + name + "‖²", "\\mathrm{E}" + weight + "^2"}, *norms[i]);
    static_cast<void>(notebook_->note({"‖∂W_" + name + "‖", weight}, sqrt(squared)));
  }
  weights_.resize(first);
}

}  // namespace sigprop::predict
