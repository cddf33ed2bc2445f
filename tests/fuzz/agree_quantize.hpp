#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/cpu/dequantize.hpp>
#include <dfrot/backend/cpu/pack.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/reference/pack.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/pack.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bytes.hpp"
#include "finding.hpp"
#include "guarded.hpp"
#include "problem.hpp"

// Quantizing rows to codes, to packed codes and to values, and back: every instruction set of this build gives the bits of the
// reference, refuses what it refuses with the same words, and writes its rows only. One source for each element type, since
// the kernels take long to compile.

namespace dfrot::fuzz {

/// What is quantized, and how the operands lie in memory.
template <class T>
struct quantize_problem {
  int4_scheme scheme;
  std::size_t rows;
  std::size_t columns;
  row_layout codes_layout;
  row_layout scales_layout;
  row_layout values_layout;
  guarded<T> x;

  [[nodiscard]] std::size_t groups() const { return group_count(scheme, columns); }
};

/// All that one policy makes of the rows. Without a text of refusal, everything has been written.
template <class T>
struct quantize_result {
  using Real = arithmetic_t<T>;

  explicit quantize_result(quantize_problem<T> const& p)
      : codes(p.rows, p.columns, p.codes_layout),
        unpacked(p.rows, p.columns, p.codes_layout),
        packed(p.rows, packed_columns(p.columns), p.codes_layout),
        packed_later(p.rows, packed_columns(p.columns), p.codes_layout),
        scales(p.rows, p.groups(), p.scales_layout),
        packed_scales(p.rows, p.groups(), p.scales_layout),
        zeros(p.rows, p.scheme.symmetric ? 0 : p.groups(), p.scales_layout),
        packed_zeros(p.rows, p.scheme.symmetric ? 0 : p.groups(), p.scales_layout),
        values(p.rows, p.columns, p.values_layout),
        packed_values(p.rows, p.columns, p.values_layout),
        rounded(p.rows, p.columns, p.values_layout),
        errors(p.rows) {}

  guarded<std::int8_t> codes, unpacked;
  guarded<std::uint8_t> packed, packed_later;
  guarded<Real> scales, packed_scales;
  guarded<std::int8_t> zeros, packed_zeros;
  guarded<T> values, packed_values, rounded;
  std::vector<token_error> errors;
  std::string refused;

  void require_all_guards() const {
    codes.require_guards("codes");
    unpacked.require_guards("unpacked codes");
    packed.require_guards("packed codes");
    packed_later.require_guards("pack()");
    scales.require_guards("scales");
    packed_scales.require_guards("scales of packed codes");
    zeros.require_guards("zero points");
    packed_zeros.require_guards("zero points of packed codes");
    values.require_guards("values");
    packed_values.require_guards("values of packed codes");
    rounded.require_guards("fake_quantize()");
  }
};

template <class P, class T>
[[nodiscard]] quantize_result<T> quantize_on(P const& on, quantize_problem<T> const& p) {
  using Real = arithmetic_t<T>;
  quantize_result<T> r(p);
  auto const x = p.x.view();
  quantized_rows<std::int8_t, Real> const q{r.codes.view(), r.scales.view(), r.zeros.view()};
  quantized_rows<std::uint8_t, Real> const packed{r.packed.view(), r.packed_scales.view(), r.packed_zeros.view()};
  r.refused = refusal<std::invalid_argument>([&] { quantize(on, p.scheme, x, q); });
  auto const same = [&](std::string const& text, char const* what) {
    require(text == r.refused, what, " says '", text, "', quantize() '", r.refused, "'");
  };
  same(refusal<std::invalid_argument>([&] { quantize(on, p.scheme, x, packed); }), "quantize() to packed codes");
  same(refusal<std::invalid_argument>([&] { fake_quantize(on, p.scheme, x, r.rounded.view()); }), "fake_quantize()");
  same(refusal<std::invalid_argument>(
           [&] { token_errors(on, p.scheme, x, vector_view<token_error>(r.errors.data(), r.errors.size())); }),
       "token_errors()");
  if (r.refused.empty()) {
    pack(on, r.codes.view(), r.packed_later.view());
    unpack(on, p.scheme, r.packed.view(), r.unpacked.view());
    dequantize(on, p.scheme, q, r.values.view());
    dequantize(on, p.scheme, packed, r.packed_values.view());
    require(first_non_finite_row<T>(r.values.view()) == all_finite,
            "codes of finite values stand for one that is not finite");
    require(r.packed.same_rows(r.packed_later), "quantize() to packed codes is not quantize() and pack()");
    require(r.unpacked.same_rows(r.codes), "unpack() does not undo pack()");
    require(r.scales.same_rows(r.packed_scales) && r.zeros.same_rows(r.packed_zeros), "packed codes have other scales");
    require(r.packed_values.same_rows(r.values), "packed codes stand for other values");
    require(r.rounded.same_rows(r.values), "fake_quantize() is not quantize() and dequantize()");
  }
  r.require_all_guards();
  return r;
}

/// Rows that hold a value that is not finite get no codes. (fake_quantize() may write their finite groups.)
template <class T>
void require_no_codes_of_bad_rows(quantize_problem<T> const& p, quantize_result<T> const& r) {
  for (std::size_t i = 0; i < p.rows; ++i) {
    if (first_non_finite_row(p.x.view().row_block(i, 1)) != all_finite) {
      require(r.codes.row_is_untouched(i) && r.packed.row_is_untouched(i), "row ", i, " is not finite, but has codes");
    }
  }
}

inline bool close(double a, double b) { return a == b || std::fabs(a - b) <= 1e-11 * std::fabs(b) + 1e-300; }

/// A searched scale must be one of the candidates and as good as the reference's, up to the rounding of sums of squares; its codes
/// are exact.
template <class T>
void require_good_search(quantize_problem<T> const& p, quantize_result<T> const& expected,
                         quantize_result<T> const& found) {
  using Real = arithmetic_t<T>;
  std::size_t const group = group_size(p.scheme, p.columns);
  for (std::size_t i = 0; i < p.rows; ++i) {
    for (std::size_t g = 0; g < p.groups(); ++g) {
      std::size_t const first = g * group;
      std::size_t const count = std::min(group, p.columns - first);
      auto const grid_of = [&](quantize_result<T> const& r) {
        return p.scheme.grid(r.scales.view()(i, g), p.scheme.symmetric ? 0 : r.zeros.view()(i, g));
      };
      auto const grid = grid_of(found);
      T const* const x = p.x.view().row(i) + first;
      double const least = reference::grid_error(grid_of(expected), x, count);
      double const error = reference::grid_error(grid, x, count);
      require(!(error > least * (1 + 1e-11) + 1e-300), "a search found the error ", error, ", there is ", least);
      bool is_candidate = false;
      Real minimum = 0;
      Real maximum = 0;
      for (std::size_t j = 0; j < count; ++j) {
        minimum = std::min(minimum, load(x[j]));
        maximum = std::max(maximum, load(x[j]));
        require(found.codes.view()(i, first + j) == grid.encode(load(x[j])), "a code is not the nearest");
      }
      for (int candidate = 0; candidate < clip_search::candidates; ++candidate) {
        auto const tried = p.scheme.candidate(minimum, maximum, candidate);
        is_candidate = is_candidate || (tried.scale == grid.scale && tried.zero_point == grid.zero_point);
      }
      require(is_candidate, "a search found a scale that is no candidate: ", grid.scale);
    }
  }
}

template <class T>
void compare_quantized(char const* isa, quantize_problem<T> const& p, quantize_result<T> const& expected,
                       quantize_result<T> const& found) {
  require(found.refused == expected.refused, isa, " says '", found.refused, "', the reference '", expected.refused,
          "'");
  if (!expected.refused.empty()) {
    return require_no_codes_of_bad_rows(p, found);
  }
  for (std::size_t i = 0; i < p.rows; ++i) {
    require(close(found.errors[i].squared_norm, expected.errors[i].squared_norm), isa, ": ||x||^2 is ",
            found.errors[i].squared_norm, ", not ", expected.errors[i].squared_norm);
    require(close(found.errors[i].squared_error, expected.errors[i].squared_error), isa, ": ||x - Q(x)||^2 is ",
            found.errors[i].squared_error, ", not ", expected.errors[i].squared_error);
  }
  if (p.scheme.scale == scale_rule::search) {
    return require_good_search(p, expected, found);
  }
  require(found.codes.same_rows(expected.codes), isa, ": other codes");
  require(found.scales.same_rows(expected.scales), isa, ": other scales");
  require(found.zeros.same_rows(expected.zeros), isa, ": other zero points");
  require(found.values.same_rows(expected.values), isa, ": other values");
}

template <class T>
void agree_on_quantizing(byte_source& source) {
  int4_scheme const scheme = draw_scheme(source);
  std::size_t const columns = draw_columns(source);
  std::size_t const rows = source.up_to(4);
  int const threads = source.up_to(15) == 0 ? 2 : 1;
  row_layout const codes = draw_layout(source);
  row_layout const scales = draw_layout(source);
  row_layout const values = draw_layout(source);
  quantize_problem<T> p{scheme, rows, columns, codes, scales, values, guarded<T>(rows, columns, draw_layout(source))};
  draw_values(source, p.x.view());
  auto const expected = quantize_on(reference::policy{}, p);
  if (!expected.refused.empty()) {
    require_no_codes_of_bad_rows(p, expected);
  }
  std::apply(
      [&](auto... isa) {
        (compare_quantized(decltype(isa)::name, p, expected, quantize_on(cpu::basic_policy<decltype(isa)>{threads}, p)),
         ...);
      },
      cpu::available_isas{});
}

}  // namespace dfrot::fuzz
