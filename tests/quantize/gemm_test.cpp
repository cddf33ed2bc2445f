#include <cmath>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/cpu/gemm.hpp>
#include <dfrot/backend/reference/gemm.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/repacked_weights.hpp>
#include <tuple>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/instruction_sets.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;

namespace {

template <class... Archs>
std::tuple<reference::policy, cpu::basic_policy<Archs>...> with_reference(std::tuple<Archs...> const&);
using all_policies = decltype(with_reference(test::instruction_sets{}));

template <class P>
P with_threads(int threads) {
  P on;
  if constexpr (requires { on.threads; }) {
    on.threads = threads;
  }
  return on;
}

/// Rows of random bytes, not aligned, with 3 bytes between them; the last row ends where the memory ends. In rows of an
/// odd number of codes the last high nibble is not zero: nobody may read it.
struct packed_codes {
  std::size_t rows;
  std::size_t k;
  std::vector<std::uint8_t> bytes;

  packed_codes(std::size_t row_count, std::size_t columns, std::uint64_t seed)
      : rows(row_count), k(columns), bytes(1 + row_count * stride()) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<std::uint8_t>(random_block(seed, random_stream::user, i).word[0]);
    }
    if (row_count > 0) {
      bytes.resize(bytes.size() - 3);
    }
  }
  std::size_t stride() const { return packed_columns(k) + 3; }
  matrix_view<std::uint8_t const> view() const { return {bytes.data() + 1, rows, packed_columns(k), stride()}; }
  /// The code at (i, l), read another way than the library does.
  int code(std::size_t i, std::size_t l, bool is_signed) const {
    constexpr int values[16] = {0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1};
    int const nibble = (bytes[1 + i * stride() + l / 2] / (l % 2 == 0 ? 1 : 16)) % 16;
    return is_signed ? values[nibble] : nibble;
  }
};

/// Weights repacked into memory of exactly the size asked for, at an odd address, between bytes that must not change.
template <class P>
struct repacked {
  std::vector<std::uint8_t> memory;
  repacked_weights<P> view;

  repacked(P const& on, packed_codes const& w) : memory(repacked_weights_size(on, w.rows, w.k) + 2, 0xee) {
    view = repack_weights(on, w.view(), w.k, vector_view<std::uint8_t>(memory.data() + 1, memory.size() - 2));
    REQUIRE(memory.front() == 0xee);
    REQUIRE(memory.back() == 0xee);
  }
};

/// An output with one value before, and two values after each row, that must not change.
template <class T>
struct guarded_output {
  std::size_t rows;
  std::size_t columns;
  std::vector<T> memory;

  guarded_output(std::size_t m, std::size_t n) : rows(m), columns(n), memory(1 + m * (n + 2), T{-77}) {}
  matrix_view<T> view() { return {memory.data() + 1, rows, columns, columns + 2}; }
  T operator()(std::size_t i, std::size_t j) const { return memory[1 + i * (columns + 2) + j]; }
  bool guards_stand() const {
    bool good = memory[0] == T{-77};
    for (std::size_t i = 0; i < rows; ++i) {
      good = good && (*this)(i, columns) == T{-77} && (*this)(i, columns + 1) == T{-77};
    }
    return good;
  }
};

/// Memory of exactly `size` bytes at an odd address.
struct odd_workspace {
  std::vector<std::byte> memory;
  explicit odd_workspace(std::size_t size) : memory(size + 1) {}
  vector_view<std::byte> view() { return {memory.data() + 1, memory.size() - 1}; }
};

template <class P>
guarded_output<std::int32_t> integer_product(P const& on, packed_codes const& x, packed_codes const& w) {
  repacked<P> const weights(on, w);
  guarded_output<std::int32_t> out(x.rows, w.rows);
  odd_workspace workspace(gemm_workspace_size(on, {}, x.rows, x.k));
  integer_gemm(on, x.view(), weights.view, out.view(), workspace.view());
  REQUIRE(out.guards_stand());
  return out;
}

/// Compares every sum with one in 64 bits.
template <class P>
void check_integer_product(std::size_t m, std::size_t n, std::size_t k, int threads = 1) {
  packed_codes const x(m, k, 1000 * m + k);
  packed_codes const w(n, k, 77 * n + k);
  auto const out = integer_product(with_threads<P>(threads), x, w);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      std::int64_t sum = 0;
      for (std::size_t l = k; l > 0; --l) {
        sum += x.code(i, l - 1, true) * w.code(j, l - 1, true);
      }
      wrong += sum != out(i, j) ? 1 : 0;
    }
  }
  CAPTURE(m, n, k, threads);
  REQUIRE(wrong == 0);
}

/// Everything that gemm() takes, with its memory.
struct scaled_product {
  int4_scheme scheme;
  packed_codes x;
  packed_codes w;
  matrix<float> x_scales;
  matrix<float> w_scales;
  matrix<std::int8_t> zeros;

  scaled_product(int4_scheme const& how, std::size_t m, std::size_t n, std::size_t k)
      : scheme(how),
        x(m, k, 3 * m + k),
        w(n, k, 5 * n + k),
        x_scales(gaussian_matrix<float>(m, group_count(how, k), 1)),
        w_scales(gaussian_matrix<float>(n, group_count(how, k), 2)),
        zeros(how.symmetric ? 0 : m, how.symmetric ? 0 : group_count(how, k)) {
    for (std::size_t i = 0; i < zeros.rows() * zeros.columns(); ++i) {
      zeros.data()[i] = static_cast<std::int8_t>(i * 7 % 16);
    }
  }

  template <class P>
  guarded_output<float> run(P const& on) const {
    repacked<P> const weights(on, w);
    guarded_output<float> out(x.rows, w.rows);
    odd_workspace workspace(gemm_workspace_size(on, scheme, x.rows, x.k));
    gemm(on, scheme, packed_activations<>{x.view(), x_scales.view(), zeros.view()},
         scaled_weights<P>{weights.view, w_scales.view()}, out.view(), workspace.view());
    REQUIRE(out.guards_stand());
    return out;
  }

  /// One result in float64, and the sum of its terms' sizes.
  std::pair<double, double> exact(std::size_t i, std::size_t j) const {
    double sum = 0;
    double size = 0;
    for (std::size_t l = 0; l < x.k; ++l) {
      std::size_t const g = l / group_size(scheme, x.k);
      int const code = x.code(i, l, scheme.symmetric) - (scheme.symmetric ? 0 : zeros(i, g));
      double const scale = static_cast<double>(x_scales(i, g)) * static_cast<double>(w_scales(j, g));
      sum += scale * code * w.code(j, l, true);
      size += std::fabs(scale * code * w.code(j, l, true));
    }
    return {sum, size};
  }
};

template <class T>
bool same_bytes(guarded_output<T> const& a, guarded_output<T> const& b) {
  return a.memory.size() == b.memory.size() &&
         std::memcmp(a.memory.data(), b.memory.data(), a.memory.size() * sizeof(T)) == 0;
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("sums of products of codes are exact for every length", "", all_policies) {
  for (std::size_t k = 0; k <= 300; ++k) {
    check_integer_product<TestType>(3, 5, k);
  }
  for (std::size_t k = 301; k < 2000; k += 97) {
    check_integer_product<TestType>(1, 33, k);
  }
}

TEMPLATE_LIST_TEST_CASE("sums of products of codes are exact for every number of tokens and channels", "",
                        all_policies) {
  for (std::size_t n = 0; n <= 100; ++n) {
    check_integer_product<TestType>(2, n, 37);
  }
  for (std::size_t m = 0; m <= 60; ++m) {
    check_integer_product<TestType>(m, 35, 44);
  }
  for (std::size_t const m : {1U, 2U, 13U, 14U, 15U, 29U}) {
    for (std::size_t const n : {1U, 31U, 32U, 33U, 64U}) {
      check_integer_product<TestType>(m, n, 131);
    }
  }
}

TEMPLATE_LIST_TEST_CASE("sums of products of codes are exact at the sizes of models", "", all_policies) {
  for (std::size_t const k : {4096U, 11008U, 14336U}) {
    check_integer_product<TestType>(1, 5, k);
    check_integer_product<TestType>(5, 35, k, 2);
  }
  check_integer_product<TestType>(300, 3, 4096, 2);  // more tokens than are unpacked at a time
  check_integer_product<TestType>(17, 2, 100003);    // one tile is more than that
}

TEMPLATE_LIST_TEST_CASE("sums of the largest products fit, up to the longest row", "", all_policies) {
  for (std::size_t const k : {72U, 577U, 14336U, 1U << 22U}) {
    packed_codes x(1, k, 1);
    packed_codes w(1, k, 1);
    for (int const activation : {-8, 7}) {
      for (int const weight : {-8, 7}) {
        std::fill(x.bytes.begin(), x.bytes.end(), pack_int4(activation, activation));
        std::fill(w.bytes.begin(), w.bytes.end(), pack_int4(weight, weight));
        CAPTURE(k, activation, weight);
        REQUIRE(integer_product(TestType{}, x, w)(0, 0) == static_cast<std::int64_t>(k) * activation * weight);
      }
    }
    // Unsigned codes as far from their zero point as they get: 15 * -8 and -15 * 7.
    for (int const code : {0, 15}) {
      scaled_product product({false}, 1, 1, k);
      product.x_scales(0, 0) = product.w_scales(0, 0) = 1;
      product.zeros(0, 0) = static_cast<std::int8_t>(15 - code);
      int const weight = code == 15 ? -8 : 7;
      std::fill(product.x.bytes.begin(), product.x.bytes.end(), pack_int4(code, code));
      std::fill(product.w.bytes.begin(), product.w.bytes.end(), pack_int4(weight, weight));
      auto const sum = static_cast<std::int64_t>(k) * (code - (15 - code)) * weight;
      REQUIRE(product.run(TestType{})(0, 0) == static_cast<float>(sum));
    }
  }
}

TEMPLATE_LIST_TEST_CASE("scaled products are those of float64, and the reference's to the bit", "", all_policies) {
  for (bool const symmetric : {true, false}) {
    for (std::size_t const group : {0U, 32U, 64U, 128U, 1U, 3U, 7U, 30U, 33U, 100U, 500U}) {
      for (std::size_t const k : {0U, 1U, 64U, 129U, 391U}) {
        for (std::size_t const m : {1U, 3U, 16U}) {
          scaled_product const product({symmetric, group}, m, 37, k);
          auto const out = product.run(TestType{});
          CAPTURE(symmetric, group, k, m);
          REQUIRE(same_bytes(out, product.run(reference::policy{})));
          for (std::size_t j = 0; j < 37; j += 6) {
            auto const [sum, size] = product.exact(m - 1, j);
            REQUIRE(std::fabs(static_cast<double>(out(m - 1, j)) - sum) <= 3e-7 * size);
          }
        }
      }
    }
  }
}

TEMPLATE_LIST_TEST_CASE("more tokens than are unpacked at a time give the reference's bits", "",
                        test::instruction_sets) {
  for (std::size_t const group : {0U, 128U}) {
    scaled_product const product({false, group}, 150, 37, 4096);
    CAPTURE(group);
    REQUIRE(same_bytes(product.run(cpu::basic_policy<TestType>{2}), product.run(reference::policy{})));
  }
}

TEMPLATE_LIST_TEST_CASE("any number of threads gives the same bytes", "", test::instruction_sets) {
  using policy = cpu::basic_policy<TestType>;
  for (std::size_t const m : {1U, 31U, 300U}) {
    for (std::size_t const group : {0U, 128U, 50U}) {
      scaled_product const product({false, group}, m, 131, 1031);
      auto const expected = product.run(policy{1});
      auto const sums = integer_product(policy{1}, product.x, product.w);
      auto const bytes = repacked<policy>(policy{1}, product.w).memory;
      for (int const threads : {2, 5}) {
        CAPTURE(m, group, threads);
        REQUIRE(repacked<policy>(policy{threads}, product.w).memory == bytes);
        REQUIRE(same_bytes(product.run(policy{threads}), expected));
        REQUIRE(same_bytes(integer_product(policy{threads}, product.x, product.w), sums));
      }
    }
  }
}

TEST_CASE("wrong shapes of a product are errors that name the numbers") {
  cpu::policy const on{};
  scaled_product const p({false, 32}, 3, 5, 65);
  repacked<cpu::policy> const w(on, p.w);
  guarded_output<float> out(3, 5);
  guarded_output<std::int32_t> sums(3, 5);
  odd_workspace memory(gemm_workspace_size(on, p.scheme, 3, 65));
  auto const run = [&](packed_activations<> const& x, scaled_weights<cpu::policy> const& weights) {
    gemm(on, p.scheme, x, weights, out.view(), memory.view());
  };
  packed_activations<> const x{p.x.view(), p.x_scales.view(), p.zeros.view()};
  scaled_weights<cpu::policy> const weights{w.view, p.w_scales.view()};
  run(x, weights);
  matrix<float> const narrow(3, 2);
  matrix<std::int8_t> const no_zeros;
  CHECK_THROWS_WITH(run({p.x.view(), narrow.view(), p.zeros.view()}, weights),
                    "activation scales is 3 x 2, expected 3 x 3");
  CHECK_THROWS_WITH(run(x, {w.view, narrow.view()}), "weight scales is 3 x 2, expected 5 x 3");
  CHECK_THROWS_WITH(run({p.x.view(), p.x_scales.view(), no_zeros.view()}, weights),
                    "zero points is 0 x 0, expected 3 x 3");
  auto short_bytes = w.view;
  short_bytes.bytes.size -= 1;
  CHECK_THROWS_WITH(run(x, {short_bytes, p.w_scales.view()}), dfrot::test::contains_text("for 5 x 65 codes"));
  auto long_row = w.view;
  long_row.columns = longest_gemm_row + 1;
  CHECK_THROWS_WITH(run(x, {long_row, p.w_scales.view()}), dfrot::test::contains_text("rows of 4194305 codes"));

  packed_codes const other(3, 67, 1);
  CHECK_THROWS_WITH(integer_gemm(on, other.view(), w.view, sums.view(), memory.view()),
                    "packed activations is 3 x 34, expected 3 x 33");
  CHECK_THROWS_WITH(integer_gemm(on, p.x.view(), w.view, guarded_output<std::int32_t>(3, 6).view(), memory.view()),
                    "output is 3 x 6, expected 3 x 5");
  vector_view<std::byte> const little{memory.view().data, 7};
  CHECK_THROWS_WITH(integer_gemm(on, p.x.view(), w.view, sums.view(), little),
                    dfrot::test::contains_text("workspace: 7 bytes, expected"));
  std::vector<std::uint8_t> storage(10);
  CHECK_THROWS_WITH(repack_weights(on, p.w.view(), 65, vector_view<std::uint8_t>(storage.data(), 10)),
                    dfrot::test::contains_text("repacked weights: 10 bytes, expected"));
  CHECK_THROWS_WITH(repack_weights(on, p.w.view(), 67, vector_view<std::uint8_t>(storage.data(), 10)),
                    "packed weights is 5 x 33, expected 5 x 34");
}
