#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/reference/pack.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/format/rounded_scale.hpp>
#include <dfrot/linalg/gram.hpp>
#include <dfrot/optimize/gptq/gptq.hpp>
#include <dfrot/optimize/gptq/search_clip.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/mxfp4.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

struct threaded : reference::policy {
  int threads = 1;
};
reference::policy const on{};

template <class Scheme>
struct coded {
  using scale = typename Scheme::template scale_type<float>;
  matrix<std::int8_t> codes;
  matrix<scale> scales;
  matrix<std::int8_t> zeros;

  coded(Scheme const& scheme, std::size_t rows, std::size_t columns)
      : codes(rows, columns), scales(rows, group_count(scheme, columns)), zeros(rows, group_count(scheme, columns)) {}
  quantized_rows<std::int8_t, scale> view() { return {codes.view(), scales.view(), zeros.view()}; }
};

template <class Scheme>
bool same(coded<Scheme> const& a, coded<Scheme> const& b) {
  return same_bytes(a.codes, b.codes) && same_bytes(a.scales, b.scales) && same_bytes(a.zeros, b.zeros);
}

/// Normal values, some of them cubed: tails that are worth clipping.
matrix<float> weights(std::size_t rows, std::size_t columns) {
  auto w = gaussian_matrix<float>(rows, columns, 17);
  for (std::size_t i = 0; i < rows * columns; i += 5) {
    w.data()[i] *= w.data()[i] * w.data()[i];
  }
  return w;
}

/// What a row loses under a measure: measure(e) of each group, added up.
template <class Scheme, class Measure>
double loss(Scheme const& scheme, matrix<float> const& w, coded<Scheme>& c, std::size_t row, Measure const& measure) {
  std::size_t const group = group_size(scheme, w.columns());
  matrix<float> q(w.rows(), w.columns());
  dequantize(on, scheme, c.view(), q.view());
  double sum = 0;
  for (std::size_t first = 0; first < w.columns(); first += group) {
    std::vector<double> e;
    for (std::size_t j = first; j < std::min(first + group, w.columns()); ++j) {
      e.push_back(static_cast<double>(w(row, j)) - static_cast<double>(q(row, j)));
    }
    sum += measure(e, first);
  }
  return sum;
}

/// No ratio of the list does better than the search for any row and group; found: what the search wrote and returned.
template <class Scheme, class Measure>
void check_best(Scheme const& scheme, matrix<float> const& w, clip_options const& options, coded<Scheme>& found,
                std::vector<double> const& sums, Measure const& measure) {
  std::size_t clipped = 0;  // rows that gain
  for (std::size_t i = 0; i < w.rows(); ++i) {
    double const reached = loss(scheme, w, found, i, measure);
    CHECK(std::abs(reached - sums[i]) <= 1e-6 * reached);
    double whole = 0;
    for (int k = 0; k < options.ratios; ++k) {
      Scheme one = scheme;
      one.clip *= 1.0F - static_cast<float>(k) * ((1.0F - options.least) / static_cast<float>(options.ratios - 1));
      coded<Scheme> other(one, w.rows(), w.columns());
      quantize(on, one, w.view(), other.view());
      double const tried = loss(scheme, w, other, i, measure);
      CHECK(reached <= tried * (1 + 1e-6));
      whole = k == 0 ? tried : whole;
    }
    clipped += reached < 0.99 * whole ? 1 : 0;
  }
  CHECK(clipped > 0);  // otherwise, nothing was searched for
}

}  // namespace

TEST_CASE("A clip search finds the best ratio of its list under every measure", "[optimize][search_clip]") {
  std::size_t const n = 50;
  auto const w = weights(6, n);
  auto const x = gaussian_matrix<float>(90, n, 4);
  gram_sums<double> sums(n);
  sums.add(on, x.view());
  auto const h = sums.values(on);
  std::vector<double> diagonal(n);
  for (std::size_t j = 0; j < n; ++j) {
    diagonal[j] = h(j, j) * static_cast<double>(1 + j % 3);
  }
  clip_options options;
  options.ratios = 15;
  options.least = 0.3F;
  auto const check = [&](auto const& scheme) {
    coded found(scheme, 6, n);
    for (double const power : {1.0, 2.0, 2.4}) {
      CAPTURE(scheme.group, power);
      options.power = power;
      auto const reached = search_clip(on, scheme, w.view(), options, found.view());
      check_best(scheme, w, options, found, reached, [&](std::vector<double> const& e, std::size_t) {
        double sum = 0;
        for (double const value : e) {
          sum += std::pow(std::abs(value), power);
        }
        return sum;
      });
    }
    auto const by_diagonal =
        search_clip(on, scheme, w.view(), vector_view<double>(diagonal.data(), n), options, found.view());
    check_best(scheme, w, options, found, by_diagonal, [&](std::vector<double> const& e, std::size_t first) {
      double sum = 0;
      for (std::size_t j = 0; j < e.size(); ++j) {
        sum += diagonal[first + j] * e[j] * e[j];
      }
      return sum;
    });
    auto const by_gram = search_clip(on, scheme, w.view(), h, options, found.view());
    check_best(scheme, w, options, found, by_gram, [&](std::vector<double> const& e, std::size_t first) {
      double sum = 0;
      for (std::size_t i = 0; i < e.size(); ++i) {
        for (std::size_t j = 0; j < e.size(); ++j) {
          sum += e[i] * h(first + i, first + j) * e[j];
        }
      }
      return sum;
    });
  };
  check(int4{});
  check(int4{24});
  check(int4_asymmetric{25});
  check(block_scheme<s4, bfloat16_scale>{24});
}

TEST_CASE("A clip search by squares is a scheme with a searched range, and ties go to the larger ratio",
          "[optimize][search_clip]") {
  using searched = block_scheme<s4, real_scale, searched_range<max_range>, 16>;
  auto w = weights(70, 40);
  std::fill_n(&w(3, 0), 40, 0.0F);  // every ratio is right: the scale is 1
  clip_options options;
  options.ratios = 17;
  options.least = 0.6F;
  int4 const plain{16};
  coded<searched> expected({}, 70, 40);
  quantize(on, searched{}, w.view(), expected.view());
  coded<int4> found(plain, 70, 40);
  search_clip(on, plain, w.view(), options, found.view());
  CHECK(same_bytes(found.codes, expected.codes));
  CHECK(same_bytes(found.scales, expected.scales));

  std::vector<float> const none(40);  // no error counts
  search_clip(on, plain, w.view(), vector_view<float const>(none.data(), 40), options, found.view());
  coded<int4> whole(plain, 70, 40);
  quantize(on, plain, w.view(), whole.view());
  CHECK(same(found, whole));

  mxfp4 const blocks;  // powers of two: most ratios have the scale of a larger one
  coded<mxfp4> a(blocks, 70, 40);
  coded<mxfp4> b(blocks, 70, 40);
  options.ratios = 2;
  options.least = 0.9999F;
  search_clip(on, blocks, w.view(), options, a.view());
  quantize(on, blocks, w.view(), b.view());
  CHECK(same(a, b));
}

TEST_CASE("A clip search writes the same bytes for any threads and rows, and GPTQ keeps its scales",
          "[optimize][search_clip]") {
  std::size_t const rows = 130;
  std::size_t const n = 33;
  auto const w = weights(rows, n);
  auto const x = gaussian_matrix<float>(90, n, 4);
  gram_sums<float> sums(n);
  sums.add(on, x.view());
  auto const h = sums.values(on);
  int4_asymmetric const scheme{8};
  clip_options const options{9, 0.5F, 2.4};
  coded<int4_asymmetric> expected(scheme, rows, n);
  auto const reached = search_clip(on, scheme, w.view(), h, options, expected.view());
  coded<int4_asymmetric> found(scheme, rows, n);
  CHECK(search_clip(threaded{{}, 3}, scheme, w.view(), h, options, found.view()) == reached);
  CHECK(same(found, expected));
  for (std::size_t const cut : {std::size_t{1}, std::size_t{66}}) {
    coded<int4_asymmetric> parts(scheme, rows, n);
    search_clip(on, scheme, w.view().row_block(0, cut), h, options, parts.view().row_block(0, cut));
    search_clip(on, scheme, w.view().row_block(cut, rows - cut), h, options, parts.view().row_block(cut, rows - cut));
    CHECK(same(parts, expected));
  }

  gptq_options given;
  given.scales = gptq_scales::given;
  gptq_factor<float> const factor(on, h, given);
  gptq(on, scheme, w.view(), factor, found.view());
  CHECK(same_bytes(found.scales, expected.scales));
  CHECK(same_bytes(found.zeros, expected.zeros));
  CHECK_FALSE(same_bytes(found.codes, expected.codes));
}

TEST_CASE("A clip search refuses what makes no sense", "[optimize][search_clip]") {
  auto w = weights(3, 8);
  int4 const scheme{};
  coded<int4> out(scheme, 3, 8);
  CHECK_THROWS_WITH(search_clip(on, scheme, w.view(), clip_options{1, 0.5F, 2}, out.view()),
                    test::contains_text("1 ratios down to 0.5"));
  CHECK_THROWS_WITH(search_clip(on, scheme, w.view(), clip_options{5, 1, 2}, out.view()),
                    test::contains_text("5 ratios down to 1;"));
  CHECK_THROWS_WITH(search_clip(on, scheme, w.view(), clip_options{5, 0.5F, 0}, out.view()),
                    test::contains_text("the power is 0"));
  std::vector<float> negative(8, -1.0F);
  CHECK_THROWS_WITH(search_clip(on, scheme, w.view(), vector_view<float>(negative.data(), 8), {}, out.view()),
                    test::contains_text("the weight of column 0 is -1"));
  CHECK_THROWS_WITH(search_clip(on, scheme, w.view(), matrix<float>(7, 7).view(), {}, out.view()),
                    test::contains_text("is 7 x 7, expected 8 x 8"));
  w(1, 2) = NAN;
  CHECK_THROWS_WITH(search_clip(on, scheme, w.view(), {}, out.view()), test::contains_text("row 1, column 2 holds"));
}
