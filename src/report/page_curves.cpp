// SPDX-License-Identifier: Apache-2.0
#include "report/page_curves.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "report/number.hpp"
#include "report/table_parts.hpp"
#include "sigprop/profile/quantities.hpp"
#include "sigprop/profile/weights.hpp"

namespace sigprop::report {
namespace {

using profile::Layer;
using profile::Point;
using profile::Profile;
using profile::Quantity;
using Indices = std::vector<std::size_t>;
/// The value of a curve at a place; null where there is none.
template <class Entry>
using Reader = std::function<const Quantity*(const Entry&)>;

/// More would make a page slow, and larger than it may be.
constexpr std::size_t most_points = 1500;
constexpr std::size_t most_layers = 1000;

/// All, or of more than `most` every so many, and the last.
Indices every(std::size_t count, std::size_t most) {
  const std::size_t stride = std::max<std::size_t>((count + most - 1) / most, 1);
  Indices out;
  for (std::size_t i = 0; i < count; i += stride) out.push_back(i);
  if (count > 0 && out.back() != count - 1) out.push_back(count - 1);
  return out;
}

/// All points, or of a deep model those at layers' ends.
Indices drawn_points(const std::vector<Point>& points) {
  if (points.size() <= most_points) return every(points.size(), most_points);
  Indices ends;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (i + 1 == points.size() || points[i + 1].layer != points[i].layer) ends.push_back(i);
  }
  Indices out;
  for (const std::size_t i : every(ends.size(), most_points)) out.push_back(ends[i]);
  return out;
}

/// The points of a layer share the way from the layer before to its end.
std::vector<double> depths(const std::vector<Point>& points) {
  std::vector<double> out(points.size());
  double before = 0;
  for (std::size_t begin = 0, end = 0; begin < points.size(); begin = end) {
    const std::size_t layer = points[begin].layer;
    while (end < points.size() && points[end].layer == layer) ++end;
    const double last = layer == 0 ? before : static_cast<double>(layer);
    for (std::size_t i = begin; i < end; ++i)
      out[i] = before + (last - before) * static_cast<double>(i - begin + 1) / static_cast<double>(end - begin);
    before = last;
  }
  return out;
}

/// Six digits: a curve shows no more.
Json short_number(double x) {
  return std::isfinite(x) ? Json(std::strtod(digits(x, 6).c_str(), nullptr)) : Json(nullptr);
}

Json quantity(const Quantity* q) {
  if (q == nullptr) return nullptr;
  if (q->representable()) return short_number(q->value);
  return "e" + digits(q->log10, 9);
}

template <class Entry>
Json column(const std::vector<Entry>& entries, const Indices& chosen, const Reader<Entry>& read) {
  Json out = Json::array();
  for (const std::size_t i : chosen) out.push_back(quantity(read(entries[i])));
  return out;
}

template <class Entry>
Json errors(const std::vector<Entry>& entries, const Indices& chosen, const Reader<Entry>& read) {
  Json out = Json::array();
  for (const std::size_t i : chosen) {
    const Quantity* q = read(entries[i]);
    out.push_back(q != nullptr && q->scatter ? short_number(q->scatter->standard_error) : Json(nullptr));
  }
  return out;
}

/// Spreads of a prediction; empty where it has none.
template <class Entry>
Json spreads(const std::vector<Entry>& entries, const Indices& chosen, const Reader<Entry>& read) {
  Json out = Json::array();
  for (const std::size_t i : chosen) {
    const Quantity* q = read(entries[i]);
    if (q == nullptr || !q->spread()) return Json::array();
    out.push_back(short_number(*q->spread()));
  }
  return out;
}

/// A curve over the points or the layers.
template <class Entry>
struct Curve {
  std::string name;
  Reader<Entry> read;
};

/// Writes charts of both profiles at chosen points or layers.
template <class Entry>
class Charts {
 public:
  Charts(const std::vector<Entry>& predicted, const std::vector<Entry>* measured, Indices chosen, const char* over,
         Json& out)
      : predicted_(predicted), measured_(measured), chosen_(std::move(chosen)), over_(over), out_(out) {}

  /// A chart of the curves that have a number somewhere; none where no curve has.
  void add(const std::string& title, bool positive, const std::vector<Curve<Entry>>& curves) {
    Json drawn = Json::array();
    for (const Curve<Entry>& curve : curves) {
      const Json theory = column(predicted_, chosen_, curve.read);
      if (std::all_of(theory.begin(), theory.end(), [](const Json& value) { return value.is_null(); })) continue;
      Json json = {{"name", curve.name}, {"theory", theory}};
      const Json spread = spreads(predicted_, chosen_, curve.read);
      if (!spread.empty()) json["spread"] = spread;
      if (measured_ != nullptr) {
        json["mean"] = column(*measured_, chosen_, curve.read);
        json["error"] = errors(*measured_, chosen_, curve.read);
      }
      drawn.push_back(std::move(json));
    }
    if (drawn.empty()) return;
    out_.push_back({{"title", title}, {"over", over_}, {"positive", positive}, {"curves", std::move(drawn)}});
  }

 private:
  const std::vector<Entry>& predicted_;
  const std::vector<Entry>* measured_;
  Indices chosen_;
  const char* over_;
  Json& out_;
};

template <class Entry>
Curve<Entry> curve(const std::string& name, const profile::Row<Entry>& row) {
  return {name, row.access.find};
}

void add_point_charts(Charts<Point>& charts, bool masked) {
  using profile::point_quantity;
  charts.add("Variance of the signal", true, {curve("", point_quantity("forward.variance"))});
  charts.add("Variance of the gradient", true, {curve("", point_quantity("backward.variance"))});
  charts.add("Token correlation", false,
             {curve("signal", point_quantity("forward.token_correlation")),
              curve("gradient", point_quantity("backward.token_correlation"))});
  charts.add("Rank residual", true, {curve("", point_quantity("forward.rank_residual"))});
  charts.add("Effective rank of the tokens", true, {curve("", point_quantity("forward.effective_rank"))});
  if (!masked) return;
  charts.add("Second moment by token", true,
             {curve("mean", point_quantity("forward.second_moment")),
              curve("first token", point_quantity("forward.first_second_moment")),
              curve("last token", point_quantity("forward.last_second_moment"))});
  charts.add("Gradient by token", true,
             {curve("mean", point_quantity("backward.variance")),
              curve("first token", point_quantity("backward.first_variance")),
              curve("last token", point_quantity("backward.last_variance"))});
}

void add_layer_charts(Charts<Layer>& charts, const Profile& predicted) {
  using profile::layer_quantity;
  charts.add("Attention entropy, a fraction of ln L", false,
             {curve("self-attention", layer_quantity("attention.entropy_fraction")),
              curve("cross-attention", layer_quantity("cross_attention.entropy_fraction"))});
  charts.add("Variance of the attention scores", true,
             {curve("self-attention", layer_quantity("attention.score_variance")),
              curve("cross-attention", layer_quantity("cross_attention.score_variance"))});
  std::vector<Curve<Layer>> weights;
  for (const std::string& name : weight_names(predicted)) {
    weights.push_back({name, [name](const Layer& layer) {
                         const profile::Weight* weight = find_weight(layer, name);
                         return weight != nullptr ? profile::weight_quantities[0].find(*weight) : nullptr;
                       }});
  }
  charts.add("Norm of the weights' gradients", true, weights);
}

template <class Entry>
Json entries(const std::vector<Entry>& all, const Indices& chosen, const std::vector<double>& depth) {
  Json out = {{"path", Json::array()}, {"depth", Json::array()}, {"stack", Json::array()}, {"all", all.size()}};
  for (const std::size_t i : chosen) {
    out["path"].push_back(all[i].path);
    out["depth"].push_back(short_number(depth[i]));
    out["stack"].push_back(std::string(stack_of(all[i].path)));
  }
  return out;
}

}  // namespace

Json curves_json(const Profile& predicted, const Profile* measured) {
  const Indices points = drawn_points(predicted.points), layers = every(predicted.layers.size(), most_layers);
  std::vector<double> layer_depths;
  for (const Layer& layer : predicted.layers) layer_depths.push_back(static_cast<double>(layer.index));
  Json charts = Json::array();
  Charts<Point> of_points(predicted.points, measured != nullptr ? &measured->points : nullptr, points, "points",
                          charts);
  add_point_charts(of_points, !predicted.points.empty() && predicted.points.front().forward.ends.has_value());
  Charts<Layer> of_layers(predicted.layers, measured != nullptr ? &measured->layers : nullptr, layers, "layers",
                          charts);
  add_layer_charts(of_layers, predicted);
  return {{"points", entries(predicted.points, points, depths(predicted.points))},
          {"layers", entries(predicted.layers, layers, layer_depths)},
          {"charts", std::move(charts)}};
}

}  // namespace sigprop::report
