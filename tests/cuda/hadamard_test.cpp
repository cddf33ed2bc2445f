#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/cuda.cuh>
#include <initializer_list>
#include <limits>
#include <type_traits>

#include "cuda/on_device.hpp"
#include "laws/hadamard_laws.hpp"
#include "support/model_sizes.hpp"

using namespace dfrot;
using namespace dfrot::test;

namespace {

// No level, each number of levels left after fours, bases below and above a word of signs, columns of a base at once,
// more than one block, more shared memory than without asking.
constexpr std::size_t sizes[] = {1,  2,   4,   8,   12,  16,   20,   28,   64,   80,
                                 96, 128, 512, 688, 896, 1024, 1032, 2048, 2736, 14336};

/// The rounding of one stored value, with room for the sums of the float types.
template <class T>
constexpr double tolerance = std::is_same_v<T, double>  ? 1e-14
                             : std::is_same_v<T, float> ? 1e-6
                             : std::is_same_v<T, half>  ? 1e-3
                                                        : 8e-3;

template <class T>
double relative_distance(matrix<T> const& a, matrix<T> const& b) {
  double difference = 0;
  double norm = 0;
  for (std::size_t k = 0; k < a.rows() * a.columns(); ++k) {
    difference += std::pow(static_cast<double>(load(a.data()[k])) - static_cast<double>(load(b.data()[k])), 2);
    norm += std::pow(static_cast<double>(load(b.data()[k])), 2);
  }
  return std::sqrt(difference / norm);
}

template <class T>
cuda::device_matrix<arithmetic_t<T>> make_workspace(hadamard_order const& order) {
  cuda::policy const on{};
  return {on, 1, apply_workspace_size<T>(on, order)};
}

/// x <- x R, or x R^T, on the device and back, for rows of any memory of it.
template <class T>
matrix<T> rotated_there(randomized_hadamard const& rotation, matrix<T> const& x, bool transpose) {
  cuda::policy const on{};
  auto there = to_device(x);
  auto workspace = make_workspace<T>(rotation.order());
  auto const rotation_there = to<device_space>(on, rotation);
  transpose ? apply(on, transposed(rotation_there), there.view(), workspace.values())
            : apply(on, rotation_there, there.view(), workspace.values());
  return to_host(there);
}

template <class T>
void check_rotation(std::size_t n, std::size_t rows) {
  CAPTURE(n);
  randomized_hadamard const rotation(n, 3);
  auto const start = gaussian_matrix<T>(rows, n, n);
  for (bool const transpose : {false, true}) {
    auto expected = start;
    transpose ? apply(reference::policy{}, transposed(rotation), expected.view())
              : apply(reference::policy{}, rotation, expected.view());
    CHECK(relative_distance(rotated_there(rotation, start, transpose), expected) < tolerance<T>);
  }
}

}  // namespace

TEST_CASE("tiles cover a run once, in one pass and in several") {
  for (std::size_t const n : std::initializer_list<std::size_t>{1, 12, 4096, 28 * 512, 65536, 684 * 64, 1 << 20}) {
    for (std::size_t const capacity : std::initializer_list<std::size_t>{4096, 50000}) {
      hadamard_order const order(n);
      cuda::hadamard_plan const plan(order, capacity);
      CAPTURE(n, capacity);
      unsigned levels = 0;
      for (std::size_t pass = 0; pass < plan.passes(); ++pass) {
        cuda::hadamard_tile const& tile = plan.tile(pass);
        CHECK(tile.size() <= capacity);
        CHECK(tile.threads >= cuda::base_words(tile.base));
        levels += tile.log2_rest - tile.first_level;
        matrix<std::uint8_t> seen(1, n);
        for (std::size_t t = 0; t < tile.tiles; ++t) {
          for (unsigned i = 0; i < tile.size(); ++i) {
            ++seen(0, tile.start(t) + tile.offset(i));
          }
        }
        CHECK(std::count(seen.data(), seen.data() + n, 1) == static_cast<std::ptrdiff_t>(n));
      }
      CHECK(levels == order.log2_rest());
      CHECK(plan.tile(plan.passes() - 1).base == order.base());
    }
  }
}

TEST_CASE("values of a tile have places of their own, and those 64 apart different banks") {
  for (unsigned i = 1; i < 4096; ++i) {
    REQUIRE(cuda::padded(i) > cuda::padded(i - 1));
  }
  unsigned banks = 0;
  for (unsigned item = 0; item < 32; ++item) {
    banks |= 1u << (cuda::padded(cuda::spread(item, 2, 4)) % 32);
  }
  CHECK(banks == 0xffffffffu);
}

TEMPLATE_TEST_CASE("the device rotates as the reference does", "", float, double, half, bfloat16) {
  in_every_order([] {
    for (std::size_t const n : sizes) {
      check_rotation<TestType>(n, n < 64 ? 300 : 3);
    }
  });
}

TEST_CASE("at the sizes of published models, the laws of rotations hold on the device") {
  for (std::size_t const n : model_sizes) {
    CAPTURE(n);
    randomized_hadamard const rotation(n, 5);
    check_rotation_laws(
        rotation, [&](matrix<float>& x) { x = rotated_there(rotation, x, false); },
        [&](matrix<float>& x) { x = rotated_there(rotation, x, true); });
  }
}

TEMPLATE_TEST_CASE("rows longer than shared memory take several passes, rounded once", "", float, half) {
#if !defined(__CUDACC__)
  test::emulated::device_settings small = test::emulated::settings();
  small.shared_bytes = 24576;  // about 4800 values of float
  test::emulated::with_settings(small, [] {
    for (std::size_t const n : std::initializer_list<std::size_t>{8192, 28 * 512, 684 * 16, 4092 * 2}) {
      check_rotation<TestType>(n, 2);
    }
  });
#endif
  check_rotation<TestType>(65536, 2);
}

TEMPLATE_TEST_CASE("heads, strides and addresses of any alignment; padding is left alone", "", float, half) {
  cuda::policy const on{};
  hadamard_order const order(96);
  std::size_t const heads = 3;
  for (std::size_t const first : std::initializer_list<std::size_t>{0, 1}) {
    for (std::size_t const stride : std::initializer_list<std::size_t>{289, 292}) {
      CAPTURE(first, stride);
      auto const start = gaussian_matrix<TestType>(5, stride, 1);
      auto there = to_device(start);
      matrix_view<TestType, device_space> const part(there.data() + first, 5, heads * 96, stride);
      auto workspace = make_workspace<TestType>(order);
      block_hadamard const blocks(order, heads);
      apply(on, blocks, part, workspace.values());
      auto found = to_host(there);
      auto expected = start;
      matrix<arithmetic_t<TestType>> row(1, heads * 96);
      apply(reference::policy{}, blocks, matrix_view<TestType>(expected.data() + first, 5, heads * 96, stride),
            vector_view<arithmetic_t<TestType>>(row.data(), heads * 96));
      CHECK(relative_distance(found, expected) < tolerance<TestType>);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < 5; ++i) {
        for (std::size_t j = 0; j < stride; ++j) {
          bool const inside = j >= first && j < first + heads * 96;
          wrong += !inside && load(found(i, j)) != load(start(i, j));
        }
      }
      CHECK(wrong == 0);
      apply(on, transposed(blocks), part, workspace.values());
      CHECK(relative_distance(to_host(there), start) < 2 * tolerance<TestType>);
    }
  }
}

TEST_CASE("NaN and infinity stay within their row, and reach all of it", "[small]") {
  for (std::size_t const n : std::initializer_list<std::size_t>{2, 12, 512, 896}) {
    CAPTURE(n);
    auto const clean = gaussian_matrix<float>(4, n, 4);
    auto dirty = clean;
    dirty(1, n / 2) = std::numeric_limits<float>::quiet_NaN();
    dirty(2, n - 1) = -std::numeric_limits<float>::infinity();
    randomized_hadamard const rotation(n, 3);
    auto const expected = rotated_there(rotation, clean, false);
    auto const found = rotated_there(rotation, dirty, false);
    std::size_t wrong = 0;
    for (std::size_t j = 0; j < n; ++j) {
      wrong += !std::isnan(found(1, j)) || std::isfinite(found(2, j));
      wrong += found(0, j) != expected(0, j) || found(3, j) != expected(3, j);
    }
    CHECK(wrong == 0);
  }
}

TEMPLATE_TEST_CASE("denormal values are summed before they are scaled, on the device", "", float, double) {
  cuda::policy const on{};
  TestType const tiny = 64 * std::numeric_limits<TestType>::denorm_min();
  for (std::size_t const n : std::initializer_list<std::size_t>{64, 1024, 3072}) {
    CAPTURE(n);
    hadamard_order const order(n);
    matrix<TestType> x(1, n);
    for (std::size_t j = 0; j < n; ++j) {
      x(0, j) = order.sign(0, j) > 0 ? tiny : -tiny;  // row 0 of H: H^T gathers it in the first column
    }
    auto there = to_device(x);
    auto workspace = make_workspace<TestType>(order);
    apply(on, transposed(order), there.view(), workspace.values());
    auto const found = to_host(there);
    double const expected = static_cast<double>(tiny) * std::sqrt(static_cast<double>(n));
    CHECK(std::fabs(static_cast<double>(found(0, 0)) - expected) <=
          static_cast<double>(std::numeric_limits<TestType>::denorm_min()));
    CHECK(std::count(found.data() + 1, found.data() + n, TestType(0)) == static_cast<std::ptrdiff_t>(n - 1));
  }
}

TEST_CASE("the same bits for every order of threads, and in every run") {
  randomized_hadamard const rotation(896, 9);
  auto const start = gaussian_matrix<float>(3, 896, 4);
  auto const once = rotated_there(rotation, start, false);
  in_every_order([&] {
    auto const again = rotated_there(rotation, start, false);
    CHECK(std::equal(once.data(), once.data() + 3 * 896, again.data()));
  });
}

TEST_CASE("random signs made on the device are the host's") {
  cuda::policy const on{};
  randomized_hadamard const rotation(1032, 77);
  cuda::device_matrix<std::int8_t> signs(on, 1, 1032);
  cuda::random_signs(on, 77, signs.values());
  auto const found = to_host(signs);
  CHECK(std::equal(found.data(), found.data() + 1032, rotation.signs().data));
}

TEST_CASE("workspaces: none for most orders, and too small a one is refused before anything is written") {
  cuda::policy const on{};
  CHECK(apply_workspace_size<float>(on, hadamard_order(4096)) == 0);
  CHECK(apply_workspace_size<half>(on, hadamard_order(11008)) == 0);
  hadamard_order const large(684);
  CHECK(apply_workspace_size<float>(on, large) == 684 * 43 * 2 / 4);
  cuda::device_matrix<float> x(on, 1, 684);
  CHECK_THROWS_WITH(hadamard(on, large, x.view(), vector_view<float, device_space>{}),
                    contains_text("needs a workspace of 14706 values, this one has 0"));
  cuda::device_matrix<float> empty(on, 0, 64);
  hadamard(on, hadamard_order(64), empty.view(), vector_view<float, device_space>{});
}

TEST_CASE("rows that take more blocks of threads than a device starts are refused before anything is written") {
  cuda::policy const on{};
  auto const start = gaussian_matrix<float>(1, 64, 1);
  auto there = to_device(start);
  matrix_view<float, device_space> const many(there.data(), std::size_t{1} << 40u, 64);
  CHECK_THROWS_WITH(hadamard(on, hadamard_order(64), many, vector_view<float, device_space>{}),
                    contains_text("17179869184 blocks of threads") && contains_text("work on fewer rows at a time"));
  auto const found = to_host(there);
  CHECK(std::equal(start.data(), start.data() + 64, found.data()));
  vector_view<std::int8_t, device_space> const signs(nullptr, std::size_t{1} << 40u);
  CHECK_THROWS_WITH(cuda::random_signs(on, 1, signs), contains_text("4294967296 blocks of threads"));
}
