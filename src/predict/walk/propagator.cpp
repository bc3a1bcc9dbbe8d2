// SPDX-License-Identifier: Apache-2.0
#include "sigprop/predict/propagator.hpp"

#include "predict/walk/alike_tokens.hpp"
#include "predict/walk/walk.hpp"

namespace sigprop::predict {

class Propagator::State {
 public:
  using Algebra = AlikeAlgebra<double>;
  using Signal = Algebra::Signal;

  explicit State(const network::Network& model)
      : model_(network::lifted<double>(model)),
        algebra_(model_, AlikeTokens<double>(model_, Theory::full)),
        walk_(algebra_, nobody_),
        signal_(walk_.input()) {}

  [[nodiscard]] Signal after(const std::vector<network::Component>& list) {
    return walk_.pass(network::Lift<double>()(list), signal_);
  }

  void become(const Signal& signal) { signal_ = signal; }

 private:
  network::Lifted<double> model_;
  Algebra algebra_;
  Observer nobody_;
  Walk<Algebra, Observer> walk_;
  Signal signal_;
};

Propagator::Propagator(const network::Network& model) : state_(std::make_unique<State>(model)) {}
Propagator::~Propagator() = default;

double Propagator::variance_after(const std::vector<network::Component>& list) {
  return state_->after(list).moments.variance;
}

void Propagator::advance(const std::vector<network::Component>& list) {
  state_->become(state_->after(list));
}

}  // namespace sigprop::predict
