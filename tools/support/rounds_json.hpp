#pragma once

#include <cmath>
#include <nlohmann/json.hpp>

#include <dfrot/optimize/low_rank/refine_short.hpp>
#include <dfrot/optimize/refine/refine_options.hpp>

namespace dfrot::program {

/// A round of the full method, as the report and the log show it; NaN becomes null.
[[nodiscard]] inline nlohmann::ordered_json round_json(refine_round const& round) {
  nlohmann::ordered_json json = {{"round", round.round},
                                 {"loss", round.loss},
                                 {"ordinary", round.ordinary},
                                 {"massive", round.massive},
                                 {"seconds", round.seconds}};
  if (!std::isnan(round.held_out.ordinary) || !std::isnan(round.held_out.massive)) {
    json["held_out"] = {{"loss", round.held_out.weighted_loss},
                        {"ordinary", round.held_out.ordinary},
                        {"massive", round.held_out.massive}};
  }
  if (round.share < 1) {
    json["share"] = round.share;
  }
  if (round.restarted) {
    json["restarted"] = true;
  }
  return json;
}

/// A round of the short method.
[[nodiscard]] inline nlohmann::ordered_json round_json(short_round const& round) {
  return {{"round", round.round},
          {"massive", round.massive},
          {"target", round.vertex ? "corner" : "quantized"},
          {"seconds", round.seconds}};
}

}  // namespace dfrot::program
