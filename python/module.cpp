// SPDX-License-Identifier: Apache-2.0
// The compiled part of the Python package: specs that are read once, edited and predicted. For what
// runs for seconds, python/sigprop/program.py starts the program.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <sstream>
#include <utility>

#include "sigprop/predict/named.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/predict/spread.hpp"
#include "sigprop/report/report.hpp"
#include "sigprop/spec/edit.hpp"
#include "sigprop/spec/read.hpp"

namespace sigprop::python {
namespace {

namespace nb = nanobind;

/// A spec that cannot be read, or an option that cannot be; what(): one error a line.
class SpecError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A model of which a formula's domain is left.
class MomentsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : "\n") + line;
  return out;
}

/// A spec's text with the network that it describes.
class Model {
 public:
  Model(std::string text, std::string file, std::string folder)
      : text_(std::move(text)), file_(std::move(file)), folder_(std::move(folder)) {
    spec::ReadResult read = spec::read_text(text_, file_, folder_);
    if (!read.network) throw SpecError(joined(read.errors));
    network_ = std::move(*read.network);
  }

  /// With JSON values at places such as "stack.residual.branch".
  [[nodiscard]] Model edited(const std::vector<std::pair<std::string, std::string>>& values) const {
    std::vector<spec::Edit> edits;
    for (const auto& [path, value] : values) edits.push_back({path, value});
    spec::Edited out = spec::edited(text_, edits);
    if (!out.error.empty()) throw SpecError(file_ + ": " + out.error);
    return {std::move(out.text), file_, folder_};
  }

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] const network::Network& network() const { return network_; }

 private:
  std::string text_, file_, folder_;
  network::Network network_;
};

/// The result as `sigprop predict --format json` writes it. What predictions have in common is
/// tabulated once a thread.
std::string predicted(const Model& model, const std::string& theory, const predict::Options& options, bool spread,
                      bool given_ends) {
  thread_local predict::Predictor predictor;
  try {
    profile::Profile profile = predictor(model.network(), predict::theory_named(theory), options);
    if (spread) predict::Spread(model.network(), {options, given_ends}).set(profile);
    std::ostringstream out;
    report::write_json(out, profile, {"predict", {{"spec", model.file()}, {"theory", theory}}});
    return out.str();
  } catch (const predict::NotCovered& error) {
    throw predict::NotCovered(model.file() + ": " + error.what());
  } catch (const std::domain_error& error) {
    throw MomentsError(model.file() + ": " + predict::no_moments(error));
  } catch (const std::overflow_error& error) {
    throw MomentsError(model.file() + ": " + error.what());
  }
}

}  // namespace

NB_MODULE(_core, m) {
  m.attr("__version__") = SIGPROP_VERSION;
  const nb::exception<std::runtime_error> error(m, "Error", PyExc_Exception);
  nb::exception<SpecError>(m, "SpecError", error.ptr());
  nb::exception<predict::NotCovered>(m, "NotCoveredError", error.ptr());
  nb::exception<MomentsError>(m, "MomentsError", error.ptr());

  nb::class_<Model>(m, "Model")
      .def(nb::init<std::string, std::string, std::string>(), nb::arg("text"), nb::arg("file"), nb::arg("folder"),
           nb::call_guard<nb::gil_scoped_release>())
      .def("edited", &Model::edited, nb::arg("values"), nb::call_guard<nb::gil_scoped_release>())
      .def_prop_ro("text", &Model::text)
      .def_prop_ro("file", &Model::file)
      .def_prop_ro("folder", &Model::folder);

  m.def(
      "predict",
      [](const Model& model, const std::string& theory, const std::string& prefix, std::optional<std::size_t> sequences,
         bool tokens, std::size_t gram, bool spread, bool given_ends) {
        // Names were checked where they entered, in python/sigprop/__init__.py.
        return predicted(model, theory, {predict::prefix_named(prefix), {tokens, gram}, sequences}, spread, given_ends);
      },
      nb::arg("model"), nb::kw_only(), nb::arg("theory"), nb::arg("prefix"), nb::arg("sequences").none(),
      nb::arg("tokens"), nb::arg("gram"), nb::arg("spread"), nb::arg("given_ends"),
      nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace sigprop::python
