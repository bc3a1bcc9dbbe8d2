// SPDX-License-Identifier: Apache-2.0
#include "predict/explain/expressed.hpp"

namespace sigprop::predict {

using scalar::Expression;
using scalar::Symbol;
using Signal = formula::Moments<Expression>;
using Gradient = formula::Gradient<Expression>;

// ---- what is noted inside a component --------------------------------------------------------------------------------

Expression NotebookNotes::noted(const char* text, const char* latex, const Expression& x) const {
  return notebook->note({text, latex, x.sample() > 0}, x);
}

Expression NotebookNotes::noted(const char* name, const Expression& x) const {
  const bool across = std::string(name) == "P×";
  return notebook->note({name, across ? "P^\\times" : name, x.sample() > 0}, x, across);
}

Expression NotebookNotes::given(const char* name, const char* meaning, const Expression& x) const {
  if (x.sample() == 1) return Expression(1);
  notebook->explain(name, meaning);
  return Notebook::only_named({name, name}, x);
}

formula::ScoreMoments<Expression> NotebookNotes::noted(const formula::ScoreMoments<Expression>& scores) const {
  return {noted("v", "v", scores.variance), noted("ρ", "\\rho", scores.correlation)};
}

formula::SoftmaxMeans<Expression> NotebookNotes::noted(const formula::SoftmaxMeans<Expression>& softmax) const {
  const auto& [row, pair] = softmax;
  return {
      {noted("S2", "S_2", row.squares), noted("T_q", "T_q", row.query_jacobian), noted("T_k", "T_k", row.key_jacobian),
       noted("entropy", "\\mathrm{entropy}", row.entropy), noted("λ", "\\lambda", row.leak)},
      {noted("P", "P", pair.overlap), noted("T12_q", "T_{12,q}", pair.query_jacobian),
       noted("ρT12_k", "\\rho T_{12,k}", pair.key_jacobian)}};
}

Signal NotebookNotes::noted(const char* index, const Signal& x) const {
  return {notebook->note(indexed("μ", "\\mu", index), x.mean),
          notebook->note(indexed("σ", "\\sigma", index, true, true), x.variance),
          notebook->note(indexed("κ", "\\kappa", index), x.covariance),
          notebook->note(indexed("κ×", "\\kappa^\\times", index), x.cross_covariance, true)};
}

Signal NotebookNotes::noted_by_correlation(const char* index, const Signal& x) const {
  const Signal y = noted(index, x);
  return {
      y.mean, y.variance,
      notebook->note(indexed("r", "r", index), formula::correlation(y.covariance, y.variance)) * y.variance,
      notebook->note(indexed("r×", "r^\\times", index), formula::correlation(y.cross_covariance, y.variance), true) *
          y.variance};
}

Gradient NotebookNotes::noted(const char* index, const Gradient& g) const {
  return {notebook->note(indexed("γ", "\\gamma", index, true, true), g.variance),
          notebook->note(indexed("η", "\\eta", index), g.covariance),
          notebook->note(indexed("η×", "\\eta^\\times", index), g.cross_covariance, true)};
}

formula::AttentionGradient<Expression> NotebookNotes::noted(formula::AttentionGradient<Expression> back,
                                                            const Signal& rows,
                                                            const formula::AttentionShape<Expression>& shape,
                                                            const Expression& batch) const {
  back.value = noted("v", back.value);
  back.query = noted("q", back.query);
  back.key = noted("k", back.key);
  formula::set_inputs(back, formula::products(rows), shape, batch);
  return back;
}

// ---- functions without a closed form ---------------------------------------------------------------------------------

namespace {

formula::Moments<double> samples_of(const Signal& x) {
  return {x.mean.sample(), x.variance.sample(), x.covariance.sample(), x.cross_covariance.sample()};
}

bool is_closed(network::ActivationKind kind, const Signal& x) {
  using network::ActivationKind;
  const bool at_zero = kind == ActivationKind::relu || kind == ActivationKind::gelu;
  return kind == ActivationKind::identity || (at_zero && x.mean == Expression(0));
}

Signal closed(network::ActivationKind kind, const Signal& x) {
  if (kind == network::ActivationKind::identity) return x;
  return kind == network::ActivationKind::relu ? formula::relu_forward(x) : formula::gelu_forward(x);
}

Gradient closed(network::ActivationKind kind, const Gradient& g, const Signal& x) {
  if (kind == network::ActivationKind::identity) return g;
  return kind == network::ActivationKind::relu ? formula::relu_backward(g, x) : formula::gelu_backward(g, x);
}

}  // namespace

namespace {

/// What quadratures give of a normal x, and of x and y that are two tokens of one sequence or, with
/// y', of two.
class Quadrature {
 public:
  Quadrature(const NotebookNotes& number, const Signal& x)
      : number_(number),
        one_{x.variance},
        token_{x.variance, correlation(x.covariance, x)},
        across_{x.variance, correlation(x.cross_covariance, x)} {
    if (x.mean == Expression(0)) return;
    for (auto* arguments : {&one_, &token_, &across_}) arguments->push_back(x.mean);
  }

  [[nodiscard]] Expression one(const char* text, const char* latex, const char* function, double value) const {
    return number_.noted(text, latex, Expression::function({function, function}, one_, value));
  }
  [[nodiscard]] Expression token(const char* text, const char* latex, const char* function, double value) const {
    return number_.noted(text, latex, Expression::function({function, function}, token_, value));
  }
  [[nodiscard]] Expression across(const char* text, const char* latex, const char* function, double value) const {
    return number_.notebook->note({text, latex, value > 0}, Expression::function({function, function}, across_, value),
                                  true);
  }

 private:
  [[nodiscard]] static Expression correlation(const Expression& covariance, const Signal& x) {
    return formula::correlation(covariance, x.variance);
  }

  const NotebookNotes& number_;
  std::vector<Expression> one_, token_, across_;
};

}  // namespace

Signal ExpressedActivations::forward(network::ActivationKind kind, const Signal& x) {
  if (is_closed(kind, x)) return closed(kind, x);
  const formula::Moments<double> y = known_.forward(kind, samples_of(x));
  const Quadrature means(notes_, x);
  const Expression mean = means.one("E[φ(x)]", R"(\mathrm{E}[\phi(x)])", "M1", y.mean);
  const Expression square = mean * mean;
  return {mean, means.one("E[φ(x)²]", R"(\mathrm{E}[\phi(x)^2])", "M2", y.second_moment()) - square,
          means.token("E[φ(x) φ(y)]", R"(\mathrm{E}[\phi(x)\phi(y)])", "M11", y.token_dot()) - square,
          means.across("E[φ(x) φ(y')]", R"(\mathrm{E}[\phi(x)\phi(y')])", "M11", y.cross_dot()) - square};
}

Gradient ExpressedActivations::backward(network::ActivationKind kind, const Gradient& g, const Signal& x) {
  if (is_closed(kind, x)) return closed(kind, g, x);
  const formula::Gradient<double> factor = known_.backward(kind, {1, 1, 1}, samples_of(x));
  const Quadrature means(notes_, x);
  return {g.variance * means.one("E[φ'(x)²]", R"(\mathrm{E}[\phi'(x)^2])", "D2", factor.variance),
          g.covariance * means.token("E[φ'(x) φ'(y)]", R"(\mathrm{E}[\phi'(x)\phi'(y)])", "D11", factor.covariance),
          g.cross_covariance *
              means.across("E[φ'(x) φ'(y')]", R"(\mathrm{E}[\phi'(x)\phi'(y')])", "D11", factor.cross_covariance)};
}

formula::SoftmaxMeans<Expression> softmax_means(SoftmaxTables<double>& tables, double length, const Head& head,
                                                const std::array<Expression, few_arguments>& x) {
  const auto& [v, rho, keys, width] = x;
  const formula::SoftmaxMeans<double> known = tables.of(length, head)(v.sample(), rho.sample());
  const std::vector<Expression> of_row = {v, keys, width};
  const std::vector<Expression> of_pair = {rho, v, keys, width};
  const auto row = [&of_row](const char* text, const char* latex, double value) {
    return Expression::function({text, latex}, of_row, value);
  };
  const auto pair = [&of_pair](const char* text, const char* latex, double value) {
    return Expression::function({text, latex}, of_pair, value);
  };
  return {{row("S2", "S_2", known.row.squares), row("T_q", "T_q", known.row.query_jacobian),
           row("T_k", "T_k", known.row.key_jacobian), row("entropy", "\\mathrm{entropy}", known.row.entropy),
           row("λ", "\\lambda", known.row.leak)},
          {pair("P", "P", known.pair.overlap), pair("T12_q", "T_{12,q}", known.pair.query_jacobian),
           pair("ρT12_k", "\\rho T_{12,k}", known.pair.key_jacobian)}};
}

formula::RouterMeans<Expression> router_means_of(const NotebookNotes& /*notes*/,
                                                 const std::array<Expression, few_arguments>& x,
                                                 network::Router router) {
  const auto known = router_means(std::array{x[0].sample(), x[1].sample(), x[2].sample(), x[3].sample()}, router);
  const std::vector<Expression> arguments(x.begin(), x.end());
  return {Expression::function({"P_r", "P_r"}, arguments, known.overlap),
          Expression::function({"J_r", "J_r"}, arguments, known.jacobian)};
}

formula::RotaryMeans<Expression> rotary_means_of(const NotebookNotes& notes, const AttentionOp<Expression>& op,
                                                 const Expression& length) {
  const formula::RotaryMeans<double> known = formula::rotary_means(length.sample(), op.head_width.sample(),
                                                                   op.rotary_width.sample(), op.rotary_base->sample());
  return {notes.noted("κ̄", "\\bar\\kappa", Expression::function({"κ̄", "\\bar\\kappa"}, {length}, known.once)),
          notes.noted("κ̄₂", "\\bar\\kappa_2", Expression::function({"κ̄₂", "\\bar\\kappa_2"}, {length}, known.twice))};
}

}  // namespace sigprop::predict
