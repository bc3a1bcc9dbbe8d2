// SPDX-License-Identifier: Apache-2.0
#include "predict/spread/spreading.hpp"

#include <array>
#include <cmath>
#include <string>

#include "sigprop/formula/softmax_row.hpp"

namespace sigprop::predict {
namespace {

constexpr int state_rows = mode_count + 1;
constexpr int token_row = mode_count;  ///< Σ G² of the centred tokens

[[nodiscard]] double square(double x) {
  return x * x;
}

/// Σ λ⁴/(Σ λ²)² of the eigenvalues of the Gram matrix of m tokens whose features have this
/// participation: of a Marchenko–Pastur law.
[[nodiscard]] double fourth_participation(double participation, double tokens) {
  const double y = participation * tokens;
  return (1 + 6 * y + 6 * y * y + y * y * y) / (square(1 + y) * tokens);
}

/// Of one row of a softmax over n keys of score variance v.
struct RowNoise {
  double squares;  ///< Var[Σ A²]/S2²
  double fourths;  ///< 2 S4/S2²
};

[[nodiscard]] RowNoise row_noise(double v, double keys) {
  const formula::SoftmaxRow<double> row = formula::softmax_row(v, keys);
  const double mean = square(row.squares), squares = row.jacobian - row.squares + 2 * row.cubes;  // E[(Σ A²)²]
  return {std::max(squares / mean - 1, 0.0), 2 * row.fourths / mean};
}

/// matrix · rows, for the first rows; the others stay as they are.
[[nodiscard]] Deviations mapped(const Eigen::MatrixXd& matrix, Deviations rows) {
  rows.topRows(mode_count) = (matrix * rows.topRows(mode_count)).eval();
  return rows;
}

[[nodiscard]] Eigen::RowVectorXd as_row(const ModeVector& x) {
  return x.transpose();
}

}  // namespace

// ---- tools ------------------------------------------------------------------------------------------------------------

Spreading::Spreading(const Network& network, Columns columns, bool given_ends, std::optional<Places> places)
    : alike_(network, AlikeTokens<T>(network, Theory::full)),
      columns_kept_(columns),
      given_ends_(given_ends),
      modes_(network.batch, network.sequence_length),
      places_(std::move(places)) {}

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

template <class X, class F>
Eigen::MatrixXd Spreading::derivatives(const X& x, const F& f) const {
  constexpr double step = 2e-3;
  const Eigen::VectorXd at = f(x);
  Eigen::MatrixXd out = Eigen::MatrixXd::Zero(at.size(), mode_count);
  const ModeVector energies = [&] {
    if constexpr (std::is_same_v<X, Pairs>) {
      return modes_.energies(x);
    } else {
      return this->energies(x);
    }
  }();
  for (int mode = 0; mode < mode_count; ++mode) {
    if (!(energies[mode] > 0)) continue;
    const Eigen::VectorXd above = f(stepped(x, mode, step)), below = f(stepped(x, mode, -step));
    for (Eigen::Index i = 0; i < at.size(); ++i) {
      if (at[i] > 0) out(i, mode) = (above[i] - below[i]) / (2 * step * at[i]);
    }
  }
  return out;
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
  if (!places_) return out;
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
  if (!places_) return out;
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
  centred(token_row, 0) = std::sqrt(8 * fourth_participation(1 / network().width, modes_.tokens()) / network().width);
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
    append(out.rows, wishart(out.noise, network().width, at > 0 && !places_ ? 1 / (at * network().batch) : 0));
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

Spreading::Signal Spreading::behind_neurons(const Alike::Signal& y, const Deviations& rows,
                                            const Eigen::MatrixXd& slopes, Neurons neurons, double count) {
  Signal out = placed(y);
  out.rows = mapped(slopes, rows);
  out.features = count;
  Hidden hidden{std::make_shared<const Neurons>(std::move(neurons)), {}, 0};
  const NeuronCovariance covariance = hidden.neurons->covariance({1, 0, 0}, count);
  hidden.root = root_of(covariance.topLeftCorner<mode_count, mode_count>());
  hidden.first = append(out.rows, hidden.root);
  hidden_.push_back(std::move(hidden));
  return out;
}

Spreading::Signal Spreading::forward(const network::Activation& op, const Signal& x) {
  auto& activations = alike_.field().activations();
  const auto slopes = derivatives(x.moments, [&](const Moments& moments) -> Eigen::VectorXd {
    return energies(activations.forward(op.kind, moments));
  });
  return behind_neurons(alike_.forward(op, x), without(x.rows, x.fresh), slopes, Neurons(op.kind, x.moments, modes_),
                        x.width);
}

Spreading::Signal Spreading::forward(const network::BasicGatedLinear<T, T>& op, const Signal& x) {
  auto& activations = alike_.field().activations();
  const double bias = square(op.bias_std), of_gate = square(op.gate_std), of_value = square(op.weight_std);
  const auto gate = [&](const Moments& moments) { return formula::linear_forward(moments, op.in, of_gate, bias); };
  const auto value = [&](const Moments& moments) { return formula::linear_forward(moments, op.in, of_value, bias); };
  const auto slopes = derivatives(x.moments, [&](const Moments& moments) -> Eigen::VectorXd {
    return energies(formula::gated_forward(activations.forward(op.activation, gate(moments)), value(moments)));
  });
  Neurons neurons(op.activation, gate(x.moments), value(x.moments), {of_gate, of_value}, modes_);
  return behind_neurons(alike_.forward(op, x), x.rows, slopes, std::move(neurons), op.out);
}

formula::SoftmaxMeans<double> Spreading::softmax_at(const AttentionOp<T>& op, const Moments& rows, const Moments& keys,
                                                    const formula::AttentionShape<T>& shape, const Beside& beside) {
  formula::ScoreMoments<T> scores = formula::attention_scores(rows, keys, shape);
  scores.variance *= std::exp(beside.variance);
  formula::SoftmaxMeans<T> out = alike_.field().softmax_of(op, scores);
  out.row.squares = out.pair.overlap + (out.row.squares - out.pair.overlap) * std::exp(beside.sharpness);
  return out;
}

Spreading::Moments Spreading::heads_at(const AttentionOp<T>& op, const Moments& rows, const Moments& keys,
                                       const formula::AttentionShape<T>& shape, const Beside& beside) {
  return formula::attention_forward(rows, keys, shape, softmax_at(op, rows, keys, shape, beside));
}

void Spreading::set_score_rows(const AttentionOp<T>& op, const Heads& heads, const Moments& read,
                               const Deviations& input) {
  const formula::AttentionShape<T>& shape = heads.attended.shape;
  const auto of_scores = [&](const Moments& rows, const Moments& keys, double beside) -> Eigen::VectorXd {
    formula::ScoreMoments<T> scores = formula::attention_scores(rows, keys, shape);
    scores.variance *= std::exp(beside);
    return Eigen::Vector2d(scores.variance, alike_.field().softmax_of(op, scores).row.entropy);
  };
  const auto by_rows =
      derivatives(read, [&](const Moments& rows) -> Eigen::VectorXd { return of_scores(rows, read, 0); });
  const auto by_keys =
      derivatives(read, [&](const Moments& keys) -> Eigen::VectorXd { return of_scores(read, keys, 0); });
  constexpr double step = 0.01;
  const Eigen::Vector2d at = of_scores(read, read, 0);
  Eigen::Vector2d by_variance = (of_scores(read, read, step) - of_scores(read, read, -step)) / (2 * step);
  for (int i = 0; i < 2; ++i) by_variance[i] = at[i] > 0 ? by_variance[i] / at[i] : 0;
  score_rows_ = sum_of_rows((by_rows + by_keys) * input, by_rows * heads.queries);
  score_rows_ = sum_of_rows(score_rows_, by_variance * heads.sharpness.topRows(1));
}

Spreading::Signal Spreading::forward(const AttentionOp<T>& op, const Signal& x, profile::AttentionMetrics& metrics) {
  if (op.cross) throw NotCovered("the spread of cross-attention is not covered by this theory yet");
  Signal out = placed(alike_.forward(op, x, metrics));
  auto& field = alike_.field();
  Heads heads{field.attend(op, x), {}, {}, 0, {}, {}, {}, {}};
  const formula::AttentionShape<T>& shape = heads.attended.shape;
  const Moments& read = x.moments;
  heads.outputs = field.heads(heads.attended);
  heads.participation = field.anisotropy(heads.attended, x).participation;

  const double fan = op.heads * op.head_width, key_fan = op.kv_heads * op.head_width;
  const double tokens = modes_.tokens(), batch = modes_.batch(), length = modes_.length();
  const double s = x.anisotropy.participation;
  const double rho = heads.attended.scores.correlation, v = heads.attended.scores.variance;

  // The queries of one network, and what the keys and the rows of one softmax matrix have of their
  // own.
  heads.queries = Deviations::Zero(mode_count, 0);
  append(heads.queries, wishart(x.noise, fan, s));
  const double second = read.second_moment();
  const double r = second > 0 ? read.token_dot() / second : 0, across = second > 0 ? read.cross_dot() / second : 0;
  const double common = square(batch > 1 ? across : r);
  const double alike = common + (r * r - common) / batch + (1 - r * r) / tokens;
  const double noise = row_noise(v, length).squares;
  heads.sharpness = Deviations::Zero(2, 0);
  Deviations own = Deviations::Zero(2, 2);
  own(0, 0) = std::sqrt(2 / op.kv_heads * (1 / tokens + s) * (alike + 1 / op.head_width));
  own(1, 1) = std::sqrt(noise * (rho * rho + (1 - rho * rho) / length) / (batch * op.heads));
  append(heads.sharpness, own);

  const auto of_rows = derivatives(
      read, [&](const Moments& rows) -> Eigen::VectorXd { return energies(heads_at(op, rows, read, shape, {})); });
  const auto of_keys = derivatives(
      read, [&](const Moments& keys) -> Eigen::VectorXd { return energies(heads_at(op, read, keys, shape, {})); });
  constexpr double step = 0.01;
  const auto by = [&](const Beside& above, const Beside& below) {
    return ratio_of(
        (energies(heads_at(op, read, read, shape, above)) - energies(heads_at(op, read, read, shape, below))) /
            (2 * step),
        energies(heads.outputs));
  };
  Eigen::MatrixXd of_sharpness(mode_count, 2);
  of_sharpness << by({step, 0}, {-step, 0}), by({0, step}, {0, -step});

  const Deviations input = x.rows.topRows(mode_count);
  heads.rows = sum_of_rows((of_rows + of_keys) * input, of_rows * heads.queries);
  heads.rows = sum_of_rows(heads.rows, of_sharpness * heads.sharpness);
  append(heads.rows, wishart(out.noise, key_fan, heads.participation));

  set_score_rows(op, heads, read, input);

  heads.normalized = heads.outputs;
  heads.normalized_rows = heads.rows;
  if (op.inner_norm) {
    heads.normalized = field.normalized(*op.inner_norm, heads.outputs, fan, op.norm_epsilon);
    heads.normalized_rows = derivatives(heads.outputs,
                                        [&](const Moments& z) -> Eigen::VectorXd {
                                          return energies(field.normalized(*op.inner_norm, z, fan, op.norm_epsilon));
                                        }) *
                            heads.rows;
  }
  const auto projected = derivatives(heads.normalized, [&](const Moments& z) -> Eigen::VectorXd {
    return energies(formula::linear_forward(z, fan, square(op.output_std), square(op.bias_std)));
  });
  out.rows = Deviations::Zero(state_rows, columns_);
  out.rows.topRows(mode_count) = widened(projected * heads.normalized_rows, columns_);
  out.rows.bottomRows(1) = widened(x.rows.bottomRows(1), columns_);
  append(out.rows, wishart(out.noise, op.width, heads.participation));
  out.features = fan;
  heads_.push_back(std::move(heads));
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
  Deviations out = sum_of_rows(as_row(shares) * rows.topRows(mode_count), as_row(shares) * gradient_rows);
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

Spreading::Hidden Spreading::take_hidden() {
  Hidden out = std::move(hidden_.back());
  hidden_.pop_back();
  return out;
}

Deviations Spreading::before_neurons(const Hidden& hidden, const Neurons& neurons, const Deviations& carried,
                                     const Pairs& g, double participation, double count) {
  const NeuronCovariance covariance = neurons.covariance(g, count);
  // What goes back follows what went forward: in the same columns as far as it does.
  const Eigen::Index rank = hidden.root.cols();
  const Eigen::MatrixXd mixed = covariance.bottomLeftCorner<mode_count, mode_count>();
  const Eigen::MatrixXd along = hidden.root.completeOrthogonalDecomposition().solve(mixed.transpose()).transpose();
  Deviations out = widened(carried, std::max(columns_, hidden.first + rank));
  out.middleCols(hidden.first, rank) += along;
  append(out, root_of(covariance.bottomRightCorner<mode_count, mode_count>() - along * along.transpose()));
  if (modes_.inverse_ranks()[2] > 0 && participation > 0) {
    Deviations more = Deviations::Zero(mode_count, 1);
    more(2, 0) = std::sqrt(2 / count * participation);
    append(out, more);
  }
  return out;
}

Spreading::Gradient Spreading::backward(const network::Activation& op, const Signal& x, const Gradient& g,
                                        SquaredNorms<T>& norms) {
  auto& activations = alike_.field().activations();
  const auto by_signal = derivatives(x.moments, [&](const Moments& moments) -> Eigen::VectorXd {
    return modes_.energies(activations.backward(op.kind, g.moments, moments));
  });
  const auto by_gradient = derivatives(g.moments, [&](const Pairs& moments) -> Eigen::VectorXd {
    return modes_.energies(activations.backward(op.kind, moments, x.moments));
  });
  Gradient out = placed(alike_.backward(op, x, g, norms));
  const Deviations read = without(x.rows, x.fresh).topRows(mode_count);
  const Hidden hidden = take_hidden();
  out.rows =
      before_neurons(hidden, *hidden.neurons, sum_of_rows(by_signal * read, by_gradient * without(g.rows, g.fresh)),
                     g.moments, g.participation, x.width);
  out.participation = g.participation;
  return out;
}

Spreading::Gradient Spreading::backward(const network::BasicGatedLinear<T, T>& op, const Signal& x, const Gradient& g,
                                        SquaredNorms<T>& norms) {
  const Hidden hidden = take_hidden();
  const Deviations read = x.rows.topRows(mode_count), entered = without(g.rows, g.fresh);
  auto& activations = alike_.field().activations();
  const double bias = square(op.bias_std), of_gate = square(op.gate_std), of_value = square(op.weight_std);
  const auto gate_of = [&](const Moments& moments) { return formula::linear_forward(moments, op.in, of_gate, bias); };
  const auto value_of = [&](const Moments& moments) { return formula::linear_forward(moments, op.in, of_value, bias); };
  const auto at_gate = [&](const Moments& moments, const Pairs& gradient) {
    return activations.backward(op.activation, formula::gated_backward(gradient, value_of(moments)), gate_of(moments));
  };
  const auto at_value = [&](const Moments& moments, const Pairs& gradient) {
    return formula::gated_backward(gradient, activations.forward(op.activation, gate_of(moments)));
  };
  const auto back = [&](const Moments& moments, const Pairs& gradient) {
    return formula::sum(of_gate * at_gate(moments, gradient), of_value * at_value(moments, gradient));
  };
  const auto rows_of = [&](const auto& f, const Neurons& neurons) {
    const auto by_signal = derivatives(
        x.moments, [&](const Moments& moments) -> Eigen::VectorXd { return modes_.energies(f(moments, g.moments)); });
    const auto by_gradient = derivatives(
        g.moments, [&](const Pairs& gradient) -> Eigen::VectorXd { return modes_.energies(f(x.moments, gradient)); });
    return before_neurons(hidden, neurons, sum_of_rows(by_signal * read, by_gradient * entered), g.moments,
                          g.participation, op.out);
  };
  const auto add_weight = [&](const auto& f, const std::array<double, 2>& weights) {
    const Neurons neurons(op.activation, gate_of(x.moments), value_of(x.moments), weights, modes_);
    weight_rows_.push_back(weight_row(energies(x.moments), x.rows, x.anisotropy.participation,
                                      modes_.energies(f(x.moments, g.moments)), rows_of(f, neurons),
                                      g.participation + 1 / op.in));
  };
  add_weight(at_gate, {1, 0});
  add_weight(at_value, {0, 1});
  Gradient out = placed(alike_.backward(op, x, g, norms));
  out.participation = g.participation;
  out.rows = rows_of(back, *hidden.neurons);
  append(out.rows, wishart(out.noise, op.in, g.participation));
  return out;
}

Spreading::Gradient Spreading::backward(const AttentionOp<T>& op, const Signal& x, const Gradient& g,
                                        SquaredNorms<T>& norms) {
  const Heads heads = std::move(heads_.back());
  heads_.pop_back();
  const formula::AttentionShape<T>& shape = heads.attended.shape;
  const Moments& read = x.moments;
  const double fan = op.heads * op.head_width, key_fan = op.kv_heads * op.head_width;
  const double batch = modes_.batch(), length = modes_.length();
  const double s = x.anisotropy.participation, of_gradient = g.participation;
  const ModeVector signal = energies(read);

  const Deviations output = weight_row(energies(heads.normalized), heads.normalized_rows, heads.participation,
                                       modes_.energies(g.moments), g.rows, of_gradient);

  // The gradient at the heads' outputs.
  const Pairs b = alike_.at_heads(op, heads.attended, g.moments);
  Deviations at_heads = g.rows;
  append(at_heads, wishart(g.noise, fan, of_gradient));
  if (op.inner_norm) {
    const ModeVector shares = ratio_of(energies(heads.outputs), ModeVector::Constant(heads.outputs.second_moment()));
    at_heads = sum_of_rows(at_heads, -ModeVector::Ones() * (as_row(shares) * heads.rows));
  }

  constexpr Eigen::Index in = 0, query = 3, value = 6, key = 9, count = 10;
  const auto passed = [&](const Moments& rows, const Moments& keys, const Pairs& gradient,
                          const Beside& beside) -> Eigen::VectorXd {
    const auto softmax = softmax_at(op, rows, keys, shape, beside);
    const auto back = formula::attention_backward(gradient, rows, keys, shape, softmax, batch);
    Eigen::VectorXd out(count);
    out << modes_.energies(back.input()), modes_.energies(back.query), modes_.energies(back.value), back.key_weight;
    return out;
  };
  const Eigen::VectorXd at = passed(read, read, b, {});
  const auto by_rows =
      derivatives(read, [&](const Moments& rows) -> Eigen::VectorXd { return passed(rows, read, b, {}); });
  const auto by_keys =
      derivatives(read, [&](const Moments& keys) -> Eigen::VectorXd { return passed(read, keys, b, {}); });
  const auto by_gradient =
      derivatives(b, [&](const Pairs& gradient) -> Eigen::VectorXd { return passed(read, read, gradient, {}); });
  constexpr double step = 0.01;
  const auto by = [&](const Beside& above, const Beside& below) -> Eigen::VectorXd {
    Eigen::VectorXd out = (passed(read, read, b, above) - passed(read, read, b, below)) / (2 * step);
    for (Eigen::Index i = 0; i < count; ++i) out[i] = at[i] > 0 ? out[i] / at[i] : 0;
    return out;
  };
  Eigen::MatrixXd by_sharpness(count, 2);
  by_sharpness << by({step, 0}, {-step, 0}), by({0, step}, {0, -step});

  Deviations rows = sum_of_rows((by_rows + by_keys) * x.rows.topRows(mode_count), by_gradient * at_heads);
  rows = sum_of_rows(rows, by_rows * heads.queries);
  rows = sum_of_rows(rows, by_sharpness * heads.sharpness);

  // What the weights of queries and keys cause by themselves, on the modes of both paths.
  const double rho = heads.attended.scores.correlation, v = heads.attended.scores.variance;
  const auto [n0, n1] = row_noise(v, length);
  const double of_row =
      (n0 * (rho * rho + (1 - rho * rho) / length) + (n1 + 6 / op.head_width) / length) / (batch * op.heads);
  const double of_value = 2 / op.kv_heads * fourth_participation(s, length) / batch;
  const ModeVector parts = signal.cwiseProduct(modes_.energies(b)).cwiseProduct(modes_.inverse_ranks());
  const double common = parts.sum() > 0 ? parts[0] / parts.sum() : 0;
  Deviations own =
      Deviations::Zero(mode_count + 2, mode_count + 2);  // of the query path's modes, the key path, ‖∂W_k‖²
  for (int mode = 0; mode < mode_count; ++mode)
    own(mode, mode) = std::sqrt(2 / fan * modes_.inverse_ranks()[mode] + (mode == 2 ? of_row : 0));
  own(0, 3) = std::sqrt(of_value);
  own(3, 3) = own(4, 3) = common * std::sqrt(of_value);
  own(3, 4) = own(4, 4) = (1 - common) * std::sqrt(of_row);
  Deviations beside = Deviations::Zero(mode_count + 2, 0);
  append(beside, own);
  const Deviations tokens = x.rows.bottomRows(1);
  beside = sum_of_rows(beside, (Eigen::VectorXd(mode_count + 2) << 1, 1, 1, 0, 1).finished() * tokens);

  // The input's energies are sums over the three paths.
  Pairs of_query{}, of_key{};
  {
    const auto back = formula::attention_backward(b, read, read, shape, heads.attended.softmax, batch);
    of_query = formula::linear_backward(back.query, fan, shape.query_weight);
    of_key = formula::linear_backward(back.key, fan, shape.key_weight);
  }
  const ModeVector all = at.segment<mode_count>(in);
  const ModeVector query_share = ratio_of(modes_.energies(of_query), all);
  const ModeVector key_share = ratio_of(modes_.energies(of_key), all);
  rows = widened(rows, columns_);
  beside = widened(beside, columns_);
  rows.middleRows(in, mode_count) += query_share.asDiagonal() * beside.topRows(mode_count);
  rows.row(in + 2) += key_share[2] * beside.row(3);
  rows.middleRows(query, mode_count) += beside.topRows(mode_count);
  rows.row(key) += beside.row(4);

  // Heads that share a value add up their gradients at it.
  if (op.kv_heads < op.heads) {
    Deviations shared = Deviations::Zero(mode_count, 0);
    append(shared, wishart(g.noise, 1 / (1 / key_fan - 1 / fan), of_gradient));
    const ModeVector value_share = ModeVector::Ones() - (query_share + key_share).cwiseMin(1);
    rows = widened(rows, columns_);
    rows.middleRows(in, mode_count) += value_share.asDiagonal() * shared;
    rows.middleRows(value, mode_count) += shared;
  }

  weight_rows_.push_back(weight_row(signal, x.rows, s, at.segment<mode_count>(query),
                                    rows.middleRows(query, mode_count), of_gradient + s + 2 / fan));
  weight_rows_.emplace_back(rows.row(key));
  weight_rows_.push_back(weight_row(signal, x.rows, s, at.segment<mode_count>(value),
                                    rows.middleRows(value, mode_count), of_gradient + 1 / key_fan));
  weight_rows_.push_back(output);

  Gradient out = placed(alike_.backward(op, x, g, norms));
  out.rows = rows.middleRows(in, mode_count);
  append(out.rows, wishart(out.noise, op.width, of_gradient));
  out.participation = of_gradient;
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
