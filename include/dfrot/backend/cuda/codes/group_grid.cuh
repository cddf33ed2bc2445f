#pragma once

#include <dfrot/backend/cuda/codes/int4_codes.cuh>
#include <dfrot/backend/cuda/codes/row_teams.cuh>
#include <dfrot/format/int4_grid.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

namespace dfrot::cuda {

// The grid of a group, found by the threads of a team. Source tells where the values of a row are: fetch() gets four
// neighbours for the first time, keep() makes values of what it got, and again() gives the same values to the same
// thread later.

/// The range of some values, 0 included; a NaN counts as an infinity.
template <class Real>
struct value_range {
  Real minimum = 0;
  Real maximum = 0;

  __device__ void add(quad<Real> const& values) {
    DFROT_DEVICE_UNROLL for (unsigned e = 0; e < 4; ++e) {
      Real const value = values.value[e];
      minimum = value < minimum ? value : minimum;
      maximum = value > maximum ? value : maximum;
      maximum = value == value ? maximum : static_cast<Real>(__builtin_huge_valf());
    }
  }
};

/// A thread's part of the group's range. Four quads are under way at a time, since a load takes long.
template <class Source>
[[nodiscard]] __device__ inline auto range_of_thread(Source const& source, group_span const& span) {
  constexpr unsigned at_once = 4;
  value_range<typename Source::real> range;
  auto const count_from = [&](unsigned i) {
    unsigned const left = i < span.count ? span.count - i : 0;
    return left < 4 ? left : 4u;
  };
  for (unsigned first = 4 * span.lane; first < span.count; first += 4 * at_once * span.threads) {
    decltype(source.fetch(0, 0)) fetched[at_once];
    DFROT_DEVICE_UNROLL for (unsigned k = 0; k < at_once; ++k) {
      unsigned const i = first + 4 * k * span.threads;
      fetched[k] = source.fetch(span.first + i, count_from(i));
    }
    DFROT_DEVICE_UNROLL for (unsigned k = 0; k < at_once; ++k) {
      unsigned const i = first + 4 * k * span.threads;
      range.add(source.keep(span.first + i, count_from(i), fetched[k]));
    }
  }
  return range;
}

/// A thread's part of the sum over the group of (x - Q(x))^2.
template <class Source, class Real>
[[nodiscard]] __device__ inline double error_of_thread(Source const& source, group_span const& span,
                                                       int4_grid<Real> const& grid) {
  double sum = 0;
  for_each_quad(span, [&](unsigned column, unsigned count) {
    quad<Real> const values = source.again(column, count);
    for (unsigned e = 0; e < count; ++e) {
      Real const nearest = grid.decode(encode_value(grid, values.value[e]));
      double const difference = static_cast<double>(values.value[e]) - static_cast<double>(nearest);
      sum += difference * difference;
    }
  });
  return sum;
}

/// The best of a scheme's candidates, by squared error; the first of equals wins.
template <class Source, class Real>
[[nodiscard]] __device__ inline int4_grid<Real> search_grid(int4_scheme const& scheme, Source const& source,
                                                            group_span const& span, Real minimum, Real maximum,
                                                            double* scratch) {
  auto const add = [](double a, double b) { return a + b; };
  int4_grid<Real> best;
  double least = __builtin_huge_val();
  for (int candidate = 0; candidate < scheme.candidates(); ++candidate) {
    int4_grid<Real> const grid = scheme.candidate(minimum, maximum, candidate);
    double const error = team_reduce(span.threads, error_of_thread(source, span, grid), scratch, add);
    if (candidate == 0 || error < least) {
      least = error;
      best = grid;
    }
  }
  return best;
}

/// The grid that a scheme gives to the team's group; grid_of_nothing() where a value is not finite.
/// @param scratch as team_reduce()   @pre every thread of the block calls it
template <class Source>
[[nodiscard]] __device__ inline auto find_grid(int4_scheme const& scheme, Source const& source, group_span const& span,
                                               double* scratch) {
  using real = typename Source::real;
  value_range<real> const range = range_of_thread(source, span);
  real minimum = team_reduce(span.threads, range.minimum, scratch, [](real a, real b) { return a < b ? a : b; });
  real maximum = team_reduce(span.threads, range.maximum, scratch, [](real a, real b) { return a < b ? b : a; });
  bool const finite = minimum - minimum == real{0} && maximum - maximum == real{0};
  if (!finite) {  // the team goes on, since others of its block may wait for it
    minimum = maximum = 0;
  }
  int4_grid<real> const grid = scheme.candidates() > 1 ? search_grid(scheme, source, span, minimum, maximum, scratch)
                                                       : scheme.candidate(minimum, maximum, 0);
  return finite ? grid : grid_of_nothing<real>();
}

}  // namespace dfrot::cuda
