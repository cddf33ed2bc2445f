#include <cmath>
#include <cstddef>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <vector>

#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/walsh/base_matrix.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/transform/hadamard_order.hpp>

#include "support/catch.hpp"
#include "support/instruction_sets.hpp"

using namespace dfrot;

namespace {

constexpr std::size_t margin = 67;  // guard values on both sides; odd, so that no row is aligned

/// A row of Gaussian values between margins.
template <class T>
std::vector<T> guarded_row(std::size_t n) {
  std::vector<T> row(n + 2 * margin);
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i] = static_cast<T>(gaussian_block(n, random_stream::user, i).value[0]);
  }
  return row;
}

/// ||y - scale H x|| / ||scale H x|| with the product taken in double, or 1 if a guard value changed.
template <class Arch, class T>
double distance_from_dense_product(hadamard_order const& order, bool transpose) {
  std::size_t const base = order.base();
  std::size_t const rest = order.rest();
  std::size_t const n = order.size();
  std::vector<T> const start = guarded_row<T>(n);
  std::vector<T> row = start;
  T const scale = static_cast<T>(0.37);
  cpu::base_matrix<Arch>(order, transpose, row.data() + margin, rest, scale);
  if (std::memcmp(row.data(), start.data(), margin * sizeof(T)) != 0 ||
      std::memcmp(row.data() + margin + n, start.data() + margin + n, margin * sizeof(T)) != 0) {
    return 1;
  }
  std::vector<double> const x(start.begin() + margin, start.end() - margin);
  double difference = 0;
  double norm = 0;
  std::vector<double> expected(rest);
  for (std::size_t c = 0; c<base; c += base> 300 ? 7 : 1) {
    expected.assign(rest, 0.0);
    for (std::size_t a = 0; a < base; ++a) {
      double const factor = static_cast<double>(scale) * (transpose ? order.base_row(c)[a] : order.base_row(a)[c]);
      for (std::size_t d = 0; d < rest; ++d) {
        expected[d] += factor * x[a * rest + d];
      }
    }
    for (std::size_t d = 0; d < rest; ++d) {
      difference += std::pow(static_cast<double>(row[margin + c * rest + d]) - expected[d], 2);
      norm += expected[d] * expected[d];
    }
  }
  return std::sqrt(difference / norm);
}

/// The bases up to 300, those of two models beyond, and the largest of what other sizes of tables serve.
std::vector<std::size_t> bases() {
  std::vector<std::size_t> found;
  for (std::size_t base = 12; base <= 300; base += 4) {
    if (hadamard_order::is_constructible(base) && hadamard_order(base).base() == base) {
      found.push_back(base);
    }
  }
  for (std::size_t const base : {484U, 684U, 924U, 992U}) {
    found.push_back(base);
  }
  return found;
}

template <class Arch>
void check_bases() {
  for (std::size_t const base : bases()) {
    for (std::size_t rest = 1; rest <= (base <= 300 ? 64 : 32); rest *= 2) {
      hadamard_order const order(base * rest);
      if (order.base() != base) {
        continue;  // base * 2 has a construction of its own
      }
      for (bool const transpose : {false, true}) {
        CAPTURE(Arch::name, base, rest, transpose);
        CHECK(distance_from_dense_product<Arch, float>(order, transpose) < 5e-7);
      }
    }
  }
}

}  // namespace

TEST_CASE("the base matrix is the order's own, for every base, instruction set and length of runs") {
  std::apply([](auto... arch) { (check_bases<decltype(arch)>(), ...); }, test::instruction_sets{});
}

TEST_CASE("the base matrix of doubles, and beyond the largest base of the fast kernels") {
  for (std::size_t const n : {std::size_t{12}, std::size_t{28 * 8}, std::size_t{172 * 2}, std::size_t{684}}) {
    for (bool const transpose : {false, true}) {
      CAPTURE(n, transpose);
      CHECK(distance_from_dense_product<cpu::native, double>(hadamard_order(n), transpose) < 1e-15);
    }
  }
  for (std::size_t const n : {std::size_t{1092 * 2}, std::size_t{4048}}) {  // the second a Kronecker product
    for (bool const transpose : {false, true}) {
      CAPTURE(n, transpose);
      CHECK(distance_from_dense_product<cpu::native, float>(hadamard_order(n), transpose) < 5e-7);
    }
  }
}
