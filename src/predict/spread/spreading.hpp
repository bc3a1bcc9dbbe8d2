// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "predict/spread/deviations.hpp"
#include "predict/spread/modes.hpp"
#include "predict/spread/neurons.hpp"
#include "predict/spread/places.hpp"
#include "predict/walk/alike_tokens.hpp"

namespace sigprop::predict {

/// The algebra of tokens that are all alike, with the deviations of one random network from its
/// numbers (docs/theory.md, "The spread between networks"). Deviations are those of the logarithm
/// of every mode's energy. A component carries them on by the derivatives of its own formulas, and
/// adds those that its weights cause.
///
/// Behind every residual sum of the outer level the deviations are written in as few columns as
/// they have dimensions, and on the way back those columns are replaced by what they were made of:
/// time and memory are linear in depth. `Columns::all` keeps every column instead, so that rows of
/// different layers can be multiplied; memory is then quadratic in depth.
class Spreading {
 public:
  enum class Columns { few, all };

  using Alike = AlikeAlgebra<double>;
  using Number = double;
  using T = double;
  using Tokens = double;
  using Moments = formula::Moments<double>;
  using Pairs = formula::Gradient<double>;
  using Network = network::Lifted<double>;
  static constexpr bool recomputes = false;

  /// Columns that the last linear map has added, which an activation replaces by its own.
  struct Fresh {
    Eigen::Index first = 0, count = 0;
  };

  struct Signal : Alike::Signal {
    ModeMatrix noise;  ///< Place::noise
    Deviations rows;   ///< of the three modes, and of Σ G² of the centred tokens
    Fresh fresh{};
    double features = 0;  ///< of the branch's inside

    [[nodiscard]] const Alike::Signal& alike() const { return *this; }
  };
  struct Gradient : Alike::Gradient {
    ModeMatrix noise;
    Deviations rows;         ///< of the three modes
    double participation{};  ///< of the centred gradients
    Fresh fresh{};

    [[nodiscard]] const Alike::Gradient& alike() const { return *this; }
  };
  struct Share {
    Alike::Share alike;
    std::optional<Compressed> compressed;  ///< the sum's deviations
  };
  struct Sum {
    Signal signal;
    Share share;
  };

  /// places: of the same network where tokens differ, as under a mask, which `network` is then
  /// without. given_ends: input and loss gradient are not drawn.
  Spreading(const Network& network, Columns columns, bool given_ends, const Places* places);

  [[nodiscard]] const Network& network() const { return alike_.network(); }
  [[nodiscard]] const Modes& modes() const { return modes_; }
  /// The relative deviation of the squared norm of a weight's gradient: that of the last weight
  /// that a component on the way back has, then of the one before.
  [[nodiscard]] Deviations take_weight_row();
  /// The relative deviation of the last attention's score variance and entropy.
  [[nodiscard]] const Deviations& score_rows() const { return score_rows_; }

  [[nodiscard]] Signal source();
  [[nodiscard]] Gradient loss_gradient();

  template <class Op>
  [[nodiscard]] Signal forward(const Op& op, const Signal& x) {
    return carried(op, x);
  }
  [[nodiscard]] Signal forward(const network::BasicLinear<T, T>& op, const Signal& x);
  [[nodiscard]] Signal forward(const network::BasicGatedLinear<T, T>& op, const Signal& x);
  [[nodiscard]] Signal forward(const network::Activation& op, const Signal& x);
  [[nodiscard]] Signal forward(const AttentionOp<T>& op, const Signal& x, profile::AttentionMetrics& metrics);
  [[nodiscard]] Signal mean_of(const network::BasicExperts<T, T>& op, const Signal& x, const Signal& y) const;
  [[nodiscard]] Signal add(const Signal& x, const Signal& a, const Signal& b);
  [[nodiscard]] Sum sum(const network::BasicResidual<T, T>& op, const Signal& x, const Signal& branch);
  [[nodiscard]] Signal into_branch(Signal x);

  template <class Op>
  [[nodiscard]] Gradient backward(const Op& op, const Signal& x, const Gradient& g, SquaredNorms<T>& norms) {
    return carried_back(op, x, g, norms);
  }
  [[nodiscard]] Gradient backward(const network::BasicLinear<T, T>& op, const Signal& x, const Gradient& g,
                                  SquaredNorms<T>& norms);
  [[nodiscard]] Gradient backward(const network::BasicGatedLinear<T, T>& op, const Signal& x, const Gradient& g,
                                  SquaredNorms<T>& norms);
  [[nodiscard]] Gradient backward(const network::Activation& op, const Signal& x, const Gradient& g,
                                  SquaredNorms<T>& norms);
  [[nodiscard]] Gradient backward(const AttentionOp<T>& op, const Signal& x, const Gradient& g, SquaredNorms<T>& norms);
  [[nodiscard]] Gradient into_experts(const network::BasicExperts<T, T>& op, const Signal& x, const Gradient& g) const;
  [[nodiscard]] Gradient through_router(const network::BasicExperts<T, T>& op, const Signal& x, const Signal& y,
                                        const Gradient& g, SquaredNorms<T>& norms) const;
  [[nodiscard]] Gradient add(const Gradient& a, const Gradient& b);
  [[nodiscard]] Gradient into_branch(const network::BasicResidual<T, T>& op, const Gradient& g, const Share& share);
  [[nodiscard]] Gradient sum(const network::BasicResidual<T, T>& op, const Gradient& g, const Gradient& branch,
                             const Share& share);

 private:
  /// What a hidden layer's way back must know of its way forward.
  struct Hidden {
    std::shared_ptr<const Neurons> neurons;
    Deviations root;         ///< of the forward covariance
    Eigen::Index first = 0;  ///< of its columns
  };

  /// What an attention's way back must know of its way forward.
  struct Heads {
    AlikeTokens<T>::Attended attended;
    Moments outputs;           ///< of all heads, before the norm and the projection
    Moments normalized;        ///< behind the norm, if there is one
    double participation = 0;  ///< there
    Deviations queries;        ///< deviations of the queries beside those of what they are made of
    Deviations sharpness;      ///< of ln v by the keys' own fluctuation, and of ln (S2 - P)
    Deviations rows;           ///< of the outputs
    Deviations normalized_rows;
  };

  /// What may lie beside the mean in an attention.
  struct Beside {
    double variance = 0;   ///< of ln v
    double sharpness = 0;  ///< of ln (S2 - P)
  };

  [[nodiscard]] ModeVector energies(const Moments& x) const { return modes_.energies(products(x)); }
  [[nodiscard]] ModeVector energies(const Pairs& g) const { return modes_.energies(g); }
  /// The moments with the energy of one mode times e^step.
  [[nodiscard]] Moments stepped(const Moments& x, int mode, double step) const;
  [[nodiscard]] Pairs stepped(const Pairs& g, int mode, double step) const;
  /// ∂ln f/∂ln e of every mode of x, where f(x) returns a vector. What is not positive is left out.
  template <class X, class F>
  [[nodiscard]] Eigen::MatrixXd derivatives(const X& x, const F& f) const;

  /// The root of the covariance of the mode energies of a Gram matrix of n features. participation:
  /// of what the features are made of.
  [[nodiscard]] Deviations wishart(const ModeMatrix& noise, double features, double participation) const;
  /// That of twice the products of two signals of d features that do not correlate, from their
  /// shares of the sum's energies.
  [[nodiscard]] Deviations crossed(const ModeVector& a, const ModeVector& b, double features,
                                   double participation) const;
  /// With the moments that the next place has, if places are known.
  [[nodiscard]] Signal placed(const Alike::Signal& x);
  [[nodiscard]] Gradient placed(const Alike::Gradient& g);
  /// Adds columns of their own to the first rows; returns the first of them.
  Eigen::Index append(Deviations& rows, const Deviations& root);
  /// The rows without the columns of the last linear map.
  [[nodiscard]] static Deviations without(Deviations rows, const Fresh& fresh);

  template <class Op>
  [[nodiscard]] Signal carried(const Op& op, const Signal& x);
  template <class Op>
  [[nodiscard]] Gradient carried_back(const Op& op, const Signal& x, const Gradient& g, SquaredNorms<T>& norms);
  [[nodiscard]] Signal behind_neurons(const Alike::Signal& y, const Deviations& rows, const Eigen::MatrixXd& slopes,
                                      Neurons neurons, double count);
  [[nodiscard]] Hidden take_hidden();
  /// On the way back through neurons: carried: what their derivatives make of deviations. g: behind
  /// them.
  [[nodiscard]] Deviations before_neurons(const Hidden& hidden, const Neurons& neurons, const Deviations& carried,
                                          const Pairs& g, double participation, double count);
  /// The relative deviation of a weight's squared gradient norm.
  [[nodiscard]] Deviations weight_row(const ModeVector& x, const Deviations& rows, double participation,
                                      const ModeVector& g, const Deviations& gradient_rows,
                                      double gradient_participation);

  [[nodiscard]] formula::SoftmaxMeans<T> softmax_at(const AttentionOp<T>& op, const Moments& rows, const Moments& keys,
                                                    const formula::AttentionShape<T>& shape, const Beside& beside);
  [[nodiscard]] Moments heads_at(const AttentionOp<T>& op, const Moments& rows, const Moments& keys,
                                 const formula::AttentionShape<T>& shape, const Beside& beside);
  /// input: deviations of what the attention reads.
  void set_score_rows(const AttentionOp<T>& op, const Heads& heads, const Moments& read, const Deviations& input);
  [[nodiscard]] Deviations rebased(const Gradient& g, const Share& share) const;

  Alike alike_;
  Columns columns_kept_;
  bool given_ends_;
  Modes modes_;
  const Places* places_;
  std::size_t forward_ = 0, backward_ = 0;  ///< the next of them
  ModeVector crossed_;                      ///< Place::crossed of the last
  Eigen::Index columns_ = 0;
  int depth_ = 0;  ///< of residual branches
  std::vector<Hidden> hidden_;
  std::vector<Heads> heads_;
  std::vector<Deviations> weight_rows_;
  Deviations score_rows_;
};

template <class X, class F>
Eigen::MatrixXd Spreading::derivatives(const X& x, const F& f) const {
  constexpr double step = 2e-3;
  const Eigen::VectorXd at = f(x);
  Eigen::MatrixXd out = Eigen::MatrixXd::Zero(at.size(), mode_count);
  const ModeVector energies = this->energies(x);
  for (int mode = 0; mode < mode_count; ++mode) {
    if (!(energies[mode] > 0)) continue;
    const Eigen::VectorXd above = f(stepped(x, mode, step)), below = f(stepped(x, mode, -step));
    for (Eigen::Index i = 0; i < at.size(); ++i) {
      if (at[i] > 0) out(i, mode) = (above[i] - below[i]) / (2 * step * at[i]);
    }
  }
  return out;
}

}  // namespace sigprop::predict
