// SPDX-License-Identifier: Apache-2.0
#include "predict/spread/spreading.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sigprop::predict {
// ---- tools ------------------------------------------------------------------------------------------------------------

Spreading::Spreading(const Network& network, Columns columns, bool given_ends, const Places* places)
    : alike_(network, AlikeTokens<T>(network, Theory::full)),
      columns_kept_(columns),
      given_ends_(given_ends),
      modes_(network.batch, network.sequence_length),
      places_(places) {}

Spreading::Moments Spreading::stepped(const Moments& x, int mode, double step) const {
  const Pairs before = products(x);
  ModeVector energies = modes_.energies(before);
  energies[mode] *= std::exp(step);
  const Pairs after = modes_.products(energies, before);
  return {x.mean, x.variance + (after.variance - before.variance),
          x.covariance + (after.covariance - before.covariance),
          x.cross_covariance + (after.cross_covariance - before.cross_covariance)};
}

Spreading::Pairs Spreading::stepped(const Pairs& g, int mode, double step) const {
  ModeVector energies = modes_.energies(g);
  energies[mode] *= std::exp(step);
  return modes_.products(energies, g);
}

Deviations Spreading::wishart(const ModeMatrix& noise, double features, double participation) const {
  ModeMatrix covariance = noise;
  for (int mode = 1; mode < mode_count; ++mode) {
    if (covariance(mode, mode) > 0) covariance(mode, mode) += participation;
  }
  return root_of(2 / features * covariance);
}

Deviations Spreading::crossed(const ModeVector& a, const ModeVector& b, double features, double participation) const {
  ModeVector variance = 4 / features * crossed_;
  for (int mode = 1; mode < mode_count; ++mode) {
    if (variance[mode] > 0) variance[mode] += 4 / features * participation;
  }
  return Deviations(variance.cwiseProduct(a).cwiseProduct(b).cwiseMax(0).cwiseSqrt().asDiagonal());
}

Spreading::Signal Spreading::placed(const Alike::Signal& x) {
  Signal out{x, ModeMatrix(modes_.inverse_ranks().asDiagonal()), {}};
  crossed_ = modes_.inverse_ranks();
  if (places_ == nullptr) return out;
  const Place& place = places_->forward.at(forward_++);
  const double square = place.mean * place.mean;
  out.moments = {place.mean, place.products.variance - square, place.products.covariance - square,
                 place.products.cross_covariance - square};
  out.anisotropy = place.anisotropy;
  out.noise = place.noise;
  crossed_ = place.crossed;
  return out;
}

Spreading::Gradient Spreading::placed(const Alike::Gradient& g) {
  Gradient out{g, ModeMatrix(modes_.inverse_ranks().asDiagonal()), {}};
  crossed_ = modes_.inverse_ranks();
  if (places_ == nullptr) return out;
  const Place& place = places_->backward.at(backward_++);
  out.moments = place.products;
  out.noise = place.noise;
  crossed_ = place.crossed;
  return out;
}

Eigen::Index Spreading::append(Deviations& rows, const Deviations& root) {
  const Eigen::Index first = columns_;
  columns_ += root.cols();
  rows = widened(rows, columns_);
  rows.block(0, first, root.rows(), root.cols()) += root;
  return first;
}

Deviations Spreading::without(Deviations rows, const Fresh& fresh) {
  if (fresh.count > 0) rows.middleCols(fresh.first, fresh.count).setZero();
  return rows;
}

Deviations Spreading::take_weight_row() {
  Deviations out = std::move(weight_rows_.back());
  weight_rows_.pop_back();
  return out;
}

// ---- ends -------------------------------------------------------------------------------------------------------------

Spreading::Signal Spreading::source() {
  Signal out = placed(alike_.source());
  out.rows = Deviations::Zero(state_rows, 0);
  out.features = network().width;
  Deviations centred = Deviations::Zero(state_rows, 1);
  centred(token_row, 0) =
      std::sqrt(8 * fourth_participation(out.anisotropy.participation, modes_.tokens()) * out.anisotropy.participation);
  append(out.rows, centred);
  if (given_ends_) return out;
  const auto* embedding = std::get_if<network::BasicEmbedding<T, T>>(&network().source);
  const bool words = embedding != nullptr && embedding->token.used && out.moments.variance > 0;
  // Tokens of one word are equal: the Gram matrix has few dimensions.
  const double of_words = words ? square(embedding->token.std) / out.moments.variance : 0;
  const double match = words ? word_match(*embedding, Theory::full).within : 0;
  append(out.rows, wishart(out.noise, network().width, match * square(of_words)));
  if (words && !embedding->text) {
    // How many pairs of words are equal varies from batch to batch: by how often each word comes,
    // which all pairs share, and by chance.
    const double three = network::match_of_three(embedding->vocabulary, embedding->exponent), length = modes_.length(),
                 tokens = modes_.tokens();
    const double scale = square(embedding->token.std);
    const double shared = scale * std::sqrt(std::max(4 * (three - match * match), 0.0) / tokens);
    const double own = scale * std::sqrt(2 * match * (1 - match) / (tokens * length));
    const ModeVector at = energies(out.moments);
    Deviations varied = Deviations::Zero(state_rows, 2);
    varied.block<mode_count, 1>(0, 0) = ratio_of(modes_.energies({0, shared, shared}), at);
    varied.block<mode_count, 1>(0, 1) = ratio_of(modes_.energies({0, own, 0}), at);
    append(out.rows, varied);
  }
  return out;
}

Spreading::Gradient Spreading::loss_gradient() {
  Gradient out = placed(alike_.loss_gradient());
  out.rows = Deviations::Zero(mode_count, 1);
  const double at = static_cast<double>(network().gradient_tokens.size());
  out.participation = 1 / network().width;
  if (!given_ends_)
    append(out.rows,
           wishart(out.noise, network().width, at > 0 && places_ == nullptr ? 1 / (at * network().batch) : 0));
  return out;
}

// ---- forward ----------------------------------------------------------------------------------------------------------

template <class Op>
Spreading::Signal Spreading::carried(const Op& op, const Signal& x) {
  Signal out = placed(alike_.forward(op, x));
  const auto slopes = derivatives(x.moments, [&](const Moments& moments) -> Eigen::VectorXd {
    Alike::Signal read = x.alike();
    read.moments = moments;
    return energies(alike_.forward(op, read).moments);
  });
  out.rows = mapped(slopes, x.rows);
  out.features = x.features;
  out.fresh = x.fresh;
  return out;
}
template Spreading::Signal Spreading::carried(const network::BasicNorm<double, double>&, const Signal&);
template Spreading::Signal Spreading::carried(const network::BasicDropout<double>&, const Signal&);

Spreading::Signal Spreading::forward(const network::BasicLinear<T, T>& op, const Signal& x) {
  Signal out = carried(op, x);
  out.features = op.in;
  const Deviations root = wishart(out.noise, op.out, x.anisotropy.participation);
  out.fresh = {append(out.rows, root), root.cols()};
  return out;
}

Spreading::Signal Spreading::mean_of(const network::BasicExperts<T, T>&, const Signal&, const Signal&) const {
  throw NotCovered("the spread of experts is not covered by this theory yet");
}

Spreading::Signal Spreading::add(const Signal& x, const Signal& a, const Signal& b) {
  Signal out = placed(alike_.add(x, a, b));
  const ModeVector whole = energies(out.moments);
  const ModeVector of_a = ratio_of(energies(a.moments), whole), of_b = ratio_of(energies(b.moments), whole);
  Deviations rows =
      sum_of_rows(of_a.asDiagonal() * a.rows.topRows(mode_count), of_b.asDiagonal() * b.rows.topRows(mode_count));
  append(rows, crossed(of_a, of_b, out.width, x.anisotropy.participation));
  out.rows = Deviations::Zero(state_rows, columns_);
  out.rows.topRows(mode_count) = rows;
  out.rows.bottomRows(1) = widened(x.rows.bottomRows(1), columns_);
  out.features = std::min(a.features, b.features);
  return out;
}

Spreading::Signal Spreading::into_branch(Signal x) {
  ++depth_;
  static_cast<Alike::Signal&>(x) = alike_.into_branch(x.alike());
  return x;
}

Spreading::Sum Spreading::sum(const network::BasicResidual<T, T>& op, const Signal& x, const Signal& branch) {
  --depth_;
  const Alike::Sum alike = alike_.sum(op, x, branch);
  Sum out{placed(alike.signal), {alike.share, {}}};
  Signal& y = out.signal;
  y.features = branch.features;
  const double s = x.anisotropy.participation;
  const ModeVector whole = energies(y.moments);
  const ModeVector of_x = ratio_of(square(op.skip) * energies(x.moments), whole);
  const ModeVector of_branch = ratio_of(square(op.branch) * energies(branch.moments), whole);
  Deviations rows = sum_of_rows(of_x.asDiagonal() * x.rows.topRows(mode_count),
                                of_branch.asDiagonal() * branch.rows.topRows(mode_count));
  append(rows, crossed(of_x, of_branch, y.width, s));

  // Σ G² of the centred tokens: what the branch keeps of it linearly, and what it draws anew.
  const double b = std::clamp(of_branch[2], 0.0, 1.0), a = 1 - b, tokens = modes_.tokens();
  const double before = s + 1 / tokens, after = y.anisotropy.participation + 1 / tokens;
  const double kept = std::min(1.0, square(a + b * branch.anisotropy.linear) * before / after);
  y.rows = Deviations::Zero(state_rows, columns_);
  y.rows.topRows(mode_count) = rows;
  y.rows.row(token_row) = kept * widened(x.rows.bottomRows(1), columns_);
  Deviations drawn = Deviations::Zero(state_rows, 1);
  drawn(token_row, 0) = std::sqrt(8 * fourth_participation(y.anisotropy.participation, tokens) *
                                  ((1 - a * a) / y.width + b * b / branch.features));
  append(y.rows, drawn);
  if (depth_ == 0 && columns_kept_ == Columns::few) {
    out.share.compressed = compressed(y.rows);
    y.rows = out.share.compressed->rows;
    columns_ = y.rows.cols();
  }
  return out;
}

// ---- backward ---------------------------------------------------------------------------------------------------------

Deviations Spreading::weight_row(const ModeVector& x, const Deviations& rows, double participation, const ModeVector& g,
                                 const Deviations& gradient_rows, double gradient_participation) {
  const ModeVector parts = x.cwiseProduct(g).cwiseProduct(modes_.inverse_ranks());
  const double all = parts.sum();
  if (!(all > 0)) return Deviations::Zero(1, columns_);
  const ModeVector shares = parts / all;
  Deviations out = sum_of_rows(shares.transpose() * rows.topRows(mode_count), shares.transpose() * gradient_rows);
  // Two anisotropic Gram matrices overlap.
  const double overlap = 2 * participation * gradient_participation * shares.tail(mode_count - 1).squaredNorm();
  append(out, Deviations::Constant(1, 1, std::sqrt(overlap)));
  return out;
}

template <class Op>
Spreading::Gradient Spreading::carried_back(const Op& op, const Signal& x, const Gradient& g, SquaredNorms<T>& norms) {
  SquaredNorms<T> unused;
  const auto by_signal = derivatives(x.moments, [&](const Moments& moments) -> Eigen::VectorXd {
    Alike::Signal read = x.alike();
    read.moments = moments;
    return modes_.energies(alike_.backward(op, read, g, unused).moments);
  });
  const auto by_gradient = derivatives(g.moments, [&](const Pairs& moments) -> Eigen::VectorXd {
    Alike::Gradient read = g.alike();
    read.moments = moments;
    return modes_.energies(alike_.backward(op, x, read, unused).moments);
  });
  Gradient out = placed(alike_.backward(op, x, g, norms));
  out.rows = sum_of_rows(by_signal * x.rows.topRows(mode_count), by_gradient * g.rows);
  out.participation = g.participation;
  out.fresh = g.fresh;
  return out;
}
template Spreading::Gradient Spreading::carried_back(const network::BasicNorm<double, double>&, const Signal&,
                                                     const Gradient&, SquaredNorms<double>&);
template Spreading::Gradient Spreading::carried_back(const network::BasicDropout<double>&, const Signal&,
                                                     const Gradient&, SquaredNorms<double>&);

Spreading::Gradient Spreading::backward(const network::BasicLinear<T, T>& op, const Signal& x, const Gradient& g,
                                        SquaredNorms<T>& norms) {
  const double s = g.participation;
  weight_rows_.push_back(weight_row(energies(x.moments), x.rows, x.anisotropy.participation, modes_.energies(g.moments),
                                    g.rows, s + (g.fresh.count > 0 ? 0 : 1 / network().width)));
  Gradient out = placed(alike_.backward(op, x, g, norms));
  out.rows = g.rows;
  out.participation = depth_ > 0 ? s : std::min(s * (1 + 1 / op.in) + 1 / op.in, 1.0);
  const Deviations root = wishart(out.noise, op.in, s);
  out.fresh = {append(out.rows, root), root.cols()};
  return out;
}

Spreading::Gradient Spreading::into_experts(const network::BasicExperts<T, T>&, const Signal&, const Gradient&) const {
  throw NotCovered("the spread of experts is not covered by this theory yet");
}
Spreading::Gradient Spreading::through_router(const network::BasicExperts<T, T>&, const Signal&, const Signal&,
                                              const Gradient&, SquaredNorms<T>&) const {
  throw NotCovered("the spread of experts is not covered by this theory yet");
}

Spreading::Gradient Spreading::add(const Gradient& a, const Gradient& b) {
  Gradient out = placed(alike_.add(a, b));
  const ModeVector whole = modes_.energies(out.moments);
  const ModeVector of_a = ratio_of(modes_.energies(a.moments), whole),
                   of_b = ratio_of(modes_.energies(b.moments), whole);
  out.rows = sum_of_rows(of_a.asDiagonal() * a.rows, of_b.asDiagonal() * b.rows);
  append(out.rows, crossed(of_a, of_b, network().width, a.participation));
  out.participation = a.participation;
  return out;
}

Deviations Spreading::rebased(const Gradient& g, const Share& share) const {
  if (!share.compressed) return g.rows;
  const Deviations& of_columns = share.compressed->of_columns;
  const Eigen::Index kept = of_columns.rows();
  const Deviations rows = widened(g.rows, kept);
  const Deviations later = rows.rightCols(rows.cols() - kept);
  const Deviations root = root_of(later * later.transpose());
  Deviations out(mode_count, of_columns.cols() + root.cols());
  out << rows.leftCols(kept) * of_columns, root;
  return out;
}

Spreading::Gradient Spreading::into_branch(const network::BasicResidual<T, T>& op, const Gradient& g,
                                           const Share& share) {
  ++depth_;
  Gradient out = placed(alike_.into_branch(op, g, share.alike));
  out.rows = rebased(g, share);
  if (share.compressed) columns_ = out.rows.cols();
  out.participation = g.participation;
  return out;
}

Spreading::Gradient Spreading::sum(const network::BasicResidual<T, T>& op, const Gradient& g, const Gradient& branch,
                                   const Share& share) {
  --depth_;
  Gradient out = placed(alike_.sum(op, g, branch, share.alike));
  const ModeVector whole = modes_.energies(out.moments);
  const ModeVector of_skip = ratio_of(square(op.skip) * modes_.energies(g.moments), whole).cwiseMin(1);
  const ModeVector of_branch = (whole.array() > 0).select(1 - of_skip.array(), 0.0).max(0.0).matrix();
  out.rows = sum_of_rows(of_skip.asDiagonal() * rebased(g, share), of_branch.asDiagonal() * branch.rows);
  const double s = g.participation, width = network().width;
  append(out.rows, crossed(of_skip, of_branch, width, s));
  const double b = of_branch[2], a = 1 - b;
  out.participation = a * a * s + b * b * (s * (1 + 1 / width) + 1 / width) + 2 * a * b / width;
  return out;
}

}  // namespace sigprop::predict
