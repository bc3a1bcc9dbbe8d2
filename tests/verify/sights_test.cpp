// SPDX-License-Identifier: Apache-2.0
// What a verification that agrees would have seen.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <string>

#include "sigprop/verify/verify.hpp"

namespace {

using namespace sigprop;
using profile::Quantity;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// One point without layers.
profile::Profile with_variance(double variance) {
  profile::Profile out;
  profile::Point point;
  point.path = "input";
  point.forward.variance = variance;
  out.points.push_back(point);
  return out;
}

/// 64 networks measured one variance of 2, whose standard deviation between networks is `spread`.
verify::Verification measured(double spread) {
  verify::Verification out;
  out.replicates = 64;
  verify::Comparison comparison;
  comparison.path = "input";
  comparison.quantity = "forward.variance";
  comparison.predicted = 2.0;
  comparison.measured = Quantity(2.0, {spread / 8, spread});
  comparison.scale = 2;
  comparison.model_error = 0.01;
  out.comparisons = {comparison};
  out.sentence = "all 1 comparisons agree";
  return out;
}

double to_see(const verify::Verification& verification, double deviation) {
  return verify::replicates_to_see(verification, {}, with_variance(2), with_variance(2 + deviation));
}

/// Do so many networks show it with 95 %? 0.02 is the granted error, 2e-5 the rounding.
bool shows(double networks, double deviation, double spread) {
  const double t = verify::critical_t(static_cast<std::size_t>(networks), 1, 1e-6);
  return 0.02 + 2e-5 + (t + 1.645) * spread / std::sqrt(networks) <= deviation;
}

TEST_CASE("a fault takes the least number of networks that shows it with 95 %") {
  for (const double deviation : {0.03, -0.03, 0.08, 0.2, 1.0, 100.0}) {
    for (const double spread : {0.001, 0.08, 1.0}) {
      INFO("deviation " << deviation << ", spread " << spread);
      const double networks = to_see(measured(spread), deviation);
      CHECK(shows(networks, std::abs(deviation), spread));
      CHECK((networks == 2 || !shows(networks - 1, std::abs(deviation), spread)));
    }
  }
}

TEST_CASE("a fault within the granted error and the rounding is seen by no number of networks") {
  CHECK(to_see(measured(0.08), 0.02) == infinity);
  CHECK(to_see(measured(0.08), 0.020019) == infinity);
  CHECK(to_see(measured(0.08), 0.0201) < infinity);
}

TEST_CASE("no more than a million million networks are asked for") {
  CHECK(to_see(measured(1e6), 0.08) == 1e12);
}

TEST_CASE("a quantity without scatter, or that was not compared, shows no fault") {
  verify::Verification verification = measured(0.08);
  verification.comparisons[0].measured.scatter.reset();
  CHECK(to_see(verification, 1) == infinity);
  verification = measured(0.08);
  verification.comparisons[0].path = "layer 1/ffn";
  CHECK(to_see(verification, 1) == infinity);
}

TEST_CASE("the comparison that takes the fewest networks counts") {
  verify::Verification verification = measured(0.08);
  const double alone = to_see(verification, 0.08);
  verify::Comparison noisy = verification.comparisons[0];
  noisy.quantity = "forward.second_moment";
  noisy.measured = Quantity(2.0, {1.0, 8.0});
  profile::Profile predicted = with_variance(2), faulty = with_variance(2.08);
  predicted.points[0].forward.second_moment = 2;
  faulty.points[0].forward.second_moment = 2.08;
  for (const bool first : {true, false}) {
    verification = measured(0.08);
    verification.comparisons.insert(first ? verification.comparisons.begin() : verification.comparisons.end(), noisy);
    const double both = verify::replicates_to_see(verification, {}, predicted, faulty);
    CHECK(both >= alone);  // a family of two takes a larger t
    CHECK(both < 1.1 * alone);
  }
}

TEST_CASE("an agreement that some fault would have passed as well cannot tell, and says how many networks would") {
  verify::Verification verification = measured(0.08);
  verify::add_sights(verification, {{"a", 20}, {"b", 100}, {"c", 900}, {"d", infinity}, {"e", infinity}});
  CHECK(verification.verdict() == verify::Verdict::cannot_tell);
  CHECK(verification.sentence ==
        "all 1 comparisons agree; but b, c would have agreed as well: 900 networks would tell; no number of networks "
        "tells d, e from the granted error");
}

TEST_CASE("an agreement is told where there were enough networks, and where a fault hides in the granted error") {
  verify::Verification verification = measured(0.08);
  verify::add_sights(verification, {{"a", 20}, {"b", 64}});
  CHECK(verification.verdict() == verify::Verdict::agrees);
  CHECK(verification.sentence == "all 1 comparisons agree");
  verify::add_sights(verification, {{"a", 20}, {"d", infinity}});
  CHECK(verification.verdict() == verify::Verdict::agrees);
  CHECK(verification.sentence == "all 1 comparisons agree; no number of networks tells d from the granted error");
  verify::add_sights(verification, {{"b", 65}});
  CHECK(verification.verdict() == verify::Verdict::cannot_tell);
}

TEST_CASE("a disagreement stays one, and says nothing of what would have been seen") {
  verify::Verification verification = measured(0.08);
  verification.disagreeing = 1;
  verification.sentence = "1 of 1 comparisons disagree";
  verify::add_sights(verification, {{"b", 100}});
  CHECK(verification.verdict() == verify::Verdict::disagrees);
  CHECK(verification.sentence == "1 of 1 comparisons disagree");
}

TEST_CASE("each verdict has its name") {
  CHECK(std::string(verify::name_of(verify::Verdict::agrees)) == "agrees");
  CHECK(std::string(verify::name_of(verify::Verdict::cannot_tell)) == "cannot_tell");
  CHECK(std::string(verify::name_of(verify::Verdict::disagrees)) == "disagrees");
}

}  // namespace
