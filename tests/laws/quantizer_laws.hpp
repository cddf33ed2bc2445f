#pragma once

// What a quantizer of rows does, whatever backend runs it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/core/matrix.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

namespace dfrot::test {

inline std::vector<int4_scheme> const& all_schemes() {
  static std::vector<int4_scheme> const schemes = [] {
    std::vector<int4_scheme> result;
    for (bool const symmetric : {true, false}) {
      for (std::size_t const group : {0U, 32U, 64U, 128U}) {
        for (float const clip : {1.0F, 0.9F}) {
          for (scale_rule const rule : {scale_rule::max, scale_rule::search}) {
            result.push_back({symmetric, group, clip, rule});
          }
        }
      }
    }
    return result;
  }();
  return schemes;
}

template <class T>
bool same(matrix<T> const& a, matrix<T> const& b) {
  return a.rows() == b.rows() && a.columns() == b.columns() &&
         std::equal(a.data(), a.data() + a.rows() * a.columns(), b.data());
}

/// A power of two goes through, and a sign does for symmetric codes.
template <class Quantize>
void check_scaled_rows(matrix<float> const& x, Quantize const& quantize) {
  for (float const factor : {0.25F, 1024.0F, -1.0F}) {
    matrix<float> scaled = x;
    std::transform(x.data(), x.data() + x.rows() * x.columns(), scaled.data(), [&](float v) { return factor * v; });
    for (scale_rule const rule : {scale_rule::max, scale_rule::search}) {
      int4_scheme const scheme{true, 0, 1.0F, factor < 0 ? scale_rule::max : rule};
      auto const before = quantize(scheme, x);
      auto const after = quantize(scheme, scaled);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < x.rows() * x.columns(); ++i) {
        int const code = before.codes.data()[i];
        wrong += after.codes.data()[i] != (factor < 0 ? -code : code);
      }
      CHECK(wrong == 0);
    }
  }
}

/// The searched scale is the best of the candidates for each row, and better than the largest value's for all of them.
template <class Round>
void check_searched_scales(matrix<float> const& x, Round const& round) {
  auto const errors = [&](int4_scheme const& scheme) {
    auto const rounded = round(scheme, x);
    std::vector<double> sums(x.rows());
    for (std::size_t i = 0; i < x.rows(); ++i) {
      for (std::size_t j = 0; j < x.columns(); ++j) {
        sums[i] += std::pow(static_cast<double>(x(i, j)) - static_cast<double>(rounded(i, j)), 2);
      }
    }
    return sums;
  };
  auto const total = [](std::vector<double> const& sums) {
    double sum = 0;
    for (double const one : sums) {
      sum += one;
    }
    return sum;
  };
  for (bool const symmetric : {true, false}) {
    auto const searched = errors({symmetric, 0, 1.0F, scale_rule::search});
    for (int candidate = 0; candidate < clip_search::candidates; ++candidate) {
      auto const clipped = errors({symmetric, 0, clip_search::ratio<float>(candidate), scale_rule::max});
      for (std::size_t i = 0; i < x.rows(); ++i) {
        REQUIRE(searched[i] <= clipped[i] * (1 + 1e-9));
      }
    }
    CHECK(total(searched) < total(errors({symmetric, 0, 1.0F, scale_rule::max})));
  }
}

/// @param quantize called as quantize(scheme, matrix<float or half>), returns something with `codes` and `scales`
/// @param round called as round(scheme, matrix<float>), returns what the codes stand for
template <class Quantize, class Round>
void check_quantizer_laws(Quantize const& quantize, Round const& round) {
  auto const x = gaussian_matrix<float>(20, 257, 21);
  SECTION("half storage quantizes as its values in float") {
    auto const stored = gaussian_matrix<half>(20, 257, 21);
    matrix<float> widened(20, 257);
    std::transform(stored.data(), stored.data() + 20 * 257, widened.data(), [](half v) { return load(v); });
    CHECK(same(quantize(int4_scheme{}, stored).codes, quantize(int4_scheme{}, widened).codes));
  }
  SECTION("quantizing what is quantized changes no code") {
    for (bool const symmetric : {true, false}) {
      int4_scheme const scheme{symmetric, 64};
      CHECK(same(quantize(scheme, round(scheme, x)).codes, quantize(scheme, x).codes));
    }
  }
  SECTION("a power of two goes through, and a sign does for symmetric codes") { check_scaled_rows(x, quantize); }
  SECTION("the searched scale is the best of the candidates, and better than the largest value's") {
    check_searched_scales(x, round);
  }
  SECTION("rows of zeros have scale 1 and codes 0") {
    matrix<float> const zeros(3, 40);
    for (auto const& scheme : all_schemes()) {
      auto const q = quantize(scheme, zeros);
      CHECK(q.scales(2, 0) == 1.0F);
      CHECK(std::all_of(q.codes.data(), q.codes.data() + 120, [](std::int8_t code) { return code == 0; }));
    }
  }
  SECTION("empty operands") {
    for (auto const& scheme : all_schemes()) {
      CHECK(quantize(scheme, matrix<float>(0, 128)).codes.rows() == 0);
      CHECK(quantize(scheme, matrix<float>(3, 0)).codes.columns() == 0);
    }
  }
}

}  // namespace dfrot::test
