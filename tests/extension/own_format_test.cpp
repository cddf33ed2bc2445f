#include <algorithm>
#include <cmath>
#include <cstdint>
#include <dfrot/cpu.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/optimize/low_rank/refine_short.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>
#include <dfrot/reference.hpp>
#include <vector>

#include "extension/own_format.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

// Formats from outside the library run through every operation on codes, and through both refinements.

using namespace dfrot;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

template <class Scheme>
struct coded {
  matrix<std::uint8_t> codes;
  matrix<float> scales;

  coded(Scheme const& scheme, std::size_t rows, std::size_t columns)
      : codes(rows, packed_columns(columns)), scales(rows, group_count(scheme, columns)) {}
  quantized_rows<std::uint8_t, float> view() { return {codes.view(), scales.view(), {}}; }
};

/// All doors for stored rows agree with one another under a policy; returns codes and scales.
template <class P, class Scheme>
coded<Scheme> check_doors(P const& on, Scheme const& scheme, matrix<float> const& x) {
  std::size_t const m = x.rows();
  std::size_t const n = x.columns();
  coded<Scheme> packed(scheme, m, n);
  quantize(on, scheme, x.view(), packed.view());

  matrix<std::int8_t> codes(m, n);
  matrix<float> scales(m, group_count(scheme, n));
  quantized_rows<std::int8_t, float> const wide{codes.view(), scales.view(), {}};
  quantize(on, scheme, x.view(), wide);
  CHECK(same_bytes(scales, packed.scales));

  matrix<float> values(m, n);
  matrix<float> other(m, n);
  dequantize(on, scheme, packed.view(), values.view());
  dequantize(on, scheme, wide, other.view());
  CHECK(same_bytes(values, other));
  fake_quantize(on, scheme, x.view(), other.view());
  CHECK(same_bytes(values, other));

  coded<Scheme> again(scheme, m, n);
  encode(on, scheme, x.view(), codes_for_grids<std::uint8_t, float>{again.codes.view(), packed.scales.view(), {}});
  CHECK(same_bytes(again.codes, packed.codes));

  std::vector<token_error> errors(m);
  token_errors(on, scheme, x.view(), vector_view<token_error>(errors.data(), m));
  for (std::size_t i = 0; i < m; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < n; ++j) {
      sum += std::pow(static_cast<double>(x(i, j)) - static_cast<double>(values(i, j)), 2);
    }
    CHECK(std::fabs(errors[i].squared_error - sum) <= 1e-12 * sum);
  }
  return packed;
}

/// rotate_quantize() gives the bytes of the two steps.
template <class P, class Scheme, class Rotation>
void check_rotated(P const& on, Scheme const& scheme, Rotation const& rotation, matrix<float> const& x) {
  matrix<float> rotated = x;
  apply(on, rotation, rotated.view());
  coded<Scheme> expected(scheme, x.rows(), x.columns());
  coded<Scheme> found(scheme, x.rows(), x.columns());
  quantize(on, scheme, rotated.view(), expected.view());
  rotate_quantize(on, rotation, scheme, x.view(), found.view());
  CHECK(same_bytes(found.codes, expected.codes));
  CHECK(same_bytes(found.scales, expected.scales));
}

/// Normal rows; every 20th is massive: nearly all its energy is in channel 3.
matrix<float> planted(std::size_t rows, std::size_t channels) {
  auto x = gaussian_matrix<float>(rows, channels, 77);
  for (std::size_t i = 0; i < rows; i += 20) {
    std::for_each(&x(i, 0), &x(i, 0) + channels, [](float& value) { value *= 0.05F; });
    x(i, 3) = std::sqrt(static_cast<float>(channels));
  }
  return x;
}
matrix<float> dense_hadamard(std::size_t n) {
  matrix<float> result(n, n);
  to_dense(cpu::policy{}, randomized_hadamard(n, 5), result.view());
  return result;
}
massive_tokens massive_of(std::size_t rows) {
  massive_tokens result{std::vector<std::uint8_t>(rows), 0, "planted", 0};
  for (std::size_t i = 0; i < rows; i += 20, ++result.count) {
    result.is_massive[i] = 1;
  }
  return result;
}

/// The mean relative error of rows under a rotation, measured by the reference.
template <class Scheme, class Rotation>
double mean_error(Scheme const& scheme, Rotation const& rotation, matrix<float> const& x, bool massive) {
  std::vector<token_error> errors(x.rows());
  rotated_token_errors(reference::policy{}, scheme, rotation, x.view(),
                       vector_view<token_error>(errors.data(), errors.size()));
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    if ((i % 20 == 0) == massive) {
      sum += errors[i].relative();
      ++count;
    }
  }
  return sum / static_cast<double>(count);
}

template <class Scheme>
void check_refinements(Scheme const& scheme) {
  std::size_t const n = 64;
  auto const x = planted(600, n);
  auto const massive = massive_of(600);
  auto const start = dense_hadamard(n);
  auto const refined = refine_rotation(cpu::policy{2}, scheme, x.view(), massive, start.view(), {.rounds = 8},
                                       [](refine_round const&) { return true; });
  refine_round const& first = refined.rounds.front();
  refine_round const& best = refined.rounds[static_cast<std::size_t>(refined.best_round)];
  CHECK(best.loss < 0.95 * first.loss);
  dense_rotation<float> const rotation(refined.rotation);
  for (bool const kind : {false, true}) {
    double const measured = mean_error(scheme, rotation, x, kind);
    CHECK(std::fabs(measured - (kind ? best.massive : best.ordinary)) < 1e-4 * measured);
  }

  matrix<float> rows(30, n);
  for (std::size_t i = 0; i < 30; ++i) {
    std::copy_n(&x(20 * i, 0), n, &rows(i, 0));
  }
  short_options options;
  options.rounds = 15;
  auto const found = refine_short(cpu::policy{}, scheme, rows.view(), randomized_hadamard(n, 5), options,
                                  [](short_round const&) { return true; });
  auto const& kept = found.rounds[static_cast<std::size_t>(found.best_round)];
  CHECK(kept.massive < 0.98 * found.rounds.front().massive);
  std::vector<token_error> errors(30);
  rotated_token_errors(reference::policy{}, scheme, found.rotation, rows.view(),
                       vector_view<token_error>(errors.data(), 30));
  double sum = 0;
  for (token_error const& error : errors) {
    sum += error.relative() / 30;
  }
  CHECK(std::fabs(sum - kept.massive) < 1e-3 * sum);
}

}  // namespace

TEST_CASE("a format from outside runs through every operation on codes") {
  auto const check = [](auto const& scheme) {
    for (std::size_t const columns : {1U, 31U, 64U, 129U, 300U}) {
      CAPTURE(columns, scheme.group);
      auto const x = gaussian_matrix<float>(5, columns, columns);
      auto const plain = check_doors(reference::policy{}, scheme, x);
      auto const fast = check_doors(cpu::policy{}, scheme, x);
      CHECK(same_bytes(plain.codes, fast.codes));
      CHECK(same_bytes(plain.scales, fast.scales));
    }
  };
  check(own::int3_blocks{});
  check(own::int3_blocks{15, 0.9F});
  check(own::ternary{});
}

TEST_CASE("a format from outside is what its formula says") {
  // Ends -2 and 4: the scale is 3 / 3, so that 4 becomes 3; ties go to the even code.
  matrix<float> x(1, 8);
  std::copy_n(std::vector<float>{-2, 4, 0.5F, 1.5F, -0.5F, 2.5F, 0.51F, 0}.data(), 8, x.data());
  matrix<std::int8_t> codes(1, 8);
  matrix<float> scales(1, 1);
  quantize(cpu::policy{}, own::int3_blocks{}, x.view(),
           quantized_rows<std::int8_t, float>{codes.view(), scales.view(), {}});
  CHECK(scales(0, 0) == 1);
  CHECK(std::vector<int>(codes.data(), codes.data() + 8) == std::vector<int>{-2, 3, 0, 2, 0, 2, 1, 0});
}

TEST_CASE("a format from outside is rotated to in one step") {
  auto const x = gaussian_matrix<float>(9, 96, 3);
  randomized_hadamard const rotation(96, 1);
  short_rotation const turned(rotation);
  check_rotated(reference::policy{}, own::int3_blocks{}, rotation, x);
  check_rotated(cpu::policy{}, own::int3_blocks{}, rotation, x);
  check_rotated(cpu::policy{}, own::int3_blocks{}, turned, x);
  check_rotated(reference::policy{}, own::ternary{}, turned, x);
}

TEST_CASE("rotations are refined for a format from outside") { check_refinements(own::int3_blocks{}); }
TEST_CASE("rotations are refined for a scheme without the three parts") { check_refinements(own::ternary{}); }

TEST_CASE("refinements take twins of INT4 for one scheme") {
  std::size_t const n = 64;
  auto const x = planted(300, n);
  auto const massive = massive_of(300);
  auto const start = dense_hadamard(n);
  auto const refined = [&](auto const& scheme) {
    return refine_rotation(cpu::policy{}, scheme, x.view(), massive, start.view(), {.rounds = 3},
                           [](refine_round const&) { return true; })
        .rotation;
  };
  CHECK(same_bytes(refined(int4{32}), refined(int4_scheme{true, 32})));
}
