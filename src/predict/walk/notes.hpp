// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sigprop::predict {

/// What an algebra shows of a component's intermediate results: nothing, unless somebody explains
/// the walk (explain/expressed.hpp), who gives back the symbols that stand for them.
struct NoNotes {
  template <class X>
  [[nodiscard]] static const X& noted(const X& x) {
    return x;
  }
  template <class X>
  [[nodiscard]] static const X& noted(const char* /*name*/, const X& x) {
    return x;
  }
  template <class X>
  [[nodiscard]] static const X& noted_by_correlation(const char* /*name*/, const X& x) {
    return x;
  }
  /// A factor whose equation is not told.
  template <class X>
  [[nodiscard]] static const X& given(const char* /*name*/, const char* /*meaning*/, const X& x) {
    return x;
  }
  template <class Back, class Moments, class Shape, class T>
  [[nodiscard]] static const Back& noted(const Back& back, const Moments&, const Shape&, const T& /*batch*/) {
    return back;
  }
};

}  // namespace sigprop::predict
