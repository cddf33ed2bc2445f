#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include <dfrot/loss/token_error.hpp>
#include <dfrot/loss/weighted_error.hpp>
#include <dfrot/optimize/procrustes.hpp>

namespace dfrot {

/// The errors of tokens, summed: what an error_summary needs, and what shards of the tokens can add.
struct error_sums {
  /// squared error, relative squared error, count: of the ordinary tokens, then of the massive ones.
  std::array<double, 6> values{};

  /// Adds one token.
  void add(bool massive, token_error const& error) {
    std::size_t const kind = massive ? 3 : 0;
    values[kind] += error.squared_error;
    values[kind + 1] += error.relative();
    values[kind + 2] += 1;
  }

  /// The means and the weighted loss, as summarize() finds them.
  [[nodiscard]] error_summary summary(double alpha) const {
    error_summary result;
    if (values[2] > 0) {
      result.ordinary = values[1] / values[2];
    }
    if (values[5] > 0) {
      result.massive = values[4] / values[5];
    }
    result.weighted_loss = values[0] + alpha * alpha * values[3];
    return result;
  }
};

/// All that a round needs to know about the tokens, whatever their number: the Procrustes problem and the errors. Sums of
/// several shards of the tokens add up to the sums of all of them, on one machine (combine) or on several (for_each_array).
class round_sums {
 public:
  explicit round_sums(weighted_procrustes empty) : problem(std::move(empty)) {}

  weighted_procrustes problem;  ///< of the tokens that are refined with
  error_sums used;              ///< their errors
  error_sums held_out;          ///< the errors of the tokens held out

  /// Calls f(values, count) for every array of sums, always the same ones in the same order:
  ///   sums.for_each_array([](double* values, std::size_t count) { all_reduce_sum(values, count); });
  template <class F>
  void for_each_array(F&& f) {
    f(problem.sums().data, problem.sums().rows * problem.sums().columns);
    f(used.values.data(), used.values.size());
    f(held_out.values.data(), held_out.values.size());
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
