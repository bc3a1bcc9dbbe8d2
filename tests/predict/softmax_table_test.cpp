// SPDX-License-Identifier: Apache-2.0
#include "predict/tables/softmax_table.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <random>

#include "sigprop/scalar/scalars.hpp"

namespace {

using namespace sigprop;

/// Of the table's head comment.
double stated_error(double v) {
  return v <= 16 ? 5e-4 : v <= 64 ? 5e-3 : 3e-2;
}

constexpr double stated_leak_error = 0.01;

TEST_CASE("the interpolated softmax functionals keep their stated error at random scores", "[bulk]") {
  std::mt19937_64 random(7);
  double worst = 0;
  for (const auto& [keys, head_width] :
       {std::pair{512.0, 64.0}, {96.0, 64.0}, {4096.0, 128.0}, {32.0, 8.0}, {2.0, 64.0}}) {
    predict::SoftmaxTable<double> table(keys, {head_width});
    for (int i = 0; i < 24; ++i) {
      const double v = std::exp(std::uniform_real_distribution<>(std::log(0.001), std::log(64.0))(random));
      const double rho = std::uniform_real_distribution<>(0, 1)(random);
      INFO("keys " << keys << " head width " << head_width << " v " << v << " rho " << rho);
      const auto row = formula::softmax_row_means(v, keys, head_width);
      const auto pair = formula::softmax_pair_means(v, rho, keys, keys, head_width);
      const auto means = table(v, rho);
      const auto close = [&](double interpolated, double exact) {
        worst = std::max(worst, std::abs(interpolated / exact - 1));
        CHECK(interpolated == Approx(exact).epsilon(stated_error(v)));
      };
      close(means.row.squares, row.squares);
      close(means.row.query_jacobian, row.query_jacobian);
      close(means.row.key_jacobian, row.key_jacobian);
      close(means.row.entropy, row.entropy);
      CHECK(means.row.leak == Approx(row.leak).margin(stated_leak_error));
      close(means.pair.overlap, pair.overlap);
      close(means.pair.query_jacobian, pair.query_jacobian);
      // Relative to the query's functional: at small ρ the key's is a small number with a zero
      // nearby.
      CHECK(means.pair.key_jacobian ==
            Approx(pair.key_jacobian).epsilon(stated_error(v)).margin(stated_error(v) * pair.query_jacobian));
    }
  }
  std::printf("softmax table: worst relative error %.1e\n", worst);
}

TEST_CASE("the table keeps its stated error up to its last score variance", "[bulk]") {
  predict::SoftmaxTable<double> table(512, {64});
  for (const auto& [v, rho] : {std::pair{70.0, 0.9}, {150.0, 0.3}, {240.0, 0.99}}) {
    INFO("v " << v << " rho " << rho);
    const auto pair = formula::softmax_pair_means(v, rho, 512.0, 512.0, 64.0);
    CHECK(table(v, rho).pair.overlap == Approx(pair.overlap).epsilon(stated_error(v)));
    CHECK(table(v, rho).pair.query_jacobian == Approx(pair.query_jacobian).epsilon(stated_error(v)));
    CHECK(table(v, rho).row.squares ==
          Approx(formula::softmax_row_means(v, 512.0, 64.0).squares).epsilon(stated_error(v)));
  }
}

TEST_CASE("tiles of the softmax table meet without a step", "[bulk]") {
  predict::SoftmaxTable<double> table(256, {64});
  for (const double border : {1.0, 4.0, 16.0, 64.0, 256.0}) {
    const double above_border = border * (1 + 1e-9);
    const auto below = table(border * (1 - 1e-9), 0.5);
    const auto above = table(above_border, 0.5);
    CHECK(above.row.squares == Approx(below.row.squares).epsilon(stated_error(above_border)));
    CHECK(above.pair.overlap == Approx(below.pair.overlap).epsilon(stated_error(above_border)));
    CHECK(above.pair.query_jacobian == Approx(below.pair.query_jacobian).epsilon(stated_error(above_border)));
  }
}

TEST_CASE("a score variance of 0 gives uniform attention") {
  predict::SoftmaxTable<double> table(256, {64});
  CHECK(table(0.0, 0.3).row.squares == Approx(1 / 256.0).epsilon(1e-6));
  CHECK(table(0.0, 0.3).row.entropy == Approx(std::log(256.0)).epsilon(1e-6));
}

TEST_CASE("a huge score variance leaves a single key", "[bulk]") {
  predict::SoftmaxTable<double> table(256, {64});
  CHECK(table(1e12, 0.3).row.squares == Approx(1).epsilon(1e-5));
  CHECK(table(1e12, 0.3).row.entropy < 1e-4);
}

TEST_CASE("one key leaves nothing to attend to") {
  predict::SoftmaxTable<double> table(1, {64});
  CHECK(table(2.0, 0.5).row.squares == 1);
  CHECK(table(2.0, 0.5).pair.overlap == 1);
  CHECK(table(2.0, 0.5).row.entropy == 0);
}

TEST_CASE("the table in wide numbers is that in double") {
  predict::SoftmaxTable<double> narrow(128, {32});
  predict::SoftmaxTable<scalar::Wide> wide(128, {32});
  const auto a = narrow(2.5, 0.4);
  const auto b = wide(scalar::Wide(2.5), scalar::Wide(0.4));
  CHECK(scalar::value_of(b.pair.overlap) == Approx(a.pair.overlap).epsilon(1e-12));
  CHECK(scalar::value_of(b.row.query_jacobian) == Approx(a.row.query_jacobian).epsilon(1e-12));
}

TEST_CASE("the table's derivative by the score variance is that of its values") {
  using scalar::Dual;
  predict::SoftmaxTable<double> plain(128, {32});
  predict::SoftmaxTable<Dual> dual(Dual(128), {32});
  const Dual v = boost::math::differentiation::make_fvar<double, 1>(2.5);
  const double step = 1e-5;
  const double difference = (plain(2.5 + step, 0.4).pair.overlap - plain(2.5 - step, 0.4).pair.overlap) / (2 * step);
  CHECK(dual(v, Dual(0.4)).pair.overlap.derivative(1) == Approx(difference).epsilon(1e-6));
}

}  // namespace
