#include "perplexity_work.hpp"

#include <algorithm>

#include "fit_settings.hpp"
#include "support/work_estimate.hpp"

namespace dfrot::program {

perplexity_work::perplexity_work(perplexity_options const& chosen, model_config const& config, std::size_t tokens,
                                 std::size_t sequences)
    : chosen_(chosen),
      layers_(static_cast<double>(config.layers)),
      hidden_(static_cast<double>(config.hidden)),
      tokens_(static_cast<double>(tokens)),
      calibration_share_(static_cast<double>(chosen.calibration_sequences) / static_cast<double>(sequences)),
      layer_(static_cast<double>(config.layer_numbers())),
      head_(2 * hidden_ * static_cast<double>(config.vocabulary)),
      gptq_(3 * layer_ * static_cast<double>(chosen.gptq_sequences) / static_cast<double>(sequences)) {}

double perplexity_work::round(std::string const& rotation) const {
  double const rows = 2 * layers_ * calibration_share_ * tokens_;
  return rotation == "short" ? 0 : round_operations(rows, hidden_) / 2 / tokens_;
}

double perplexity_work::whole() const {
  auto const rotations = static_cast<double>(chosen_.rotations.size());
  double work = rotations * static_cast<double>(chosen_.schemes.size()) * (layer_ * layers_ + head_) + layer_ * layers_;
  if (takes_gptq(chosen_)) {
    work += rotations * gptq_ * layers_;
  }
  bool any = false;
  for (std::string const& name : chosen_.rotations) {
    std::string const rotation = without_fp16(name).value_or(name);
    if (is_fitted(rotation)) {
      any = true;
      work += round(rotation) * settings_of(rotation, fitted_scheme(chosen_)).refinement.rounds;
    }
  }
  return work + (any ? calibrated_layer() * layers_ : 0);
}

bool takes_gptq(perplexity_options const& chosen) {
  return chosen.weights == weight_method::gptq && std::any_of(chosen.schemes.begin(), chosen.schemes.end(),
                                                              [](bit_scheme const& each) { return each.weights == 4; });
}

int4_scheme fitted_scheme(perplexity_options const& chosen) {
  int4_scheme of;
  of.symmetric = !chosen.asymmetric;
  of.scale = chosen.range == scale_range::searched ? scale_rule::search : scale_rule::max;
  return of;
}

}  // namespace dfrot::program
