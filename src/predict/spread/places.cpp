// SPDX-License-Identifier: Apache-2.0
#include "predict/spread/places.hpp"

#include <utility>

#include "predict/walk/observer.hpp"
#include "predict/walk/walk.hpp"

namespace sigprop::predict {
namespace {

using GroupAlgebra = Algebra<GroupedTokens>;

/// What the projections on the modes need of the products of tokens: of M + (B - 1) A and M - A,
/// with M the matrix of one sequence and A that of two.
class Gram {
 public:
  Gram(const TokenPairs& pairs, double batch) : groups_(*pairs.groups), batch_(batch) {
    if (pairs.has_across() && batch > 1) {
      together_ = pairs.within + (batch - 1) * pairs.across;
      apart_ = pairs.within - pairs.across;
    } else {
      together_ = apart_ = pairs.within;
    }
    sums_together_ = row_sums(together_);
    sums_apart_ = row_sums(apart_);
  }

  /// tr(P_a X P_a Y)/n² of every mode, and beside it tr(P_a X P_b Y)/n² of the first two with the
  /// last, n tokens of the batch.
  struct Projected {
    ModeVector own;
    double first_with_last, second_with_last;
  };
  [[nodiscard]] static Projected product(const Gram& x, const Gram& y) {
    const double batch = x.batch_, tokens = batch * x.groups_.tokens();
    const Parts together = x.parts(x.together_, y.together_, x.sums_together_, y.sums_together_);
    const Parts apart = x.parts(x.apart_, y.apart_, x.sums_apart_, y.sums_apart_);
    const ModeVector own{together.common, (batch - 1) * apart.common, together.centred + (batch - 1) * apart.centred};
    const double scale = 1 / (tokens * tokens);
    return {own * scale, together.mixed * scale, (batch - 1) * apart.mixed * scale};
  }

 private:
  /// With u the direction of the mean: uᵀXu uᵀYu, uᵀX Q Y u and tr(Q X Q Y), Q = 1 - u uᵀ.
  struct Parts {
    double common, mixed, centred;
  };

  [[nodiscard]] Parts parts(const Eigen::MatrixXd& x, const Eigen::MatrixXd& y, const Eigen::VectorXd& sums_x,
                            const Eigen::VectorXd& sums_y) const {
    const double mean_x = groups_.mean(sums_x), mean_y = groups_.mean(sums_y);
    const double common = mean_x * mean_y;
    const double both = groups_.mean(sums_x.cwiseProduct(sums_y));
    return {common, both - common, groups_.total(x.cwiseProduct(y)) - 2 * both + common};
  }

  /// The sum over the tokens that a token is paired with, itself among them.
  [[nodiscard]] Eigen::VectorXd row_sums(const Eigen::MatrixXd& pairs) const {
    return groups_.different(pairs) * groups_.sizes() + groups_.beyond_different(pairs);
  }

  const TokenGroups& groups_;
  double batch_;
  Eigen::MatrixXd together_, apart_;
  Eigen::VectorXd sums_together_, sums_apart_;
};

/// Keeps every place of a walk. What a walk computes again on its way back it has kept already.
class PlaceKeeper : public Observer {
 public:
  PlaceKeeper(const network::Lifted<double>& network, Places& places)
      : modes_(network.batch, network.sequence_length), places_(places) {}

  using Signal = GroupAlgebra::Signal;
  using Gradient = GroupAlgebra::Gradient;

  void keep(const Signal& x) {
    if (!back_) places_.forward.push_back(place(x));
  }
  /// From here on forward results come again.
  void turn() { back_ = true; }
  void keep(const Gradient& g) { places_.backward.push_back(place(g.moments)); }

  template <class Op, class Compute>
  [[nodiscard]] Signal forward(const Op& /*op*/, const Signal& x, const Compute& compute) {
    Signal y = compute(x);
    keep(y);
    return y;
  }
  template <class Compute>
  [[nodiscard]] auto join(const network::BasicResidual<double, double>& /*op*/, const Signal& x, const Signal& y,
                          const Compute& compute) {
    auto sum = compute();
    if (back_) return sum;
    keep(sum.signal);
    const Gram of_x(products(x.moments), modes_.batch()), of_y(products(y.moments), modes_.batch());
    places_.forward.back().crossed =
        over(Gram::product(of_x, of_y).own, energies(products(x.moments)), energies(products(y.moments)));
    return sum;
  }
  template <class Op, class Compute>
  [[nodiscard]] auto join(const Op& /*op*/, const Signal& /*x*/, const Signal& /*y*/, const Compute& compute) {
    return compute();
  }
  template <class Compute>
  [[nodiscard]] Signal add(const Signal& /*x*/, const Signal& a, const Signal& b, const Compute& compute) {
    Signal sum = compute();
    if (back_) return sum;
    keep(sum);
    const Gram of_a(products(a.moments), modes_.batch()), of_b(products(b.moments), modes_.batch());
    places_.forward.back().crossed =
        over(Gram::product(of_a, of_b).own, energies(products(a.moments)), energies(products(b.moments)));
    return sum;
  }

  template <class Op, class Norms, class Compute>
  [[nodiscard]] Gradient backward(const Op& /*op*/, const Signal& x, const Gradient& /*g*/, const Norms& /*norms*/,
                                  const Compute& compute) {
    Gradient back = compute(x);
    keep(back);
    return back;
  }
  template <class Op, class Compute>
  [[nodiscard]] auto into(const Op& /*op*/, const Compute& compute) {
    auto end = compute();
    keep(end);
    return end;
  }
  template <class Op, class Compute>
  [[nodiscard]] Gradient join_back(const Op& /*op*/, const Gradient& branch, const Compute& compute) {
    return sum_of(branch, compute());
  }
  template <class Compute>
  [[nodiscard]] Gradient add_back(const Gradient& a, const Compute& compute) {
    return sum_of(a, compute());
  }

 private:
  [[nodiscard]] Gradient sum_of(const Gradient& part, Gradient sum) {
    keep(sum);
    // The other part is what the sum has beside this one.
    const Gram of_part(part.moments, modes_.batch()), of_sum(sum.moments, modes_.batch());
    const ModeVector own = energies(part.moments), rest = (energies(sum.moments) - own).cwiseMax(0);
    const ModeVector both = Gram::product(of_part, of_sum).own - Gram::product(of_part, of_part).own;
    places_.backward.back().crossed = over(both, own, rest);
    return sum;
  }

  [[nodiscard]] ModeVector energies(const TokenPairs& pairs) const { return modes_.energies(alike(pairs)); }

  [[nodiscard]] static formula::Gradient<double> alike(const TokenPairs& pairs) {
    const double own = pairs.groups->mean(pairs.within.diagonal());
    return {own, pairs.groups->mean_of_pairs(pairs.within, own), mean_across(pairs)};
  }

  [[nodiscard]] static ModeVector over(const ModeVector& part, const ModeVector& a, const ModeVector& b) {
    ModeVector out;
    for (int mode = 0; mode < mode_count; ++mode)
      out[mode] = a[mode] > 0 && b[mode] > 0 ? std::max(part[mode], 0.0) / (a[mode] * b[mode]) : 0;
    return out;
  }

  [[nodiscard]] Place place(const Signal& x) const {
    Place out = place(products(x.moments));
    out.mean = x.moments.covariance.groups->mean(x.moments.mean);
    out.anisotropy = x.anisotropy;
    return out;
  }

  [[nodiscard]] Place place(const TokenPairs& pairs) const {
    Place out;
    out.products = alike(pairs);
    const ModeVector energies = modes_.energies(out.products);
    const Gram gram(pairs, modes_.batch());
    const Gram::Projected square = Gram::product(gram, gram);
    out.noise.diagonal() = over(square.own, energies, energies);
    const auto with_last = [&](int mode, double product) {
      if (energies[mode] > 0 && energies[2] > 0)
        out.noise(mode, 2) = out.noise(2, mode) = product / (energies[mode] * energies[2]);
    };
    with_last(0, square.first_with_last);
    with_last(1, square.second_with_last);
    return out;
  }

  Modes modes_;
  Places& places_;
  bool back_ = false;
};

}  // namespace

Places places_of(const network::Lifted<double>& network, GroupedTokens field) {
  Places out;
  GroupAlgebra algebra(network, std::move(field));
  PlaceKeeper keeper(network, out);
  Walk walk(algebra, keeper);
  keeper.keep(algebra.source());
  static_cast<void>(walk.forward(network.body, walk.input()));
  const GroupAlgebra::Gradient gradient = algebra.loss_gradient();
  keeper.keep(gradient);
  keeper.turn();
  walk.backward(gradient);
  return out;
}

}  // namespace sigprop::predict
