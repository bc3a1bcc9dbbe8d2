// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sigprop/formula/attention.hpp"
#include "sigprop/formula/attention_paper.hpp"
#include "sigprop/formula/dropout.hpp"
#include "sigprop/formula/embedding.hpp"
#include "sigprop/formula/experts.hpp"
#include "sigprop/formula/gated.hpp"
#include "sigprop/formula/gelu.hpp"
#include "sigprop/formula/linear.hpp"
#include "sigprop/formula/norm.hpp"
#include "sigprop/formula/participation.hpp"
#include "sigprop/formula/rank_collapse.hpp"
#include "sigprop/formula/relu.hpp"
#include "sigprop/formula/residual.hpp"
#include "sigprop/formula/routed_experts.hpp"
#include "sigprop/formula/softmax.hpp"
#include "sigprop/formula/token_size.hpp"
#include "sigprop/scalar/expression.hpp"

/// Every closed formula read once, with any number type: the one place that says which variables it
/// takes and what it gives.
namespace sigprop::symbolic {

/// A variable and the range in which it may be drawn.
struct Variable {
  scalar::Symbol symbol;
  double low;
  double high;
};

/// What a variable is in numbers of T.
template <class T>
using Source = std::function<T(const Variable&)>;

/// A result with its name.
template <class T>
struct Read {
  const char* text;
  const char* latex;
  T value;
};

template <class T>
using Reads = std::vector<Read<T>>;

/// The variables that formulas share, under the names of their head comments.
template <class T>
class Reader {
 public:
  explicit Reader(Source<T> source) : of_(std::move(source)) {}

  [[nodiscard]] Reads<T> linear() {
    const T in = size("d_in", "d_{in}"), out = size("d_out", "d_{out}"), w = weight("w", "w"), b = weight("b", "b");
    return joined(forward(formula::linear_forward(signal(), in, w, b)),
                  backward(formula::linear_backward(gradient(), out, w)));
  }

  [[nodiscard]] Reads<T> weight_gradient() {
    return {{"E‖∂W‖²", "\\mathrm{E}\\|\\partial W\\|^2",
             formula::weight_gradient(products(), gradient(), size("d_in", "d_{in}"), size("d_out", "d_{out}"),
                                      size("B", "B"), size("L", "L"))}};
  }

  [[nodiscard]] Reads<T> dropout() {
    return joined(forward(formula::dropout_forward(signal(), probability())),
                  backward(formula::dropout_backward(gradient(), probability())));
  }

  [[nodiscard]] Reads<T> relu() {
    return joined(forward(formula::relu_forward(centred())), backward(formula::relu_backward(gradient(), centred())));
  }

  [[nodiscard]] Reads<T> gelu() {
    return joined(forward(formula::gelu_forward(centred())), backward(formula::gelu_backward(gradient(), centred())));
  }

  [[nodiscard]] Reads<T> residual() {
    const T skip = real("λ", "\\lambda", 0.3, 1.5), scale = real("β", "\\beta", 0.3, 1.5);
    const formula::Moments<T> branch{real("μ_f", "\\mu_f", -0.5, 0.5), squared("σ_f", "\\sigma_f"),
                                     real("κ_f", "\\kappa_f", 0.05, 0.3),
                                     real("κ×_f", "\\kappa^\\times_f", 0.01, 0.05)};
    const formula::Gradient<T> back{squared("γ_f", "\\gamma_f"), real("η_f", "\\eta_f", 0.05, 0.3),
                                    real("η×_f", "\\eta^\\times_f", 0.01, 0.05)};
    return joined(forward(formula::residual_forward(signal(), branch, skip, scale)),
                  backward(formula::residual_backward(gradient(), formula::scaled(back, scale), skip)));
  }

  [[nodiscard]] Reads<T> layer_norm() { return forward(formula::layer_norm_forward(signal(), epsilon())); }

  [[nodiscard]] Reads<T> layer_norm_paper() {
    return joined(forward(formula::layer_norm_forward_paper(signal(), size("D", "D"))),
                  backward(formula::layer_norm_backward_paper(gradient(), signal())));
  }

  [[nodiscard]] Reads<T> rms_norm() { return forward(formula::rms_norm_forward(signal(), epsilon())); }

  [[nodiscard]] Reads<T> norm_backward() {
    const formula::NormShares<T> shares{share("a", "a"), share("c", "c"), share("ρ", "\\rho"), share("w", "w"),
                                        real("τ", "\\tau", 0.001, 0.1)};
    return backward(formula::norm_backward(gradient(), T(squared("σ", "\\sigma") + epsilon()), correlation(),
                                           size("D", "D"), shares));
  }

  [[nodiscard]] Reads<T> token_size() {
    const T features = size("D", "D"), fourth = real("κ", "\\kappa", 3, 7), tau = real("τ", "\\tau", 0, 0.1);
    const T a = share("a", "a"), heads = real("H", "H", 8, 16), values = real("G", "G", 1, 8), k = size("k", "k");
    return {
        {"τ_x", "\\tau_x", formula::drawn_size_variance(real("μ", "\\mu", -1, 1), squared("q", "q"), features)},
        {"τ_φ", "\\tau_\\phi", formula::activation_size_variance(tau, fourth, features)},
        {"τ_g", "\\tau_g", formula::gated_size_variance(tau, fourth, features)},
        {"τ_A", "\\tau_A", formula::attention_size_variance(share("u", "u"), heads, values, k, features)},
        {"τ'", "\\tau'", formula::sum_size_variance(a, tau, T(T(1) - a), real("τ_f", "\\tau_f", 0, 0.1), features)}};
  }

  [[nodiscard]] Reads<T> row_size() {
    const formula::SameWords<T> same{real("P", "P", 0.02, 0.2), real("P₃", "P_3", 0.01, 0.02)};
    return {{"τ", "\\tau",
             formula::row_size_variance(share("ω", "\\omega"), same, real("n", "n", 3, 64), squared("z", "z"))}};
  }

  [[nodiscard]] Reads<T> size_moments() {
    const T tau = real("τ", "\\tau", 0, 0.1), scaled = real("τ_s", "\\tau_s", 0, 0.1);
    const auto norm = formula::size_moments_of_norm<T>(share("w", "w"), tau, scaled);
    const auto gate = formula::size_moments_of_gate<T>(real("p", "p", 1, 2), tau, scaled);
    return {{"f of a norm", "f", norm.own},
            {"±x/(1+x) of a norm", "\\pm x/(1+x)", T(norm.sign * norm.apart * norm.apart)},
            {"f of a gate", "f", gate.own},
            {"±x/(1+x) of a gate", "\\pm x/(1+x)", T(gate.sign * gate.apart * gate.apart)}};
  }

  [[nodiscard]] Reads<T> size_response() {
    const T tau = real("τ", "\\tau", 0, 0.1), response = real("ℓ", "\\ell", -1, 0);
    const auto before = formula::size_response<T>(response, real("p", "p", 1, 2), real("s", "s", -1, 1), tau);
    return {{"m", "m", before.mean},
            {"ℓ'", "\\ell'", before.response},
            {"E[γ²(ε) z(ε)]/(γ² z)", "\\mathrm{E}[\\gamma^2(\\epsilon) z(\\epsilon)]/(\\gamma^2 z)",
             formula::size_response_of_weights<T>(response, real("τ_z", "\\tau_z", 0, 0.1))}};
  }

  [[nodiscard]] Reads<T> embedding_token_match_paper() {
    return {{"P", "P", formula::zipf_match_paper(real("V", "V", 100, 5e4))}};
  }

  [[nodiscard]] Reads<T> embedding() {
    return forward(formula::embedding_forward(weight("w", "w"), share("P", "P"), share("P×", "P^\\times")));
  }

  [[nodiscard]] Reads<T> experts() {
    const T count = real("E", "E", 4, 16), chosen = real("k", "k", 1, 3);
    return joined(forward(formula::experts_forward(signal(), count, chosen)),
                  backward(formula::experts_backward(gradient(), count, chosen)));
  }

  [[nodiscard]] Reads<T> routed_experts() {
    const formula::Gradient<T> overlap{real("P", "P", 0.4, 0.9), real("P_κ", "P_\\kappa", 0.2, 0.4),
                                       real("P×", "P^\\times", 0.1, 0.2)};
    const formula::Gradient<T> jacobian{real("J", "J", 0.1, 0.3), real("J_κ", "J_\\kappa", 0.05, 0.1),
                                        real("J×", "J^\\times", 0.01, 0.05)};
    const auto at_logits = formula::router_gradient(gradient(), signal(), jacobian, size("D", "D"), size("E", "E"));
    Reads<T> logits{{"γ_l²", "\\gamma_l^2", at_logits.variance},
                    {"η_l", "\\eta_l", at_logits.covariance},
                    {"η×_l", "\\eta^\\times_l", at_logits.cross_covariance}};
    return joined(joined(forward(formula::routed_experts_forward(signal(), overlap)),
                         backward(formula::routed_experts_backward(gradient(), overlap))),
                  std::move(logits));
  }

  [[nodiscard]] Reads<T> gated() {
    const formula::Moments<T> value{T(0), squared("σ_v", "\\sigma_v"), real("κ_v", "\\kappa_v", 0.05, 0.3),
                                    real("κ×_v", "\\kappa^\\times_v", 0.01, 0.05)};
    return joined(forward(formula::gated_forward(signal(), value)),
                  backward(formula::gated_backward(gradient(), value)));
  }

  [[nodiscard]] Reads<T> attention_scores() {
    const auto scores = formula::attention_scores(products(), shape());
    return {{"v", "v", scores.variance}, {"ρ", "\\rho", scores.correlation}};
  }

  [[nodiscard]] Reads<T> attention_forward() {
    const auto z = formula::attention_forward(products(), shape(), softmax());
    return {{"q_z", "q_z", z.variance}, {"c_z", "c_z", z.covariance}, {"c×_z", "c^\\times_z", z.cross_covariance}};
  }

  [[nodiscard]] Reads<T> attention_backward() {
    const formula::Gradient<T> b{real("b2", "b_2", 0.5, 2), real("bc", "b_c", 0.05, 0.3),
                                 real("b×", "b^\\times", 0.01, 0.05)};
    const auto g = formula::attention_backward(b, products(), shape(), softmax(), size("B", "B"));
    return {{"gv2", "g_{v2}", g.value.variance},
            {"gvc", "g_{vc}", g.value.covariance},
            {"gv×", "g_v^\\times", g.value.cross_covariance},
            {"gq2", "g_{q2}", g.query.variance},
            {"gqc", "g_{qc}", g.query.covariance},
            {"gq×", "g_q^\\times", g.query.cross_covariance},
            {"gk2", "g_{k2}", g.key.variance},
            {"gkc", "g_{kc}", g.key.covariance},
            {"E‖∂W_v‖²", "\\mathrm{E}\\|\\partial W_v\\|^2", g.value_weight},
            {"E‖∂W_q‖²", "\\mathrm{E}\\|\\partial W_q\\|^2", g.query_weight},
            {"E‖∂W_k‖²", "\\mathrm{E}\\|\\partial W_k\\|^2", g.key_weight}};
  }

  [[nodiscard]] Reads<T> attention_paper_forward() {
    return forward(formula::attention_paper_forward(products(), shape()));
  }

  [[nodiscard]] Reads<T> attention_paper_backward() {
    return backward(formula::attention_paper_backward(gradient(), shape()));
  }

  [[nodiscard]] Reads<T> participation() {
    const formula::Anisotropy<T> x{real("s", "s", 0.01, 0.2), share("ψ", "\\psi")};
    const T n = size("n", "n");
    return {{"s of a linear map", "s_{\\mathrm{linear}}", formula::linear_anisotropy(x, n).participation},
            {"s of a map feature by feature", "s_{\\mathrm{featurewise}}",
             formula::featurewise_anisotropy(x, share("t", "t"), n).participation}};
  }

  [[nodiscard]] Reads<T> rank_residual() {
    return {
        {"rank residual", "\\mathrm{rank\\ residual}", formula::rank_residual(second_moment(), dot(), size("L", "L"))}};
  }

  [[nodiscard]] Reads<T> softmax_paper() {
    return of_softmax(formula::softmax_paper(score_variance(), size("L", "L")));
  }

  [[nodiscard]] Reads<T> softmax_paper_second() {
    return of_softmax(formula::softmax_paper_second(score_variance(), size("L", "L")));
  }

 private:
  [[nodiscard]] T real(const char* text, const char* latex, double low, double high) const {
    return of_({{text, latex, low >= 0}, low, high});
  }
  [[nodiscard]] T epsilon() const { return real("ε", "\\epsilon", 0.01, 0.1); }
  [[nodiscard]] T squared(const char* text, const char* latex) const {
    const T root = real(text, latex, 0.7, 1.6);
    return root * root;
  }
  [[nodiscard]] T size(const char* text, const char* latex) const { return real(text, latex, 16, 512); }
  [[nodiscard]] T weight(const char* text, const char* latex) const { return real(text, latex, 0.001, 0.05); }
  [[nodiscard]] T share(const char* text, const char* latex) const { return real(text, latex, 0.1, 0.9); }
  [[nodiscard]] T probability() const { return real("p", "p", 0.05, 0.4); }
  [[nodiscard]] T correlation() const { return real("r", "r", 0.1, 0.8); }
  [[nodiscard]] T second_moment() const { return real("q", "q", 0.5, 2); }
  [[nodiscard]] T dot() const { return real("c", "c", 0.05, 0.4); }
  [[nodiscard]] T score_variance() const { return real("v", "v", 0.1, 2); }

  [[nodiscard]] formula::Moments<T> signal() const {
    return {real("μ", "\\mu", -0.5, 0.5), squared("σ", "\\sigma"), real("κ", "\\kappa", 0.05, 0.3),
            real("κ×", "\\kappa^\\times", 0.01, 0.05)};
  }

  /// Of mean 0, given by correlations.
  [[nodiscard]] formula::Moments<T> centred() const {
    const T variance = squared("σ", "\\sigma");
    return {T(0), variance, correlation() * variance, real("r×", "r^\\times", 0.05, 0.5) * variance};
  }

  /// Of mean 0: second moment and token products are variance and covariances.
  [[nodiscard]] formula::Moments<T> products() const {
    return {T(0), second_moment(), dot(), real("c×", "c^\\times", 0.01, 0.05)};
  }

  [[nodiscard]] formula::Gradient<T> gradient() const {
    return {squared("γ", "\\gamma"), real("η", "\\eta", 0.05, 0.3), real("η×", "\\eta^\\times", 0.01, 0.05)};
  }

  [[nodiscard]] formula::AttentionShape<T> shape() const {
    return {size("L", "L"),
            size("d", "d"),
            real("H", "H", 1, 16),
            real("k", "k", 16, 128),
            weight("w_q", "w_q"),
            weight("w_k", "w_k"),
            weight("w_v", "w_v"),
            T(0),
            probability(),
            T(1),
            real("s", "s", 0.001, 0.01),
            {T(1), T(1)},
            false};
  }

  [[nodiscard]] formula::SoftmaxMeans<T> softmax() const {
    return {{real("S2", "S_2", 0.01, 0.2), real("T_q", "T_q", 0.01, 0.1), real("T_k", "T_k", 0.01, 0.1),
             real("S", "S", 1, 5), real("λ", "\\lambda", 0.2, 0.8)},
            {real("P", "P", 0.005, 0.01), real("T12_q", "T_{12,q}", 0.001, 0.01),
             real("ρT12_k", "\\rho T_{12,k}", 0.0001, 0.001)}};
  }

  [[nodiscard]] static Reads<T> forward(const formula::Moments<T>& y) {
    return {{"μ'", "\\mu'", y.mean},
            {"σ'²", "\\sigma'^2", y.variance},
            {"κ'", "\\kappa'", y.covariance},
            {"κ×'", "\\kappa^{\\times\\prime}", y.cross_covariance}};
  }

  [[nodiscard]] static Reads<T> backward(const formula::Gradient<T>& g) {
    return {{"γ_in²", "\\gamma_{in}^2", g.variance},
            {"η_in", "\\eta_{in}", g.covariance},
            {"η×_in", "\\eta^\\times_{in}", g.cross_covariance}};
  }

  [[nodiscard]] static Reads<T> of_softmax(const formula::SoftmaxMoments<T>& y) {
    return {{"mean", "\\mathrm{mean}", y.mean},
            {"variance", "\\mathrm{variance}", y.variance},
            {"γ_in²/γ²", "\\gamma_{in}^2/\\gamma^2", y.gradient_gain}};
  }

  [[nodiscard]] static Reads<T> joined(Reads<T> a, const Reads<T>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }

  Source<T> of_;
};

/// A formula's name and its reading.
template <class T>
struct Reading {
  const char* name;
  Reads<T> (Reader<T>::*read)();
};

template <class T>
[[nodiscard]] const std::vector<Reading<T>>& readings() {
  using R = Reader<T>;
  static const std::vector<Reading<T>> all{
      {"linear", &R::linear},
      {"weight_gradient", &R::weight_gradient},
      {"dropout", &R::dropout},
      {"relu", &R::relu},
      {"gelu", &R::gelu},
      {"residual", &R::residual},
      {"layer_norm", &R::layer_norm},
      {"layer_norm_paper", &R::layer_norm_paper},
      {"rms_norm", &R::rms_norm},
      {"norm_backward", &R::norm_backward},
      {"token_size", &R::token_size},
      {"row_size", &R::row_size},
      {"size_moments", &R::size_moments},
      {"size_response", &R::size_response},
      {"embedding_token_match_paper", &R::embedding_token_match_paper},
      {"embedding", &R::embedding},
      {"experts", &R::experts},
      {"routed_experts", &R::routed_experts},
      {"gated", &R::gated},
      {"attention_scores", &R::attention_scores},
      {"attention_forward", &R::attention_forward},
      {"attention_backward", &R::attention_backward},
      {"attention_paper_forward", &R::attention_paper_forward},
      {"attention_paper_backward", &R::attention_paper_backward},
      {"participation", &R::participation},
      {"rank_residual", &R::rank_residual},
      {"softmax_paper", &R::softmax_paper},
      {"softmax_paper_second", &R::softmax_paper_second},
  };
  return all;
}

}  // namespace sigprop::symbolic
