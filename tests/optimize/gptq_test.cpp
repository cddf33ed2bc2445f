#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/reference/pack.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/linalg/gram.hpp>
#include <dfrot/optimize/gptq/gptq.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/nvfp4.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <numeric>
#include <stdexcept>
#include <vector>

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

/// One column after the other, each with the inverse of what is left of H: optimal brain surgeon in a fixed order.
///   delta w_rest = -(w_j - q_j) / [H_rest^-1]_jj [H_rest^-1]_j,rest
template <class Scheme>
coded<Scheme> surgeon(Scheme const& scheme, matrix<float> const& w, matrix<double> const& h, bool act_order) {
  std::size_t const n = w.columns();
  std::size_t const group = group_size(scheme, n);
  auto const order = order_of(h, act_order);
  matrix<double> const whole = damped(h, 0.01, order);
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
    matrix<double> rest(n - j, n - j);
    for (std::size_t a = j; a < n; ++a) {
      std::copy_n(&whole(a, j), n - j, &rest(a - j, 0));
    }
    rest = inverse_of(rest);
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
      double const error = (now(i, j) - q) / rest(0, 0);
      for (std::size_t k = j; k < n; ++k) {
        now(i, k) -= error * rest(0, k - j);
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

template <class Scheme>
void check_against_surgeon(Scheme const& scheme, problem const& p) {
  auto const w = gaussian_matrix<float>(p.rows, p.columns, 11 + p.columns);
  auto const h = gram_of<double>(tokens(3 * p.columns + 5, p.columns, p.dead, 5));
  for (bool const act_order : {false, true}) {
    CAPTURE(p.rows, p.columns, p.dead, scheme.group, act_order);
    gptq_options options;
    options.act_order = act_order;
    gptq_factor<double> const factor(reference::policy{}, h.view(), options);
    coded<Scheme> found(scheme, p.rows, p.columns);
    gptq_result const result = gptq(reference::policy{}, scheme, w.view(), factor, found.view());
    auto const expected = surgeon(scheme, w, h, act_order);
    CHECK(same_bytes(found.codes, expected.codes));
    CHECK(same_bytes(found.scales, expected.scales));
    CHECK(same_bytes(found.zeros, expected.zeros));
    CHECK(factor.dead_columns() == (p.dead < p.columns ? 1 : 0));
    double const exact = objective(scheme, w, h, 0.01, found);
    CHECK(std::abs(result.error - exact) <= 1e-10 * exact);
  }
}

}  // namespace

TEST_CASE("GPTQ writes the codes of one-by-one optimal brain surgeon", "[optimize][gptq]") {
  // Blocks have 128 columns: one, a part, several with a tail; groups that divide a block, do not, are longer, and have a tail.
  for (problem const& p : {problem{1, 1, 1}, {3, 20, 20}, {5, 40, 7}, {2, 129, 129}, {2, 200, 60}}) {
    check_against_surgeon(int4{}, p);
    check_against_surgeon(int4{16}, p);
    check_against_surgeon(int4_asymmetric{48}, p);
    check_against_surgeon(int4{150}, p);
  }
  problem const p{3, 70, 3};
  check_against_surgeon(int4_scheme{false, 24, 0.9F, scale_rule::search}, p);
  nvfp4 fp4_blocks;
  fp4_blocks.storage = e4m3_scale::for_tensor(6);
  check_against_surgeon(fp4_blocks, p);
}
