#include "checkpoint.hpp"

#include <cstdint>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/version.hpp>

#include "support/content_hash.hpp"

namespace dfrot::program {

namespace {

std::string content_of(std::vector<std::uint8_t> const& flags) {
  content_hash content;
  content.add(flags.data(), flags.size());
  return content.text();
}

}  // namespace

refinement_checkpoint checkpoint_of(options const& chosen, outcome const& begun) {
  refine_options const& refinement = chosen.refinement;
  bool const from_file = chosen.start == start_rotation::file;
  std::vector<checkpoint_fact> facts = {
      {"version", message(DFROT_VERSION_MAJOR, ".", DFROT_VERSION_MINOR, ".", DFROT_VERSION_PATCH)},
      {"rows", message(begun.rows)},
      {"channels", message(begun.channels)},
      {"the content of the input", begun.content},
      {"--rms-norm", chosen.rms_norm ? "yes" : "no"},
      {"--device", chosen.device == compute_device::cuda ? "cuda" : "cpu"},
      {"--asymmetric", chosen.scheme.symmetric ? "no" : "yes"},
      {"--scale", chosen.scheme.scale == scale_rule::search ? "search" : "max"},
      {"--clip", fact_text(double{chosen.scheme.clip})},
      {"--massive", chosen.massive == massive_rule::automatic ? "auto"
                    : chosen.massive == massive_rule::compare ? "compare"
                                                              : fact_text(chosen.massive_threshold)},
      {"the massive tokens", content_of(begun.massive.is_massive)},
      {"--rotation", from_file ? message("a file with the content ", begun.start_content)
                     : chosen.start == start_rotation::orthogonal ? "orthogonal"
                                                                  : "hadamard"},
      {"--starts", message(chosen.starts)},
      {"--seed", message(chosen.seed)},
      {"--holdout", fact_text(chosen.holdout)},
      {"--alpha", fact_text(refinement.alpha)},
      {"--rounds", message(refinement.rounds)},
      {"--momentum", fact_text(refinement.momentum)},
      {"--target-clip", fact_text(refinement.target_clip)},
      {"--patience", message(refinement.patience)},
      {"--first-share", fact_text(refinement.first_share), "1"},  // younger than the first checkpoints
      {"--first-rounds", message(refinement.first_rounds), "10"},
      {"--block", message(refinement.block)},
      {"--shared-block", refinement.shared_block ? "yes" : "no"},
  };
  return {chosen.checkpoint, chosen.resume, "leave --resume out", refinement, begun.channels, std::move(facts)};
}

}  // namespace dfrot::program
