// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include "predict/spread/spreading.hpp"
#include "sigprop/formula/softmax_row.hpp"

// Attention, forward and backward.

namespace sigprop::predict {
namespace {

/// Noise of one row of a softmax over n keys of score variance v.
struct RowNoise {
  double squares;  ///< Var[Σ A²]/S2²
  double fourths;  ///< 2 S4/S2²
};

[[nodiscard]] RowNoise row_noise(double v, double keys) {
  const formula::SoftmaxRow<double> row = formula::softmax_row(v, keys);
  const double mean = square(row.squares), squares = row.jacobian - row.squares + 2 * row.cubes;  // E[(Σ A²)²]
  return {std::max(squares / mean - 1, 0.0), 2 * row.fourths / mean};
}

}  // namespace

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
    at_heads = sum_of_rows(at_heads, -ModeVector::Ones() * (shares.transpose() * heads.rows));
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

  // The input's energies are sums over the three paths, whose last maps only scale them.
  const ModeVector all = at.segment<mode_count>(in);
  const ModeVector query_share = ratio_of(fan * shape.query_weight * at.segment<mode_count>(query), all);
  const ModeVector value_share = ratio_of(fan * shape.value_weight * at.segment<mode_count>(value), all);
  // Keys have the last mode alone.
  const double key_share = all[2] > 0 ? std::max(1 - query_share[2] - value_share[2], 0.0) : 0;
  rows = widened(rows, columns_);
  beside = widened(beside, columns_);
  rows.middleRows(in, mode_count) += query_share.asDiagonal() * beside.topRows(mode_count);
  rows.row(in + 2) += key_share * beside.row(3);
  rows.middleRows(query, mode_count) += beside.topRows(mode_count);
  rows.row(key) += beside.row(4);

  // Heads that share a value add up their gradients at it.
  if (op.kv_heads < op.heads) {
    Deviations shared = Deviations::Zero(mode_count, 0);
    append(shared, wishart(g.noise, 1 / (1 / key_fan - 1 / fan), of_gradient));
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

}  // namespace sigprop::predict
