#pragma once

#include <cstddef>
#include <utility>

#include <dfrot/optimize/refine/error_sums.hpp>
#include <dfrot/optimize/refine/procrustes.hpp>

namespace dfrot {

/// All that a round needs to know about the tokens, whatever their number: the Procrustes problem and the errors. Sums of
/// several shards of the tokens add up to the sums of all of them, on one machine (combine) or on several (for_each_array).
class round_sums {
 public:
  explicit round_sums(weighted_procrustes empty) : problem(std::move(empty)) {}

  weighted_procrustes problem;  ///< of the tokens that are refined with
  error_sums used;              ///< their errors
  error_sums held_out;          ///< the errors of the tokens held out

  /// Calls body(values, count) for every array of sums, always the same ones in the same order:
  ///   sums.for_each_array([](double* values, std::size_t count) { all_reduce_sum(values, count); });
  template <class Body>
  void for_each_array(Body&& body) {
    body(problem.sums().data, problem.sums().rows * problem.sums().columns);
    body(used.values.data(), used.values.size());
    body(held_out.values.data(), held_out.values.size());
  }

  /// Adds the sums of another shard.   Throws: std::invalid_argument if they are of another size or alpha.
  void combine(round_sums const& other) {
    problem.combine(other.problem);
    for (std::size_t i = 0; i < used.values.size(); ++i) {
      used.values[i] += other.used.values[i];
      held_out.values[i] += other.held_out.values[i];
    }
  }

  /// Back to no tokens.
  void clear() {
    problem.clear();
    used = {};
    held_out = {};
  }
};

}  // namespace dfrot
