#include "support/saved_state.hpp"

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/strict_json.hpp>

namespace dfrot::program {

namespace {

using json = nlohmann::ordered_json;

json errors_json(double loss, double ordinary, double massive) { return json::array({loss, ordinary, massive}); }

json round_json(refine_round const& round) {
  return {{"used", errors_json(round.loss, round.ordinary, round.massive)},
          {"held_out", errors_json(round.held_out.weighted_loss, round.held_out.ordinary, round.held_out.massive)},
          {"seconds", round.seconds},
          {"share", round.share},
          {"restarted", round.restarted}};
}

/// Takes fields out of JSON objects that may hold anything.
class field_reader {
 public:
  field_reader(std::string const& file, std::string const& advice) : file_(file), advice_(advice) {}

  [[noreturn]] void reject(char const* field, json const& found) const {
    std::string const shown = found.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 40);
    throw io_error(message(file_, ": the state is damaged: ", field, " is ", shown, ": ", advice_));
  }

  [[nodiscard]] json const& get(json const& object, char const* field) const {
    if (!object.is_object() || !object.contains(field)) {
      reject(field, nullptr);
    }
    return object[field];
  }

  [[nodiscard]] double number(json const& object, char const* field) const {
    json const& value = get(object, field);
    if (!value.is_number()) {
      reject(field, value);
    }
    return value.get<double>();
  }

  [[nodiscard]] int count(json const& object, char const* field) const {
    json const& value = get(object, field);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<int>::max()}) {
      reject(field, value);
    }
    return value.get<int>();
  }

  [[nodiscard]] bool flag(json const& object, char const* field) const {
    json const& value = get(object, field);
    if (!value.is_boolean()) {
      reject(field, value);
    }
    return value.get<bool>();
  }

  /// Three errors. JSON has no NaN, and rounds of tokens of one kind have some: null stands for it.
  void errors(json const& object, char const* field, double& loss, double& ordinary, double& massive) const {
    json const& values = get(object, field);
    if (!values.is_array() || values.size() != 3) {
      reject(field, values);
    }
    double* const places[3] = {&loss, &ordinary, &massive};
    for (std::size_t i = 0; i < 3; ++i) {
      if (!values[i].is_number() && !values[i].is_null()) {
        reject(field, values);
      }
      *places[i] = values[i].is_null() ? std::numeric_limits<double>::quiet_NaN() : values[i].get<double>();
    }
  }

 private:
  std::string const& file_;
  std::string const& advice_;
};

refine_round round_from(field_reader const& read, json const& value, std::size_t number) {
  refine_round round;
  round.round = static_cast<int>(number);
  read.errors(value, "used", round.loss, round.ordinary, round.massive);
  read.errors(value, "held_out", round.held_out.weighted_loss, round.held_out.ordinary, round.held_out.massive);
  round.seconds = read.number(value, "seconds");
  round.share = read.number(value, "share");
  round.restarted = read.flag(value, "restarted");
  return round;
}

}  // namespace

std::string state_text(refinement_progress const& progress) {
  json rounds = json::array();
  for (refine_round const& round : progress.rounds) {
    rounds.push_back(round_json(round));
  }
  json const state = {{"rounds", rounds},
                      {"best_round", progress.best_round},
                      {"stalled", progress.stalled},
                      {"least", progress.least},
                      {"all_tokens", progress.all_tokens},
                      {"finished", progress.finished},
                      {"converged", progress.converged},
                      {"few_tokens", progress.too_few_tokens}};
  return state.dump();
}

refinement_progress parse_state(std::string const& text, std::string const& file, std::string const& advice) {
  field_reader const read(file, advice);
  json const value = parse_strictly(text);
  json const& rounds = read.get(value, "rounds");
  if (!rounds.is_array() || rounds.size() > std::size_t{std::numeric_limits<int>::max()}) {
    read.reject("rounds", rounds);
  }
  refinement_progress progress;
  for (json const& round : rounds) {
    progress.rounds.push_back(round_from(read, round, progress.rounds.size()));
  }
  progress.best_round = read.count(value, "best_round");
  progress.stalled = read.count(value, "stalled");
  progress.least = read.number(value, "least");
  progress.all_tokens = read.flag(value, "all_tokens");
  progress.finished = read.flag(value, "finished");
  progress.converged = read.flag(value, "converged");
  progress.too_few_tokens = read.flag(value, "few_tokens");
  return progress;
}

}  // namespace dfrot::program
