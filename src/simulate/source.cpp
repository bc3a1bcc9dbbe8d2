// SPDX-License-Identifier: Apache-2.0
#include "simulate/source.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "simulate/elementwise.hpp"
#include "simulate/given_words.hpp"

namespace sigprop::simulate {
namespace {

/// x += std · row `index` of an embedding table.
template <class T, class Row>
void add_row(const Draw& draw, std::uint32_t table, std::uint64_t index, double std, Row&& x) {
  std::vector<float> row(static_cast<std::size_t>(x.size()));
  draw.normals(table, index * row.size(), x.size(), row.data());
  for (Eigen::Index i = 0; i < x.size(); ++i)
    x[i] += static_cast<T>(std) * static_cast<T>(row[static_cast<std::size_t>(i)]);
}

/// Numbers of so many different sequences of a text, drawn from element 0 of a tensor on.
std::vector<std::size_t> chosen_sequences(const Draw& draw, std::uint32_t tensor, std::size_t count,
                                          std::size_t available) {
  std::vector<std::size_t> all(available);
  std::iota(all.begin(), all.end(), std::size_t{0});
  for (std::size_t i = 0; i < count; ++i) {
    const auto left = static_cast<double>(available - i);
    std::swap(all[i], all[i + static_cast<std::size_t>(left * draw.uniform(tensor, i))]);
  }
  all.resize(count);
  return all;
}

/// Every sequence of z from the left times the root of the products.
template <class T>
Matrix<T> of_products(const Matrix<T>& z, const network::Gram& gram) {
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto length = static_cast<Eigen::Index>(gram.tokens);
  const Matrix<T> root = Eigen::Map<const Rows>(gram.root.data(), length, length).template cast<T>();
  Matrix<T> x(z.rows(), z.cols());
  for (Eigen::Index row = 0; row < z.rows(); row += length)
    x.middleRows(row, length).noalias() = root * z.middleRows(row, length);
  return x;
}

}  // namespace

template <class T>
Matrix<T> correlated_tokens(Team team, const Draw& draw, std::uint32_t tensor, Tokens tokens, Eigen::Index width,
                            const network::GivenInput& moments) {
  Matrix<T> x = draw.normal_matrix<T>(team, tensor, tokens.rows(), width, 1);
  if (moments.gram) return of_products(x, *moments.gram);
  const Mixture mixture = mixture_of(moments, static_cast<double>(tokens.length));
  const T own = static_cast<T>(mixture.own), common = static_cast<T>(mixture.common);
  for_each(team, tokens.sequences, [&](Eigen::Index sequence) {
    auto part = x.middleRows(sequence * tokens.length, tokens.length);
    const Row<T> mean = part.colwise().mean();
    const Row<T> shift = (common - own) * mean.array() + static_cast<T>(moments.mean);
    part *= own;
    part.rowwise() += shift;
  });
  return x;
}

std::vector<std::uint64_t> given_words(std::uint64_t seed, std::uint32_t replicate, std::uint32_t tensor,
                                       std::size_t sequences, std::size_t length, const network::Embedding& embedding) {
  const Draw draw(seed, replicate);
  std::vector<std::uint64_t> words;
  if (embedding.text) {
    const auto& text = embedding.text->sequences;
    for (const std::size_t chosen : chosen_sequences(draw, tensor, sequences, text.size())) {
      const auto begin = text[chosen].begin();
      words.insert(words.end(), begin, begin + static_cast<std::ptrdiff_t>(length));
    }
  } else if (embedding.match) {
    const network::ZipfLaw law(static_cast<double>(embedding.vocabulary), embedding.exponent);
    for (std::uint64_t token = 0; token < sequences * length; ++token)
      words.push_back(law.rank(draw.uniform(tensor, token)) - 1);
  }
  return words;
}

template <class T>
Matrix<T> embedded_tokens(const Draw& draw, std::uint32_t tensor, Tokens tokens, Eigen::Index width,
                          const network::Embedding& embedding) {
  const std::uint32_t position_table = tensor + 1, segment_table = tensor + 2, words = tensor + 3, splits = tensor + 4;
  const std::vector<std::uint64_t> given =
      given_words(draw.seed(), draw.replicate(), words, static_cast<std::size_t>(tokens.sequences),
                  static_cast<std::size_t>(tokens.length), embedding);
  const auto word_of = [&](Eigen::Index row) {
    if (!given.empty()) return given[static_cast<std::size_t>(row)];
    const double u = draw.uniform(words, static_cast<std::uint64_t>(row));
    return zipf_word(u, static_cast<double>(embedding.vocabulary));
  };
  Matrix<T> x = Matrix<T>::Zero(tokens.rows(), width);
  for (Eigen::Index sequence = 0; sequence < tokens.sequences; ++sequence) {
    const double places = static_cast<double>(tokens.length + 1);
    const auto split =
        embedding.segments < 2
            ? tokens.length
            : static_cast<Eigen::Index>(places * draw.uniform(splits, static_cast<std::uint64_t>(sequence)));
    for (Eigen::Index i = 0; i < tokens.length; ++i) {
      const Eigen::Index row = sequence * tokens.length + i;
      if (embedding.token.used) add_row<T>(draw, tensor, word_of(row), embedding.token.std, x.row(row));
      if (embedding.position.used)
        add_row<T>(draw, position_table, static_cast<std::uint64_t>(i), embedding.position.std, x.row(row));
      if (embedding.segment.used) add_row<T>(draw, segment_table, i < split ? 0 : 1, embedding.segment.std, x.row(row));
    }
  }
  return x;
}

template <class T>
void add_tables(const Draw& draw, std::uint32_t tensor, Tokens tokens, const network::GivenInput& input, Matrix<T>& x) {
  for (Eigen::Index row = 0; row < tokens.rows(); ++row) {
    const auto place = static_cast<std::uint64_t>(row % tokens.length);
    if (place < input.class_tokens) {
      x.row(row).setZero();
      add_row<T>(draw, tensor + 1, place, input.class_std, x.row(row));
    }
    if (input.position.used) add_row<T>(draw, tensor + 2, place, input.position.std, x.row(row));
  }
}

template <class T>
void keep_tokens(const std::vector<std::size_t>& kept, Tokens tokens, Matrix<T>& x) {
  for (Eigen::Index row = 0; row < tokens.rows(); ++row) {
    const auto place = static_cast<std::size_t>(row % tokens.length);
    if (!std::binary_search(kept.begin(), kept.end(), place)) x.row(row).setZero();
  }
}

template Matrix<float> correlated_tokens(Team, const Draw&, std::uint32_t, Tokens, Eigen::Index,
                                         const network::GivenInput&);
template Matrix<double> correlated_tokens(Team, const Draw&, std::uint32_t, Tokens, Eigen::Index,
                                          const network::GivenInput&);
template Matrix<float> embedded_tokens(const Draw&, std::uint32_t, Tokens, Eigen::Index, const network::Embedding&);
template Matrix<double> embedded_tokens(const Draw&, std::uint32_t, Tokens, Eigen::Index, const network::Embedding&);
template void add_tables(const Draw&, std::uint32_t, Tokens, const network::GivenInput&, Matrix<float>&);
template void add_tables(const Draw&, std::uint32_t, Tokens, const network::GivenInput&, Matrix<double>&);
template void keep_tokens(const std::vector<std::size_t>&, Tokens, Matrix<float>&);
template void keep_tokens(const std::vector<std::size_t>&, Tokens, Matrix<double>&);

}  // namespace sigprop::simulate
