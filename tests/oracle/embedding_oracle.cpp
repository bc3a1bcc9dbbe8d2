// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "oracle/expect.hpp"
#include "oracle/sample.hpp"
#include "oracle/simulated_embedding.hpp"
#include "sigprop/formula/embedding.hpp"

namespace sigprop::test {
namespace {

TEST_CASE("an embedding of token, position and segment tables against its simulation") {
  constexpr Eigen::Index vocabulary = 20, length = 128, width = 64;
  constexpr double token_variance = 0.4, position_variance = 0.7, segment_variance = 0.2, L = 128;
  constexpr double border =
      0.5 / L;  // model error: positions are counted, the border of the segments is averaged as continuous
  Random random(231);
  Replicates q, c, cross;
  for (int replicate = 0; replicate < 2000; ++replicate) {
    const EmbeddingTables tables =
        draw_tables(random, vocabulary, length, width, {token_variance, position_variance, segment_variance});
    const auto x = simulate_embedding(random, tables, length), other = simulate_embedding(random, tables, length);
    q.add(second_moment(x));
    c.add(token_product(x));
    cross.add(cross_product(x, other));
  }
  const double match = formula::zipf_match(20.0);
  const auto token = formula::embedding_forward(token_variance, match, match);
  const auto position = formula::embedding_forward(position_variance, 0.0, 1 / L);
  const auto segment =
      formula::embedding_forward(segment_variance, formula::segment_match, formula::segment_match_across);
  const auto x = formula::sum(formula::sum(token, position), segment);
  expect("variance", x.variance, q);
  expect("token covariance", x.covariance, c, border);
  expect("covariance across sequences", x.cross_covariance, cross, border);
  reject("the limit of a large vocabulary", token_variance * formula::zipf_match_paper(20.0) + segment.covariance, c,
         border);
  reject("no segment table", token.covariance, c, border);
  reject("one variance for all tables", x.variance / 3 * (match + formula::segment_match), c, border);
}

}  // namespace
}  // namespace sigprop::test
