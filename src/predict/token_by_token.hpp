// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <map>
#include <memory>

#include "predict/activation_moments.hpp"
#include "predict/causal_attention.hpp"
#include "predict/cross_attention.hpp"
#include "predict/exchangeable.hpp"
#include "predict/places.hpp"
#include "sigprop/network/network.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

/// What a walk computes with under a causal mask, where tokens differ: products of every pair of tokens, by groups of them where a row
/// reads means of its prefix. Of our theory only.
class TokenByToken {
 public:
  using Number = double;
  /// Matrices are large.
  static constexpr bool recomputes = true;

  struct Signal {
    Eigen::VectorXd mean;     ///< by group of tokens (places.hpp), like all that follows
    Eigen::MatrixXd dots;     ///< E[x_i x_i'], on the diagonal the second moments
    Eigen::MatrixXd cross;    ///< the same for tokens of two sequences of one batch; empty where not followed
    Eigen::VectorXd settled;  ///< share of the variance that passed a norm and only residual sums since
    double width = 0;

    [[nodiscard]] Eigen::VectorXd variance() const { return dots.diagonal() - mean.cwiseAbs2(); }
  };

  /// As Exchangeable::Gradient.
  struct Gradient {
    Eigen::MatrixXd dots;
    Eigen::MatrixXd cross;
    Eigen::VectorXd centred;
    Eigen::VectorXd radial;
  };

  struct Sum {
    Signal signal;
    Eigen::VectorXd branch_share;
  };

  /// tokens: what profiles list of them. rows: what other predictions tabulated.
  TokenByToken(const network::Network& network, Prefix prefix, const profile::TokenLists& tokens,
               std::shared_ptr<RowTables> rows = std::make_shared<RowTables>(), Numbers<double> numbers = {});

  [[nodiscard]] Signal source() const;
  [[nodiscard]] Gradient loss_gradient(const Signal& output);
  [[nodiscard]] profile::Forward profile_of(const Signal& x, const std::size_t& width) const;
  [[nodiscard]] profile::Backward profile_of(const Gradient& g, const std::size_t& width) const;

  [[nodiscard]] Signal forward(const network::Linear& op, const Signal& x) const;
  [[nodiscard]] Signal forward(const network::GatedLinear& op, const Signal& x);
  [[nodiscard]] Signal forward(const network::Activation& op, const Signal& x);
  [[nodiscard]] Signal forward(const network::Dropout& op, const Signal& x) const;
  [[nodiscard]] Signal forward(const network::Norm& op, const Signal& x) const;
  [[nodiscard]] Signal forward(const network::Attention& op, const Signal& x, profile::AttentionMetrics& metrics);
  [[nodiscard]] Sum sum(const network::Residual& op, const Signal& x, const Signal& branch) const;
  [[nodiscard]] const Signal& into_branch(const Signal& x) const { return x; }
  [[nodiscard]] Signal mean_of(const network::Experts& op, const Signal&, const Signal& y) const;
  [[nodiscard]] Signal add(const Signal&, const Signal& a, const Signal& b) const;

  using Norms = SquaredNorms<double>;
  [[nodiscard]] Gradient backward(const network::Linear& op, const Signal& x, const Gradient& g, Norms& norms) const;
  [[nodiscard]] Gradient backward(const network::GatedLinear& op, const Signal& x, const Gradient& g, Norms& norms);
  [[nodiscard]] Gradient backward(const network::Activation& op, const Signal& x, const Gradient& g, Norms& norms);
  [[nodiscard]] Gradient backward(const network::Dropout& op, const Signal& x, const Gradient& g, Norms& norms) const;
  [[nodiscard]] Gradient backward(const network::Norm& op, const Signal& x, const Gradient& g, Norms& norms) const;
  [[nodiscard]] Gradient backward(const network::Attention& op, const Signal& x, const Gradient& g, Norms& norms);
  [[nodiscard]] Gradient into_branch(const network::Residual& op, const Gradient& g) const;
  [[nodiscard]] Gradient sum(const network::Residual& op, const Gradient& g, const Gradient& branch,
                             const Eigen::VectorXd& branch_share) const;
  [[nodiscard]] Gradient into_experts(const network::Experts& op, const Gradient& g) const;
  [[nodiscard]] Gradient add(const Gradient& a, const Gradient& b) const;

  /// An encoder's output, whose tokens are exchangeable, and what all cross-attention together sent back to it.
  void attend_to(const Exchangeable<double>::Signal& memory) { memory_ = memory; }
  [[nodiscard]] const formula::Gradient<double>& memory_gradient() const { return memory_gradient_; }

 private:
  [[nodiscard]] double square(const double& x) const { return number_(x) * number_(x); }
  [[nodiscard]] double batch() const { return number_(network_.batch); }
  [[nodiscard]] bool batched() const { return network_.batch > 1; }
  [[nodiscard]] Signal fresh(Signal x) const;
  [[nodiscard]] Gradient fresh(Gradient g) const;
  [[nodiscard]] Signal projected(const Signal& x, double gain, double bias, double width) const;
  [[nodiscard]] Signal normalized(network::NormKind kind, const Signal& x) const;
  [[nodiscard]] Gradient through_norm(network::NormKind kind, const Signal& x, double width, const Gradient& g) const;
  [[nodiscard]] double weight_gradient(const Signal& x, const Gradient& g, double fan_in, double fan_out) const;
  struct GateFactors {
    Signal gate;  ///< before its activation
    Signal value;
  };
  [[nodiscard]] GateFactors gate_factors(const network::GatedLinear& op, const Signal& x) const;
  [[nodiscard]] CausalTables& tables_of(const network::Attention& op);
  struct Attended {
    std::unique_ptr<CausalAttention> causal;
    Eigen::MatrixXd mixed;
    Eigen::MatrixXd x_across;  ///< token products between two sequences of its input, and what it made of them
    Eigen::MatrixXd mixed_across;
  };
  [[nodiscard]] const Attended& attention(const network::Attention& op, const Signal& x);
  [[nodiscard]] CrossAttention cross_attention(const network::Attention& op, const Signal& x);
  [[nodiscard]] Signal heads(const network::Attention& op, const Signal& x);
  [[nodiscard]] Signal cross_heads(const network::Attention& op, const Signal& x);
  [[nodiscard]] Gradient self_attention_backward(const network::Attention& op, const Signal& x, const Gradient& b,
                                                 Norms& norms);
  [[nodiscard]] Gradient cross_attention_backward(const network::Attention& op, const Signal& x, const Gradient& b,
                                                  Norms& norms);

  [[nodiscard]] double fan_of(const network::Attention& op) const { return number_(op.heads) * number_(op.head_width); }

  const network::Network& network_;
  Numbers<double> number_;
  Prefix prefix_;
  profile::TokenLists tokens_;
  Places places_;
  Eigen::Index groups_;
  bool across_;  ///< pairs of sequences are followed: on the way back only where they have a gradient in common
  ActivationMoments<double> activations_;
  struct Kind {
    Head head;
    double rotary_base;  ///< 0 for none
    double rotary_width;

    [[nodiscard]] auto operator<=>(const Kind&) const = default;
  };
  std::shared_ptr<RowTables> rows_;
  std::map<Kind, CausalTables> tables_;
  std::map<Head, SoftmaxTable<double>> cross_tables_;
  Attended attended_;  ///< the last one: the way back begins with it
  Exchangeable<double>::Signal memory_;
  formula::Gradient<double> memory_gradient_;
};

}  // namespace sigprop::predict
