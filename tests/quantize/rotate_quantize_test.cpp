#include <algorithm>
#include <cmath>
#include <cstdint>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/cpu/rotate_quantize.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/backend/reference/rotate_quantize.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/rotate_quantize.hpp>
#include <dfrot/transform/hadamard.hpp>
#include <dfrot/transform/low_rank_compose.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <dfrot/transform/short_rotation.hpp>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/instruction_sets.hpp"

using namespace dfrot;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;

namespace {

/// Packed codes, scales and zero points with their memory; bytes start with a pattern that no test writes.
template <class Real>
struct packed {
  matrix<std::uint8_t> bytes;
  matrix<Real> scales;
  matrix<std::int8_t> zeros;

  packed(int4_scheme const& scheme, std::size_t rows, std::size_t columns)
      : bytes(rows, packed_columns(columns)),
        scales(rows, group_count(scheme, columns)),
        zeros(rows, scheme.symmetric ? 0 : group_count(scheme, columns)) {
    std::fill_n(bytes.data(), bytes.rows() * bytes.columns(), std::uint8_t{0xA5});
  }
  quantized_rows<std::uint8_t, Real> view() { return {bytes.view(), scales.view(), zeros.view()}; }
};

template <class T>
bool same(matrix<T> const& a, matrix<T> const& b) {
  return std::equal(a.data(), a.data() + a.rows() * a.columns(), b.data(), b.data() + b.rows() * b.columns());
}

template <class Real>
bool same(packed<Real> const& a, packed<Real> const& b) {
  return same(a.bytes, b.bytes) && same(a.scales, b.scales) && same(a.zeros, b.zeros);
}

/// The rows in the type that arithmetic is done in.
template <class T>
matrix<arithmetic_t<T>> widened(matrix<T> const& x) {
  matrix<arithmetic_t<T>> result(x.rows(), x.columns());
  std::transform(x.data(), x.data() + x.rows() * x.columns(), result.data(), [](T value) { return load(value); });
  return result;
}

int4_scheme const schemes[] = {{}, {false}, {true, 128}, {false, 32, 0.9F}, {true, 0, 1.0F, scale_rule::search}};

/// For every instruction set that this file is compiled for, and for the reference.
template <class Check>
void for_each_policy(Check const& check) {
  check(reference::policy{});
  std::apply([&](auto... isa) { (check(cpu::basic_policy<decltype(isa)>{2}), ...); }, test::instruction_sets{});
}

}  // namespace

TEMPLATE_TEST_CASE("rotate_quantize gives the bytes of rotating and then quantizing", "", float, double, half,
                   bfloat16) {
  for (std::size_t const n : std::initializer_list<std::size_t>{1, 2, 8, 12, 64, 128, 512, 896, 1024, 4096, 16384}) {
    randomized_hadamard const rotation(n, 3);
    auto const x = gaussian_matrix<TestType>(5, n, n);
    for (int4_scheme const& scheme : schemes) {
      for_each_policy([&](auto const& on) {
        CAPTURE(n, scheme.symmetric, scheme.group, threads_of(on));
        auto rotated = widened(x);
        apply(on, rotation, rotated.view());
        packed<arithmetic_t<TestType>> expected(scheme, x.rows(), n);
        packed<arithmetic_t<TestType>> result(scheme, x.rows(), n);
        quantize(on, scheme, std::as_const(rotated).view(), expected.view());
        rotate_quantize(on, rotation, scheme, x.view(), result.view());
        CHECK(same(result, expected));
      });
    }
  }
}

TEMPLATE_TEST_CASE("so it does at the sizes of models", "", float, half) {
  for (std::size_t const n : std::initializer_list<std::size_t>{5120, 8960, 11008, 13824, 14336}) {
    randomized_hadamard const rotation(n, 3);
    auto const x = gaussian_matrix<TestType>(2, n, n);
    for_each_policy([&](auto const& on) {
      CAPTURE(n, threads_of(on));
      auto rotated = widened(x);
      apply(on, rotation, rotated.view());
      packed<float> expected({}, 2, n);
      packed<float> result({}, 2, n);
      quantize(on, {}, std::as_const(rotated).view(), expected.view());
      rotate_quantize(on, rotation, {}, x.view(), result.view());
      CHECK(same(result, expected));
    });
  }
}

TEST_CASE("an order without signs rotates by the Hadamard matrix alone") {
  hadamard_order const order(768);
  auto const x = gaussian_matrix<float>(3, 768, 8);
  auto rotated = x;
  hadamard(cpu::policy{}, order, rotated.view());
  packed<float> expected({}, 3, 768);
  packed<float> result({}, 3, 768);
  quantize(cpu::policy{}, {}, std::as_const(rotated).view(), expected.view());
  rotate_quantize(cpu::policy{}, order, {}, x.view(), result.view());
  CHECK(same(result, expected));
}

TEST_CASE("rotated codes stand for the rotated row, in float64 and with a dense matrix") {
  std::size_t const n = 896;
  randomized_hadamard const rotation(n, 11);
  auto const x = gaussian_matrix<float>(4, n, 2);
  for_each_policy([&](auto const& on) {
    packed<float> result({}, 4, n);
    rotate_quantize(on, rotation, {}, x.view(), result.view());
    for (std::size_t i = 0; i < 4; ++i) {
      double const scale = static_cast<double>(result.scales(i, 0));
      for (std::size_t j = 0; j < n; j += 17) {
        double exact = 0;
        for (std::size_t k = 0; k < n; ++k) {
          exact += static_cast<double>(x(i, k)) * rotation.signs()[k] * rotation.order().sign(k, j);
        }
        exact /= std::sqrt(static_cast<double>(n));
        int const code = unpack_int4(result.bytes(i, j / 2), static_cast<unsigned>(j % 2));
        CHECK(std::fabs(exact - scale * code) <= scale * 0.5 * (1 + 1e-4));
      }
    }
  });
}

TEST_CASE("the bytes do not depend on the number of threads, and x stays as it is") {
  std::size_t const n = 1024;
  randomized_hadamard const rotation(n, 5);
  auto const x = gaussian_matrix<float>(67, n, 4);
  auto const before = x;
  packed<float> one({}, 67, n);
  rotate_quantize(cpu::policy{1}, rotation, {}, x.view(), one.view());
  for (int const threads : {2, 5, 100}) {
    packed<float> many({}, 67, n);
    rotate_quantize(cpu::policy{threads}, rotation, {}, x.view(), many.view());
    CHECK(same(one, many));
  }
  CHECK(same(x, before));
}

TEMPLATE_TEST_CASE("bad rows are named, and their codes are not written", "", float, half, bfloat16) {
  std::size_t const n = 512;
  randomized_hadamard const rotation(n, 5);
  using Real = arithmetic_t<TestType>;
  for (Real const bad : {std::numeric_limits<Real>::quiet_NaN(), -std::numeric_limits<Real>::infinity()}) {
    auto x = gaussian_matrix<TestType>(6, n, 4);
    x(3, n - 1) = store<TestType>(bad);
    x(5, 0) = store<TestType>(bad);
    for_each_policy([&](auto const& on) {
      packed<Real> result({}, 6, n);
      CHECK_THROWS_WITH(rotate_quantize(on, rotation, {}, x.view(), result.view()), contains_text("row 3, column 511"));
      CHECK(std::all_of(result.bytes.view().row(3), result.bytes.view().row(4),
                        [](std::uint8_t byte) { return byte == 0xA5; }));
    });
  }
}

TEST_CASE("a row whose rotation overflows is an error, too") {
  randomized_hadamard const rotation(4096, 5);
  matrix<float> x(2, 4096);
  for (std::size_t j = 0; j < 4096; ++j) {
    x(0, j) = 1;
    x(1, j) = static_cast<float>(rotation.signs()[j]) * std::numeric_limits<float>::max();
  }
  for_each_policy([&](auto const& on) {
    packed<float> result({}, 2, 4096);
    CHECK_THROWS_WITH(rotate_quantize(on, rotation, {}, x.view(), result.view()),
                      contains_text("row 1 is finite, but overflows when it is rotated"));
  });
}

TEST_CASE("wrong shapes are errors that name the numbers") {
  hadamard_order const order(64);
  auto const x = gaussian_matrix<float>(2, 64, 1);
  packed<float> result({}, 2, 64);
  packed<float> narrow({}, 2, 60);
  auto const message = [&](auto const& call) -> std::string {
    try {
      call();
    } catch (std::invalid_argument const& error) {
      return error.what();
    }
    return "no error";
  };
  cpu::policy const on{2};
  CHECK_THAT(message([&] { rotate_quantize(on, hadamard_order(128), {}, x.view(), result.view()); }),
             contains_text("a transform of 128 channels on rows of 64"));
  CHECK_THAT(message([&] { rotate_quantize(on, order, {}, x.view(), narrow.view()); }), contains_text("2 x 30"));
  CHECK_THAT(message([&] { rotate_quantize(cpu::policy{0}, order, {}, x.view(), result.view()); }),
             contains_text("0 threads"));
  std::vector<float> workspace(63);  // a row is the least
  CHECK_THAT(message([&] {
               rotate_quantize(on, order, {}, x.view(), result.view(),
                               vector_view<float>(workspace.data(), workspace.size()));
             }),
             contains_text("workspace of 64 values, this one has 63"));
  matrix_view<float> const nothing(nullptr, 0, 64);
  packed<float> empty({}, 0, 64);
  CHECK_NOTHROW(rotate_quantize(on, order, {}, nothing, empty.view()));
}

TEMPLATE_TEST_CASE("rotate_quantize takes short rotations: the bytes of rotating and then quantizing", "", float,
                   double, half) {
  using Real = arithmetic_t<TestType>;
  for (std::size_t const n : {12U, 256U, 896U}) {
    for (std::size_t const dense : {1U, 2U}) {
      auto basis = orthonormal_rows(gaussian_matrix<double>(dense, n, 2), {});
      matrix<double> turn(dense, dense);
      for (std::size_t k = 0; k < dense; ++k) {
        turn(k, k) = -1;
      }
      short_rotation const rotation(randomized_hadamard(n, 1),
                                    low_rank_rotation(n, {}, std::move(basis), std::move(turn)));
      auto const x = gaussian_matrix<TestType>(5, n, 3);
      for_each_policy([&](auto const& on) {
        for (int4_scheme const& scheme : schemes) {
          packed<Real> found(scheme, 5, n);
          rotate_quantize(on, rotation, scheme, x.view(), found.view());
          auto rotated = widened(x);
          apply(on, rotation, rotated.view());
          packed<Real> expected(scheme, 5, n);
          quantize(on, scheme, rotated.view(), expected.view());
          CAPTURE(n, dense, scheme.group);
          CHECK(same(found, expected));
        }
      });
    }
  }
}
