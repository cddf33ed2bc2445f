#include "support/refinement_checkpoint.hpp"

#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/optimize/refine/refinement_rules.hpp>

#include "support/saved_state.hpp"
#include "support/tensor_file.hpp"

namespace dfrot::program {

std::string fact_text(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

refinement_checkpoint::refinement_checkpoint(std::optional<std::filesystem::path> path, bool resume, std::string advice,
                                             refine_options refinement, std::size_t channels,
                                             std::vector<checkpoint_fact> facts)
    : path_(std::move(path)),
      resume_(resume),
      advice_(std::move(advice) + " to begin anew"),
      refinement_(std::move(refinement)),
      channels_(channels),
      facts_(std::move(facts)) {}

std::optional<refinement_state<float>> refinement_checkpoint::load(cpu::policy const& on) const {
  std::error_code unknown;  // what is there and cannot be looked at is read, and then said
  if (!path_ || !resume_ || (!std::filesystem::exists(*path_, unknown) && !unknown)) {
    return std::nullopt;
  }
  tensor_file const file = tensor_file::read(*path_);
  std::string const name = path_->string();
  auto const text_in = [&file](std::string const& key, std::string const& otherwise) {
    auto const found = file.metadata.find(key);
    return found != file.metadata.end() ? found->get<std::string>() : otherwise;
  };
  for (checkpoint_fact const& each : facts_) {
    std::string const was = text_in(each.name, each.without);
    if (was != each.value) {
      throw io_error(message(name, ": the checkpoint belongs to other work: ", each.name, " was ", was, ", now it is ",
                             each.value, ": use the same input and options, or ", advice_));
    }
  }
  refinement_progress progress = parse_state(text_in("state", "missing"), name, advice_);
  auto const damaged = [&](std::string const& what) {
    return io_error(message(name, ": the checkpoint is damaged: ", what, ": ", advice_));
  };
  try {
    refinement_rules(refinement_, channels_, 0, true).resume(progress);
  } catch (std::invalid_argument const& error) {
    throw damaged(error.what());
  }
  // What is no rotation is refused, whatever its checksum says: a zero matrix would be the result.
  auto const rotation = [&](char const* array) {
    matrix<float> found = file.get(array, channels_, channels_);
    double const distance = orthogonality(on, std::as_const(found).view());
    if (!(distance < 1e-3)) {  // also where it holds a NaN
      throw damaged(message("'", array, "' is no rotation: ||R^T R - I||_F / sqrt(n) is ", distance));
    }
    return found;
  };
  return refinement_state<float>{std::move(progress), rotation("rotation"), rotation("previous"), rotation("best")};
}

void refinement_checkpoint::save(refinement_state<float> const& state) const {
  if (!path_) {
    return;
  }
  tensor_file file;
  for (checkpoint_fact const& each : facts_) {
    file.metadata[each.name] = each.value;
  }
  file.metadata["state"] = state_text(state);
  file.add("rotation", state.rotation);
  file.add("previous", state.previous);
  file.add("best", state.best);
  file.write(*path_);
}

}  // namespace dfrot::program
