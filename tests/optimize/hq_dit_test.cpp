#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/format/e1m2.hpp>
#include <dfrot/format/e2m1.hpp>
#include <dfrot/format/e3m0.hpp>
#include <dfrot/optimize/gptq/search_clip.hpp>
#include <dfrot/optimize/search/choice.hpp>
#include <dfrot/optimize/search/clip_for_tensor.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <limits>
#include <numeric>
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

reference::policy const on;
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Rows of three kinds in turns: Gaussian; uniform; with tails so heavy that a few values are most of the row.
matrix<float> rows_of_kinds(std::size_t rows, std::size_t n) {
  auto x = gaussian_matrix<float>(rows, n, 3);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      float const g = x(i, j);
      x(i, j) = i % 3 == 1 ? std::erf(g / std::sqrt(2.0F)) : (i % 3 == 2 ? g * std::exp(std::abs(g)) : g);
    }
  }
  return x;
}

double total(std::vector<double> const& x) { return std::accumulate(x.begin(), x.end(), 0.0); }

struct packed {
  matrix<std::uint8_t> codes;
  matrix<float> scales;

  packed(std::size_t rows, std::size_t n, std::size_t groups) : codes(rows, packed_columns(n)), scales(rows, groups) {}
  quantized_rows<std::uint8_t, float> view() { return {codes.view(), scales.view(), {}}; }
};

}  // namespace

TEST_CASE("The format of a row, or of a tensor, is at most each single one's error", "[optimize][hq_dit]") {
  std::size_t const rows = 12;
  for (auto const& [n, group] : {std::pair<std::size_t, std::size_t>{128, 0}, {75, 32}, {1, 0}}) {
    CAPTURE(n, group);
    auto w = rows_of_kinds(rows, n);
    std::fill_n(&w(4, 0), n, 0.0F);
    std::vector<float> h(n);
    for (std::size_t j = 0; j < n; ++j) {
      h[j] = static_cast<float>(j % 5);
    }
    vector_view<float const> const weights(h.data(), n);
    clip_options const options{9, 0.4F, 2};
    auto const search = [&, &w = w](auto const& scheme, auto const& out) {
      return search_clip(on, scheme, w.view(), weights, options, out);
    };
    block_scheme<e2m1> const a{group};
    block_scheme<e1m2> const b{group};
    block_scheme<e3m0> const c{group};
    packed out(rows, n, group_count(a, n));
    std::vector<std::vector<double>> const single{search(a, out.view()), search(b, out.view()), search(c, out.view())};

    auto const chosen = choose_for_rows(search, out.view(), a, b, c);
    matrix<float> values(rows, n);
    dequantize(on, chosen, out.view(), values.view(), a, b, c);
    for (std::size_t i = 0; i < rows; ++i) {
      double const least = std::min({single[0][i], single[1][i], single[2][i]});
      double exact = 0;
      for (std::size_t j = 0; j < n; ++j) {
        double const e = static_cast<double>(w(i, j)) - static_cast<double>(values(i, j));
        exact += static_cast<double>(h[j]) * e * e;
      }
      CAPTURE(i, chosen.schemes[i]);
      CHECK(chosen.errors[i] == least);
      CHECK(chosen.errors[i] == single[chosen.schemes[i]][i]);
      CHECK(std::abs(exact - least) <= 1e-5 * exact);
      CHECK((chosen.schemes[i] == 0 || chosen.errors[i] < single[0][i]));  // ties are the first's
    }
    CHECK((chosen.schemes[4] == 0 && chosen.errors[4] == 0));  // a row of zeros
    for (int const k : {0, 1, 2}) {
      CHECK((n != 128 || std::count(chosen.schemes.begin(), chosen.schemes.end(), static_cast<std::uint8_t>(k)) > 0));
    }

    auto const tensor = choose_for_tensor(search, out.view(), a, b, c);
    for (std::size_t k = 0; k < 3; ++k) {
      CHECK(tensor.errors[k] == total(single[k]));
      CHECK(tensor.error <= tensor.errors[k]);
    }
    packed again(rows, n, group_count(a, n));
    with_choice(
        tensor.index, [&](auto const& scheme) { search(scheme, again.view()); }, a, b, c);
    CHECK((same_bytes(again.codes, out.codes) && same_bytes(again.scales, out.scales)));
  }
}

TEST_CASE("A weight that is not finite is refused, whatever the choice", "[optimize][hq_dit]") {
  auto w = gaussian_matrix<float>(3, 10, 3);
  w(1, 7) = static_cast<float>(not_a_number);
  packed out(3, 10, 1);
  auto const search = [&](auto const& scheme, auto const& to) { return search_clip(on, scheme, w.view(), {}, to); };
  CHECK_THROWS_WITH(choose_for_rows(search, out.view(), block_scheme<e2m1>{}, block_scheme<e1m2>{}),
                    contains_text("row 1, column 7 holds nan"));
  CHECK_THROWS_WITH(choose_for_tensor(search, out.view(), block_scheme<e2m1>{}, block_scheme<e1m2>{}),
                    contains_text("row 1, column 7 holds nan"));
}

TEST_CASE("After a Hadamard matrix, no rows want E3M0, and most want E2M1", "[optimize][hq_dit]") {
  std::size_t const n = 256;
  std::size_t const rows = 96;
  auto x = rows_of_kinds(rows, n);
  auto const format_of = [&](std::size_t kind) {
    matrix<float> sample(rows / 3, n);
    for (std::size_t i = 0; i < rows / 3; ++i) {
      std::copy_n(&x(3 * i + kind, 0), n, &sample(i, 0));
    }
    auto const error = [&](auto const& scheme) {
      return clip_for_tensor(on, scheme, sample.view(), {13, 0.4F, 2}).error;
    };
    return choose(error, block_scheme<e2m1>{}, block_scheme<e1m2>{}, block_scheme<e3m0>{}).index;
  };
  CHECK((format_of(0) == 0 && format_of(1) == 1 && format_of(2) == 2));
  apply(on, randomized_hadamard(n, 7), x.view());
  CHECK((format_of(0) == 0 && format_of(1) == 0));
  CHECK(format_of(2) != 2);  // a few large values become rows of about one magnitude, with short tails
}

TEST_CASE("One clip ratio for a tensor is the best of those that are tried", "[optimize][hq_dit]") {
  auto const x = gaussian_matrix<float>(9, 256, 3);
  block_scheme<e1m2> scheme{256};
  scheme.clip = 0.98F;
  clip_options const options{5, 0.6F, 2};
  auto const found = clip_for_tensor(on, scheme, x.view(), options);
  std::vector<double> errors;
  for (float const ratio : {1.0F, 0.9F, 0.8F, 0.7F, 0.6F}) {
    auto tried = scheme;
    tried.clip = 0.98F * ratio;
    matrix<float> q(9, 256);
    fake_quantize(on, tried, x.view(), q.view());
    double sum = 0;
    for (std::size_t k = 0; k < 9 * 256; ++k) {
      double const e = static_cast<double>(x.data()[k]) - static_cast<double>(q.data()[k]);
      sum += e * e;
    }
    errors.push_back(sum);
  }
  double const least = *std::min_element(errors.begin(), errors.end());
  CHECK(std::abs(found.error - least) <= 1e-9 * least);
  CHECK(found.scheme.group == 256);
  auto const best = std::min_element(errors.begin(), errors.end()) - errors.begin();
  CHECK(best > 0);
  CHECK(std::abs(found.scheme.clip - 0.98F * (1 - 0.1F * static_cast<float>(best))) <= 1e-6F);
  CHECK(clip_for_tensor(on, scheme, matrix<float>(2, 5).view(), options).scheme.clip == 0.98F);  // zeros: the largest
  CHECK(clip_for_tensor(on, scheme, matrix_view<float>(), options).error == 0);
  CHECK_THROWS_WITH(clip_for_tensor(on, scheme, x.view(), {1, 0.5F, 2}), contains_text("1 ratios"));
  auto broken = x;
  broken(7, 60) = static_cast<float>(not_a_number);
  CHECK_THROWS_WITH(clip_for_tensor(on, scheme, broken.view(), options), contains_text("row 7, column 60 holds nan"));
}

TEST_CASE("Choices take the first of equals, and NaN only where there is nothing else", "[optimize][hq_dit]") {
  CHECK(first_least({3, 1, 2, 1}).index == 1);
  CHECK(first_least({not_a_number, 5, 4, not_a_number}).index == 2);
  CHECK(first_least({4, not_a_number}).index == 0);
  CHECK(first_least({not_a_number, not_a_number}).index == 0);
  CHECK(choose([](double x) { return x * x; }, 3, -2.5F, 2.5, 4).index == 1);
  CHECK_THROWS_WITH(first_least({}), contains_text("no candidates"));
  CHECK_THROWS_WITH(with_choice(
                        2, [](int) {}, 1, 2),
                    contains_text("candidate 2 of 2"));
}
