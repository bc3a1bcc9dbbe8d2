// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sigprop/profile/profile.hpp"
#include "sigprop/profile/quantities.hpp"

/// A predicted profile beside a measured one, and the verdict.
namespace sigprop::verify {

/// What the model error of the theory `full` depends on, beside the context of a quantity.
struct Model {
  double width = 1;  ///< of the residual stream; the least where it changes
  double sequence_length = 1;
  double head_width = 0;   ///< the least of all attentions; 0 without attention
  bool post_norm = false;  ///< norms after the residual sums
  bool exact = false;  ///< linear maps, dropout and residual sums only: every formula but the effective rank's is exact
};

/// Which bound of the model error holds for a quantity.
using Kind = profile::ErrorKind;

/// A place, as the model error sees it.
struct Context {
  double before = 0;             ///< points on the way from the input to it
  double after = 0;              ///< points from it to the output
  double token_correlation = 0;  ///< of the signal there, as predicted
};

/// Largest error of `full` that was measured for quantities of this kind at such places, relative
/// to the quantity's scale. The function and the simulations it was fitted to stand in
/// docs/verify.md.
[[nodiscard]] double model_error(Kind kind, const Model& model, const Context& context);

/// A predicted number beside its measurement.
struct Comparison {
  bool of_layer = false;  ///< of a layer, else of a point
  std::size_t index = 0;  ///< in the profile's points or layers
  std::string path;
  std::string quantity;  ///< "backward.variance", "weights.query.gradient_norm"
  profile::Quantity predicted;
  profile::Quantity measured;
  double scale =
      1;  ///< what relative errors refer to: itself, or for a mean √variance, for a dot product the second moment
  double difference = 0;   ///< predicted - measured
  double z = 0;            ///< difference over the standard error; 0 where both are 0
  double model_error = 0;  ///< relative to the scale
  double limit = 0;        ///< of |difference|: model error and rounding plus Student's t standard errors
  double detectable =
      0;  ///< the least error, relative to the scale, that would have been seen with a probability of 95 %
  bool agrees = true;

  [[nodiscard]] double relative() const { return scale > 0 ? difference / scale : 0; }
};

/// All comparisons of one quantity.
struct QuantityVerdict {
  std::string quantity;
  std::size_t compared = 0;
  std::size_t disagreeing = 0;
  Comparison worst;       ///< largest |difference|/limit
  double detectable = 0;  ///< the largest of its comparisons
};

struct Options {
  std::size_t replicates = 2;       ///< that were measured, at least 2
  double family_error = 1e-6;       ///< chance that any comparison fails although all predictions are right
  std::optional<double> tolerance;  ///< relative; in place of the model error
  double rounding = 1e-5;           ///< relative error of the measuring program: of float32, or float64
};

/// A fault that a verification should have seen.
struct Sight {
  std::string fault;      ///< as a sentence names it: "init.std.query 10 % too large"
  double replicates = 0;  ///< that see it with a probability of 95 %; ∞ where it hides in the granted error
};

/// `cannot_tell`: all agree, but more networks would have been needed to see some fault.
enum class Verdict { agrees, cannot_tell, disagrees };

struct Verification {
  std::vector<Comparison> comparisons;
  std::vector<QuantityVerdict> quantities;
  double critical_t = 0;
  std::size_t replicates = 0;
  std::size_t disagreeing = 0;
  std::vector<Sight> sights;  ///< of the faults that were asked for
  std::string sentence;       ///< where and by how much, or what would have been seen

  [[nodiscard]] bool agrees() const { return disagreeing == 0; }
  [[nodiscard]] Verdict verdict() const;
};

/// "agrees", "cannot_tell", "disagrees".
[[nodiscard]] const char* name_of(Verdict verdict);

/// Two-sided critical value of Student's t for one of `comparisons` comparisons of a family
/// (Šidák); at least 2 replicates.
[[nodiscard]] double critical_t(std::size_t replicates, std::size_t comparisons, double family_error);

/// How many replicates it takes to tell a prediction from that of a faulty model, where the
/// measured scatter is that of `verification`: the least over all comparisons.
[[nodiscard]] double replicates_to_see(const Verification& verification, const Options& options,
                                       const profile::Profile& predicted, const profile::Profile& faulty);

/// Adds what would have been seen to the sentence of a verification that agrees.
void add_sights(Verification& verification, std::vector<Sight> sights);

/// Compares every quantity that both profiles have, at every place. Both must report the same
/// places. Throws std::logic_error where they do not, or for fewer than 2 replicates.
[[nodiscard]] Verification verify(const profile::Profile& predicted, const profile::Profile& measured,
                                  const Model& model, const Options& options);

}  // namespace sigprop::verify
