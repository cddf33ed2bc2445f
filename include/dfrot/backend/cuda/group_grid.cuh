#pragma once

#include <dfrot/backend/cuda/int4_codes.cuh>
#include <dfrot/backend/cuda/row_teams.cuh>
#include <dfrot/format/int4_grid.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::cuda {

// The grid of a group, found by the threads of a team. Source tells where the values of a row are: read() gives four
// neighbours the first time, again() the same four to the same thread later.

/// A thread's part of the group's range, 0 included; a NaN counts as an infinity.
template <class Source, class Real>
__device__ inline void range_of_thread(Source const& source, group_span const& span, Real& minimum, Real& maximum) {
  for_each_quad(span, [&](unsigned column, unsigned count) {
    quad<Real> const values = source.read(column, count);
    DFROT_DEVICE_UNROLL for (unsigned e = 0; e < 4; ++e) {
      Real const value = values.value[e];
      minimum = value < minimum ? value : minimum;
      maximum = value > maximum ? value : maximum;
      maximum = value == value ? maximum : static_cast<Real>(__builtin_huge_valf());
    }
  });
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

/// The best of the grids that a scale search tries, by squared error; the larger ratio wins a tie.
template <class Source, class Real>
[[nodiscard]] __device__ inline int4_grid<Real> search_grid(int4_scheme const& scheme, Source const& source,
                                                            group_span const& span, Real minimum, Real maximum,
                                                            double* scratch) {
  auto const add = [](double a, double b) { return a + b; };
  Real const clip = static_cast<Real>(scheme.clip);
  int4_grid<Real> best;
  double least = __builtin_huge_val();
  for (int candidate = 0; candidate < clip_search::candidates; ++candidate) {
    Real const ratio = clip_search::ratio<Real>(candidate);
    int4_grid<Real> const grid = grid_from_range(scheme, minimum, maximum, clip * ratio);
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
[[nodiscard]] __device__ inline auto choose_grid(int4_scheme const& scheme, Source const& source,
                                                 group_span const& span, double* scratch) {
  using real = typename Source::real;
  real minimum = 0;
  real maximum = 0;
  range_of_thread(source, span, minimum, maximum);
  minimum = team_reduce(span.threads, minimum, scratch, [](real a, real b) { return a < b ? a : b; });
  maximum = team_reduce(span.threads, maximum, scratch, [](real a, real b) { return a < b ? b : a; });
  bool const finite = minimum - minimum == real{0} && maximum - maximum == real{0};
  if (!finite) {  // the team goes on, since others of its block may wait for it
    minimum = maximum = 0;
  }
  int4_grid<real> const grid = scheme.scale == scale_rule::search
                                   ? search_grid(scheme, source, span, minimum, maximum, scratch)
                                   : grid_from_range(scheme, minimum, maximum, static_cast<real>(scheme.clip));
  return finite ? grid : grid_of_nothing<real>();
}

}  // namespace dfrot::cuda
