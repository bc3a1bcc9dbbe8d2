// SPDX-License-Identifier: Apache-2.0
#include "sigprop/predict/propagator.hpp"

#include "predict/walk.hpp"

namespace sigprop::predict {
namespace {

/// Scores are recorded by layer; one layer takes those of every list.
network::Outline one_layer(std::size_t weights) {
  network::Outline out;
  out.layers.resize(1);
  out.place_of_weight.resize(weights);
  return out;
}

std::size_t weights_in(const std::vector<network::Component>& list) {
  network::Network alone;
  alone.body = list;
  return network::outline_of(alone).place_of_weight.size();
}

}  // namespace

class Propagator::State {
 public:
  using Algebra = Exchangeable<double>;
  using Signal = Algebra::Signal;

  explicit State(const network::Network& model)
      : model_(model),
        outline_(one_layer(0)),
        scores_(blank_profile(outline_)),
        algebra_(model_, Theory::full),
        walk_(model_, outline_, algebra_, scores_),
        signal_(walk_.enter()) {}

  [[nodiscard]] Signal after(const std::vector<network::Component>& list) {
    outline_ = one_layer(weights_in(list));
    return walk_.pass(list, signal_);
  }

  void become(const Signal& signal) { signal_ = signal; }

 private:
  network::Network model_;
  network::Outline outline_;
  profile::Profile scores_;
  Algebra algebra_;
  Walk<Algebra> walk_;
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
