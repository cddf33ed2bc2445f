#include "checkpoint.hpp"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/version.hpp>

#include "tensor_file.hpp"

namespace dfrot::program {

namespace {

using json = nlohmann::ordered_json;

/// 64 bits that change with any bit of the errors (FNV-1a over words).
std::uint64_t checksum(std::vector<token_error> const& errors) {
  std::uint64_t sum = 0xcbf29ce484222325u;
  for (token_error const& error : errors) {
    for (double const value : {error.squared_error, error.squared_norm}) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      sum = (sum ^ bits) * 0x100000001b3u;
      sum ^= sum >> 29u;
    }
  }
  return sum;
}

std::string text_of(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

std::string hexadecimal(std::uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// JSON has no NaN, and rounds of tokens of one kind have some: null stands for it.
double number_or_nan(json const& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

json errors_json(double loss, double ordinary, double massive) { return json::array({loss, ordinary, massive}); }

json round_json(refine_round const& round) {
  return {{"used", errors_json(round.loss, round.ordinary, round.massive)},
          {"held_out", errors_json(round.held_out.weighted_loss, round.held_out.ordinary, round.held_out.massive)},
          {"seconds", round.seconds},
          {"share", round.share},
          {"restarted", round.restarted}};
}

refine_round round_from(json const& value, int number) {
  refine_round round;
  round.round = number;
  round.loss = number_or_nan(value.at("used").at(0));
  round.ordinary = number_or_nan(value.at("used").at(1));
  round.massive = number_or_nan(value.at("used").at(2));
  round.held_out.weighted_loss = number_or_nan(value.at("held_out").at(0));
  round.held_out.ordinary = number_or_nan(value.at("held_out").at(1));
  round.held_out.massive = number_or_nan(value.at("held_out").at(2));
  round.seconds = value.at("seconds").get<double>();
  round.share = value.at("share").get<double>();
  round.restarted = value.at("restarted").get<bool>();
  return round;
}

json state_json(refinement_state<float> const& state) {
  json rounds = json::array();
  for (refine_round const& round : state.rounds) {
    rounds.push_back(round_json(round));
  }
  return {{"rounds", rounds},
          {"best_round", state.best_round},
          {"stalled", state.stalled},
          {"least", state.least},
          {"all_tokens", state.all_tokens},
          {"finished", state.finished},
          {"converged", state.converged},
          {"few_tokens", state.few_tokens}};
}

refinement_state<float> state_from(json const& value) {
  refinement_state<float> state;
  for (json const& round : value.at("rounds")) {
    state.rounds.push_back(round_from(round, static_cast<int>(state.rounds.size())));
  }
  state.best_round = value.at("best_round").get<int>();
  state.stalled = value.at("stalled").get<int>();
  state.least = value.at("least").get<double>();
  state.all_tokens = value.at("all_tokens").get<bool>();
  state.finished = value.at("finished").get<bool>();
  state.converged = value.at("converged").get<bool>();
  state.few_tokens = value.at("few_tokens").get<bool>();
  return state;
}

}  // namespace

checkpoint::checkpoint(options const& chosen, std::size_t channels, std::vector<token_error> const& tokens)
    : path_(chosen.checkpoint), resume_(chosen.resume) {
  refine_options const& refinement = chosen.refinement;
  bool const from_file = chosen.start == start_rotation::file;
  facts_ = {
      {"version", message(DFROT_VERSION_MAJOR, ".", DFROT_VERSION_MINOR, ".", DFROT_VERSION_PATCH)},
      {"rows", message(tokens.size())},
      {"channels", message(channels)},
      {"input checksum", hexadecimal(checksum(tokens))},
      {"--device", chosen.device == compute_device::cuda ? "cuda" : "cpu"},
      {"--asymmetric", chosen.scheme.symmetric ? "no" : "yes"},
      {"--scale", chosen.scheme.scale == scale_rule::search ? "search" : "max"},
      {"--clip", text_of(double{chosen.scheme.clip})},
      {"--massive", chosen.massive == massive_rule::automatic ? "auto"
                    : chosen.massive == massive_rule::compare ? "compare"
                                                              : text_of(chosen.massive_threshold)},
      {"--rotation", from_file                                    ? chosen.start_file.string()
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
      {"--block", message(refinement.block)},
      {"--shared-block", refinement.shared_block ? "yes" : "no"},
  };
}

std::optional<refinement_state<float>> checkpoint::load() const {
  if (!resume_ || !std::filesystem::exists(*path_)) {
    return std::nullopt;
  }
  tensor_file const file = tensor_file::read(*path_);
  std::string const name = path_->string();
  for (fact const& each : facts_) {
    auto const found = file.metadata.find(each.name);
    std::string const was = found != file.metadata.end() && found->is_string() ? found->get<std::string>() : "missing";
    if (was != each.value) {
      throw io_error(message(name, ": the checkpoint belongs to other work: ", each.name, " was ", was, ", now it is ",
                             each.value, ": use the same input and options, or leave --resume out to begin anew"));
    }
  }
  try {
    refinement_state<float> state = state_from(json::parse(file.metadata.at("state").get<std::string>()));
    state.rotation = file.get<float>("rotation");
    state.previous = file.get<float>("previous");
    state.best = file.get<float>("best");
    return state;
  } catch (json::exception const&) {
    throw io_error(message(name, ": the checkpoint is damaged: leave --resume out to begin anew"));
  }
}

void checkpoint::save(refinement_state<float> const& state) const {
  if (!path_) {
    return;
  }
  tensor_file file;
  for (fact const& each : facts_) {
    file.metadata[each.name] = each.value;
  }
  file.metadata["state"] = state_json(state).dump();
  file.add("rotation", state.rotation);
  file.add("previous", state.previous);
  file.add("best", state.best);
  file.write(*path_);
}

}  // namespace dfrot::program
