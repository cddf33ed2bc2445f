#include <dfrot/optimize/refine/refinement_rules.hpp>
#include <dfrot/optimize/refine/round_sums.hpp>

#include <cstddef>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace dfrot;

namespace {

error_sums of_error(double squared_error) {
  error_sums sums;
  sums.add(false, {squared_error, 100});
  return sums;
}

/// Progress after some rounds, whose losses go down, up, and stay.
refinement_progress progress_of(refinement_rules const& rules, std::size_t rounds, bool held_out) {
  double const losses[] = {50, 20, 25, 19, 19, 19, 18, 19, 19};
  refinement_progress progress;
  rules.begin(progress);
  for (std::size_t i = 0; i < rounds && !progress.finished; ++i) {
    static_cast<void>(
        rules.note_round(progress, of_error(losses[i]), held_out ? of_error(60 - losses[i]) : error_sums{}));
  }
  return progress;
}

}  // namespace

TEST_CASE("a state goes on where the rules led to it, and nowhere else") {
  for (double const first_share : {1.0, 0.25}) {
    for (int const patience : {0, 2}) {
      for (bool const held_out : {false, true}) {
        refine_options options{.rounds = 8, .tolerance = 0.01, .patience = patience};
        options.first_share = first_share;
        options.first_rounds = 3;
        refinement_rules rules(options, 16, 100, true);
        for (std::size_t rounds = 0; rounds <= 9; ++rounds) {
          CHECK_NOTHROW(rules.resume(progress_of(rules, rounds, held_out)));
        }
      }
    }
  }
}

TEST_CASE("every number of a state that its rounds do not lead to is refused by name") {
  refine_options const options{.rounds = 8, .tolerance = 0.01, .patience = 5};
  refinement_rules rules(options, 16, 100, true);
  double const infinity = std::numeric_limits<double>::infinity();
  double const nan = std::numeric_limits<double>::quiet_NaN();
  int const largest = std::numeric_limits<int>::max();
  using change = std::function<void(refinement_progress&)>;
  std::vector<std::pair<char const*, change>> const changes = {
      {"best_round", [&](auto& p) { p.best_round = largest; }},
      {"best_round", [&](auto& p) { p.best_round = -1; }},
      {"best_round", [&](auto& p) { p.best_round = 0; }},
      {"stalled", [&](auto& p) { p.stalled = largest; }},
      {"stalled", [&](auto& p) { p.stalled = -1; }},
      {"least", [&](auto& p) { p.least = nan; }},
      {"least", [&](auto& p) { p.least = -infinity; }},
      {"least", [&](auto& p) { p.least = 0; }},
      {"all_tokens", [&](auto& p) { p.all_tokens = false; }},
      {"finished", [&](auto& p) { p.finished = true; }},
      {"converged", [&](auto& p) { p.converged = true; }},
      {"number", [&](auto& p) { p.rounds[2].round = 7; }},
      {"loss", [&](auto& p) { p.rounds[2].loss = nan; }},
      {"loss", [&](auto& p) { p.rounds[0].loss = -1; }},
      {"held-out loss", [&](auto& p) { p.rounds[1].held_out.weighted_loss = nan; }},
      {"mean error", [&](auto& p) { p.rounds[1].ordinary = -1; }},
      {"mean error", [&](auto& p) { p.rounds[1].massive = -infinity; }},
      {"seconds", [&](auto& p) { p.rounds[1].seconds = nan; }},
      {"seconds", [&](auto& p) { p.rounds[1].seconds = infinity; }},
      {"seconds", [&](auto& p) { p.rounds[0].seconds = 1e9; }},
      {"share", [&](auto& p) { p.rounds[1].share = 0.5; }},
      {"share", [&](auto& p) { p.rounds[1].share = nan; }},
      {"restarted", [&](auto& p) { p.rounds[1].restarted = true; }},
      {"restarted", [&](auto& p) { p.rounds[2].restarted = false; }},
      {"rounds", [&](auto& p) { p.rounds.clear(); p.rounds.resize(10); }},
      {"best_round", [&](auto& p) { p.rounds.clear(); }},
  };
  for (auto const& [name, apply] : changes) {
    refinement_progress progress = progress_of(rules, 5, false);
    REQUIRE_NOTHROW(rules.resume(progress));
    apply(progress);
    CAPTURE(name);
    if (std::string(name) == "rounds") {
      CHECK_THROWS_AS(rules.resume(progress), std::invalid_argument);
    } else {
      CHECK_THROWS_WITH(rules.resume(progress), test::contains_text(name));
    }
  }
  refinement_progress longer = progress_of(rules, 9, false);
  REQUIRE(longer.finished);
  longer.rounds.push_back(longer.rounds.back());
  longer.rounds.back().round += 1;
  CHECK_THROWS_WITH(rules.resume(longer), test::contains_text("the work ends after"));
}

TEST_CASE("sums that are added array by array are those of combine()") {
  auto const made = [](double first) {
    round_sums sums(weighted_procrustes(3, 10));
    for (std::size_t i = 0; i < 9; ++i) {
      sums.problem.sums().data[i] = first + static_cast<double>(i);
    }
    sums.calibration.add(false, {first, 3});
    sums.calibration.add(true, {2 * first, 5});
    sums.calibration.add(true, {3 * first, 7});
    sums.held_out.add(true, {5 * first, 11});
    return sums;
  };
  auto const values_of = [](round_sums sums) {
    std::vector<double> all;
    sums.for_each_array(
        [&](double const* values, std::size_t count) { all.insert(all.end(), values, values + count); });
    return all;
  };
  round_sums one = made(1);
  std::vector<double> const sent = values_of(made(100));
  REQUIRE(sent.size() == 9 + 6 + 6);
  std::size_t next = 0;
  one.for_each_array([&](double* values, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      values[i] += sent[next++];
    }
  });
  round_sums combined = made(1);
  combined.combine(made(100));
  CHECK(values_of(one) == values_of(combined));
  CHECK(combined.calibration.ordinary.count == 2);
  CHECK(combined.calibration.massive.count == 4);
  CHECK(combined.calibration.massive.squared_error == 505);
  CHECK(combined.held_out.massive.squared_error == 505);
  CHECK(combined.held_out.ordinary.count == 0);
}
