// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sigprop/network/stack.hpp"
#include "sigprop/spec/read.hpp"

/// Networks that somebody else made.
namespace sigprop::measured {

/// A row of an embedding, from 0 on, and the root mean square of its elements.
struct Row {
  std::size_t number = 0;
  double size = 0;
};

/// A tensor's elements, or those of a part of it.
struct Statistics {
  double count = 0;
  double mean = 0;
  double std = 0;
  double kurtosis = 0;  ///< E[(w - mean)⁴]/std⁴: 3 of a normal, 1.8 of a uniform distribution; 0 where all are equal
  double zeros = 0;     ///< how many
  double zero_rows = 0;             ///< of an embedding, which the other numbers leave out
  std::optional<Row> smallest_row;  ///< of an embedding's, but those of zeros
  std::optional<Row> largest_row;
  double largest = 0;     ///< |w|
  double non_finite = 0;  ///< how many, which the other numbers leave out
  /// The largest singular value of a matrix, from below, where it was asked for.
  std::optional<double> spectral_norm;
  /// That over std (√rows + √columns), which a matrix of independent elements has: 1 of such a
  /// matrix, less of an orthogonal one, more of one of low rank.
  std::optional<double> spectral_ratio;
};

/// What a model's weights should be.
struct Expected {
  std::vector<network::Stack> stacks;  ///< an encoder before its decoder
  std::optional<double> token_std;     ///< of the embedding's tables, where there are such
  std::optional<double> position_std;
  std::optional<double> segment_std;
  std::optional<double> class_std;  ///< of a class token
  std::optional<double> patch_std;  ///< of the map that embeds patches
  double gain = 1;                  ///< of norms
  bool has_biases = true;           ///< such that the stacks have theirs
  bool query_by_layer = false;      ///< a layer's number divides its scores: the stack has that in its queries
};

/// What a good spec says. config: text of the config.json that it was imported from, or nothing.
[[nodiscard]] Expected expected_of(const spec::ReadResult& read, std::string_view config);

/// A tensor, or a part of a fused one, with what it is.
struct Weight {
  std::string tensor;  ///< as the file names it
  std::string name;    ///< "query" as in a spec's init.std, or one of weight_names()
  std::size_t stack = 0;
  std::size_t layer = 0;  ///< from 1; 0 for none
  std::vector<std::size_t> shape;
  Statistics seen;
  std::optional<double> expected_mean;
  std::optional<double> expected_std;
  double allowed_mean = 0;  ///< how far the mean may lie from what is expected, and the std
  double allowed_std = 0;
  double z = 0;       ///< of what is farther off, mean or std, in sampling errors; 0 where nothing is expected
  std::string fault;  ///< what is wrong, in words; empty where nothing is
  /// The fault's kind: "std", "mean", "zeros" where all are, "cut" for the std of a cut normal,
  /// "row", "gain", "bias" or "non_finite".
  std::string fault_kind;

  /// "encoder layer 3 query", "layer 3 query", "embedding.token".
  [[nodiscard]] std::string place(std::size_t stacks) const;
};

/// Two layers whose weights have elements in common.
struct Copy {
  std::size_t first;  ///< numbers of weights
  std::size_t second;
  double correlation;  ///< of their elements
  double factor;       ///< of the second, where they are multiples of each other
};

struct Inspection {
  std::vector<Weight> weights;  ///< in the order of the files
  std::vector<Copy> copies;
  std::vector<std::string> unmatched;  ///< tensors of floats that no pattern knows, with the name most like one
  std::vector<std::string> missing;    ///< places that the model has and the files have not
  std::size_t comparisons = 0;
  double critical = 0;  ///< z beyond which a mean or a std is wrong
  double bytes = 0;

  [[nodiscard]] std::size_t faults() const;
};

/// Regular expressions of names, and the weights that a name is: of a fused matrix several.
using NameMap = std::vector<std::pair<std::string, std::vector<std::string>>>;

struct Settings {
  double level = 1e-3;       ///< probability that any weight of a good model is called wrong
  double tolerance = 0.002;  ///< of a std beside its sampling error, relative
  NameMap names;             ///< before those that are known
  bool spectral = false;     ///< largest singular values too: each matrix is read a dozen times more
};

/// Settings::names from a JSON object. Throws std::runtime_error that says what is wrong.
[[nodiscard]] NameMap names_of(std::string_view text);

/// Reads the weights of a .safetensors file, of the parts that a .safetensors.index.json lists, or
/// of a .npz, piece by piece. Without an expectation nothing is judged but what no model should
/// have: weights that are no numbers, and copies. Throws std::runtime_error, "FILE: what is wrong".
[[nodiscard]] Inspection inspect(const std::string& path, const std::optional<Expected>& expected,
                                 const Settings& settings);

/// The files that inspect() reads: those that an index lists too. Throws as it does.
[[nodiscard]] std::vector<std::string> files_of(const std::string& path);

/// The names that `Settings::names` may give.
[[nodiscard]] std::vector<std::string> weight_names();

}  // namespace sigprop::measured
