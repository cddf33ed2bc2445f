#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/pack.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/format/rounded_scale.hpp>
#include <dfrot/linalg/gram.hpp>
#include <dfrot/optimize/gptq/gptq.hpp>
#include <dfrot/optimize/gptq/transform_gram.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/mxfp4.hpp>
#include <dfrot/quantize/nvfp4.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/block_hadamard.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <memory>
#include <numeric>
#include <vector>

#include "extension/own_format.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

/// reference::policy, on several threads.
struct threaded : reference::policy {
  int threads = 1;
};

/// Codes, scales and zero points of one weight.
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

/// Tokens whose channels go together, and differ in size; channel `dead` is never used.
matrix<float> tokens(std::size_t count, std::size_t n, std::size_t dead, std::uint64_t seed) {
  auto x = gaussian_matrix<float>(count, n, seed);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 1; j < n; ++j) {
      x(i, j) = 0.6F * x(i, j - 1) + x(i, j) * (j % 7 == 3 ? 4.0F : 1.0F);
    }
    if (dead < n) {
      x(i, dead) = 0;
    }
  }
  return x;
}

template <class T>
matrix<T> gram_of(matrix<float> const& x) {
  gram_sums<T> sums(x.columns());
  sums.add(reference::policy{}, x.view());
  matrix<T> h(x.columns(), x.columns());
  auto const values = sums.values(reference::policy{});
  std::copy_n(values.data, x.columns() * x.columns(), h.data());
  return h;
}

/// The damped H, as its formula says, in the given order of columns.
template <class T>
matrix<double> damped(matrix<T> const& h, double damping, std::vector<std::size_t> const& order) {
  std::size_t const n = h.rows();
  double sum = 0;
  double live = 0;
  for (std::size_t i = 0; i < n; ++i) {
    sum += static_cast<double>(h(i, i));
    live += h(i, i) != 0 ? 1 : 0;
  }
  double const mean = live == 0 ? 1 : sum / live;
  matrix<double> result(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      result(i, j) = static_cast<double>(h(order[i], order[j]));
    }
    result(i, i) += damping * mean + (h(order[i], order[i]) == 0 ? mean : 0);
  }
  return result;
}

/// The inverse of a positive definite matrix, by Gauss-Jordan elimination.
matrix<double> inverse_of(matrix<double> a) {
  std::size_t const n = a.rows();
  for (std::size_t p = 0; p < n; ++p) {
    double const pivot = a(p, p);
    a(p, p) = 1;
    for (std::size_t j = 0; j < n; ++j) {
      a(p, j) /= pivot;
    }
    for (std::size_t i = 0; i < n; ++i) {
      double const factor = a(i, p);
      if (i != p) {
        a(i, p) = 0;
        for (std::size_t j = 0; j < n; ++j) {
          a(i, j) -= factor * a(p, j);
        }
      }
    }
  }
  return a;
}

std::vector<std::size_t> order_of(matrix<double> const& h, bool act_order) {
  std::vector<std::size_t> order(h.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (act_order) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return h(a, a) > h(b, b); });
  }
  return order;
}

/// The first row of the inverse of what is left of H, for each column: all that a surgeon asks of it.
matrix<double> first_rows_of_inverses(matrix<double> const& whole) {
  std::size_t const n = whole.rows();
  matrix<double> result(n, n);
  for (std::size_t j = 0; j < n; ++j) {
    matrix<double> rest(n - j, n - j);
    for (std::size_t a = j; a < n; ++a) {
      std::copy_n(&whole(a, j), n - j, &rest(a - j, 0));
    }
    rest = inverse_of(rest);
    std::copy_n(rest.data(), n - j, &result(j, j));
  }
  return result;
}

/// One column after the other, each with the inverse of what is left of H: optimal brain surgeon in a fixed order.
///   delta w_rest = -(w_j - q_j) / [H_rest^-1]_jj [H_rest^-1]_j,rest
template <class Scheme>
coded<Scheme> surgeon(Scheme const& scheme, matrix<float> const& w, matrix<double> const& h,
                      matrix<double> const& inverses, bool act_order) {
  std::size_t const n = w.columns();
  std::size_t const group = group_size(scheme, n);
  auto const order = order_of(h, act_order);
  coded<Scheme> out(scheme, w.rows(), n);
  bool const updated = !act_order && group < n;
  quantize(reference::policy{}, scheme, w.view(), out.view());
  matrix<double> now(w.rows(), n);
  for (std::size_t i = 0; i < w.rows(); ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      now(i, j) = h(order[j], order[j]) == 0 ? 0 : static_cast<double>(w(i, order[j]));
    }
  }
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i < w.rows(); ++i) {
      std::size_t const g = order[j] / group;
      if (updated && j % group == 0) {
        std::size_t const size = std::min(group, n - j);
        std::vector<float> values(size);
        for (std::size_t k = 0; k < size; ++k) {
          values[k] = static_cast<float>(now(i, j + k));
        }
        auto const grid = reference::find_grid(scheme, values.data(), size);
        out.scales(i, g) = grid.stored();
        out.zeros(i, g) = static_cast<std::int8_t>(grid.zero_point);
      }
      auto const grid = scheme.template grid<float>(out.scales(i, g), out.zeros(i, g));
      out.codes(i, order[j]) = grid.encode(static_cast<float>(now(i, j)));
      double const q = static_cast<double>(grid.decode(out.codes(i, order[j])));
      double const error = (now(i, j) - q) / inverses(j, j);
      for (std::size_t k = j; k < n; ++k) {
        now(i, k) -= error * inverses(j, k);
      }
    }
  }
  return out;
}

/// tr((W - Q) H (W - Q)^T) with the damped H; weights of dead columns count as 0.
template <class T, class Scheme>
double objective(Scheme const& scheme, matrix<float> const& w, matrix<T> const& h, double damping,
                 coded<Scheme>& coded) {
  std::vector<std::size_t> order(h.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  auto const d = damped(h, damping, order);
  matrix<float> q(w.rows(), w.columns());
  dequantize(reference::policy{}, scheme, coded.view(), q.view());
  double sum = 0;
  std::vector<double> e(w.columns());
  for (std::size_t i = 0; i < w.rows(); ++i) {
    for (std::size_t j = 0; j < w.columns(); ++j) {
      e[j] = (h(j, j) == 0 ? 0 : static_cast<double>(w(i, j))) - static_cast<double>(q(i, j));
    }
    for (std::size_t j = 0; j < w.columns(); ++j) {
      sum += e[j] * std::inner_product(e.begin(), e.end(), &d(j, 0), 0.0);
    }
  }
  return sum;
}

struct problem {
  std::size_t rows;
  std::size_t columns;
  std::size_t dead;  // columns: none
};

/// Weights, tokens, and a surgeon's inverses for them.
struct operation {
  matrix<float> w;
  matrix<double> h;
  std::size_t dead;
  matrix<double> inverses[2];  // without, with act-order

  explicit operation(problem const& p)
      : w(gaussian_matrix<float>(p.rows, p.columns, 11 + p.columns)),
        h(gram_of<double>(tokens(3 * p.columns + 5, p.columns, p.dead, 5))),
        dead(p.dead < p.columns ? 1 : 0) {
    for (bool const act_order : {false, true}) {
      inverses[act_order ? 1 : 0] = first_rows_of_inverses(damped(h, 0.01, order_of(h, act_order)));
    }
  }
};

template <class Scheme>
void check_against_surgeon(Scheme const& scheme, operation const& o) {
  std::size_t const rows = o.w.rows();
  std::size_t const n = o.w.columns();
  for (bool const act_order : {false, true}) {
    CAPTURE(rows, n, scheme.group, act_order);
    gptq_options options;
    options.act_order = act_order;
    gptq_factor<double> const factor(reference::policy{}, o.h.view(), options);
    coded<Scheme> found(scheme, rows, n);
    gptq_result const result = gptq(reference::policy{}, scheme, o.w.view(), factor, found.view());
    auto const expected = surgeon(scheme, o.w, o.h, o.inverses[act_order ? 1 : 0], act_order);
    CHECK(same_bytes(found.codes, expected.codes));
    CHECK(same_bytes(found.scales, expected.scales));
    CHECK(same_bytes(found.zeros, expected.zeros));
    CHECK(factor.dead_columns() == o.dead);
    double const exact = objective(scheme, o.w, o.h, 0.01, found);
    CHECK(std::abs(result.error - exact) <= 1e-10 * exact);
  }
}

}  // namespace

TEST_CASE("GPTQ writes the codes of one-by-one optimal brain surgeon", "[optimize][gptq]") {
  // Blocks have 128 columns: one, a part, several with a tail; groups that divide a block, do not, are longer, and have a tail.
  for (problem const& p : {problem{1, 1, 1}, {3, 20, 20}, {5, 40, 7}, {2, 129, 129}, {3, 165, 60}}) {
    operation const o(p);
    check_against_surgeon(int4{}, o);
    check_against_surgeon(int4{16}, o);
    check_against_surgeon(int4_asymmetric{48}, o);
    check_against_surgeon(int4{150}, o);
  }
  operation const p({3, 70, 3});
  check_against_surgeon(int4_scheme{false, 24, 0.9F, scale_rule::search}, p);
  nvfp4 fp4_blocks;
  fp4_blocks.storage = e4m3_scale::for_tensor(6);
  check_against_surgeon(fp4_blocks, p);
  check_against_surgeon(block_scheme<s4, float16_scale, max_range, 32>{}, p);
}

TEST_CASE("GPTQ for FP4 blocks after a block Hadamard (MR-GPTQ) writes the surgeon's codes", "[optimize][gptq]") {
  hadamard_order const order(16);
  operation plain({3, 80, 80});
  operation rotated = plain;
  apply_to_weight(reference::policy{}, blocks_of_channels(order, 80), rotated.w.view());
  transform_gram(reference::policy{}, blocks_of_channels(order, 80), rotated.h.view());
  for (bool const act_order : {false, true}) {
    rotated.inverses[act_order ? 1 : 0] =
        first_rows_of_inverses(damped(rotated.h, 0.01, order_of(rotated.h, act_order)));
  }
  nvfp4 nv;
  nv.storage = e4m3_scale::for_tensor(6);
  nvfp4_four_or_six nv_two;
  nv_two.storage = nv.storage;
  for (operation const* o : {&plain, &rotated}) {  // 80 channels: the last MX block is shorter
    check_against_surgeon(mxfp4{}, *o);
    check_against_surgeon(mxfp4_by<e8m0_rule::best>{}, *o);
    check_against_surgeon(nv, *o);
    check_against_surgeon(nv_two, *o);
  }
}

TEST_CASE("GPTQ takes formats from outside the library", "[optimize][gptq]") {
  operation const o({2, 70, 1});
  check_against_surgeon(own::int3_blocks{}, o);
  check_against_surgeon(own::ternary{24}, o);
}

TEMPLATE_TEST_CASE("GPTQ's error is that of the damped Gram matrix, and below the nearest codes'", "[optimize][gptq]",
                   float, double) {
  std::size_t const rows = 12;
  std::size_t const n = 160;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    auto const w = gaussian_matrix<float>(rows, n, seed);
    auto const h = gram_of<TestType>(tokens(400, n, 9, 50 + seed));
    for (std::size_t const group : {std::size_t{0}, std::size_t{32}}) {
      int4 const scheme{group};
      coded<int4> nearest(scheme, rows, n);
      quantize(reference::policy{}, scheme, w.view(), nearest.view());
      double const before = objective(scheme, w, h, 0.01, nearest);
      for (bool const act_order : {false, true}) {
        CAPTURE(seed, group, act_order);
        gptq_options options;
        options.act_order = act_order;
        gptq_factor<TestType> const factor(reference::policy{}, h.view(), options);
        coded<int4> found(scheme, rows, n);
        gptq_result const result = gptq(reference::policy{}, scheme, w.view(), factor, found.view());
        double const exact = objective(scheme, w, h, factor.damping(), found);
        CHECK(std::abs(result.error - exact) <= 1e-6 * exact);
        CHECK(std::abs(std::accumulate(result.row_errors.begin(), result.row_errors.end(), 0.0) - result.error) <=
              1e-12 * exact);
        CHECK(exact < before);
      }
    }
  }
}

TEST_CASE("GPTQ writes the same bytes for any number of threads and any split of the rows", "[optimize][gptq]") {
  std::size_t const rows = 270;
  std::size_t const n = 301;
  int4_asymmetric const scheme{48};
  auto const w = gaussian_matrix<float>(rows, n, 3);
  auto const x = tokens(700, n, n, 4);
  gram_sums<float> sums(n);
  sums.add(reference::policy{}, x.view());
  gptq_factor const one(reference::policy{}, sums.values(reference::policy{}));
  coded<int4_asymmetric> expected(scheme, rows, n);
  auto const errors = gptq(reference::policy{}, scheme, w.view(), one, expected.view()).row_errors;

  for (int const threads : {2, 3}) {
    threaded const on{{}, threads};
    CAPTURE(threads);
    gram_sums<float> again(n);  // rows in calls of 1, 2, 3, …
    for (std::size_t first = 0, count = 1; first < x.rows(); first += count, ++count) {
      count = std::min(count, x.rows() - first);
      again.add(on, x.view().row_block(first, count));
    }
    CHECK(again.tokens() == x.rows());
    gptq_factor const factor(on, again.values(on));
    coded<int4_asymmetric> found(scheme, rows, n);
    matrix<std::uint8_t> packed(rows, packed_columns(n));
    quantized_rows<std::uint8_t, float> const out{packed.view(), found.scales.view(), found.zeros.view()};
    CHECK(gptq(on, scheme, w.view(), factor, out).row_errors == errors);
    unpack(on, scheme, packed.view(), found.codes.view());
    CHECK(same_bytes(found.codes, expected.codes));
    CHECK(same_bytes(found.scales, expected.scales));
    CHECK(same_bytes(found.zeros, expected.zeros));
  }
  for (std::size_t const cut : {std::size_t{1}, std::size_t{101}, std::size_t{269}}) {
    CAPTURE(cut);
    coded<int4_asymmetric> found(scheme, rows, n);
    auto const first =
        gptq(reference::policy{}, scheme, w.view().row_block(0, cut), one, found.view().row_block(0, cut));
    auto second = gptq(reference::policy{}, scheme, w.view().row_block(cut, rows - cut), one,
                       found.view().row_block(cut, rows - cut));
    second.row_errors.insert(second.row_errors.begin(), first.row_errors.begin(), first.row_errors.end());
    CHECK(second.row_errors == errors);
    CHECK(same_bytes(found.codes, expected.codes));
    CHECK(same_bytes(found.scales, expected.scales));
  }
}

TEST_CASE("GPTQ takes weights of half precision, and stops when it is told to", "[optimize][gptq]") {
  std::size_t const rows = 600;
  std::size_t const n = 24;
  auto const stored = gaussian_matrix<bfloat16>(rows, n, 6);
  matrix<float> w(rows, n);
  std::transform(stored.data(), stored.data() + rows * n, w.data(), [](bfloat16 value) { return load(value); });
  gptq_factor<double> const factor(reference::policy{}, gram_of<double>(tokens(60, n, n, 7)).view());
  int4 const scheme{8};
  coded<int4> a(scheme, rows, n);
  coded<int4> b(scheme, rows, n);
  CHECK(gptq(reference::policy{}, scheme, w.view(), factor, a.view()).rows == rows);
  std::vector<std::size_t> calls;
  auto const result = gptq(reference::policy{}, scheme, stored.view(), factor, b.view(), [&](std::size_t done) {
    calls.push_back(done);
    return calls.size() < 2;
  });
  CHECK(result.stopped);
  CHECK(calls == std::vector<std::size_t>{256, 512});
  CHECK(result.rows == 512);
  for (std::size_t i = 0; i < rows * n; ++i) {
    if (b.codes.data()[i] != (i < 512 * n ? a.codes.data()[i] : 0)) {
      FAIL("code " << i);
    }
  }
}

TEST_CASE("GPTQ damps more where no factor is found, then says so or rounds", "[optimize][gptq]") {
  std::size_t const n = 80;
  auto const w = gaussian_matrix<float>(4, n, 8);
  auto h = gram_of<float>(tokens(1, n, n, 9));  // of rank 1
  gptq_options options;
  options.damping = 1e-12;
  gptq_factor<float> const raised(reference::policy{}, h.view(), options);
  CHECK(raised.damping() > 1e-12);
  CHECK(raised.damping() < 1e-2);
  int4 const scheme{20};
  coded<int4> found(scheme, 4, n);
  double const error = gptq(reference::policy{}, scheme, w.view(), raised, found.view()).error;
  CHECK(std::isfinite(error));

  h(1, 0) = h(0, 1) = 100 * (h(0, 0) + h(1, 1));  // no Gram matrix
  CHECK_THROWS_WITH((gptq_factor<float>(reference::policy{}, h.view(), options)),
                    test::contains_text("not positive definite with 1 times"));
  options.or_nearest = true;
  gptq_factor<float> const nearest(reference::policy{}, h.view(), options);
  CHECK(nearest.is_nearest());
  CHECK_FALSE(raised.is_nearest());
  coded<int4> expected(scheme, 4, n);
  gptq(reference::policy{}, scheme, w.view(), nearest, found.view());
  quantize(reference::policy{}, scheme, w.view(), expected.view());
  CHECK(same_bytes(found.codes, expected.codes));
  CHECK(same_bytes(found.scales, expected.scales));
}

TEST_CASE("GPTQ takes empty weights and dead columns alone, and refuses what is not finite", "[optimize][gptq]") {
  reference::policy const on;
  int4 const scheme{4};
  matrix<double> const dead(9, 9);
  gptq_factor<double> const factor(on, dead.view());
  CHECK(factor.dead_columns() == 9);
  auto w = gaussian_matrix<float>(3, 9, 1);
  coded<int4> found(scheme, 3, 9);
  std::fill_n(found.codes.data(), 27, std::int8_t{5});
  CHECK(gptq(on, scheme, w.view(), factor, found.view()).error == 0);
  CHECK(std::count(found.codes.data(), found.codes.data() + 27, 0) == 27);

  coded<int4> none(scheme, 0, 9);
  CHECK(gptq(on, scheme, w.view().row_block(0, 0), factor, none.view()).row_errors.empty());
  coded<int4> narrow(scheme, 3, 0);
  gptq_factor<double> const empty(on, matrix<double>(0, 0).view());
  CHECK(gptq(on, scheme, matrix<float>(3, 0).view(), empty, narrow.view()).row_errors == std::vector<double>(3));

  w(2, 5) = NAN;
  CHECK_THROWS_WITH(gptq(on, scheme, w.view(), factor, found.view()), test::contains_text("row 2, column 5 holds"));
  for (std::size_t j = 0; j < 9; ++j) {
    w(2, j) = j % 2 == 0 ? 3.2e38F : 3.4e38F;  // one is rounded up, and the next moves beyond the largest number
  }
  auto h = gram_of<double>(tokens(40, 9, 9, 2));
  for (std::size_t i = 0; i < 81; ++i) {
    h.data()[i] = i % 10 == 0 ? 1 : -0.1;
  }
  gptq_factor<double> const live(on, h.view());
  CHECK_THROWS_WITH(gptq(on, scheme, w.view(), live, found.view()), test::contains_text("row 2 overflows"));
  CHECK_THROWS_WITH(gptq(on, scheme, w.view().row_block(0, 2), factor, found.view()), test::contains_text("3 x 9"));
  h(3, 1) = INFINITY;
  CHECK_THROWS_WITH(gptq_factor<double>(on, h.view()), test::contains_text("in row 3, column 1"));
  h(3, 1) = 0;
  h(4, 4) = -1;
  CHECK_THROWS_WITH(gptq_factor<double>(on, h.view()), test::contains_text("holds -1 on the diagonal, in row 4"));
  gptq_options options;
  options.damping = 0;
  CHECK_THROWS_WITH(gptq_factor<double>(on, dead.view(), options), test::contains_text("damping is 0"));
}

TEMPLATE_TEST_CASE("A Gram matrix is the sum over its tokens, in any parts, and follows a transform", "[linalg][gram]",
                   float, double) {
  reference::policy const on;
  std::size_t const n = 276;  // = 23 * 12, more than a panel
  auto const x = tokens(1100, n, n, 21);
  gram_sums<TestType> whole(n);
  whole.add(on, x.view());
  gram_sums<TestType> first(n);
  gram_sums<TestType> second(n);
  first.add(on, x.view().row_block(0, 37));
  second.add(threaded{{}, 2}, x.view().row_block(37, 1063));
  first.combine(on, second);
  CHECK(first.tokens() == 1100);
  auto const h = whole.values(on);
  auto const parts = first.values(on);
  double const unit = std::is_same_v<TestType, float> ? 0x1p-24 : 0x1p-53;
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      wrong += h(i, j) == h(j, i) && parts(i, j) == parts(j, i) ? 0 : 1;
    }
    for (std::size_t j = i % 9; j < n; j += 9) {
      long double sum = 0;
      long double size = 0;
      for (std::size_t t = 0; t < x.rows(); ++t) {
        long double const product = static_cast<long double>(x(t, i)) * static_cast<long double>(x(t, j));
        sum += product;
        size += product < 0 ? -product : product;
      }
      long double const bound = (128 + 1100.0L / 128 + 2) * static_cast<long double>(unit) * size;
      wrong += std::abs(static_cast<long double>(h(i, j)) - sum) <= bound ? 0 : 1;
      wrong += std::abs(static_cast<long double>(parts(i, j)) - sum) <= bound ? 0 : 1;
    }
  }
  CHECK(wrong == 0);

  auto rotated = x;
  randomized_hadamard const rotation(n, 5);
  apply(on, rotation, rotated.view());
  auto const expected = gram_of<TestType>(rotated);
  transform_gram(on, rotation, h);
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      largest = std::max(largest, static_cast<double>(expected(i, j)));
      difference = std::max(difference, std::abs(static_cast<double>(expected(i, j) - h(i, j))));
    }
  }
  CHECK(difference <= 1e-5 * largest);  // the rows are float

  auto bad = gaussian_matrix<float>(3, n, 1);
  bad(1, 17) = INFINITY;
  CHECK_THROWS_WITH(whole.add(on, bad.view()), test::contains_text("row 1101, column 17 holds inf"));
  CHECK_THROWS_WITH(whole.combine(on, *std::make_unique<gram_sums<TestType>>(5)), test::contains_text("5 channels"));
}
