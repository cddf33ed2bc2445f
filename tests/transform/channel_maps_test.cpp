// Signs, scales, permutations, block rotations and Kronecker products, on every instruction set that this file is compiled for:
// against their matrices in float64, entry by entry, and their laws. (Hadamard transforms have tests of their own.)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/cpu/block_rotation.hpp>
#include <dfrot/backend/cpu/channel_scale.hpp>
#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/cpu/permutation.hpp>
#include <dfrot/backend/reference/channel_maps.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/zigzag.hpp>
#include <functional>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/instruction_sets.hpp"

using namespace dfrot;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;

namespace {

/// Calls check(policy) for the plain loops and every instruction set; those of double are the same for all of them.
template <class T, class Check>
void for_each_policy(Check const& check) {
  check(reference::policy{});
  if constexpr (std::is_same_v<T, double>) {
    check(cpu::policy{});
  } else {
    std::apply([&](auto... isa) { (check(cpu::basic_policy<decltype(isa)>{}), ...); }, test::instruction_sets{});
  }
}

/// Half a step of T relative to a value, and that of its arithmetic type.
template <class T>
constexpr double half_step = std::is_same_v<T, half>       ? 0x1p-11
                             : std::is_same_v<T, bfloat16> ? 0x1p-8
                             : std::is_same_v<T, double>   ? 0x1p-53
                                                           : 0x1p-24;

/// An orthogonal matrix that is not symmetric: a product of turns in planes of neighbours, then of distant channels.
matrix<double> some_rotation(std::size_t n) {
  matrix<double> m(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    m(i, i) = 1;
  }
  for (std::size_t const distance : {std::size_t{1}, n / 2}) {
    for (std::size_t i = 0; i + distance < n && distance != 0; ++i) {
      double const angle = 0.3 + static_cast<double>(i % 7);
      for (std::size_t k = 0; k < n; ++k) {
        double const a = m(k, i);
        double const b = m(k, i + distance);
        m(k, i) = a * std::cos(angle) - b * std::sin(angle);
        m(k, i + distance) = a * std::sin(angle) + b * std::cos(angle);
      }
    }
  }
  return m;
}

permutation some_permutation(std::size_t n) {
  std::vector<std::uint32_t> source(n);
  std::iota(source.begin(), source.end(), 0U);
  for (std::size_t i = n; i > 1; --i) {
    std::swap(source[i - 1], source[random_block(5, random_stream::user, i).word[0] % i]);
  }
  return permutation(source);
}

std::vector<std::int8_t> some_signs(std::size_t n) {
  std::vector<std::int8_t> signs(n);
  for (std::size_t i = 0; i < n; ++i) {
    signs[i] = static_cast<std::int8_t>(random_sign(9, random_stream::user, i));
  }
  return signs;
}

channel_scale some_scale(std::size_t n) {
  matrix<double> factors(1, n);
  for (std::size_t j = 0; j < n; ++j) {
    factors(0, j) = std::exp2(static_cast<double>(j % 11) - 5.3) * (j % 3 == 0 ? -1 : 1);
  }
  return channel_scale(factors);
}

using entry_function = std::function<double(std::size_t, std::size_t)>;

/// y_j = sum_k x_k entry(k, j), and the sums of magnitudes.
struct exact_row {
  std::vector<double> value, magnitude;
};
template <class T>
exact_row product(T const* x, std::size_t n, entry_function const& entry) {
  exact_row y{std::vector<double>(n), std::vector<double>(n)};
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k < n; ++k) {
      double const term = static_cast<double>(load(x[k])) * entry(k, j);
      y.value[j] += term;
      y.magnitude[j] += std::fabs(term);
    }
  }
  return y;
}

/// The doors for one transform under one policy. (As functions, so that the laws are compiled once a type.)
template <class T>
struct doors {
  std::size_t n;
  std::function<void(matrix_view<T>)> apply, apply_transposed, apply_to_weight;
};
template <class T, class P, class R>
doors<T> doors_of(P const& on, R const& transform) {
  return {transform.size(), [&](matrix_view<T> x) { apply(on, transform, x); },
          [&](matrix_view<T> x) { apply(on, transposed(transform), x); },
          [&](matrix_view<T> x) { apply_to_weight(on, transform, x); }};
}

constexpr std::size_t rows = 3;

/// The values of y that are farther from the product of x and a matrix than the stated bound: `terms` roundings of the arithmetic
/// type and one of T; and those of the padding that have changed.
template <class T>
std::size_t count_wrong(matrix<T> const& x, matrix<T> const& y, std::size_t n, double terms,
                        entry_function const& entry) {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    exact_row const exact = product(&x(i, 0), n, entry);
    for (std::size_t j = 0; j < n; ++j) {
      double const bound = (terms + 1) * half_step<arithmetic_t<T>> * 2 * exact.magnitude[j] +
                           half_step<T> * std::fabs(exact.value[j]) * 1.001 + 1e-9 * half_step<T>;
      wrong += std::fabs(static_cast<double>(load(y(i, j))) - exact.value[j]) <= bound ? 0U : 1U;
    }
    for (std::size_t j = n; j < x.columns(); ++j) {
      wrong += load(y(i, j)) == load(x(i, j)) ? 0U : 1U;
    }
  }
  return wrong;
}

/// apply() is the product with entry(k, j), leaves padding alone; transposed() is the product with the transpose; and products
/// with weights that apply_to_weight() has changed stay, to the rounding of all factors.
template <class T>
void check_laws(doors<T> const& on, double terms, entry_function const& entry) {
  std::size_t const n = on.n;
  std::size_t const stride = n + 5;
  auto const x = gaussian_matrix<T>(rows, stride, n);
  auto const w = gaussian_matrix<T>(rows, stride, n + 1);
  auto changed = x;
  on.apply({changed.data(), rows, n, stride});
  CHECK(count_wrong(x, changed, n, terms, entry) == 0);
  auto back = x;
  on.apply_transposed({back.data(), rows, n, stride});
  CHECK(count_wrong(x, back, n, terms, [&](std::size_t k, std::size_t j) { return entry(j, k); }) == 0);
  auto weight = w;
  on.apply_to_weight({weight.data(), rows, n, stride});
  for (std::size_t i = 0; i < rows; ++i) {
    double before = 0, after = 0, size_x = 0, size_w = 0;
    for (std::size_t j = 0; j < n; ++j) {
      before += static_cast<double>(load(x(i, j))) * static_cast<double>(load(w(i, j)));
      after += static_cast<double>(load(changed(i, j))) * static_cast<double>(load(weight(i, j)));
      size_x += std::pow(static_cast<double>(load(x(i, j))), 2);
      size_w += std::pow(static_cast<double>(load(w(i, j))), 2);
    }
    CHECK(std::fabs(after - before) <=
          (3 * (terms + 1) * 2 * half_step<arithmetic_t<T>> + 3 * half_step<T>)*std::sqrt(size_x * size_w));
  }
}

/// The laws for all primitives of this file at about n channels.
template <class T, class P>
void check_all(P const& on, std::size_t n) {
  CAPTURE(n);
  auto const signs = some_signs(n);
  signs_view<> const flips{{signs.data(), n}};
  check_laws<T>(doors_of<T>(on, flips), 0,
                [&](std::size_t k, std::size_t j) { return k == j ? static_cast<double>(signs[k]) : 0; });
  permutation const order = some_permutation(n);
  check_laws<T>(doors_of<T>(on, order), 0,
                [&](std::size_t k, std::size_t j) { return k == order.source()[j] ? 1.0 : 0.0; });
  channel_scale const scale = some_scale(n);
  check_laws<T>(doors_of<T>(on, scale), 1,
                [&](std::size_t k, std::size_t j) { return k == j ? scale.factors()[k] : 0; });
  auto const all = chain_of(scale, order, flips);
  check_laws<T>(doors_of<T>(on, all), 1, [&](std::size_t k, std::size_t j) {
    return k == order.source()[j] ? scale.factors()[k] * signs[j] : 0;
  });
}

template <class T, class P>
void check_blocks(P const& on, std::size_t blocks, std::size_t b) {
  CAPTURE(blocks, b);
  matrix<double> const m = some_rotation(b);
  block_rotation const rotation(blocks * b, m);
  check_laws<T>(doors_of<T>(on, rotation), static_cast<double>(b),
                [&](std::size_t k, std::size_t j) { return k / b == j / b ? m(k % b, j % b) : 0; });
}

/// A matrix of its own for each block: a rotation with its channels scaled, so that the inverse transpose is known.
template <class T, class P>
void check_linear_blocks(P const& on, std::size_t blocks, std::size_t b) {
  CAPTURE(blocks, b);
  matrix<double> m(blocks * b, b);
  matrix<double> back(blocks * b, b);
  for (std::size_t i = 0; i < blocks * b; ++i) {
    matrix<double> const rotation = some_rotation(b);
    double const factor = std::exp2(static_cast<double>(i % 5) - 2);
    for (std::size_t j = 0; j < b; ++j) {
      m(i, j) = rotation((i + i / b) % b, j) * factor;
      back(i, j) = rotation((i + i / b) % b, j) / factor;
    }
  }
  block_linear const linear(m, back);
  check_laws<T>(doors_of<T>(on, linear), static_cast<double>(b),
                [&](std::size_t k, std::size_t j) { return k / b == j / b ? m(k, j % b) : 0; });
}

template <class T, class P>
void check_kronecker(P const& on, std::size_t a, std::size_t b) {
  CAPTURE(a, b);
  matrix<double> const p = some_rotation(a);
  matrix<double> const q = some_rotation(b);
  kronecker const rotation(p, q);
  check_laws<T>(doors_of<T>(on, rotation), static_cast<double>(a + b),
                [&](std::size_t k, std::size_t j) { return p(k / b, j / b) * q(k % b, j % b); });
}

[[nodiscard]] bool near(double a, double b) { return std::fabs(a - b) <= 1e-12 * std::fabs(b); }

}  // namespace

TEMPLATE_TEST_CASE("signs, permutations, scales and a chain of them", "", float, double, half) {
  for (std::size_t const n : std::initializer_list<std::size_t>{1, 2, 7, 24, 100, 192}) {
    for_each_policy<TestType>([&](auto const& on) { check_all<TestType>(on, n); });
  }
}

TEMPLATE_TEST_CASE("block rotations of every tail of a register, and Kronecker products", "", float, double, bfloat16) {
  for (std::size_t const b : std::initializer_list<std::size_t>{2, 3, 8, 15, 16, 17, 31, 33, 48, 64}) {
    for_each_policy<TestType>([&](auto const& on) { check_blocks<TestType>(on, 1 + b % 7, b); });
  }
  for (std::size_t const b : std::initializer_list<std::size_t>{1, 2, 5, 16, 24}) {
    for_each_policy<TestType>([&](auto const& on) { check_linear_blocks<TestType>(on, 3, b); });
    for_each_policy<TestType>([&](auto const& on) { check_kronecker<TestType>(on, 7, b); });
  }
}

TEST_CASE("threads, and rows of a smaller workspace, do not change a bit") {
  block_rotation const blocks(512, some_rotation(64));
  permutation const order = some_permutation(512);
  auto const both = chain_of(blocks, order);
  auto const start = gaussian_matrix<half>(70, 512, 3);
  auto once = start;
  std::vector<float> least(512 + 512);
  apply(cpu::policy{4}, both, once.view(), {least.data(), least.size()});
  auto again = start;
  apply(cpu::policy{4}, both, again.view());
  CHECK(std::equal(once.data(), once.data() + 70 * 512, again.data(), [](half a, half b) { return a.bits == b.bits; }));
  CHECK_THROWS_WITH(apply(cpu::policy{}, both, again.view(), {least.data(), 1023}),
                    contains_text("a transform of 512 channels needs a workspace of 1024 values, this one has 1023"));
}

TEST_CASE("a permutation undone gives back every bit, NaN included") {
  permutation const order = some_permutation(100);
  auto const start = [] {
    auto x = gaussian_matrix<float>(2, 100, 1);
    x(0, 3) = std::numeric_limits<float>::quiet_NaN();
    x(1, 7) = -std::numeric_limits<float>::infinity();
    return x;
  }();
  auto x = start;
  apply(cpu::policy{}, order, x.view());
  CHECK(std::isnan(x(0, order.view().source_back[3])));
  apply(cpu::policy{}, transposed(order), x.view());
  auto const bits = [](float value) { return dfrot::detail::bit_cast<std::uint32_t>(value); };
  CHECK(std::equal(start.data(), start.data() + 200, x.data(), [&](float a, float b) { return bits(a) == bits(b); }));
}

TEST_CASE("what is no transform is refused, with the numbers") {
  CHECK_THROWS_WITH(permutation({0, 2, 2}), contains_text("takes channel 2 twice"));
  CHECK_THROWS_WITH(permutation({0, 3, 1}), contains_text("a permutation of 3 channels that takes channel 3"));
  CHECK_THROWS_WITH(block_rotation(100, some_rotation(16)), contains_text("blocks of 16 channels in 100"));
  CHECK_THROWS_WITH(block_rotation(1026, some_rotation(1)),
                    contains_text("blocks of 1 channels: blocks have 2 to 1024"));
  for (std::size_t const at : std::initializer_list<std::size_t>{0, 77, 16 * 16 - 1}) {  // an entry anywhere shows
    matrix<double> off = some_rotation(16);
    off.data()[at] += 1e-4;
    CHECK_THROWS_WITH(block_rotation(32, off), contains_text("the matrix of a block rotation is not orthogonal"));
    CHECK_THROWS_WITH(kronecker(some_rotation(2), off),
                      contains_text("the right matrix of a Kronecker product is not"));
  }
  CHECK_THROWS_WITH(block_rotation(32, matrix<double>(16, 8)), contains_text("a square matrix, not 16 x 8"));
  matrix<double> factors(1, 2);
  factors(0, 0) = 1;
  CHECK_THROWS_WITH(channel_scale(factors), contains_text("channel 1 has the factor 0"));
  factors(0, 1) = 1e39;
  CHECK_THROWS_WITH(channel_scale(factors), contains_text("channel 1 has the factor 1e+39"));
  permutation const three({0, 2, 1});
  permutation const four({0, 2, 1, 3});
  CHECK_THROWS_WITH(chain_of(three, four), contains_text("a chain of transforms of 3 and 4 channels"));
  matrix<float> x(1, 4);
  CHECK_THROWS_WITH(apply(cpu::policy{}, three, x.view()),
                    contains_text("a transform of 3 channels on rows of 4 values: the two must be equal"));
}

TEST_CASE("smoothing moves what is large to the weight, by the rule of its page") {
  std::vector<double> const x{100, 1, 0, 4, 1e-9};
  std::vector<double> const w{1, 4, 3, 0, 9};
  vector_view<double const> const largest_x(x.data(), 5);
  vector_view<double const> const largest_w(w.data(), 5);
  channel_scale const half_way = smoothing(largest_x, largest_w, 0.5);
  CHECK(near(half_way.factors()[0], 1 / std::sqrt(100.0)));
  CHECK(near(half_way.factors()[1], std::sqrt(4.0)));
  CHECK(half_way.factors()[2] == 1);  // no activation, no weight: nothing to move
  CHECK(half_way.factors()[3] == 1);
  CHECK(near(half_way.factors()[4], std::sqrt(9 / 1e-9)));
  CHECK(near(smoothing(largest_x, largest_w, 1).factors()[0], 0.01));
  CHECK(near(smoothing(largest_x, largest_w, 1).factors()[4], 1e5));  // the lower bound of s
  CHECK_THROWS_WITH(smoothing(largest_x, largest_w, 1.5), contains_text("alpha 1.5"));
  CHECK_THROWS_WITH(smoothing({x.data(), 4}, largest_w), contains_text("4 channels of activations and 5 of weights"));
  std::vector<double> const bad{1, -1, 0, 0, 0};
  CHECK_THROWS_WITH(smoothing({bad.data(), 5}, largest_w), contains_text("channel 1 has the magnitudes -1"));
}

TEST_CASE(
    "zigzag: the means of blocks differ by at most (largest - smallest) / block, and every channel is there once") {
  for (std::size_t const blocks : std::initializer_list<std::size_t>{1, 2, 3, 32}) {
    for (std::size_t const block : std::initializer_list<std::size_t>{1, 2, 5, 128}) {
      for (std::uint64_t seed = 0; seed < 5; ++seed) {
        std::size_t const n = blocks * block;
        auto const g = gaussian_matrix<double>(1, n, seed);
        std::vector<double> magnitude(n);
        std::transform(g.data(), g.data() + n, magnitude.begin(), [](double z) { return std::exp(2 * z); });
        permutation const order = zigzag(vector_view<double const>(magnitude.data(), n), block);
        std::vector<double> mean(blocks);
        bool descends = true;
        for (std::size_t j = 0; j < n; ++j) {
          mean[j / block] += magnitude[order.source()[j]] / static_cast<double>(block);
          descends = descends && (j % block == 0 || magnitude[order.source()[j]] <= magnitude[order.source()[j - 1]]);
        }
        auto const [least, most] = std::minmax_element(mean.begin(), mean.end());
        auto const [smallest, largest] = std::minmax_element(magnitude.begin(), magnitude.end());
        CAPTURE(blocks, block, seed);
        CHECK(descends);
        CHECK(*most - *least <= (*largest - *smallest) / static_cast<double>(block) * (1 + 1e-12));
      }
    }
  }
  // The order itself, by hand: ranks 0 1 2 go to blocks 0 1 2, ranks 3 4 5 back to 2 1 0; equal channels stay in order.
  std::vector<float> const magnitude{1, 5, 3, 3, 9, 0};
  permutation const order = zigzag(vector_view<float const>(magnitude.data(), 6), 2);
  std::vector<std::uint32_t> const expected{4, 5, 1, 0, 2, 3};
  CHECK(std::equal(expected.begin(), expected.end(), order.source().begin()));
  CHECK_THROWS_WITH(zigzag(vector_view<float const>(magnitude.data(), 6), 4),
                    contains_text("blocks of 4 channels in 6"));
}
