#pragma once

#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/optimize/gptq/search_clip.hpp>
#include <dfrot/optimize/search/choice.hpp>
#include <dfrot/quantize/range_rule.hpp>

namespace dfrot {

/// A scheme with a clip ratio that was searched for, and the squared error.
template <class Scheme>
struct clipped_tensor {
  Scheme scheme;
  double error = 0;
};

/// Finds one clip ratio for all rows of a tensor, such as the activations of a layer, whose scales are online:
///   min over ratios r of sum over rows ||x - Q_{r clip}(x)||^2
/// Of equal sums, the larger ratio counts.
/// @param on where to run (host)   @param scheme any with a clip   @param x (m x n) a sample   @param options ratios, least
/// Complexity: token_errors() for each ratio.   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on options, and a value that is not finite (naming its row); std::bad_alloc.
/// Source: Liu, Zhang (HQ-DiT), arXiv 2405.19751; Ashkboos et al. (QuaRot), arXiv 2404.00456, section 4.
template <execution_policy P, clippable_scheme Scheme, class X>
[[nodiscard]] clipped_tensor<Scheme> clip_for_tensor(P const& on, Scheme const& scheme, matrix_view<X> x,
                                                     clip_options const& options = {}) {
  expects(options.ratios >= 2 && options.least > 0 && options.least < 1, "clip_for_tensor: ", options.ratios,
          " ratios down to ", options.least, "; there must be at least 2, down to a number between 0 and 1");
  auto const clipped = [&](int k) {
    Scheme result = scheme;
    result.clip *= detail::clip_ratio<float>(k, options.ratios, options.least);
    return result;
  };
  std::vector<token_error> tokens(x.rows);
  std::vector<double> errors;
  for (int k = 0; k < options.ratios; ++k) {
    token_errors(on, clipped(k), x, vector_view<token_error>(tokens.data(), tokens.size()));
    errors.push_back(std::accumulate(tokens.begin(), tokens.end(), 0.0,
                                     [](double sum, token_error const& e) { return sum + e.squared_error; }));
  }
  auto const best = first_least(std::move(errors));
  return {clipped(static_cast<int>(best.index)), best.error};
}

}  // namespace dfrot
