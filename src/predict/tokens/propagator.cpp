// SPDX-License-Identifier: Apache-2.0
#include "sigprop/predict/propagator.hpp"

#include "predict/tokens/grouped_tokens.hpp"
#include "predict/walk/alike_tokens.hpp"
#include "predict/walk/walk.hpp"

namespace sigprop::predict {

class Propagator::State {
 public:
  virtual ~State() = default;
  [[nodiscard]] virtual double variance_after(const std::vector<network::Component>& list) = 0;
  virtual void advance(const std::vector<network::Component>& list) = 0;
};

namespace {

double variance_of(const formula::Moments<double>& x) {
  return x.variance;
}

double variance_of(const TokenMoments& x) {
  const TokenGroups& tokens = *x.covariance.groups;
  const Eigen::ArrayXd squares = own(x.covariance) + x.mean.square();
  const double mean = tokens.mean(x.mean);
  return tokens.mean(squares) - mean * mean;
}

/// A walk over one field of tokens.
template <class Field>
class StateOf final : public Propagator::State {
 public:
  template <class... Rest>
  explicit StateOf(const network::Network& model, const Rest&... rest)
      : model_(network::lifted<double>(model)),
        algebra_(model_, Field(model_, rest...)),
        walk_(algebra_, nobody_),
        signal_(walk_.input()) {}

  [[nodiscard]] double variance_after(const std::vector<network::Component>& list) override {
    return variance_of(after(list).moments);
  }

  void advance(const std::vector<network::Component>& list) override { signal_ = after(list); }

 private:
  using Algebra = predict::Algebra<Field>;
  using Signal = typename Algebra::Signal;

  [[nodiscard]] Signal after(const std::vector<network::Component>& list) {
    return walk_.pass(network::Lift<double>()(list), signal_);
  }

  network::Lifted<double> model_;
  Algebra algebra_;
  Observer nobody_;
  Walk<Algebra, Observer> walk_;
  Signal signal_;
};

}  // namespace

Propagator::Propagator(const network::Network& model, network::Mask mask) {
  if (mask == network::Mask::causal) {
    state_ = std::make_unique<StateOf<GroupedTokens>>(model, Prefix::actual, profile::TokenLists{},
                                                      std::make_shared<RowTables>());
  } else {
    state_ = std::make_unique<StateOf<AlikeTokens<double>>>(model, Theory::full);
  }
}

Propagator::~Propagator() = default;

double Propagator::variance_after(const std::vector<network::Component>& list) {
  return state_->variance_after(list);
}

void Propagator::advance(const std::vector<network::Component>& list) {
  state_->advance(list);
}

}  // namespace sigprop::predict
