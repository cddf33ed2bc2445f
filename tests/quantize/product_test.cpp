#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/cpu/gemm.hpp>
#include <dfrot/backend/reference/gemm.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/format/e1m2.hpp>
#include <dfrot/quantize/block_scheme.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/low_rank_branch.hpp>
#include <dfrot/quantize/mxfp4.hpp>
#include <dfrot/quantize/nvfp4.hpp>
#include <dfrot/quantize/repacked_weights.hpp>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

// Products of other elements than INT4's, of sides with groups of their own, and to other outputs. What INT4 in equal groups does
// stands in gemm_test.cpp. These tests take the best instruction set of their program only, to be compiled in time; tests/isa
// builds a program for each.

// A false alarm of g++ 12 where it copies a loop over a matrix of known, small size: it warns of registers' worth of bytes that
// the loop, which goes to the matrix's end, does not write.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif

using namespace dfrot;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

/// Powers of two: integers up to 64, whose sums of pairs take 16 bits.
struct powers : minifloat<3, 0, 3> {};

/// A user's element: integers as large as a byte has them, of which no pair of products fits in 16 bits.
struct wide {
  static constexpr float unit = 0.25F;
  static constexpr std::array<std::int8_t, 16> integers = {0,  127,  -128, 1,   -1,      100, -100, 64,
                                                           77, -127, 126,  -65, 128 - 1, 3,   -3,   99};

  [[nodiscard]] static constexpr float lowest() { return -32; }
  [[nodiscard]] static constexpr float highest() { return 31.75F; }
  [[nodiscard]] static constexpr int encode(double /*ratio*/) { return 0; }
  [[nodiscard]] static constexpr float value(int code) { return unit * integers[static_cast<std::size_t>(code)]; }
  [[nodiscard]] static constexpr int code_of(int nibble) { return nibble; }
};

/// The integer that a nibble stands for, written down here once more.
template <class F>
int integer_of(int nibble) {
  constexpr int e2m1_integers[8] = {0, 1, 2, 3, 4, 6, 8, 12};
  constexpr int powers_integers[8] = {0, 1, 2, 4, 8, 16, 32, 64};
  int const sign = nibble < 8 ? 1 : -1;
  if constexpr (std::is_same_v<F, s4>) {
    return nibble < 8 ? nibble : nibble - 16;
  } else if constexpr (std::is_same_v<F, u4>) {
    return nibble;
  } else if constexpr (std::is_same_v<F, e2m1>) {
    return sign * e2m1_integers[nibble % 8];
  } else if constexpr (std::is_same_v<F, e1m2>) {
    return sign * (nibble % 8);
  } else if constexpr (std::is_same_v<F, powers>) {
    return sign * powers_integers[nibble % 8];
  } else {
    return F::integers[static_cast<std::size_t>(nibble)];
  }
}

/// The nibbles of the least and of the largest integer.
template <class F>
std::array<int, 2> extreme_nibbles() {
  std::array<int, 2> found{};
  for (int nibble = 0; nibble < 16; ++nibble) {
    found[0] = integer_of<F>(nibble) < integer_of<F>(found[0]) ? nibble : found[0];
    found[1] = integer_of<F>(nibble) > integer_of<F>(found[1]) ? nibble : found[1];
  }
  return found;
}

/// Rows of packed nibbles, drawn, or all of one.
struct nibbles {
  std::size_t k;
  matrix<std::uint8_t> bytes;

  nibbles(std::size_t rows, std::size_t columns, std::uint64_t seed)
      : k(columns), bytes(rows, packed_columns(columns)) {
    for (std::size_t i = 0; i < rows * bytes.columns(); ++i) {
      bytes.data()[i] = static_cast<std::uint8_t>(random_block(seed, random_stream::user, i).word[0]);
    }
  }
  void fill(int nibble) {
    std::fill_n(bytes.data(), bytes.rows() * bytes.columns(), static_cast<std::uint8_t>(17 * nibble));
  }
  [[nodiscard]] int at(std::size_t i, std::size_t l) const {
    return bytes.data()[i * bytes.columns() + l / 2] / (l % 2 == 0 ? 1 : 16) % 16;
  }
  [[nodiscard]] matrix_view<std::uint8_t const> view() const { return bytes.view(); }
};

template <class F, class P>
struct repacked {
  aligned_vector<std::uint8_t> memory;
  repacked_weights<P, F> view;

  repacked(P const& on, nibbles const& w)
      : memory(repacked_weights_size(on, w.bytes.rows(), w.k)),
        view(repack_weights<F>(on, w.view(), w.k, vector_view<std::uint8_t>(memory.data(), memory.size()))) {}
};

template <class X, class W, class P>
matrix<std::int32_t> integer_product(P const& on, nibbles const& x, nibbles const& w) {
  repacked<W, P> const weights(on, w);
  matrix<std::int32_t> out(x.bytes.rows(), w.bytes.rows());
  std::vector<std::byte> workspace(gemm_workspace_size(on, {}, out.rows(), x.k));
  integer_gemm<X>(on, x.view(), weights.view, out.view(), vector_view<std::byte>(workspace.data(), workspace.size()));
  return out;
}

template <class X, class W, class P>
void check_integer_product(std::size_t m, std::size_t n, std::size_t k) {
  nibbles const x(m, k, m + k);
  nibbles const w(n, k, 3 * n + k);
  auto const out = integer_product<X, W>(P{}, x, w);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      std::int64_t sum = 0;
      for (std::size_t l = 0; l < k; ++l) {
        sum += integer_of<X>(x.at(i, l)) * integer_of<W>(w.at(j, l));
      }
      wrong += sum != out(i, j) ? 1 : 0;
    }
  }
  CAPTURE(m, n, k);
  REQUIRE(wrong == 0);
}

/// One pair of elements: every remainder of k, more tokens and channels than a tile and a panel, and the ends of all ranges.
template <class P, class X, class W>
void check_pair() {
  for (std::size_t k = 0; k <= 12; ++k) {
    check_integer_product<X, W, P>(2, 3, k);
  }
  check_integer_product<X, W, P>(15, 35, 333);
  nibbles x(1, 16385, 1);
  nibbles w(1, 16385, 2);
  for (int const one : extreme_nibbles<X>()) {
    for (int const other : extreme_nibbles<W>()) {
      x.fill(one);
      w.fill(other);
      CAPTURE(one, other);
      REQUIRE(integer_product<X, W>(P{}, x, w)(0, 0) == 16385 * integer_of<X>(one) * integer_of<W>(other));
    }
  }
}

template <class P, class X, class... W>
void check_weights() {
  (check_pair<P, X, W>(), ...);
}

/// Everything that gemm() takes but for the output. Scales are drawn as the storage has them.
template <product_scheme Scheme, product_scheme WeightScheme>
struct scaled_product {
  template <class S>
  using scale = typename S::template scale_type<float>;

  Scheme scheme;
  WeightScheme weight_scheme;
  nibbles x;
  nibbles w;
  matrix<scale<Scheme>> x_scales;
  matrix<scale<WeightScheme>> w_scales;
  matrix<std::int8_t> zeros;

  scaled_product(Scheme const& how, WeightScheme const& weights, std::size_t m, std::size_t n, std::size_t k)
      : scheme(how),
        weight_scheme(weights),
        x(m, k, 3 * m + k),
        w(n, k, 5 * n + k),
        x_scales(m, group_count(how, k)),
        w_scales(n, group_count(weights, k)),
        zeros(how.has_zero_points() ? m : 0, how.has_zero_points() ? group_count(how, k) : 0) {
    draw(x_scales, 1);
    draw(w_scales, 2);
    for (std::size_t i = 0; i < zeros.rows() * zeros.columns(); ++i) {
      zeros.data()[i] = static_cast<std::int8_t>(i * 7 % 16);
    }
  }

  static void draw(matrix<float>& scales, std::uint64_t seed) {
    scales = gaussian_matrix<float>(scales.rows(), scales.columns(), seed);
  }
  static void draw(matrix<e8m0>& scales, std::uint64_t seed) {
    for (std::size_t i = 0; i < scales.rows() * scales.columns(); ++i) {
      scales.data()[i].bits = static_cast<std::uint8_t>(120 + random_block(seed, random_stream::user, i).word[1] % 16);
    }
  }
  static void draw(matrix<e4m3>& scales, std::uint64_t seed) {
    for (std::size_t i = 0; i < scales.rows() * scales.columns(); ++i) {
      scales.data()[i].bits = static_cast<std::uint8_t>(random_block(seed, random_stream::user, i).word[1] % 127);
    }
  }

  /// Runs the product on top of what `out` holds; `how` says what to do with that.
  template <class P, class T, class How>
  void run(P const& on, matrix<T>& out, How const& how) const {
    using F = typename dfrot::detail::element_of_scheme<WeightScheme>::type;
    repacked<F, P> const weights(on, w);
    std::vector<std::byte> workspace(gemm_workspace_size(on, scheme, weight_scheme, out.rows(), x.k));
    gemm(on, scheme, quantized_rows<std::uint8_t const, scale<Scheme> const>{x.view(), x_scales.view(), zeros.view()},
         scaled_weights<P, WeightScheme>{weights.view, w_scales.view(), weight_scheme}, how(out.view()),
         vector_view<std::byte>(workspace.data(), workspace.size()));
  }

  /// One result in float64, and the sum of its terms' sizes.
  [[nodiscard]] std::pair<double, double> exact(std::size_t i, std::size_t j) const {
    double sum = 0;
    double size = 0;
    for (std::size_t l = 0; l < x.k; ++l) {
      double const term = value(scheme, x, x_scales, i, l) * value(weight_scheme, w, w_scales, j, l);
      sum += term;
      size += std::fabs(term);
    }
    return {sum, size};
  }
  template <class S>
  [[nodiscard]] double value(S const& how, nibbles const& codes, matrix<scale<S>> const& scales, std::size_t i,
                             std::size_t l) const {
    std::size_t const g = l / group_size(how, codes.k);
    if constexpr (std::is_same_v<S, int4_scheme>) {
      int const integer = how.symmetric ? integer_of<s4>(codes.at(i, l)) : codes.at(i, l) - zeros(i, g);
      return static_cast<double>(scales(i, g)) * integer;
    } else {
      using F = std::remove_cvref_t<decltype(how.element)>;
      double const unit = std::is_same_v<F, e2m1> ? 0.5 : 1.0;
      return static_cast<double>(how.storage.template load<float>(scales(i, g))) * unit * integer_of<F>(codes.at(i, l));
    }
  }
};

auto const written = [](auto const& out) { return out; };
auto const added = [](auto const& out) { return add_to(out); };

/// What an output held before.
template <class T>
matrix<T> something(std::size_t rows, std::size_t columns) {
  matrix<T> out(rows, columns);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    out.data()[i] = store<T>(static_cast<float>(i % 97) - 31.5F);
  }
  return out;
}

/// A product on policy P has the reference's bytes; the reference's are near those of float64, and of any other output what
/// follows from those of float.
template <class T, class P, class How, class Scheme, class WeightScheme>
void check_product(scaled_product<Scheme, WeightScheme> const& product, How const& how) {
  constexpr bool adds = std::is_same_v<How, std::remove_const_t<decltype(added)>>;
  std::size_t const m = product.x.bytes.rows();
  std::size_t const n = product.w.bytes.rows();
  matrix<T> const before = something<T>(m, n);
  matrix<T> expected = before;
  product.run(reference::policy{}, expected, how);
  matrix<float> floats(m, n);
  product.run(reference::policy{}, floats, written);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      auto const [sum, size] = product.exact(i, j);
      wrong += std::fabs(static_cast<double>(floats(i, j)) - sum) <= 3e-7 * size ? 0 : 1;
      T const result = store<T>(adds ? load(before(i, j)) + floats(i, j) : floats(i, j));
      wrong += std::memcmp(&expected(i, j), &result, sizeof(T)) == 0 ? 0 : 1;
    }
  }
  REQUIRE(wrong == 0);
  for (int const threads : {1, 2}) {
    matrix<T> out = before;
    product.run(P{threads}, out, how);
    REQUIRE(same_bytes(out, expected));
  }
}

}  // namespace

TEST_CASE("sums of products of any two elements are exact") {
  check_weights<cpu::policy, s4, s4, e1m2, e2m1, powers, wide>();
  check_weights<cpu::policy, e1m2, s4, e1m2, e2m1, powers>();
  check_weights<cpu::policy, e2m1, s4, e1m2, e2m1, powers>();
  check_weights<cpu::policy, powers, s4, e1m2, e2m1, powers>();
  check_weights<cpu::policy, u4, s4, e2m1>();
  check_weights<cpu::policy, wide, s4, wide>();
  check_weights<reference::policy, wide, s4, e1m2, e2m1, powers, wide>();
}

TEST_CASE("activations and weights may have groups of their own") {
  for (auto const& [group, weight_group] :
       {std::pair{0U, 32U}, {0U, 7U}, {64U, 32U}, {3U, 300U}, {32U, 0U}, {0U, 0U}}) {
    for (std::size_t const k : {1U, 64U, 391U, 1100U}) {
      CAPTURE(group, weight_group, k);
      check_product<float, cpu::policy>(
          scaled_product(int4_scheme{false, group}, int4_scheme{true, weight_group}, 5, 37, k), written);
    }
  }
}

TEST_CASE("products with scales of any storage are the reference's") {
  nvfp4 with_tensor_scale;
  with_tensor_scale.storage = e4m3_scale::for_tensor(37.0F);
  for (std::size_t const k : {1U, 33U, 600U}) {
    CAPTURE(k);
    check_product<float, cpu::policy>(scaled_product(mxfp4{}, mxfp4{}, 3, 35, k), written);
    check_product<bfloat16, cpu::policy>(scaled_product(nvfp4{}, with_tensor_scale, 3, 35, k), added);
    check_product<half, cpu::policy>(scaled_product(int4_scheme{false}, mxfp4{}, 3, 35, k), written);
  }
}

TEMPLATE_TEST_CASE("products add to a low-rank branch on every backend", "", reference::policy, cpu::policy) {
  int4_scheme const scheme{true, 32};
  scaled_product const product(scheme, scheme, 17, 37, 70);
  auto const up = gaussian_matrix<bfloat16>(37, 3, 4);
  matrix<bfloat16> const down(3, 70);
  low_rank_branch<bfloat16 const> const branch{down.view(), up.view()};
  auto const values = gaussian_matrix<float>(17, 3, 5);
  matrix_view<float const> const t = values.view();
  matrix<half> expected(17, 37);
  product.run(reference::policy{}, expected, [&](auto const& out) {
    branch_up(reference::policy{}, t, branch, out);
    return add_to(out);
  });
  for (int const threads : {1, 2}) {
    TestType on{};
    if constexpr (requires { on.threads = threads; }) {
      on.threads = threads;
    }
    repacked<s4, TestType> const w(on, product.w);
    scaled_weights<TestType, int4_scheme> const weights{w.view, product.w_scales.view(), scheme};
    std::vector<std::byte> workspace(gemm_workspace_size(on, scheme, scheme, 17, 70));
    matrix<half> out = something<half>(17, 37);
    gemm_with_branch(on, scheme,
                     quantized_rows<std::uint8_t const, float const>{product.x.view(), product.x_scales.view(), {}},
                     weights, branch, t, out.view(), vector_view<std::byte>(workspace.data(), workspace.size()));
    CHECK(same_bytes(out, expected));
  }
}

TEST_CASE("results are rounded once to any type of output, or added") {
  for (std::size_t const group : {0U, 32U}) {  // 700 channels: more groups than are scaled at a time
    for (std::size_t const k : {0U, 1U, 700U}) {
      scaled_product const product(int4_scheme{true, group}, int4_scheme{true, group}, 17, 37, k);
      CAPTURE(group, k);
      check_product<half, cpu::policy>(product, written);
      check_product<float, cpu::policy>(product, added);
      check_product<bfloat16, cpu::policy>(product, added);
    }
  }
}

TEST_CASE("groups of which neither is a multiple of the other are an error, and so are weights with zero points") {
  scaled_product const groups(int4_scheme{true, 48}, int4_scheme{true, 32}, 2, 3, 100);
  matrix<float> out(2, 3);
  CHECK_THROWS_WITH(groups.run(reference::policy{}, out, written),
                    "activations in groups of 48 and weights in groups of 32: the larger must be a multiple of the "
                    "smaller, or the whole row of 100");
  scaled_product<int4_scheme, int4_scheme> zeros({}, {}, 2, 3, 100);
  zeros.weight_scheme.symmetric = false;
  CHECK_THROWS_WITH(zeros.run(reference::policy{}, out, written),
                    "weights of a product have no zero points: their scheme must be symmetric");
  nibbles const w(1, 32769, 1);
  repacked<wide, cpu::policy> const weights(cpu::policy{}, w);
  matrix<std::int32_t> sums(1, 1);
  CHECK_THROWS_WITH(integer_gemm<wide>(cpu::policy{}, w.view(), weights.view, sums.view(), vector_view<std::byte>{}),
                    "rows of 32769 codes: products are summed in 32 bits, for at most 32768 codes");
}
