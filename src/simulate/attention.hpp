// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <vector>

#include "simulate/draw.hpp"
#include "simulate/matrix.hpp"

/// Heads forward and backward.
namespace sigprop::simulate {

/// Means over all rows of all heads and sequences.
struct ScoreStatistics {
  double variance = 0;  ///< of a row's visible scores around their mean, unbiased; over rows that see two keys at least
  double entropy = 0;   ///< nats, before dropout; a row that sees one key counts with 0
};

namespace detail {

struct RowSums {
  double variance = 0;
  double varying_rows = 0;
  double entropy = 0;

  void add(const RowSums& other) {
    variance += other.variance;
    varying_rows += other.varying_rows;
    entropy += other.entropy;
  }
};

/// Turns the first `visible` scores of a row into probabilities, the others into 0.
template <class T>
RowSums softmax_row(T* row, Eigen::Index visible, Eigen::Index keys) {
  Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>> seen(row, visible);
  RowSums sums;
  double total = 0, squares = 0;
  const T top = seen.maxCoeff();
  seen -= top;
#pragma omp simd reduction(+ : total, squares)
  for (Eigen::Index j = 0; j < visible; ++j) {
    total += static_cast<double>(row[j]);
    squares += static_cast<double>(row[j]) * static_cast<double>(row[j]);
  }
  const double count = static_cast<double>(visible);
  if (visible > 1) {
    sums.variance = std::max(0.0, squares - total * total / count) / (count - 1);
    sums.varying_rows = 1;
  }
  double partition = 0, energy = 0;
  Eigen::Array<T, Eigen::Dynamic, 1> weight = seen.exp();
#pragma omp simd reduction(+ : partition, energy)
  for (Eigen::Index j = 0; j < visible; ++j) {
    partition += static_cast<double>(weight[j]);
    energy += static_cast<double>(weight[j]) * static_cast<double>(row[j]);
  }
  sums.entropy = std::log(partition) - energy / partition;
  seen = weight / static_cast<T>(partition);
  std::fill(row + visible, row + keys, T(0));
  return sums;
}

}  // namespace detail

/// What the backward pass needs of the heads.
template <class T>
struct HeadsResult {
  Matrix<T> z;              ///< (rows, heads · k)
  Matrix<T> probabilities;  ///< softmax before dropout; rows (sequence, head, row), columns keys
  ScoreStatistics scores;
};

template <class T>
[[nodiscard]] HeadsResult<T> attend(Team team, const Draw& draw, const Heads& heads, Tokens tokens, const Matrix<T>& q,
                                    const Matrix<T>& k, const Matrix<T>& v) {
  const Eigen::Index rows = tokens.length, keys = k.rows() / tokens.sequences, blocks = tokens.sequences * heads.heads;
  HeadsResult<T> out{Matrix<T>(q.rows(), q.cols()), Matrix<T>(blocks * rows, keys), {}};
  std::vector<detail::RowSums> sums(static_cast<std::size_t>(blocks));
  for_each(team, blocks, [&](Eigen::Index block) {
    const Eigen::Index sequence = block / heads.heads, head = block % heads.heads;
    const Eigen::Index from = head * heads.width, kv_from = head / heads.group() * heads.width;
    auto a = out.probabilities.middleRows(block * rows, rows);
    a.noalias() = q.block(sequence * rows, from, rows, heads.width) *
                  k.block(sequence * keys, kv_from, keys, heads.width).transpose();
    a *= static_cast<T>(heads.score_scale);
    detail::RowSums& sum = sums[static_cast<std::size_t>(block)];
    for (Eigen::Index i = 0; i < rows; ++i)
      sum.add(detail::softmax_row(a.row(i).data(), heads.causal ? i + 1 : keys, keys));
    auto z = out.z.block(sequence * rows, from, rows, heads.width);
    const auto values = v.block(sequence * keys, kv_from, keys, heads.width);
    if (heads.dropout > 0) {
      Matrix<T> dropped = a;
      draw.drop(heads.mask_tensor, static_cast<std::uint64_t>(block * rows * keys), heads.dropout, dropped.data(),
                dropped.size());
      z.noalias() = dropped * values;
    } else {
      z.noalias() = a * values;
    }
  });
  detail::RowSums total;
  for (const detail::RowSums& sum : sums) total.add(sum);
  out.scores.variance = total.varying_rows > 0 ? total.variance / total.varying_rows : 0;
  out.scores.entropy = total.entropy / static_cast<double>(blocks * rows);
  return out;
}

template <class T>
struct HeadsGradient {
  Matrix<T> q;
  Matrix<T> k;
  Matrix<T> v;
};

/// Gradients at Q, K and V from that at z. Heads of one group add up in their keys and values.
template <class T>
[[nodiscard]] HeadsGradient<T> attend_backward(Team team, const Draw& draw, const Heads& heads, Tokens tokens,
                                               const Matrix<T>& q, const Matrix<T>& k, const Matrix<T>& v,
                                               const Matrix<T>& probabilities, const Matrix<T>& gz) {
  const Eigen::Index rows = tokens.length, keys = k.rows() / tokens.sequences;
  HeadsGradient<T> out{Matrix<T>(q.rows(), q.cols()), Matrix<T>::Zero(k.rows(), k.cols()),
                       Matrix<T>::Zero(v.rows(), v.cols())};
  for_each(team, tokens.sequences * heads.kv_heads, [&](Eigen::Index part) {
    const Eigen::Index sequence = part / heads.kv_heads, kv_head = part % heads.kv_heads;
    const Eigen::Index kv_from = kv_head * heads.width;
    const auto keys_of = k.block(sequence * keys, kv_from, keys, heads.width);
    const auto values = v.block(sequence * keys, kv_from, keys, heads.width);
    for (Eigen::Index head = kv_head * heads.group(); head < (kv_head + 1) * heads.group(); ++head) {
      const Eigen::Index block = sequence * heads.heads + head, from = head * heads.width;
      const auto element = static_cast<std::uint64_t>(block * rows * keys);
      const auto a = probabilities.middleRows(block * rows, rows);
      const auto gz_of = gz.block(sequence * rows, from, rows, heads.width);
      Matrix<T> ds = gz_of * values.transpose();
      auto gv = out.v.block(sequence * keys, kv_from, keys, heads.width);
      if (heads.dropout > 0) {
        Matrix<T> mask(rows, keys);
        draw.mask(heads.mask_tensor, element, heads.dropout, mask.data(), mask.size());
        ds.array() *= mask.array();
        mask.array() *= a.array();
        gv.noalias() += mask.transpose() * gz_of;
      } else {
        gv.noalias() += a.transpose() * gz_of;
      }
      for (Eigen::Index i = 0; i < rows; ++i) {
        const T mean = a.row(i).dot(ds.row(i));
        ds.row(i) = a.row(i).array() * (ds.row(i).array() - mean) * static_cast<T>(heads.score_scale);
      }
      out.q.block(sequence * rows, from, rows, heads.width).noalias() = ds * keys_of;
      out.k.block(sequence * keys, kv_from, keys, heads.width).noalias() +=
          ds.transpose() * q.block(sequence * rows, from, rows, heads.width);
    }
  });
  return out;
}

/// Rotary positions on the first `rotated` features m of every head: features f and f + m/2 of
/// token i turn by the angle i · base^(-2f/m), backward by its negative.
template <class T>
void rotate(Team team, Tokens tokens, Eigen::Index head_width, Eigen::Index rotated, double base, bool backward,
            Matrix<T>& x) {
  const Eigen::Index half = rotated / 2;
  for_rows(team, x.rows(), [&](Eigen::Index first, Eigen::Index count) {
    for (Eigen::Index row = first; row < first + count; ++row) {
      for (Eigen::Index f = 0; f < half; ++f) {
        const double exponent = -2.0 * static_cast<double>(f) / static_cast<double>(rotated);
        const double angle = static_cast<double>(row % tokens.length) * std::pow(base, exponent) * (backward ? -1 : 1);
        const T cosine = static_cast<T>(std::cos(angle)), sine = static_cast<T>(std::sin(angle));
        for (Eigen::Index head = 0; head < x.cols(); head += head_width) {
          T& a = x(row, head + f);
          T& b = x(row, head + f + half);
          const T first_turned = a * cosine - b * sine;
          b = a * sine + b * cosine;
          a = first_turned;
        }
      }
    }
  });
}

}  // namespace sigprop::simulate
