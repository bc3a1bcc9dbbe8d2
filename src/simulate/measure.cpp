// SPDX-License-Identifier: Apache-2.0
#include "simulate/measure.hpp"

#include "simulate/effective_rank.hpp"

namespace sigprop::simulate {
namespace {

/// Of one sequence.
template <class Part>
double rank_of(const Part& x) {
  const Eigen::MatrixXd tokens = x.template cast<double>();
  const Eigen::MatrixXd gram = tokens.rows() <= tokens.cols() ? Eigen::MatrixXd(tokens * tokens.transpose())
                                                              : Eigen::MatrixXd(tokens.transpose() * tokens);
  return effective_rank(std::span(gram.data(), static_cast<std::size_t>(gram.size())));
}

/// Sums over one sequence.
struct SequenceSums {
  Eigen::RowVectorXd tokens;  ///< Σ_i x_i, by feature
  double squares = 0;
  std::vector<double> by_token;  ///< Σ x² of every token
};

template <class Part>
SequenceSums sums_of(const Part& x) {
  SequenceSums out;
  out.tokens = Eigen::RowVectorXd::Zero(x.cols());
  out.by_token.reserve(static_cast<std::size_t>(x.rows()));
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    const Eigen::RowVectorXd row = x.row(i).template cast<double>();
    out.tokens += row;
    out.by_token.push_back(row.squaredNorm());
    out.squares += out.by_token.back();
  }
  return out;
}

/// Every token's mean over sequences and features.
void write_tokens(const std::vector<SequenceSums>& sums, double elements, double* out) {
  for (std::size_t i = 0; i < sums.front().by_token.size(); ++i) {
    double squares = 0;
    for (const SequenceSums& sum : sums) squares += sum.by_token[i];
    out[i] = squares / elements;
  }
}

/// Products of chosen tokens, their mean over sequences and features.
template <class T>
void write_gram(Team team, Tokens tokens, const Matrix<T>& x, std::size_t wanted, double* out) {
  const std::vector<std::size_t> chosen = profile::gram_tokens(static_cast<double>(tokens.length), wanted);
  const double elements = static_cast<double>(tokens.sequences) * static_cast<double>(x.cols());
  for_each(team, static_cast<Eigen::Index>(chosen.size()), [&](Eigen::Index row) {
    const auto i = static_cast<std::size_t>(row);
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (Eigen::Index sequence = 0; sequence < tokens.sequences; ++sequence) {
        const auto token = [&](std::size_t t) {
          return x.row(sequence * tokens.length + static_cast<Eigen::Index>(chosen[t]) - 1).template cast<double>();
        };
        sum += token(i).dot(token(j));
      }
      out[profile::gram_index(i, j)] = sum / elements;
    }
  });
}

}  // namespace

template <class T>
void measure(Team team, Tokens tokens, const Matrix<T>& x, const SignalSlots& slots, Sample& sample) {
  std::vector<SequenceSums> sums(static_cast<std::size_t>(tokens.sequences));
  for_each(team, tokens.sequences, [&](Eigen::Index sequence) {
    sums[static_cast<std::size_t>(sequence)] = sums_of(x.middleRows(sequence * tokens.length, tokens.length));
  });
  const double length = static_cast<double>(tokens.length), batch = static_cast<double>(tokens.sequences);
  const double width = static_cast<double>(x.cols());
  Eigen::RowVectorXd all = Eigen::RowVectorXd::Zero(x.cols());
  double squares = 0, within = 0, first = 0, last = 0;
  for (const SequenceSums& sum : sums) {
    all += sum.tokens;
    squares += sum.squares;
    within += sum.tokens.squaredNorm();
    first += sum.by_token.front();
    last += sum.by_token.back();
  }
  double* out = sample.data() + slots.begin;
  out[0] = all.sum() / (batch * length * width);
  out[1] = squares / (batch * length * width);
  out[2] = tokens.length > 1 ? (within - squares) / (batch * length * (length - 1) * width) : 0;
  if (slots.cross != 0) {
    out[slots.cross] = (all.squaredNorm() - within) / (batch * (batch - 1) * length * length * width);
  }
  if (slots.ends != 0) {
    out[slots.ends] = first / (batch * width);
    out[slots.ends + 1] = last / (batch * width);
  }
  if (slots.tokens != 0) write_tokens(sums, batch * width, sample.data() + slots.tokens);
  if (slots.gram != 0) write_gram(team, tokens, x, slots.gram_rows, sample.data() + slots.gram);
  if (slots.rank != 0) out[slots.rank] = rank_of(x.topRows(tokens.length));
}

template <class T>
double squared_norm(Team team, const Matrix<T>& x) {
  std::vector<double> sums(static_cast<std::size_t>(x.rows()));
  for_rows(team, x.rows(), [&](Eigen::Index first, Eigen::Index count) {
    for (Eigen::Index i = first; i < first + count; ++i) {
      const T* row = x.row(i).data();
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (Eigen::Index j = 0; j < x.cols(); ++j) sum += static_cast<double>(row[j]) * static_cast<double>(row[j]);
      sums[static_cast<std::size_t>(i)] = sum;
    }
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

template void measure(Team, Tokens, const Matrix<float>&, const SignalSlots&, Sample&);
template void measure(Team, Tokens, const Matrix<double>&, const SignalSlots&, Sample&);
template double squared_norm(Team, const Matrix<float>&);
template double squared_norm(Team, const Matrix<double>&);

}  // namespace sigprop::simulate
