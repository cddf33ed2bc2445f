#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <dfrot/core/matrix.hpp>
#include <dfrot/transform/apply.hpp>

namespace dfrot::test {

/// How far a transform changes what a layer computes: max |(X T)(W T^-t)^t - X W^t| / max |X W^t|, of float rows, sums in double.
template <class P, class R>
[[nodiscard]] double change_of_layer(P const& on, R const& transform, matrix<float> const& x, matrix<float> const& w) {
  auto y = x;
  auto v = w;
  apply(on, transform, y.view());
  apply_to_weight(on, transform, v.view());
  double change = 0;
  double size = 0;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t o = 0; o < w.rows(); ++o) {
      double before = 0;
      double after = 0;
      for (std::size_t j = 0; j < x.columns(); ++j) {
        before += static_cast<double>(x(i, j)) * static_cast<double>(w(o, j));
        after += static_cast<double>(y(i, j)) * static_cast<double>(v(o, j));
      }
      change = std::max(change, std::abs(after - before));
      size = std::max(size, std::abs(before));
    }
  }
  return size > 0 ? change / size : change;
}

}  // namespace dfrot::test
