#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/reference/channel_maps.hpp>
#include <dfrot/backend/reference/gemm.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/pack.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/linalg/gram.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/truncated_svd.hpp>
#include <dfrot/optimize/gptq/gptq.hpp>
#include <dfrot/optimize/search/low_rank_alternation.hpp>
#include <dfrot/optimize/search/smoothing_search.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/low_rank_branch.hpp>
#include <dfrot/quantize/nvfp4.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <limits>
#include <string>
#include <utility>
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

/// reference::policy, on several threads.
struct threaded : reference::policy {
  int threads = 3;
};

reference::policy const on;

/// A matrix with the given singular values.
matrix<double> with_spectrum(std::size_t m, std::size_t n, std::vector<double> const& values) {
  auto const u = random_orthogonal<double>(on, m, 1);
  auto const v = random_orthogonal<double>(on, n, 2);
  matrix<double> a(m, n);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k < values.size(); ++k) {
        a(i, j) += u(k, i) * values[k] * v(k, j);
      }
    }
  }
  return a;
}

/// A weight whose singular values fall like a power, as those of layers do, before a flat rest.
matrix<float> decaying_weight(std::size_t o, std::size_t n) {
  std::vector<double> values(std::min(o, n));
  for (std::size_t k = 0; k < values.size(); ++k) {
    values[k] = 0.3 + 20 / (1.0 + static_cast<double>(k));
  }
  auto const a = with_spectrum(o, n, values);
  matrix<float> w(o, n);
  std::transform(a.data(), a.data() + o * n, w.data(), [](double x) { return static_cast<float>(x); });
  return w;
}

double square(matrix<float> const& x) {
  double sum = 0;
  for (std::size_t k = 0; k < x.rows() * x.columns(); ++k) {
    sum += static_cast<double>(x.data()[k]) * static_cast<double>(x.data()[k]);
  }
  return sum;
}

/// ||W - B A - Q(W - B A)||^2, from the parts, in double.
template <class Scheme>
double error_of(Scheme const& scheme, matrix<float> const& w, low_rank_split const& split) {
  matrix<float> q(w.rows(), w.columns());
  fake_quantize(on, for_tensor(scheme, split.residual.view()), split.residual.view(), q.view());
  double sum = 0;
  for (std::size_t i = 0; i < w.rows(); ++i) {
    for (std::size_t j = 0; j < w.columns(); ++j) {
      double e = static_cast<double>(w(i, j)) - static_cast<double>(q(i, j));
      for (std::size_t k = 0; k < split.down.rows(); ++k) {
        e -= static_cast<double>(split.up(i, k)) * static_cast<double>(split.down(k, j));
      }
      sum += e * e;
    }
  }
  return sum;
}

std::vector<double> column_peaks(matrix<float> const& x) {
  std::vector<double> peaks(x.columns());
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t j = 0; j < x.columns(); ++j) {
      peaks[j] = std::max(peaks[j], std::abs(static_cast<double>(x(i, j))));
    }
  }
  return peaks;
}

template <class Scheme>
struct coded {
  using scale = typename Scheme::template scale_type<float>;
  matrix<std::uint8_t> codes;
  matrix<scale> scales;

  coded(Scheme const& scheme, std::size_t rows, std::size_t columns)
      : codes(rows, packed_columns(columns)), scales(rows, group_count(scheme, columns)) {}
  quantized_rows<std::uint8_t, scale> view() { return {codes.view(), scales.view(), {}}; }
};

}  // namespace

TEST_CASE("truncated_svd finds the singular values that a matrix was made with", "[linalg][svdquant]") {
  std::vector<double> const values{100, 30, 30, 8, 3, 1, 0.5, 0.25, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.01};
  for (auto const& [m, n] : {std::pair<std::size_t, std::size_t>{15, 40}, {37, 20}}) {
    auto const a = with_spectrum(m, n, values);
    for (std::size_t const rank : {std::size_t{1}, std::size_t{4}, std::size_t{15}}) {
      CAPTURE(m, n, rank);
      auto const found = truncated_svd(on, a.view(), rank, {8, 8, 5});
      double lost = 0;
      for (std::size_t k = 0; k < values.size(); ++k) {
        CHECK((k >= rank || std::abs(found.values[k] - values[k]) <= 1e-9 * values[0]));
        lost += k < rank ? 0 : values[k] * values[k];
      }
      double left = 0;
      for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          double e = a(i, j);
          for (std::size_t k = 0; k < rank; ++k) {
            e -= found.left(k, i) * found.values[k] * found.right(k, j);
          }
          left += e * e;
        }
      }
      CHECK(std::abs(left - lost) <= 1e-9 * values[0] * values[0]);
      auto const again = truncated_svd(threaded{}, a.view(), rank, {8, 8, 5});
      CHECK((same_bytes(again.left, found.left) && same_bytes(again.right, found.right)));
    }
  }
  // Rank 3 in two steps; nothing at all; zeros.
  auto const low = with_spectrum(30, 30, {5, 4, 3});
  auto const found = truncated_svd(on, low.view(), 5, {8, 2, 0});
  CHECK(std::abs(found.values[2] - 3) <= 1e-12);
  CHECK(std::abs(found.values[3]) <= 1e-12);
  CHECK(truncated_svd(on, low.view(), 0).values.empty());
  CHECK(truncated_svd(on, matrix<double>(6, 4).view(), 2).values == std::vector<double>{0, 0});
  CHECK_THROWS_WITH(truncated_svd(on, low.view(), 31), contains_text("31 singular values of a matrix of 30 x 30"));
  auto broken = low;
  broken(2, 7) = static_cast<double>(not_a_number);
  CHECK_THROWS_WITH(truncated_svd(on, broken.view(), 1), contains_text("row 2, column 7"));
}

TEST_CASE("A low-rank branch loses less than nearest codes, and in turns with them less again",
          "[optimize][svdquant]") {
  std::size_t const n = 128;
  auto const w = decaying_weight(n, n);
  auto const check = [&](auto const& scheme) {
    low_rank_options options;
    options.rank = 16;
    options.rounds = 6;
    auto const split = low_rank_alternation(on, scheme, w.view(), options);
    low_rank_options none;
    none.rank = 0;
    none.rounds = 0;
    double const nearest = low_rank_alternation(on, scheme, w.view(), none).errors.front();
    std::string text = message("relative errors: nearest ", std::sqrt(nearest / square(w)), "; rounds");
    for (double const error : split.errors) {
      text += message(" ", std::sqrt(error / square(w)));
    }
    INFO(text);
    CHECK(split.errors[0] < 0.6 * nearest);
    CHECK(split.best >= 2);
    CHECK(split.errors[split.best] < 0.9 * split.errors[0]);
    for (std::size_t k = 1; k <= split.best; ++k) {
      CHECK(split.errors[k] < split.errors[k - 1]);
    }
    CHECK(split.errors[split.best] == *std::min_element(split.errors.begin(), split.errors.end()));
    double const exact = error_of(scheme, w, split);
    CHECK(std::abs(split.errors[split.best] - exact) <= 1e-5 * exact);
    auto const again = low_rank_alternation(threaded{}, scheme, w.view(), options);
    CHECK((same_bytes(again.up, split.up) && same_bytes(again.down, split.down)));
  };
  check(int4{64});
  check(nvfp4{});
}

TEST_CASE("The low-rank branch can be judged by the layer's output", "[optimize][svdquant]") {
  std::size_t const n = 64;
  auto const w = decaying_weight(40, n);
  auto x = gaussian_matrix<float>(200, n, 3);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    x(i, 5) *= 20;
  }
  gram_sums<double> sums(n);
  sums.add(on, x.view());
  auto const h = sums.values(on);
  low_rank_options options;
  options.rank = 8;
  options.rounds = 4;
  int4 const scheme{32};
  auto const split = low_rank_alternation(on, scheme, w.view(), options, h);
  matrix<float> q(40, n);
  fake_quantize(on, scheme, split.residual.view(), q.view());
  matrix<float> const& r = split.residual;
  double const direct = sample_output_error<reference::policy, float>(on, x.view(), r.view(), x.view(), q.view());
  CHECK(std::abs(split.errors[split.best] - direct) <= 1e-4 * direct);
}

TEST_CASE("GPTQ may quantize what a low-rank branch leaves", "[optimize][svdquant]") {
  std::size_t const n = 64;
  auto const w = decaying_weight(24, n);
  auto x = gaussian_matrix<float>(200, n, 3);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t j = 1; j < n; ++j) {
      x(i, j) += 0.8F * x(i, j - 1);
    }
  }
  gram_sums<double> sums(n);
  sums.add(on, x.view());
  auto const h = sums.values(on);
  int4 const scheme{32};
  low_rank_options options;
  options.rank = 6;
  options.rounds = 3;
  gptq_factor const factor(on, h);
  auto const round = [&](matrix_view<float const> r, matrix_view<float> q) {
    matrix<std::int8_t> codes(r.rows, r.columns);
    matrix<float> scales(r.rows, 2);
    quantized_rows<std::int8_t, float> const out{codes.view(), scales.view(), {}};
    gptq(on, scheme, r, factor, out);
    dequantize(on, scheme, out, q);
  };
  auto const error = [&](matrix_view<double const> e) { return weight_output_error(on, e, h); };
  auto const split = low_rank_alternation(on, w.view(), options, round, error);
  auto const nearest = low_rank_alternation(on, scheme, w.view(), options, h);
  CHECK(split.errors[split.best] < 0.7 * nearest.errors[nearest.best]);
}

TEST_CASE("Weights without a choice get a branch that says so", "[optimize][svdquant]") {
  low_rank_options options;
  options.rank = 2;
  auto const zero = low_rank_alternation(on, int4{}, matrix<float>(5, 7).view(), options);
  CHECK((zero.errors.front() == 0 && square(zero.residual) == 0 && square(zero.up) == 0));
  auto w = gaussian_matrix<float>(1, 37, 3);  // one row is of rank 1
  options.rank = 1;
  auto const one = low_rank_alternation(on, int4{16}, w.view(), options);
  CHECK(square(one.residual) <= 1e-12 * square(w));
  options.rank = 2;
  CHECK_THROWS_WITH(low_rank_alternation(on, int4{}, w.view(), options), contains_text("2 singular values"));
  w(0, 9) = not_a_number;
  options.rank = 1;
  CHECK_THROWS_WITH(low_rank_alternation(on, int4{}, w.view(), options), contains_text("row 0, column 9 holds nan"));
}

TEST_CASE("smoothing_search is never worse than no smoothing, and finds what helps", "[optimize][svdquant]") {
  std::size_t const n = 64;
  auto x = gaussian_matrix<float>(48, n, 3);
  auto const w = gaussian_matrix<float>(32, n, 4);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t j = 3; j < n; j += 11) {
      x(i, j) *= 30;
    }
    x(i, 20) = 0;  // a channel that no token uses
  }
  auto const peaks = column_peaks(x);
  auto const weight_peaks = column_peaks(w);
  vector_view<double const> const x_peaks(peaks.data(), n);
  vector_view<double const> const w_peaks(weight_peaks.data(), n);
  auto const search = [&](auto const& scheme, low_rank_options const& branch) {
    return smoothing_search(
        x_peaks, w_peaks,
        [&](channel_scale const& s) {
          return smoothed_output_error<reference::policy>(on, scheme, scheme, x.view(), w.view(), s, branch);
        },
        8);
  };
  low_rank_options none{0, 0, {}};
  auto const plain = search(int4{}, none);
  INFO("no smoothing " << plain.errors[0] << ", alpha " << plain.alpha << ", beta " << plain.beta << ": "
                       << plain.error);
  CHECK(plain.errors.size() == 15);
  CHECK(plain.error == *std::min_element(plain.errors.begin(), plain.errors.end()));
  CHECK(plain.error < 0.6 * plain.errors[0]);
  CHECK(plain.alpha > 0);
  CHECK(plain.scale(x_peaks, w_peaks).factors()[20] == 1);
  CHECK(search(nvfp4{}, none).error <= search(nvfp4{}, none).errors[0]);
  low_rank_options branch{8, 0, {4, 2, 0}};
  CHECK(search(int4{}, branch).error < plain.error);

  CHECK_THROWS_WITH(
      smoothed_output_error<reference::policy>(on, int4{}, int4{}, x.view(), gaussian_matrix<float>(3, 60, 4).view(),
                                               plain.scale(x_peaks, w_peaks)),
      contains_text("the weight is 3 x 60, expected 3 x 64"));

  // Ties are the first's, which is no smoothing; NaN is no choice.
  CHECK(smoothing_search(x_peaks, w_peaks, [](channel_scale const&) { return 1.0; }).alpha == 0);
  int calls = 0;
  auto const third = smoothing_search(
      x_peaks, w_peaks, [&](channel_scale const&) { return ++calls == 3 ? 2.0 : static_cast<double>(not_a_number); });
  CHECK((third.error == 2 && third.alpha == 0.1 && third.beta == 0 && calls == 39));
  CHECK_THROWS_WITH(smoothing_search(
                        x_peaks, w_peaks, [](channel_scale const&) { return 1.0; }, 1),
                    contains_text("at least 2"));
}

TEST_CASE("Smoothing for a weight alone is judged by the Gram matrix of what it reads", "[optimize][svdquant]") {
  std::size_t const n = 37;  // groups of 16, and a shorter one
  auto x = gaussian_matrix<float>(60, n, 3);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    x(i, 4) *= 50;
    x(i, 9) = 0;
  }
  auto const w = gaussian_matrix<float>(8, n, 4);
  gram_sums<double> sums(n);
  sums.add(on, x.view());
  auto const peaks = column_peaks(x);
  auto const weight_peaks = column_peaks(w);
  vector_view<double const> const x_peaks(peaks.data(), n);
  vector_view<double const> const w_peaks(weight_peaks.data(), n);
  int4 const scheme{16};
  auto const h = sums.values(on);
  auto const error = [&](channel_scale const& s) { return smoothed_weight_error(on, scheme, w.view(), h, s); };
  auto const found = smoothing_search(x_peaks, w_peaks, error, 8);
  CHECK(found.error < 0.5 * found.errors[0]);

  // The same from outputs: of a smoothed weight, its codes' values divided by s again.
  auto const s = found.scale(x_peaks, w_peaks);
  matrix<float> rounded = w;
  apply_to_weight(on, s, rounded.view());
  fake_quantize(on, scheme, rounded.view(), rounded.view());
  for (std::size_t i = 0; i < rounded.rows(); ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      rounded(i, j) *= static_cast<float>(s.factors()[j]);
    }
  }
  double const direct = sample_output_error<reference::policy, float>(on, x.view(), w.view(), x.view(), rounded.view());
  CHECK(std::abs(found.error - direct) <= 1e-4 * direct);
  x(3, 30) = not_a_number;
  CHECK_THROWS_WITH(smoothed_output_error<reference::policy>(on, scheme, scheme, x.view(), w.view(), s),
                    contains_text("row 3, column 30 holds nan"));
  auto const one = gaussian_matrix<float>(1, n, 5);  // a token, and one row of weights
  CHECK(is_finite(smoothed_output_error<reference::policy>(on, scheme, scheme, one.view(), one.view(), s)));
}

TEMPLATE_TEST_CASE("A branch around quantize and gemm is the product with both parts", "[quantize][svdquant]", float,
                   bfloat16) {
  std::size_t const o = 11;
  for (auto const& [tokens, n, rank] :
       {std::array<std::size_t, 3>{1, 64, 4}, {9, 70, 3}, {17, 33, 1}, {2, 64, 0}, {0, 64, 2}}) {
    CAPTURE(tokens, n, rank);
    auto const x = gaussian_matrix<float>(tokens, n, 3);
    auto const r = gaussian_matrix<float>(o, n, 4);
    auto const down = gaussian_matrix<TestType>(rank, n, 5);
    auto const up = gaussian_matrix<TestType>(o, rank, 6);
    low_rank_branch<TestType const> const branch{down.view(), up.view()};
    int4 const scheme{16};
    coded<int4> xq(scheme, tokens, n);
    coded<int4> rq(scheme, o, n);
    quantize(on, scheme, r.view(), rq.view());
    matrix<float> t(tokens, rank);
    quantize_with_branch(on, scheme, x.view(), branch, t.view(), xq.view());
    coded<int4> alone(scheme, tokens, n);
    matrix<float> t_threads(tokens, rank);
    quantize_with_branch(on, scheme, x.view(), branch, t_threads.view(), alone.view());
    CHECK(same_bytes(t_threads, t));
    quantize(on, scheme, x.view(), alone.view());
    CHECK((same_bytes(alone.codes, xq.codes) && same_bytes(alone.scales, xq.scales)));

    matrix<float> y(tokens, o);
    scaled_weights<reference::policy, int4> const weights{
        {{rq.codes.data(), rq.codes.rows() * rq.codes.columns()}, o, n}, rq.scales.view(), scheme};
    gemm_with_branch(on, scheme, xq.view(), weights, branch, matrix_view<float const>(t.view()), y.view(), {});
    matrix<float> xv(tokens, n);
    matrix<float> rv(o, n);
    dequantize(on, scheme, xq.view(), xv.view());
    dequantize(on, scheme, rq.view(), rv.view());
    for (std::size_t i = 0; i < tokens; ++i) {
      for (std::size_t j = 0; j < o; ++j) {
        double sum = 0;
        double size = 1;
        for (std::size_t c = 0; c < n; ++c) {
          double part = static_cast<double>(xv(i, c)) * static_cast<double>(rv(j, c));
          for (std::size_t k = 0; k < rank; ++k) {
            part += static_cast<double>(x(i, c)) * static_cast<double>(load(down(k, c))) *
                    static_cast<double>(load(up(j, k)));
          }
          sum += part;
          size += std::abs(part);
        }
        CHECK(std::abs(static_cast<double>(y(i, j)) - sum) <= 2e-6 * size);
      }
    }
  }
}

TEST_CASE("A branch names the token that is not finite, and shapes that do not fit", "[quantize][svdquant]") {
  auto x = gaussian_matrix<float>(20, 8, 3);
  auto const down = gaussian_matrix<float>(2, 8, 5);
  auto const up = gaussian_matrix<float>(4, 2, 6);
  auto const wrong = gaussian_matrix<float>(4, 3, 6);
  coded<int4> q(int4{}, 20, 8);
  matrix<float> t(20, 2);
  low_rank_branch<float const> const branch{down.view(), up.view()};
  x(17, 3) = not_a_number;
  CHECK_THROWS_WITH(quantize_with_branch(on, int4{}, x.view(), branch, t.view(), q.view()),
                    contains_text("row 17, column 3 holds nan"));
  CHECK_THROWS_WITH(branch_down(on, x.view(), low_rank_branch<float const>{down.view(), wrong.view()}, t.view()),
                    contains_text("the branch's B is 4 x 3, expected 4 x 2"));
  CHECK_THROWS_WITH(branch_up(on, matrix_view<float const>(t.view()), branch, t.view()),
                    contains_text("output is 20 x 2, expected 20 x 4"));
}
