// SPDX-License-Identifier: Apache-2.0
#include "predict/tables/router_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <mutex>
#include <numeric>
#include <tuple>
#include <utility>

#include "predict/tables/chebyshev.hpp"

namespace sigprop::predict {
namespace {

using formula::RouterMeans;
using network::Router;

/// Normal numbers of a fixed seed: SplitMix64 (Steele et al. 2014) and Box and Muller's polar form.
class Normals {
 public:
  double operator()() {
    if (std::exchange(has_next_, false)) return next_;
    const double radius = std::sqrt(-2 * std::log(uniform())), angle = 2 * scalar::pi<double>() * uniform();
    has_next_ = true;
    next_ = radius * std::sin(angle);
    return radius * std::cos(angle);
  }

 private:
  double uniform() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (static_cast<double>((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
  }

  std::uint64_t state_ = 20240119;
  double next_ = 0;
  bool has_next_ = false;
};

/// One token's experts with their weights.
class Routed {
 public:
  Routed(std::size_t count, std::size_t chosen, Router router)
      : router_(router), experts_(chosen), weights_(count, 0), below_(count, 1), shares_(count, 0) {}

  /// Those of the largest normal numbers; the first is the largest.
  void choose(const std::vector<double>& z) {
    for (const std::size_t expert : experts_) weights_[expert] = 0;
    z_ = &z;
    constexpr std::size_t few = 8;
    if (experts_.size() <= few) return insert();
    std::vector<std::size_t> all(z.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    const auto larger = [&z](std::size_t a, std::size_t b) { return z[a] > z[b]; };
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(experts_.size());
    std::nth_element(all.begin(), end - 1, all.end(), larger);
    std::iter_swap(all.begin(), std::min_element(all.begin(), end, larger));
    std::copy(all.begin(), end, experts_.begin());
  }

  /// The weights at a deviation of the logits, and what their derivatives need.
  void weigh(double deviation) {
    if (router_ == Router::softmax_over_all) return weigh_by_all(deviation);
    double sum = 0;
    for (const std::size_t expert : experts_) {
      const double size = size_of(expert, deviation);
      weights_[expert] = size;
      if (router_ != Router::softmax) below_[expert] = 1 - size;
      sum += size;
    }
    if (router_ == Router::plain_sigmoid) return;
    for (const std::size_t expert : experts_) weights_[expert] /= sum;
  }

  /// Σ w.
  [[nodiscard]] double total() const {
    return std::accumulate(experts_.begin(), experts_.end(), 0.0,
                           [this](double sum, std::size_t expert) { return sum + weights_[expert]; });
  }

  /// Σ_e J_ee.
  [[nodiscard]] double trace() const {
    double sum = 0;
    for (const std::size_t expert : experts_) {
      const double own = weights_[expert];
      sum += own * below_[expert] * (router_ == Router::plain_sigmoid ? 1 : 1 - own);
    }
    return sum;
  }

  /// P and J of two tokens, before the mean: Σ w w' and Σ J J'. With b = 1, or 1 - σ of a sigmoid,
  /// J_ef = w_e (δ_ef - w_f) b_f has the latter Σ w w' (1 - w - w') b b' + Σ w w' Σ w w' b b'; f runs over all experts
  /// for the softmax over all.
  [[nodiscard]] RouterMeans<double> with(const Routed& other) const {
    double overlap = 0, own_part = 0, of_columns = 0;
    for (const std::size_t expert : experts_) {
      const double own = weights_[expert], others = other.weights_[expert], both = own * others;
      const double below = below_[expert] * other.below_[expert];
      overlap += both;
      own_part += both * below * (router_ == Router::plain_sigmoid ? 1 : 1 - own - others);
      of_columns += both * below;
    }
    if (router_ == Router::plain_sigmoid) return {overlap, own_part};
    if (router_ == Router::softmax_over_all)
      of_columns = std::inner_product(shares_.begin(), shares_.end(), other.shares_.begin(), 0.0);
    return {overlap, own_part + overlap * of_columns};
  }

 private:
  /// One by one into their order.
  void insert() {
    const std::vector<double>& z = *z_;
    const std::size_t chosen = experts_.size();
    for (std::size_t e = 0; e < z.size(); ++e) {
      std::size_t place = std::min(e, chosen);
      for (; place > 0 && z[e] > z[experts_[place - 1]]; --place) {
        if (place < chosen) experts_[place] = experts_[place - 1];
      }
      if (place < chosen) experts_[place] = e;
    }
  }

  /// A weight before what it is divided by.
  [[nodiscard]] double size_of(std::size_t expert, double deviation) const {
    if (router_ == Router::softmax || router_ == Router::softmax_over_all)
      return std::exp(deviation * ((*z_)[expert] - (*z_)[experts_[0]]));
    return 1 / (1 + std::exp(-deviation * (*z_)[expert]));
  }

  void weigh_by_all(double deviation) {
    for (std::size_t e = 0; e < shares_.size(); ++e) shares_[e] = size_of(e, deviation);
    const double sum = std::accumulate(shares_.begin(), shares_.end(), 0.0);
    for (double& share : shares_) share /= sum;
    for (const std::size_t expert : experts_) weights_[expert] = shares_[expert];
  }

  const std::vector<double>* z_ = nullptr;
  Router router_;
  std::vector<std::size_t> experts_;
  std::vector<double> weights_;  ///< of every expert
  std::vector<double> below_;    ///< 1 - σ of the experts taken, or 1
  std::vector<double> shares_;   ///< of all experts in the softmax over all
};

/// Pairs of tokens that are drawn: fewer of many experts, which take longer and tell more.
std::size_t draws_of(std::size_t count) {
  constexpr std::size_t numbers = std::size_t{1} << 18, fewest = 4096, most = std::size_t{1} << 16;
  return std::clamp(numbers / count, fewest, most);
}

constexpr std::array tile_edges{0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0};

/// The tile of a deviation within the edges.
std::size_t tile_of(double deviation) {
  std::size_t index = 0;
  while (index + 2 < tile_edges.size() && deviation > tile_edges[index + 1]) ++index;
  return index;
}

double deviation_at(double x, std::size_t tile) {
  return tile_edges[tile] + (x + 1) / 2 * (tile_edges[tile + 1] - tile_edges[tile]);
}

/// The j-th of `count` Chebyshev points with both ends, from angle 0 to π.
double angle_at(std::size_t j, std::size_t count) {
  const double pi = scalar::pi<double>();
  return pi * (1 - std::cos(pi * static_cast<double>(j) / static_cast<double>(count - 1))) / 2;
}

/// Values there replaced by the coefficients of the interpolating Chebyshev sum in 2 θ/π - 1.
void to_coefficients_with_ends(double* values, std::size_t count, std::size_t stride) {
  const std::size_t last = count - 1;
  const auto half_at_ends = [last](std::size_t j) { return j == 0 || j == last ? 0.5 : 1.0; };
  std::vector<double> coefficients(count, 0);
  for (std::size_t n = 0; n < count; ++n) {
    for (std::size_t j = 0; j < count; ++j) {
      const double angle = scalar::pi<double>() * static_cast<double>(n * (last - j)) / static_cast<double>(last);
      coefficients[n] += half_at_ends(j) * values[j * stride] * std::cos(angle);
    }
    coefficients[n] *= 2 * half_at_ends(n) / static_cast<double>(last);
  }
  for (std::size_t n = 0; n < count; ++n) values[n * stride] = coefficients[n];
}

/// Both axes of a tile: deviations, and within each angles.
template <std::size_t size>
void to_coefficients_of_tile(std::array<double, size>& table, std::size_t deviations, std::size_t angles) {
  for (std::size_t a = 0; a < deviations; ++a) to_coefficients_with_ends(&table[a * angles], angles, 1);
  for (std::size_t b = 0; b < angles; ++b) to_coefficients(&table[b], deviations, angles);
}

}  // namespace

const RouterTable::Tile& RouterTable::tile(std::size_t index) {
  const auto [place, made] = tiles_.try_emplace(index);
  Tile& tile = place->second;
  if (!made) return tile;
  Normals normal;
  std::vector<double> common(count_), apart(count_), first(count_), second(count_);
  Routed a(count_, chosen_, router_), b(count_, chosen_, router_);
  const std::size_t draws = draws_of(count_);
  std::array<double, deviation_points> total{}, trace{};
  for (std::size_t draw = 0; draw < draws; ++draw) {
    for (std::size_t e = 0; e < count_; ++e) {
      common[e] = normal();
      apart[e] = normal();
    }
    for (std::size_t j = 0; j < angle_points; ++j) {
      const double half = angle_at(j, angle_points) / 2, cosine = std::cos(half), sine = std::sin(half);
      for (std::size_t e = 0; e < count_; ++e) {
        first[e] = cosine * common[e] + sine * apart[e];
        second[e] = cosine * common[e] - sine * apart[e];
      }
      a.choose(first);
      b.choose(second);
      for (std::size_t i = 0; i < deviation_points; ++i) {
        const double deviation = deviation_at(chebyshev_point(i, deviation_points), index);
        a.weigh(deviation);
        b.weigh(deviation);
        if (j == 0) {
          total[i] += a.total();
          trace[i] += a.trace();
        }
        const RouterMeans<double> both = a.with(b);
        tile.overlap[i * angle_points + j] += both.overlap;
        tile.jacobian[i * angle_points + j] += both.jacobian;
      }
    }
  }
  const auto experts = static_cast<double>(count_);
  for (std::size_t i = 0; i < deviation_points; ++i) {
    double* overlap = &tile.overlap[i * angle_points];
    double* jacobian = &tile.jacobian[i * angle_points];
    // Known at a right angle, where both are of means alone: E[w] is Σ w over the experts, E[J_ef]
    // follows by symmetry from the trace and from Σ_e J_ef = 0 or Σ_f J_ef = 0.
    constexpr std::size_t right = angle_points / 2;
    const double all = static_cast<double>(draws), sum = total[i] / all, diagonal = trace[i] / all;
    const bool alone = router_ == Router::plain_sigmoid;
    const double of_overlap = sum * sum / experts;
    const double of_jacobian = alone        ? diagonal * diagonal / experts
                               : count_ > 1 ? diagonal * diagonal / (experts - 1)
                                            : 0;
    const double by_overlap = of_overlap / overlap[right];
    const double by_jacobian = jacobian[right] > 0 ? of_jacobian / jacobian[right] : 0;
    const double mean = 1 / static_cast<double>(draws);
    for (std::size_t j = 0; j < angle_points; ++j) {
      const double sine = std::sin(angle_at(j, angle_points)), share = sine * sine;
      overlap[j] *= (1 - share) * mean + share * by_overlap;
      jacobian[j] *= (1 - share) * mean + share * by_jacobian;
    }
  }
  to_coefficients_of_tile(tile.overlap, deviation_points, angle_points);
  to_coefficients_of_tile(tile.jacobian, deviation_points, angle_points);
  return tile;
}

template <class T>
RouterMeans<T> RouterTable::inside(const T& deviation, const T& angle) {
  const std::size_t index = tile_of(scalar::value_of(deviation));
  const Tile& t = tile(index);
  const double low = tile_edges[index], high = tile_edges[index + 1];
  const T x = T(2 / (high - low)) * (deviation - T(low)) - T(1);
  const auto value = [&](const Table& table) {
    return chebyshev_sum(deviation_points, x, [&](std::size_t a) {
      return chebyshev_sum(angle_points, angle, [&](std::size_t b) { return T(table[a * angle_points + b]); });
    });
  };
  return {value(t.overlap), value(t.jacobian)};
}

template <class T>
RouterMeans<T> RouterTable::at(const T& deviation, const T& angle) {
  const T edge(tile_edges.back());
  if (!(deviation > edge)) return inside(deviation, angle);
  const RouterMeans<T> at_edge = inside(edge, angle);
  const bool to_first = router_ == Router::softmax || router_ == Router::softmax_over_all;
  if (to_first && chosen_ > 1 && !first_) first_ = std::make_unique<RouterTable>(count_, 1, Router::softmax);
  const T far = first_ ? first_->inside(T(0), angle).overlap : at_edge.overlap;
  const T share = edge / deviation;
  return {far + share * (at_edge.overlap - far), share * at_edge.jacobian};
}

namespace {

/// arccos ρ on [-1, 1].
double angle_coordinate(double correlation) {
  return 2 * std::acos(std::clamp(correlation, -1.0, 1.0)) / scalar::pi<double>() - 1;
}

}  // namespace

RouterMeans<double> RouterTable::operator()(double deviation, double correlation) {
  return at(deviation, angle_coordinate(correlation));
}

RouterMeans<ArgumentJet> RouterTable::jets(double deviation, double correlation) {
  ArgumentJet angle(angle_coordinate(correlation));
  const double squared_sine = 1 - correlation * correlation;
  if (squared_sine > 0) angle.slopes[1] = -2 / (scalar::pi<double>() * std::sqrt(squared_sine));
  return at(ArgumentJet(deviation, 0), angle);
}

namespace {

/// The tables that were met.
class RouterTables {
 public:
  /// Calls with(the table).
  template <class With>
  auto with(std::size_t count, std::size_t chosen, Router router, const With& with) {
    const std::lock_guard guard(lock_);
    return with(tables_.try_emplace({count, chosen, router}, count, chosen, router).first->second);
  }

 private:
  std::mutex lock_;
  std::map<std::tuple<std::size_t, std::size_t, Router>, RouterTable> tables_;
};

RouterTables& shared_tables() {
  static RouterTables tables;
  return tables;
}

std::size_t whole(double count) {
  return static_cast<std::size_t>(std::max(std::round(count), 1.0));
}

}  // namespace

RouterMeans<double> router_means(const std::array<double, few_arguments>& x, Router router) {
  const std::size_t count = whole(x[2]), chosen = std::min(whole(x[3]), count);
  return shared_tables().with(count, chosen, router, [&](RouterTable& table) { return table(x[0], x[1]); });
}

RouterMeans<ArgumentJet> router_jets(const std::array<double, few_arguments>& x, Router router) {
  const std::size_t count = whole(x[2]), chosen = std::min(whole(x[3]), count);
  auto out = shared_tables().with(count, chosen, router, [&](RouterTable& table) { return table.jets(x[0], x[1]); });
  const auto set_slopes = [&](std::size_t argument, double below, double above) {
    if (above == below) return;
    std::array<double, few_arguments> low = x, high = x;
    low[argument] = below;
    high[argument] = above;
    const RouterMeans<double> first = router_means(low, router), second = router_means(high, router);
    out.overlap.slopes[argument] = (second.overlap - first.overlap) / (above - below);
    out.jacobian.slopes[argument] = (second.jacobian - first.jacobian) / (above - below);
  };
  const auto experts = static_cast<double>(count), taken = static_cast<double>(chosen);
  set_slopes(2, std::max(taken, experts - 1), experts + 1);
  set_slopes(3, std::max(1.0, taken - 1), std::min(experts, taken + 1));
  return out;
}

}  // namespace sigprop::predict
