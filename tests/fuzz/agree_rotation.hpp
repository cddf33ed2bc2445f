#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/cpu/rotate_quantize.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/rotate_quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/rotate_quantize.hpp>
#include <dfrot/transform/hadamard.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>

#include "bytes.hpp"
#include "finding.hpp"
#include "guarded.hpp"
#include "problem.hpp"

// Hadamard transforms, and rotating and quantizing in one step. Transforms of different instruction sets differ by rounding, so
// they are held to the reference's by a bound; what is promised to the bit is held to the bit: rotate_quantize() gives the bytes
// of apply() and quantize() under the same policy, and refuses what they refuse. One source for each element type.

namespace dfrot::fuzz {

/// A rotation of this order, made once, with signs of its own.
[[nodiscard]] inline randomized_hadamard const& rotation_of(std::size_t n) {
  static std::map<std::size_t, randomized_hadamard> made;
  auto const found = made.find(n);
  return found != made.end() ? found->second : made.emplace(n, randomized_hadamard(n, n)).first->second;
}

/// An order that the library has; for another length, the nearest one after the refusal was looked at.
[[nodiscard]] inline std::size_t draw_order(byte_source& source) {
  static constexpr std::size_t large[] = {384, 512, 576, 640, 768, 896, 960, 1024, 1536, 2048, 4096, 344, 688, 1376};
  std::size_t const drawn = source.up_to(360);
  std::size_t const n = drawn <= 310 ? drawn : large[drawn % std::size(large)];
  if (hadamard_order::is_constructible(n)) {
    return n;
  }
  require(!refusal<std::invalid_argument>([&] { static_cast<void>(hadamard_order(n)); }).empty(), "order ", n,
          " works, but is_constructible() does not know");
  auto const nearest = hadamard_order::nearest(n);
  require(!nearest.empty(), "no order is near ", n);
  return nearest.back();
}

/// What one rounding to T may add, relative to the largest value of a row; float sums of n terms add a few of their own.
template <class T>
inline constexpr double rounding = std::is_same_v<T, half>       ? 1e-3
                                   : std::is_same_v<T, bfloat16> ? 8e-3
                                   : std::is_same_v<T, double>   ? 1e-13
                                                                 : 2e-6;

/// The portable kernels and those of this machine. Each more takes the compiler half a minute; tests/isa has the others.
using rotated_on = std::tuple<cpu::portable, cpu::native>;

template <class T>
struct rotation_problem {
  std::size_t n;
  std::size_t rows;
  int4_scheme scheme;
  bool transpose;
  row_layout layout;
  guarded<T> x;

  [[nodiscard]] std::size_t groups() const { return group_count(scheme, n); }
};

template <class T, class U>
void copy_rows(matrix_view<T const> from, matrix_view<U> to) {
  for (std::size_t i = 0; i < from.rows; ++i) {
    for (std::size_t j = 0; j < from.columns; ++j) {
      to(i, j) = store<U>(static_cast<arithmetic_t<U>>(load(from(i, j))));
    }
  }
}

template <class P, class T>
[[nodiscard]] guarded<T> transform_on(P const& on, rotation_problem<T> const& p) {
  guarded<T> y(p.rows, p.n, p.layout);
  copy_rows(p.x.view(), y.view());
  if (p.transpose) {
    apply(on, transposed(rotation_of(p.n)), y.view());
  } else {
    apply(on, rotation_of(p.n), y.view());
  }
  y.require_guards("a transformed matrix");
  return y;
}

/// The largest size of a row's values: infinite or NaN if one of them is.
template <class T>
[[nodiscard]] double largest_of(matrix_view<T const> x, std::size_t row) {
  double largest = 0;
  for (std::size_t j = 0; j < x.columns; ++j) {
    double const size = std::fabs(static_cast<double>(load(x(row, j))));
    largest = size <= largest || std::isnan(largest) ? largest : size;
  }
  return largest;
}

/// Row by row: nearly the reference's values, where sums of n of the row's values are far from the type's limits; and a row that is
/// not finite stays so.
template <class T>
void compare_transformed(char const* isa, rotation_problem<T> const& p, guarded<T> const& expected,
                         guarded<T> const& found) {
  double const limit = static_cast<double>(load(edge_value<T>(14))) / 4 / static_cast<double>(p.n);
  for (std::size_t i = 0; i < p.rows; ++i) {
    double const largest = largest_of(p.x.view(), i);
    if (!std::isfinite(largest)) {
      require(!std::isfinite(largest_of(found.view(), i)), isa, ": row ", i, " lost what is not finite");
      continue;
    }
    if (largest >= limit) {
      continue;
    }
    double const scale = largest_of(expected.view(), i);
    double const least = static_cast<double>(load(edge_value<T>(16))) + 1e-37 * (std::is_same_v<T, double> ? 0 : 1);
    for (std::size_t j = 0; j < p.n; ++j) {
      double const a = static_cast<double>(load(found.view()(i, j)));
      double const b = static_cast<double>(load(expected.view()(i, j)));
      require(std::fabs(a - b) <= rounding<T> * scale + 2 * least, isa, ": row ", i, ", column ", j, " is ", a,
              ", not ", b, " (order ", p.n, ", largest ", scale, ")");
    }
  }
}

template <class P, class T>
void rotate_quantize_on(P const& on, rotation_problem<T> const& p) {
  using Real = arithmetic_t<T>;
  guarded<Real> rotated(p.rows, p.n, p.layout);
  copy_rows(p.x.view(), rotated.view());
  apply(on, rotation_of(p.n), rotated.view());
  struct packed_rows {
    guarded<std::uint8_t> codes;
    guarded<Real> scales;
    guarded<std::int8_t> zeros;
    explicit packed_rows(rotation_problem<T> const& q)
        : codes(q.rows, packed_columns(q.n), q.layout),
          scales(q.rows, q.groups(), q.layout),
          zeros(q.rows, q.scheme.symmetric ? 0 : q.groups(), q.layout) {}
    quantized_rows<std::uint8_t, Real> view() { return {codes.view(), scales.view(), zeros.view()}; }
  };
  packed_rows expected(p);
  packed_rows found(p);
  std::string const two_steps = refusal<std::invalid_argument>([&] {
    reject_non_finite(p.x.view(), first_non_finite_row(p.x.view()));
    quantize(on, p.scheme, rotated.view(), expected.view());
  });
  std::string const one_step = refusal<std::invalid_argument>(
      [&] { rotate_quantize(on, rotation_of(p.n), p.scheme, p.x.view(), found.view()); });
  found.codes.require_guards("packed codes");
  found.scales.require_guards("scales");
  found.zeros.require_guards("zero points");
  require(two_steps.empty() == one_step.empty(), "two steps say '", two_steps, "', one step '", one_step, "'");
  if (one_step.empty()) {
    require(found.codes.same_rows(expected.codes), "one step gives other codes");
    require(found.scales.same_rows(expected.scales), "one step gives other scales");
    require(found.zeros.same_rows(expected.zeros), "one step gives other zero points");
  }
  for (std::size_t i = 0; i < p.rows && !one_step.empty(); ++i) {
    if (!std::isfinite(largest_of<Real>(rotated.view(), i))) {
      require(found.codes.row_is_untouched(i), "row ", i, " is not finite, but was written");
    }
  }
}

template <class T>
void agree_on_rotating(byte_source& source) {
  std::size_t const n = draw_order(source);
  std::size_t const rows = source.up_to(3);
  int4_scheme const scheme = draw_scheme(source);
  std::size_t const choice = source.up_to(255);
  int const threads = choice % 16 == 0 ? 2 : 1;
  row_layout const layout = draw_layout(source);
  rotation_problem<T> p{n, rows, scheme, choice >= 128, layout, guarded<T>(rows, n, draw_layout(source))};
  draw_values(source, p.x.view());
  reference::policy const slowly{};
  auto const expected = transform_on(slowly, p);
  rotate_quantize_on(slowly, p);
  std::apply(
      [&](auto... isa) {
        (compare_transformed(decltype(isa)::name, p, expected,
                             transform_on(cpu::basic_policy<decltype(isa)>{threads}, p)),
         ...);
        (rotate_quantize_on(cpu::basic_policy<decltype(isa)>{threads}, p), ...);
      },
      rotated_on{});
}

}  // namespace dfrot::fuzz
