#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/format/e1m2.hpp>
#include <dfrot/format/e3m0.hpp>
#include <dfrot/optimize/search/kmeans_codebooks.hpp>
#include <dfrot/optimize/search/weighted_kmeans.hpp>
#include <dfrot/quantize/codebook_gemm.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/mxfp4.hpp>
#include <dfrot/quantize/nf4.hpp>
#include <dfrot/quantize/sparse_outliers.hpp>
#include <limits>
#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

reference::policy const on_one;

/// reference::policy, on several threads.
struct threaded : reference::policy {
  int threads = 3;
};

template <class T>
vector_view<T const> view_of(std::vector<T> const& x) {
  return {x.data(), x.size()};
}

/// The least sum over all ways to give each of n numbers to one of k clusters, whatever their order.
double least_of_all_assignments(std::vector<float> const& w, std::vector<double> const& f, std::size_t k) {
  std::size_t ways = 1;
  for (std::size_t i = 0; i < w.size(); ++i) {
    ways *= k;
  }
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t way = 0; way < ways; ++way) {
    double sum = 0;
    for (std::size_t cluster = 0; cluster < k; ++cluster) {
      double weight = 0;
      double moment = 0;
      std::size_t digits = way;
      for (std::size_t i = 0; i < w.size(); ++i, digits /= k) {
        weight += digits % k == cluster ? f[i] : 0;
        moment += digits % k == cluster ? f[i] * static_cast<double>(w[i]) : 0;
      }
      digits = way;
      for (std::size_t i = 0; i < w.size() && weight > 0; ++i, digits /= k) {
        double const distance = static_cast<double>(w[i]) - moment / weight;
        sum += digits % k == cluster ? f[i] * distance * distance : 0;
      }
    }
    least = std::min(least, sum);
  }
  return least;
}

/// sum f (w - q)^2 of each row under a scheme.
template <class Scheme>
std::vector<double> errors_of(Scheme const& scheme, matrix<float> const& w, matrix<float> const& f) {
  matrix<float> q(w.rows(), w.columns());
  fake_quantize(reference::policy{}, scheme, w.view(), q.view());
  std::vector<double> sums(w.rows());
  for (std::size_t i = 0; i < w.rows(); ++i) {
    for (std::size_t j = 0; j < w.columns(); ++j) {
      double const e = static_cast<double>(w(i, j)) - static_cast<double>(q(i, j));
      sums[i] += static_cast<double>(f(i, j)) * e * e;
    }
  }
  return sums;
}

/// Codebooks that own their memory.
template <class Value = float>
struct owned_codebooks {
  matrix<std::uint8_t> codes;
  matrix<Value> tables;
  std::size_t columns;

  owned_codebooks(std::size_t rows, std::size_t n) : codes(rows, packed_columns(n)), tables(rows, 16), columns(n) {}
  codebook_rows<std::uint8_t, Value> view() { return {codes.view(), tables.view(), columns}; }
};

/// Weights with heavy tails, and sensitivities that differ by a factor of a hundred; some are 0.
struct layer {
  matrix<float> w;
  matrix<float> f;

  layer(std::size_t rows, std::size_t n)
      : w(gaussian_matrix<float>(rows, n, 3)), f(gaussian_matrix<float>(rows, n, 4)) {
    for (std::size_t k = 0; k < rows * n; ++k) {
      float const g = f.data()[k];
      w.data()[k] *= k % 41 == 7 ? 12.0F : 1.0F;
      f.data()[k] = k % 13 == 0 ? 0.0F : g * g;
    }
  }
};

}  // namespace

TEST_CASE("weighted_kmeans finds the least of all assignments", "[optimize][squeezellm]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    std::size_t const n = 1 + seed % 7;
    auto const x = gaussian_matrix<float>(2, n, seed);
    std::vector<float> w(x.data(), x.data() + n);
    std::vector<double> f(n);
    for (std::size_t i = 0; i < n; ++i) {
      w[i] = seed % 3 == 0 ? std::round(2 * w[i]) : w[i];  // with equal numbers
      double const g = static_cast<double>(x(1, i));
      f[i] = seed % 4 == 1 && i % 3 == 2 ? 0 : std::exp(4 * g);
    }
    for (std::size_t k = 1; k <= 3; ++k) {
      CAPTURE(seed, n, k);
      auto const found = weighted_kmeans(view_of(w), view_of(f), k);
      double const least = least_of_all_assignments(w, f, k);
      double const all = least_of_all_assignments(w, f, 1);
      CHECK(std::abs(found.error - least) <= 1e-12 * all);
      CHECK(found.centroids.size() <= k);
      CHECK(std::is_sorted(found.centroids.begin(), found.centroids.end()));
    }
  }
}

TEST_CASE("weighted_kmeans is never worse than a grid of sixteen values, and falls with their number",
          "[optimize][squeezellm]") {
  layer const l(6, 150);
  std::vector<std::vector<double>> grids;
  grids.push_back(errors_of(int4{}, l.w, l.f));
  grids.push_back(errors_of(int4_asymmetric{}, l.w, l.f));
  grids.push_back(errors_of(int4_signed_or_max{}, l.w, l.f));
  grids.push_back(errors_of(block_scheme<s4, real_scale, searched_range<signed_or_max_range>>{}, l.w, l.f));
  grids.push_back(errors_of(nf4{0}, l.w, l.f));
  grids.push_back(errors_of(fp4{}, l.w, l.f));
  grids.push_back(errors_of(block_scheme<e1m2>{}, l.w, l.f));
  grids.push_back(errors_of(block_scheme<e3m0, real_scale, searched_range<max_range>>{}, l.w, l.f));
  for (std::size_t i = 0; i < l.w.rows(); ++i) {
    vector_view<float const> const w(&l.w(i, 0), l.w.columns());
    vector_view<float const> const f(&l.f(i, 0), l.f.columns());
    double before = std::numeric_limits<double>::infinity();
    for (std::size_t k = 1; k <= 20; ++k) {
      double const error = weighted_kmeans(w, f, k).error;
      CAPTURE(i, k);
      CHECK(error < before);
      before = error;
      for (auto const& grid : grids) {
        CHECK((k < 16 || error < grid[i]));
      }
    }
  }
}

TEST_CASE("weighted_kmeans says what rows without a choice become", "[optimize][squeezellm]") {
  std::vector<float> const none;
  std::vector<float> const zeros(5);
  std::vector<float> const few{3, -1, 3, 2, -1};
  std::vector<float> const nothing(5);
  CHECK(weighted_kmeans(view_of(none), view_of(none), 16).centroids.empty());
  CHECK(weighted_kmeans(view_of(zeros), view_of(none), 16).centroids == std::vector<double>{0});
  auto const exact = weighted_kmeans(view_of(few), view_of(none), 16);
  CHECK(exact.centroids == std::vector<double>{-1, 2, 3});
  CHECK(exact.error == 0);
  CHECK(weighted_kmeans(view_of(few), view_of(nothing), 2).error ==
        weighted_kmeans(view_of(few), view_of(none), 2).error);

  // The ends of float, and weights of which all but one are too small to count.
  std::vector<float> const large{-3e38F, 3e38F, 1, 2};
  std::vector<double> const steep{1e300, 1e-300, 1e200, 1};
  CHECK(weighted_kmeans(view_of(large), view_of(none), 2).error >= 0);
  CHECK(is_finite(weighted_kmeans(view_of(large), view_of(steep), 3).error));

  std::vector<float> const broken{1, not_a_number};
  std::vector<float> const negative{1, -1};
  CHECK_THROWS_WITH(weighted_kmeans(view_of(broken), view_of(none), 2), contains_text("value 1 is nan"));
  CHECK_THROWS_WITH(weighted_kmeans(view_of(negative), view_of(broken), 2), contains_text("weight 1 is nan"));
  CHECK_THROWS_WITH(weighted_kmeans(view_of(negative), view_of(negative), 2), contains_text("weight 1 is -1"));
  CHECK_THROWS_WITH(weighted_kmeans(view_of(few), view_of(negative), 2), contains_text("2 weights of 5 values"));
  CHECK_THROWS_WITH(weighted_kmeans(view_of(few), view_of(none), 0), contains_text("at least 1"));
}

TEMPLATE_TEST_CASE("Products of codebooks are those of the values that they stand for", "[optimize][squeezellm]", float,
                   half) {
  for (std::size_t const n : {std::size_t{0}, std::size_t{1}, std::size_t{77}, std::size_t{160}}) {
    for (std::size_t const tokens : {std::size_t{0}, std::size_t{1}, std::size_t{11}}) {
      CAPTURE(n, tokens);
      std::size_t const o = 19;
      layer const l(o, n);
      owned_codebooks<TestType> w(o, n);
      auto const errors = kmeans_codebooks(reference::policy{}, l.w.view(), l.f.view(), w.view());
      matrix<float> values(o, n);
      dequantize(reference::policy{}, w.view(), values.view());
      auto const x = gaussian_matrix<float>(tokens, n, 9);
      matrix<float> y(tokens, o);
      codebook_gemm(reference::policy{}, x.view(), w.view(), y.view());
      matrix<float> twice = y;
      codebook_gemm(threaded{}, x.view(), w.view(), add_to(twice.view()));
      for (std::size_t j = 0; j < o; ++j) {
        double error = 0;
        for (std::size_t l2 = 0; l2 < n; ++l2) {
          double const e = static_cast<double>(l.w(j, l2)) - static_cast<double>(values(j, l2));
          error += static_cast<double>(l.f(j, l2)) * e * e;
        }
        CHECK(std::abs(errors[j] - error) <= 1e-12 * error);
        for (std::size_t i = 0; i < tokens; ++i) {
          double sum = 0;
          double size = 0;
          for (std::size_t c = 0; c < n; ++c) {
            double const product = static_cast<double>(x(i, c)) * static_cast<double>(values(j, c));
            sum += product;
            size += std::abs(product);
          }
          CHECK(std::abs(static_cast<double>(y(i, j)) - sum) <= 2e-6 * size);
          CHECK(twice(i, j) == y(i, j) + y(i, j));
        }
      }
      if (tokens > 3) {  // whatever tokens come together
        matrix<float> part(tokens, o);
        codebook_gemm(reference::policy{}, x.view().row_block(0, 3), w.view(), part.view().row_block(0, 3));
        codebook_gemm(reference::policy{}, x.view().row_block(3, tokens - 3), w.view(),
                      part.view().row_block(3, tokens - 3));
        CHECK(same_bytes(part, y));
      }
    }
  }
}

TEST_CASE("Codebooks of rows without a choice, and of what is refused", "[optimize][squeezellm]") {
  matrix<float> w(2, 5);  // a row of zeros, and one of two values
  w(1, 0) = -2;
  w(1, 3) = -4;
  owned_codebooks<> out(2, 5);
  auto const errors = kmeans_codebooks(threaded{}, w.view(), matrix_view<float const>(), out.view());
  CHECK(errors == std::vector<double>{0, 0});
  matrix<float> values(2, 5);
  dequantize(reference::policy{}, out.view(), values.view());
  CHECK(same_bytes(values, w));
  CHECK((out.codes(0, 2) >> 4) == 0);  // no code beyond an odd row

  matrix<float> x(1, 5);
  x(0, 2) = not_a_number;
  matrix<float> y(1, 2);
  codebook_gemm(reference::policy{}, x.view(), out.view(), y.view());
  CHECK((is_nan(y(0, 0)) && is_nan(y(0, 1))));
  CHECK_THROWS_WITH(codebook_gemm(reference::policy{}, w.view(), out.view(), y.view()),
                    contains_text("output is 1 x 2"));
  w(1, 2) = not_a_number;
  CHECK_THROWS_WITH(kmeans_codebooks(threaded{}, w.view(), matrix_view<float const>(), out.view()),
                    contains_text("row 1, column 2 holds nan"));
  CHECK_THROWS_WITH(kmeans_codebooks(threaded{}, x.view(), w.view(), out.view()),
                    contains_text("sensitivities is 2 x 5"));
}

TEST_CASE("Sensitivities of one row are those of all rows", "[optimize][squeezellm]") {
  layer const l(5, 40);
  matrix<float> all(5, 40);
  for (std::size_t i = 0; i < 5; ++i) {
    std::copy_n(&l.f(2, 0), 40, &all(i, 0));
  }
  owned_codebooks<> out(5, 40);
  owned_codebooks<> expected(5, 40);
  CHECK(kmeans_codebooks(on_one, l.w.view(), l.f.view().row_block(2, 1), out.view()) ==
        kmeans_codebooks(on_one, l.w.view(), all.view(), expected.view()));
  CHECK((same_bytes(out.codes, expected.codes) && same_bytes(out.tables, expected.tables)));
}

TEST_CASE("Outliers are as many as the rule says, and what codes lack of them is kept", "[optimize][squeezellm]") {
  std::size_t const o = 9;
  std::size_t const n = 77;
  layer const l(o, n);
  struct expected_count {
    outlier_rule rule;
    std::size_t entries;
  };
  for (auto const& [rule, entries] : {expected_count{{}, 0},
                                      {{0.01, 0, 1e9}, 7},
                                      {{0, 0.02, 1e9}, 14},
                                      {{0.01, 0.02, 1e9}, 21},
                                      {{0.6, 0.7, 1e9}, o * n},
                                      {{0, 0, 0}, o * n}}) {
    matrix<float> d = l.w;
    auto s = take_outliers(d.view(), l.f.view(), rule);
    CHECK(s.entries() == entries);
    for (std::size_t i = 0; i < o; ++i) {
      for (std::size_t k = s.starts[i]; k < s.starts[i + 1]; ++k) {
        CHECK((s.value[k] == l.w(i, s.column[k]) && d(i, s.column[k]) == 0));
        CHECK((k == s.starts[i] || s.column[k - 1] < s.column[k]));
      }
    }
    owned_codebooks<> w(o, n);
    kmeans_codebooks(reference::policy{}, d.view(), l.f.view(), w.view());
    matrix<float> q(o, n);
    dequantize(reference::policy{}, w.view(), q.view());
    subtract_dense(s, q.view());
    auto const x = gaussian_matrix<float>(3, n, 8);
    matrix<float> y(3, o);
    codebook_gemm(reference::policy{}, x.view(), w.view(), y.view());
    matrix<float> again = y;
    add_sparse_product(reference::policy{}, x.view(), s, y.view());
    add_sparse_product(threaded{}, x.view(), s, again.view());
    CHECK(same_bytes(again, y));
    for (std::size_t j = 0; j < o; ++j) {
      for (std::size_t k = s.starts[j]; k < s.starts[j + 1]; ++k) {
        q(j, s.column[k]) += s.value[k];
        CHECK(std::abs(q(j, s.column[k]) - l.w(j, s.column[k])) <= 1e-6F * std::abs(l.w(j, s.column[k])));
      }
      for (std::size_t i = 0; i < 3; ++i) {
        double sum = 0;
        double size = 0;
        for (std::size_t c = 0; c < n; ++c) {
          sum += static_cast<double>(x(i, c)) * static_cast<double>(q(j, c));
          size += std::abs(static_cast<double>(x(i, c)) * static_cast<double>(q(j, c)));
        }
        CHECK(std::abs(static_cast<double>(y(i, j)) - sum) <= 1e-5 * size);
      }
    }
  }
}

TEST_CASE("Outliers are kept beside the codes of any scheme", "[optimize][squeezellm]") {
  layer const l(5, 70);
  matrix<float> d = l.w;
  auto s = take_outliers(d.view(), l.f.view(), {0.01, 0.02, 1e9});
  matrix<float> q(5, 70);
  int4_asymmetric const scheme{32};
  fake_quantize(on_one, scheme, d.view(), q.view());
  matrix<float> const dense = q;
  subtract_dense(s, q.view());
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t k = s.starts[i]; k < s.starts[i + 1]; ++k) {
      float const both = dense(i, s.column[k]) + s.value[k];
      CHECK(std::abs(both - l.w(i, s.column[k])) <= 1e-6F * std::abs(l.w(i, s.column[k])));
    }
  }
  CHECK(s.entries() == 11);
}

TEST_CASE("Outliers of equal size are taken in order, and thresholds are those of quartiles",
          "[optimize][squeezellm]") {
  matrix<float> w(2, 4);
  for (std::size_t k = 0; k < 8; ++k) {
    w.data()[k] = k % 2 == 0 ? 5.0F : -5.0F;
  }
  auto const s = take_outliers(w.view(), matrix_view<float const>(), {0, 0.375, 1e9});
  CHECK(s.column == std::vector<std::uint32_t>{0, 1, 2});
  CHECK(s.starts == std::vector<std::size_t>{0, 3, 3});

  matrix<float> x(2, 4);  // NaN goes where it is multiplied
  x(1, 3) = not_a_number;
  matrix<float> y(2, 2);
  add_sparse_product(on_one, x.view(), s, y.view());
  CHECK((y(0, 0) == 0 && y(1, 0) == 0 && y(1, 1) == 0));
  x(1, 2) = not_a_number;
  add_sparse_product(on_one, x.view(), s, y.view());
  CHECK((y(0, 0) == 0 && is_nan(y(1, 0)) && y(1, 1) == 0));

  matrix<float> ranks(1, 9);  // quartiles -2 and 2
  for (std::size_t k = 0; k < 9; ++k) {
    ranks(0, k) = static_cast<float>(k) - 4;
  }
  CHECK(outlier_threshold(ranks.view(), 1.5) == 8);
  ranks(0, 8) = 9;
  double const above = outlier_threshold(ranks.view(), 1.5);
  CHECK(take_outliers(ranks.view(), matrix_view<float const>(), {0, 0, above}).value == std::vector<float>{9});
  CHECK(outlier_threshold(matrix_view<float>(), 1.5) == 0);
  CHECK(take_outliers(matrix_view<float>(), matrix_view<float const>(), {0.5, 0.5, 0}).entries() == 0);

  CHECK_THROWS_WITH(take_outliers(ranks.view(), matrix_view<float const>(), {0, 1.5, 0}),
                    contains_text("a share of 1.5"));
  CHECK_THROWS_WITH(take_outliers(ranks.view(), matrix_view<float const>(), {0.5, 0, 0}),
                    contains_text("sensitivities is 0 x 0"));
  ranks(0, 3) = not_a_number;
  CHECK_THROWS_WITH(take_outliers(ranks.view(), matrix_view<float const>(), {}),
                    contains_text("row 0, column 3 holds nan"));
}

TEST_CASE("Codebooks and outliers together lose less than codebooks, and these less than INT4",
          "[optimize][squeezellm]") {
  layer const l(6, 200);
  matrix<float> d = l.w;
  auto const outliers = take_outliers(d.view(), l.f.view(), {0.0005, 0.0045, 1e9});
  matrix<float> rest = l.f;
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t k = outliers.starts[i]; k < outliers.starts[i + 1]; ++k) {
      rest(i, outliers.column[k]) = 0;
    }
  }
  owned_codebooks<> out(6, 200);
  auto const sum = [](std::vector<double> const& x) { return std::accumulate(x.begin(), x.end(), 0.0); };
  double const both = sum(kmeans_codebooks(reference::policy{}, d.view(), rest.view(), out.view()));
  double const dense = sum(kmeans_codebooks(reference::policy{}, l.w.view(), l.f.view(), out.view()));
  double const nearest = sum(errors_of(int4{}, l.w, l.f));
  CAPTURE(both, dense, nearest);
  CHECK(outliers.entries() == 6);
  CHECK(both < dense);
  CHECK(dense < nearest);
}
