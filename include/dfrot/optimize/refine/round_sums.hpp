#pragma once

#include <cstddef>
#include <utility>

#include <dfrot/loss/error_summary.hpp>
#include <dfrot/optimize/refine/procrustes.hpp>

namespace dfrot {

/// Sums of a round over the tokens: the Procrustes problem and the errors. Sums of several shards add up to those of all
/// tokens, on one machine (combine) or on several (for_each_array).
class round_sums {
 public:
  explicit round_sums(weighted_procrustes empty) : problem(std::move(empty)) {}

  weighted_procrustes problem;  ///< of the calibration tokens
  error_sums calibration;       ///< their errors
  error_sums held_out;          ///< the errors of the held-out tokens

  /// Calls body(values, count) for every array of sums, always the same ones in the same order; it may change the values, which are
  /// there until it returns:
  ///   sums.for_each_array([](double* values, std::size_t count) { all_reduce_sum(values, count); });
  template <class Body>
  void for_each_array(Body&& body) {
    body(problem.sums().data, problem.sums().rows * problem.sums().columns);
    for (error_sums* const errors : {&calibration, &held_out}) {
      auto values = errors->to_array();
      body(values.data(), values.size());
      *errors = error_sums::from_array(values);
    }
  }

  /// Adds the sums of another shard.   Throws: std::invalid_argument if they are of another size or alpha.
  void combine(round_sums const& other) {
    problem.combine(other.problem);
    calibration.combine(other.calibration);
    held_out.combine(other.held_out);
  }

  /// Back to no tokens.
  void clear() {
    problem.clear();
    calibration = {};
    held_out = {};
  }
};

}  // namespace dfrot
