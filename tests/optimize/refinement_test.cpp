// Laws of the streamed, accelerated refinement; refine_rotation_test.cpp has those of the alternation itself.

#include <unistd.h>

#include <cmath>
#include <cstring>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/io/npy_rows.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>
#include <filesystem>
#include <limits>
#include <utility>
#include <vector>

#include "optimize/plain_refinement.hpp"
#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;

namespace {

auto const go_on = [](refine_round const&) { return true; };

/// Gaussian rows; every 20th is massive: nearly all its energy is in channel 3.
template <class T>
matrix<T> sample(std::size_t rows, std::size_t channels) {
  auto x = gaussian_matrix<T>(rows, channels, 78);
  for (std::size_t i = 0; i < rows; i += 20) {
    for (std::size_t j = 0; j < channels; ++j) {
      x(i, j) *= static_cast<T>(0.05);
    }
    x(i, 3) = static_cast<T>(std::sqrt(static_cast<double>(channels)));
  }
  return x;
}

massive_tokens every_20th(std::size_t rows) {
  return mark_massive(rows, "planted", 0, [](std::size_t i) { return i % 20 == 0; });
}

/// Every fourth token, massive ones among them.
std::vector<std::uint8_t> every_fourth(std::size_t rows) {
  std::vector<std::uint8_t> flags(rows);
  for (std::size_t i = 0; i < rows; i += 4) {
    flags[i] = i % 40 < 20 ? 1 : 0;
  }
  return flags;
}

template <class T>
bool same_bytes(matrix<T> const& a, matrix<T> const& b) {
  return a.rows() == b.rows() && std::memcmp(a.data(), b.data(), a.rows() * a.columns() * sizeof(T)) == 0;
}

template <class T>
double largest_difference(matrix<T> const& a, matrix<T> const& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.rows() * a.columns(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
  }
  return largest;
}

/// R_start^T R.
matrix<double> turned(matrix<float> const& start, matrix<float> const& rotation) {
  matrix<double> g(start.rows(), start.rows());
  multiply_transposed_accumulate(cpu::policy{}, start.view(), rotation.view(), g.view());
  return g;
}

}  // namespace

TEST_CASE("every round is that of the plain iteration, with and without momentum and nearest targets") {
  std::size_t const n = 10;
  auto const x = sample<double>(80, n);
  auto const start = random_orthogonal<double>(cpu::policy{}, n, 3);
  for (auto const& [momentum, target_clip] : {std::pair{0.0, 1.0}, {0.9, 1.0}, {0.0, 0.5}, {0.9, 0.75}}) {
    CAPTURE(momentum, target_clip);
    test::plain_refinement plain;
    plain.momentum = momentum;
    plain.target_clip = target_clip;
    test::plain_refinement::square z(n, std::vector<double>(n));
    for (std::size_t i = 0; i < x.rows(); ++i) {
      plain.tokens.emplace_back(&x(i, 0), &x(i, 0) + n);
      plain.massive.push_back(i % 20 == 0);
    }
    for (std::size_t i = 0; i < n; ++i) {
      std::copy_n(&start(i, 0), n, z[i].begin());
    }
    int const rounds = 12;
    auto const losses = plain.run(z, rounds);
    refine_options options{.rounds = rounds, .momentum = momentum, .target_clip = target_clip, .patience = 0};
    auto const result =
        refine_rotation(cpu::policy{}, int4_scheme{}, x.view(), every_20th(80), start.view(), options, go_on);
    REQUIRE(result.rounds.size() == losses.size());
    bool restarted = false;
    for (std::size_t k = 0; k < losses.size(); ++k) {
      CHECK(std::fabs(result.rounds[k].loss / losses[k] - 1) < 1e-7);
      CHECK(result.rounds[k].restarted == (k > 0 && losses[k] > losses[k - 1]));
      restarted = restarted || result.rounds[k].restarted;
    }
    CHECK((restarted || momentum == 0));  // the case is one where momentum leads too far
  }
}

TEST_CASE("float32 rounds are those of float64") {
  std::size_t const n = 96;
  std::size_t const rows = 3000;
  auto const x = sample<float>(rows, n);
  auto const start = random_orthogonal<float>(cpu::policy{2}, n, 5);
  for (double const momentum : {0.0, 0.7}) {
    auto const run = [&](product_precision precision) {
      refine_options const options{.rounds = 3, .momentum = momentum, .patience = 0, .precision = precision};
      return refine_rotation(cpu::policy{2}, int4_scheme{}, x.view(), every_20th(rows), start.view(), options, go_on);
    };
    auto const exact = run(product_precision::float64);
    auto const single = run(product_precision::float32);
    CAPTURE(momentum);
    CHECK(exact.rounds.back().loss < 0.5 * exact.rounds.front().loss);
    for (std::size_t k = 0; k < exact.rounds.size(); ++k) {
      CHECK(std::fabs(single.rounds[k].loss / exact.rounds[k].loss - 1) < 2e-3);
    }
    CHECK(orthogonality(cpu::policy{2}, single.rotation.view()) < 5e-7);
  }
}

TEST_CASE("in float32, channels that no token has stay near where they were") {
  std::size_t const n = 96;
  std::size_t const rows = 3000;
  std::size_t const dead = 7;
  auto x = sample<float>(rows, n);
  for (std::size_t i = 0; i < rows; ++i) {
    std::fill_n(&x(i, 20), dead, 0.0F);
  }
  auto const start = random_orthogonal<float>(cpu::policy{2}, n, 5);
  refine_options const options{.rounds = 1, .momentum = 0, .patience = 0, .precision = product_precision::float32};
  auto const result =
      refine_rotation(cpu::policy{2}, int4_scheme{}, x.view(), every_20th(rows), start.view(), options, go_on);
  REQUIRE(result.best_round == 1);
  CHECK(orthogonality(cpu::policy{2}, result.rotation.view()) < 5e-7);
  for (std::size_t channel = 20; channel < 20 + dead; ++channel) {
    double along = 0;
    for (std::size_t j = 0; j < n; ++j) {
      along += static_cast<double>(result.rotation(channel, j)) * static_cast<double>(start(channel, j));
    }
    CHECK(along >
          0.6);  // as far as the rows that have turned leave room: a completion at random has between -0.5 and 0.6
  }
}

TEST_CASE("streams, files and threads: the same bytes") {
  std::size_t const n = 64;
  std::size_t const rows = 2500;
  auto const x = sample<float>(rows, n);
  auto const start = random_orthogonal<float>(cpu::policy{}, n, 1);
  refine_options options{.rounds = 4, .momentum = 0.7, .first_share = 0.5, .first_rounds = 2};
  options.held_out = every_fourth(rows);
  auto const run = [&](int threads, auto const& source) {
    return refine_rotation(cpu::policy{threads}, int4_scheme{}, source, every_20th(rows), start.view(), options, go_on);
  };
  auto const whole = run(1, memory_tokens(x.view()));
  CHECK(whole.rounds[1].share == 0.5);
  CHECK(whole.rounds[4].share == 1);
  auto const check_same = [&](refined_rotation<float> const& other) {
    CHECK(same_bytes(other.rotation, whole.rotation));
    for (std::size_t k = 0; k < whole.rounds.size(); ++k) {
      CHECK(other.rounds[k].loss == whole.rounds[k].loss);
      CHECK(other.rounds[k].held_out.weighted_loss == whole.rounds[k].held_out.weighted_loss);
    }
  };
  SECTION("2 and 5 threads") {
    check_same(run(2, memory_tokens(x.view())));
    check_same(run(5, memory_tokens(x.view())));
  }
  SECTION("files") {
    auto const path = std::filesystem::temp_directory_path() / message("dfrot_refinement_", ::getpid(), ".npy");
    write_npy(path, x.view());
    check_same(run(2, npy_rows(path)));
    std::filesystem::remove(path);
  }
}

TEST_CASE("shards of the tokens add up to the whole") {
  std::size_t const n = 32;
  std::size_t const rows = 3000;
  auto const x = sample<float>(rows, n);
  auto const flags = every_20th(rows).is_massive;
  auto const start = random_orthogonal<float>(cpu::policy{}, n, 1);
  refine_options const options{.rounds = 5};
  std::vector<matrix<float>> found;
  for (std::size_t const cut : {std::size_t{0}, std::size_t{1024}, std::size_t{2048}}) {
    refinement<float> work(cpu::policy{}, start.view(), options, rows - rows / 20);
    round_sums sums = work.empty_sums();
    round_sums other = work.empty_sums();
    while (!work.finished()) {
      other.clear();
      auto const add = [&](std::size_t first, std::size_t count, round_sums& to) {
        accumulate_tokens(cpu::policy{}, int4_scheme{}, memory_tokens(x.view().row_block(first, count)),
                          {{flags.data() + first, count}, {}, first}, work.rotation(), work.request(), to);
      };
      add(0, cut, other);
      add(cut, rows - cut, sums);
      sums.combine(other);
      CHECK(work.step(cpu::policy{}, sums).loss > 0);
    }
    found.push_back(std::move(work).result().rotation);
  }
  CHECK(largest_difference(found[0], found[1]) < 1e-5);
  CHECK(largest_difference(found[0], found[2]) < 1e-5);
}

TEST_CASE("work resumed from a state gives the same bytes") {
  std::size_t const n = 40;
  std::size_t const rows = 300;
  auto const x = sample<float>(rows, n);
  auto const flags = every_20th(rows).is_massive;
  auto const held_out = every_fourth(rows);
  auto const start = random_orthogonal<float>(cpu::policy{}, n, 1);
  refine_options const options{.rounds = 9, .momentum = 0.9, .patience = 3, .first_share = 0.6, .first_rounds = 4};
  auto const one_round = [&](refinement<float>& work) {
    round_sums sums = work.empty_sums();
    accumulate_tokens(cpu::policy{}, int4_scheme{}, memory_tokens(x.view()),
                      {{flags.data(), rows}, {held_out.data(), rows}}, work.rotation(), work.request(), sums);
    work.step(cpu::policy{}, sums);
  };
  refinement<float> whole(cpu::policy{}, start.view(), options, 200);
  refinement_state<float> state = whole.state();
  while (!whole.finished()) {
    one_round(whole);
    refinement<float> resumed(state, options, 200);
    one_round(resumed);
    state = resumed.state();
    REQUIRE(same_bytes(state.rotation, whole.state().rotation));
    REQUIRE(same_bytes(state.best, whole.state().best));
    REQUIRE(state.finished == whole.finished());
  }
}

TEST_CASE("tokens held out decide: never a rotation that is worse on them than the start") {
  std::size_t const n = 32;
  SECTION("the best round on them is kept") {
    auto const x = sample<float>(200, n);
    auto const start = random_orthogonal<float>(cpu::policy{}, n, 5);
    refine_options options{.rounds = 15};
    options.held_out = every_fourth(200);
    auto const result =
        refine_rotation(cpu::policy{2}, int4_scheme{}, x.view(), every_20th(200), start.view(), options, go_on);
    CHECK(result.too_few_tokens == false);
    for (auto const& round : result.rounds) {
      CHECK(result.rounds[static_cast<std::size_t>(result.best_round)].held_out.weighted_loss <=
            round.held_out.weighted_loss);
    }
  }
  SECTION("nothing is better than a start that is perfect for them") {
    auto x = gaussian_matrix<float>(60, n, 8);
    refine_options options{.rounds = 4};
    options.held_out.resize(60);
    for (std::size_t i = 0; i < 20; ++i) {
      options.held_out[i] = 1;
      for (std::size_t j = 0; j < n; ++j) {
        x(i, j) = j % 8 == 0 ? 7.0F : static_cast<float>(j % 5);
      }
    }
    matrix<float> start(n, n);
    for (std::size_t j = 0; j < n; ++j) {
      start(j, j) = 1;
    }
    auto const none = mark_massive(60, "none", 0, [](std::size_t) { return false; });
    auto const result = refine_rotation(cpu::policy{}, int4_scheme{}, x.view(), none, start.view(), options, go_on);
    CHECK(result.best_round == 0);
    CHECK(same_bytes(result.rotation, start));
    CHECK(result.overfitted);
    CHECK(result.too_few_tokens);
    CHECK(result.rounds.back().loss < result.rounds.front().loss);
  }
}

TEST_CASE("drawn-in targets lower the error of ordinary tokens that were not seen, nearest ones do not") {
  std::size_t const n = 64;
  std::size_t const rows = 1500;
  auto x = sample<float>(rows, n);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 4; i % 20 != 0 && j < n; ++j) {
      x(i, j) *= 0.1F;  // what ordinary tokens have in common: most of their energy is in four channels
    }
  }
  auto const start = random_orthogonal<float>(cpu::policy{}, n, 4);
  for (auto const& scheme : {int4_scheme{}, int4_scheme{.symmetric = false}, int4_scheme{.group = 32},
                             int4_scheme{.scale = scale_rule::search}}) {
    auto const gain = [&](double target_clip) {
      refine_options options{.rounds = 8, .target_clip = target_clip};
      options.held_out = every_fourth(rows);
      auto const result =
          refine_rotation(cpu::policy{2}, scheme, x.view(), every_20th(rows), start.view(), options, go_on);
      return result.rounds.back().held_out.ordinary / result.rounds.front().held_out.ordinary;
    };
    double const drawn = gain(0.5);
    double const nearest = gain(1);
    CAPTURE(scheme.symmetric, scheme.group, scheme.scale == scale_rule::search, drawn, nearest);
    CHECK(drawn < 0.92);
    CHECK(drawn < nearest);
  }
}

TEST_CASE("blocks turn only their own channels") {
  std::size_t const n = 48;
  auto const x = sample<float>(500, n);
  auto const start = random_orthogonal<float>(cpu::policy{}, n, 2);
  auto const run = [&](std::size_t block, bool shared) {
    refine_options options{.rounds = 6, .momentum = 0.5};
    options.block = block;
    options.shared_block = shared;
    return refine_rotation(cpu::policy{}, int4_scheme{}, x.view(), every_20th(500), start.view(), options, go_on);
  };
  for (bool const shared : {false, true}) {
    auto const result = run(16, shared);
    CHECK(orthogonality(cpu::policy{}, result.rotation.view()) < 1e-6);
    CHECK(result.rounds[static_cast<std::size_t>(result.best_round)].loss < 0.9 * result.rounds.front().loss);
    matrix<double> const g = turned(start, result.rotation);
    double across = 0;
    double apart = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        across = i / 16 == j / 16 ? across : std::max(across, std::fabs(g(i, j)));
        apart = std::max(apart, std::fabs(g(i, j) - g((i + 16) % n, (j + 16) % n)));
      }
    }
    CHECK(across < 1e-5);
    CHECK((apart < 1e-5) == shared);
  }
  CHECK(same_bytes(run(n, false).rotation, run(0, false).rotation));
}

TEST_CASE("patience ends the work, and only patience") {
  auto const x = sample<float>(200, 16);
  auto const start = random_orthogonal<float>(cpu::policy{}, 16, 2);
  refine_options options{.rounds = 40, .momentum = 0, .tolerance = 0.01, .patience = 2};
  auto const run = [&] {
    return refine_rotation(cpu::policy{}, int4_scheme{}, x.view(), every_20th(200), start.view(), options, go_on);
  };
  auto const result = run();
  CHECK(result.converged);
  REQUIRE(result.rounds.size() < 41);
  auto const& last = result.rounds.back();
  CHECK(last.loss >= 0.99 * result.rounds[static_cast<std::size_t>(last.round) - 2].loss);
  options.patience = 0;
  CHECK(run().rounds.size() == 41);
  CHECK_FALSE(run().converged);
}

TEST_CASE("a round that helps tokens held out is not one without gain") {
  refine_options const options{.rounds = 40, .tolerance = 0.01, .patience = 3};
  refinement_rules const rules(options, 16, 100, true);
  auto const of_error = [](double squared_error) {
    error_sums sums;
    sums.add(false, {squared_error, 100});
    return sums;
  };
  // Rounds until patience ends them: the loss in use falls once, and the one held out is told.
  auto const rounds_until_the_end = [&](std::vector<double> const& held_out) {
    refinement_progress progress;
    rules.begin(progress);
    for (std::size_t round = 0; !progress.finished; ++round) {
      double const loss = round == 0 ? 50 : (round == 1 ? 10 : 10.5);
      bool const last = round >= held_out.size();
      error_sums const other = held_out.empty() ? error_sums{} : of_error(last ? held_out.back() : held_out[round]);
      static_cast<void>(rules.note_round(progress, of_error(loss), other));
    }
    CHECK(progress.converged);
    return progress.rounds.size();
  };
  CHECK(rounds_until_the_end({}) == 2 + 3);
  CHECK(rounds_until_the_end({40, 9, 9.5}) == 2 + 3);
  CHECK(rounds_until_the_end({40, 9, 9.5, 8.5}) == 4 + 3);
  CHECK(rounds_until_the_end({40, 9, 9.5, 9.5, 8.5, 8, 7.96, 7.93, 7.90}) == 9 + 3);  // small steps add up
  CHECK(rounds_until_the_end({40, 9, 8.95, 8.92, 8.915}) == 2 + 3);                   // if they are large enough
}

TEST_CASE("sums in float32 and in float64 lead to the same step") {
  std::size_t const n = 64;
  auto const x = sample<float>(1500, n);
  auto const start = random_orthogonal<float>(cpu::policy{}, n, 2);
  auto const step = [&](product_precision precision) {
    refine_options options{.rounds = 1};
    options.precision = precision;
    return refine_rotation(cpu::policy{}, int4_scheme{}, x.view(), every_20th(1500), start.view(), options, go_on)
        .rotation;
  };
  CHECK(largest_difference(step(product_precision::float32), step(product_precision::float64)) < 5e-4);
  CHECK(same_bytes(step(product_precision::float32), step(product_precision::automatic)));
}

TEST_CASE("options that make no sense are errors with numbers") {
  auto const x = sample<float>(40, 16);
  auto const start = random_orthogonal<float>(cpu::policy{}, 16, 2);
  auto const refine = [&](refine_options const& options) {
    return refine_rotation(cpu::policy{}, int4_scheme{}, x.view(), every_20th(40), start.view(), options, go_on);
  };
  CHECK_THROWS_WITH(refine({.momentum = 1}), "refine: momentum is 1; it must be at least 0 and below 1");
  CHECK_THROWS_WITH(refine({.target_clip = 0}), "refine: target_clip is 0; it must be above 0 and at most 1");
  CHECK_THROWS_WITH(refine({.target_clip = 1.5}), "refine: target_clip is 1.5; it must be above 0 and at most 1");
  CHECK_THROWS_WITH(refine({.tolerance = -1}), "refine: tolerance is -1; it must be at least 0 and below 1");
  CHECK_THROWS_WITH(refine({.patience = -1}), "refine: patience is -1; it must be at least 0");
  CHECK_THROWS_WITH(refine({.block = 5}), "refine: 16 channels cannot be cut into blocks of 5");
  CHECK_THROWS_WITH(refine({.first_share = 0}), "refine: first_share is 0; it must be above 0 and at most 1");
  CHECK_THROWS_WITH(refine({.held_out = {1, 0}}), "refine: 40 tokens, but 2 held-out flags");
  CHECK_THROWS_WITH(refine({.held_out = std::vector<std::uint8_t>(40, 1)}), test::contains_text("all 40 tokens"));
}
