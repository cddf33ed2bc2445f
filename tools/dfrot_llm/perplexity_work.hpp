#pragma once

#include <cstddef>
#include <string>

#include "model_config.hpp"
#include "options.hpp"

namespace dfrot::program {

/// What the steps of `perplexity` take, in products of a number and a weight for each token that is judged.
class perplexity_work {
 public:
  /// @param tokens that are judged   @param sequences of them
  perplexity_work(perplexity_options const& chosen, model_config const& config, std::size_t tokens,
                  std::size_t sequences);

  [[nodiscard]] double layer() const { return layer_; }
  [[nodiscard]] double head() const { return head_; }
  /// Of the exact model over the calibration sequences: a layer.
  [[nodiscard]] double calibrated_layer() const { return layer_ * calibration_share_; }
  /// A round of a fit; those of short rotations take a moment.
  [[nodiscard]] double round(std::string const& rotation) const;
  /// A layer of calibration sequences: they pass it twice, and Gram matrices cost as much as a pass.
  [[nodiscard]] double gptq() const { return gptq_; }
  /// Of everything that is asked for.
  [[nodiscard]] double whole() const;

 private:
  perplexity_options const& chosen_;
  double layers_;
  double hidden_;
  double tokens_;
  double calibration_share_;  // calibration tokens for each that is judged, about
  double layer_;
  double head_;
  double gptq_;
};

/// Whether weights are found by GPTQ.
[[nodiscard]] bool takes_gptq(perplexity_options const& chosen);

/// The scheme of tokens that rotations are fitted for.
[[nodiscard]] int4_scheme fitted_scheme(perplexity_options const& chosen);

}  // namespace dfrot::program
