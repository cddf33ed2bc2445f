#include "checkpoint.hpp"

#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/optimize/refine/refinement_rules.hpp>
#include <dfrot/version.hpp>

#include "content_hash.hpp"
#include "saved_state.hpp"
#include "tensor_file.hpp"

namespace dfrot::program {

namespace {

std::string text_of(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

std::string content_of(std::vector<std::uint8_t> const& flags) {
  content_hash content;
  content.add(flags.data(), flags.size());
  return content.text();
}

/// Refuses what is no rotation, whatever its checksum says: a zero matrix would be the result.
void require_rotation(cpu::policy const& on, matrix<float> const& rotation, char const* array,
                      std::string const& file) {
  double const distance = orthogonality(on, rotation.view());
  if (!(distance < 1e-3)) {  // also where it holds a NaN
    throw io_error(message(file, ": the checkpoint is damaged: '", array,
                           "' is no rotation: ||R^T R - I||_F / sqrt(n) is ", distance,
                           ": leave --resume out to begin anew"));
  }
}

}  // namespace

checkpoint::checkpoint(options const& chosen, outcome const& begun)
    : path_(chosen.checkpoint), resume_(chosen.resume), refinement_(chosen.refinement), channels_(begun.channels) {
  refine_options const& refinement = chosen.refinement;
  bool const from_file = chosen.start == start_rotation::file;
  facts_ = {
      {"version", message(DFROT_VERSION_MAJOR, ".", DFROT_VERSION_MINOR, ".", DFROT_VERSION_PATCH)},
      {"rows", message(begun.rows)},
      {"channels", message(begun.channels)},
      {"the content of the input", begun.content},
      {"--rms-norm", chosen.rms_norm ? "yes" : "no"},
      {"--device", chosen.device == compute_device::cuda ? "cuda" : "cpu"},
      {"--asymmetric", chosen.scheme.symmetric ? "no" : "yes"},
      {"--scale", chosen.scheme.scale == scale_rule::search ? "search" : "max"},
      {"--clip", text_of(double{chosen.scheme.clip})},
      {"--massive", chosen.massive == massive_rule::automatic ? "auto"
                    : chosen.massive == massive_rule::compare ? "compare"
                                                              : text_of(chosen.massive_threshold)},
      {"the massive tokens", content_of(begun.massive.is_massive)},
      {"--rotation", from_file ? message("a file with the content ", begun.start_content)
                     : chosen.start == start_rotation::orthogonal ? "orthogonal"
                                                                  : "hadamard"},
      {"--starts", message(chosen.starts)},
      {"--seed", message(chosen.seed)},
      {"--holdout", text_of(chosen.holdout)},
      {"--alpha", text_of(refinement.alpha)},
      {"--rounds", message(refinement.rounds)},
      {"--momentum", text_of(refinement.momentum)},
      {"--target-clip", text_of(refinement.target_clip)},
      {"--patience", message(refinement.patience)},
      {"--first-share", text_of(refinement.first_share), "1"},  // younger than the first checkpoints
      {"--first-rounds", message(refinement.first_rounds), "10"},
      {"--block", message(refinement.block)},
      {"--shared-block", refinement.shared_block ? "yes" : "no"},
  };
}

std::optional<refinement_state<float>> checkpoint::load(cpu::policy const& on) const {
  std::error_code unknown;  // what is there and cannot be looked at is read, and then said
  if (!resume_ || (!std::filesystem::exists(*path_, unknown) && !unknown)) {
    return std::nullopt;
  }
  tensor_file const file = tensor_file::read(*path_);
  std::string const name = path_->string();
  auto const text_in = [&file](std::string const& key, std::string const& otherwise) {
    auto const found = file.metadata.find(key);
    return found != file.metadata.end() ? found->get<std::string>() : otherwise;
  };
  for (fact const& each : facts_) {
    std::string const was = text_in(each.name, each.without);
    if (was != each.value) {
      throw io_error(message(name, ": the checkpoint belongs to other work: ", each.name, " was ", was, ", now it is ",
                             each.value, ": use the same input and options, or leave --resume out to begin anew"));
    }
  }
  refinement_progress progress = parse_state(text_in("state", "missing"), name);
  try {
    refinement_rules(refinement_, channels_, 0, true).resume(progress);
  } catch (std::invalid_argument const& error) {
    throw io_error(message(name, ": the checkpoint is damaged: ", error.what(), ": leave --resume out to begin anew"));
  }
  auto const rotation = [&](char const* array) {
    matrix<float> found = file.get(array, channels_, channels_);
    require_rotation(on, found, array, name);
    return found;
  };
  return refinement_state<float>{std::move(progress), rotation("rotation"), rotation("previous"), rotation("best")};
}

void checkpoint::save(refinement_state<float> const& state) const {
  if (!path_) {
    return;
  }
  tensor_file file;
  for (fact const& each : facts_) {
    file.metadata[each.name] = each.value;
  }
  file.metadata["state"] = state_text(state);
  file.add("rotation", state.rotation);
  file.add("previous", state.previous);
  file.add("best", state.best);
  file.write(*path_);
}

}  // namespace dfrot::program
