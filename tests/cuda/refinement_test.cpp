// Whole refinements on a device. On the emulated device, loops of the host that sum in double take the places of cuBLAS
// and cuSOLVER: what is proved there are the kernels, the calls and the rules, not the libraries' rounding.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/core/matrix.hpp>
#include <dfrot/cuda_refinement.cuh>
#include <dfrot/optimize/refine/token_source.hpp>
#include <limits>
#include <utility>
#include <vector>

#include "cuda/massive_sample.hpp"
#include "cuda/on_device.hpp"
#include "optimize/plain_refinement.hpp"

using namespace dfrot;
using namespace dfrot::test;

namespace {

auto const go_on = [](refine_round const&) { return true; };

template <class T>
double distance_from_orthogonal(matrix<T> const& r) {
  cuda::policy const on{};
  cuda::dense_algebra const algebra(on);
  auto const there = to_device(r);
  return cuda::orthogonality(algebra, there.view());
}

template <class T>
plain_refinement plain_problem(matrix<T> const& x) {
  plain_refinement plain;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    plain.tokens.emplace_back(&x(i, 0), &x(i, 0) + x.columns());
    plain.massive.push_back(i % 20 == 0);
  }
  return plain;
}

}  // namespace

TEST_CASE("every round on the device is that of the plain iteration, with and without momentum and nearest targets") {
  std::size_t const n = 12;
  auto const x = massive_sample<double>(80, n);
  auto const start = dense_start<double>(n);
  for (auto const& [momentum, target_clip] : {std::pair{0.0, 1.0}, {0.9, 1.0}, {0.9, 0.5}}) {
    auto plain = plain_problem(x);
    plain.momentum = momentum;
    plain.target_clip = target_clip;
    plain_refinement::square z(n, std::vector<double>(n));
    for (std::size_t i = 0; i < n; ++i) {
      std::copy_n(&start(i, 0), n, z[i].begin());
    }
    int const rounds = 6;
    auto const losses = plain.run(z, rounds);
    refine_options options;
    options.rounds = rounds;
    options.momentum = momentum;
    options.target_clip = target_clip;
    options.patience = 0;
    in_every_order([&] {
      auto const result =
          refine_rotation(cuda::policy{}, int4_scheme{}, x.view(), every_20th(80), start.view(), options, go_on);
      REQUIRE(result.rounds.size() == losses.size());
      for (std::size_t k = 0; k < losses.size(); ++k) {
        CHECK(std::fabs(result.rounds[k].loss / losses[k] - 1) < 1e-7);
        CHECK(result.rounds[k].restarted == (k > 0 && losses[k] > losses[k - 1]));
      }
    });
  }
}

// A code that rounds otherwise sends the rounds that follow another way, so few of them can be compared.
TEST_CASE("256 tokens of 64 channels: the plain iteration's loss to a hundredth, and orthogonal to a millionth") {
  std::size_t const n = 64;
  auto const x = massive_sample<float>(256, n);
  auto const start = dense_start<float>(n);
  auto plain = plain_problem(x);
  plain.momentum = 0.9;
  plain_refinement::square z(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i) {
    std::copy_n(&start(i, 0), n, z[i].begin());
  }
  refine_options options;
  options.momentum = plain.momentum;
  options.rounds = 3;
  options.patience = 0;
  auto const losses = plain.run(z, options.rounds);
  for (auto const precision : {product_precision::float32, product_precision::float64}) {
    options.precision = precision;
    auto const result =
        refine_rotation(cuda::policy{}, int4_scheme{}, x.view(), every_20th(256), start.view(), options, go_on);
    REQUIRE(result.rounds.size() == losses.size());
    for (std::size_t k = 0; k < 2; ++k) {  // float32 rounds otherwise: later, codes that flipped have led elsewhere
      CAPTURE(k, result.rounds[k].loss, losses[k]);
      CHECK(std::fabs(result.rounds[k].loss / losses[k] - 1) < 0.01);
    }
    CHECK(result.rounds[static_cast<std::size_t>(result.best_round)].loss < 0.7 * losses.front());
    CHECK(distance_from_orthogonal(result.rotation) < 1e-6);
  }
}

TEST_CASE("tokens of the host and of the device give the same bytes, in every order of threads") {
  std::size_t const n = 16;
  std::size_t const rows = 1200;
  auto const x = massive_sample<float>(rows, n);
  auto const there = to_device(x);
  auto const start = dense_start<float>(n);
  refine_options options;
  options.rounds = 1;
  options.first_share = 0.5;
  options.first_rounds = 1;
  options.held_out = every_fourth(rows);
  auto const run = [&](auto const& source) {
    return refine_rotation(cuda::policy{}, int4_scheme{}, source, every_20th(rows),
                           matrix_view<float const>(start.view()), options, go_on);
  };
  auto const once = run(memory_tokens(x.view()));
  CHECK(once.rounds[0].share == 0.5);
  CHECK(once.rounds[1].share == 1);
  in_every_order([&] { CHECK(same_bits(run(cuda::device_tokens(there.view())).rotation, once.rotation)); });
}

TEST_CASE("on the device, blocks turn only their own channels, and tokens held out decide") {
  std::size_t const n = 16;
  std::size_t const rows = 160;
  auto const x = massive_sample<float>(rows, n);
  auto const start = dense_start<float>(n);
  for (bool const shared : {false, true}) {
    refine_options options;
    options.rounds = 3;
    options.block = 8;
    options.shared_block = shared;
    options.held_out = every_fourth(rows);
    auto const result =
        refine_rotation(cuda::policy{}, int4_scheme{}, x.view(), every_20th(rows), start.view(), options, go_on);
    CHECK(distance_from_orthogonal(result.rotation) < 1e-6);
    auto const& rounds = result.rounds;
    CHECK(rounds[static_cast<std::size_t>(result.best_round)].held_out.weighted_loss <=
          rounds.front().held_out.weighted_loss);
    CHECK(rounds.back().loss < rounds.front().loss);
    double across = 0;
    double apart = 0;
    auto const turned = [&](std::size_t i, std::size_t j) {  // R_start^T R
      double sum = 0;
      for (std::size_t k = 0; k < n; ++k) {
        sum += static_cast<double>(start(k, i)) * static_cast<double>(result.rotation(k, j));
      }
      return sum;
    };
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        across = i / 8 == j / 8 ? across : std::fmax(across, std::fabs(turned(i, j)));
        apart = std::fmax(apart, std::fabs(turned(i, j) - turned((i + 8) % n, (j + 8) % n)));
      }
    }
    CHECK(across < 1e-5);
    CHECK((apart < 1e-5) == shared);
  }
}

TEST_CASE("a token that is not finite is named, wherever the tokens are") {
  std::size_t const n = 16;
  auto const start = dense_start<float>(n);
  for (float const bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto x = massive_sample<float>(40, n);
    x(17, 5) = bad;
    auto const there = to_device(x);
    auto const run = [&](auto const& source) {
      return refine_rotation(cuda::policy{}, int4_scheme{}, source, every_20th(40),
                             matrix_view<float const>(start.view()), refine_options{}, go_on);
    };
    CHECK_THROWS_WITH(run(memory_tokens(x.view())), contains_text("row 17, column 5 holds"));
    CHECK_THROWS_WITH(run(cuda::device_tokens(there.view())), contains_text("row 17, column 5 holds"));
  }
}

namespace {

/// A refinement in float, its tokens and what is known about them.
struct interrupted_work {
  std::size_t rows = 60;
  matrix<float> x = massive_sample<float>(rows, 12);
  massive_tokens massive = every_20th(rows);
  std::vector<std::uint8_t> held_out = every_fourth(rows);
  refine_options options{};
  std::size_t ordinary = 42;

  /// Takes so many rounds, or all that are left.
  void go_on(cuda::refinement<float>& work, int rounds) const {
    token_flags const flags{{massive.is_massive.data(), rows}, {held_out.data(), rows}};
    auto sums = work.empty_sums();
    for (int k = 0; k < rounds && !work.finished(); ++k) {
      cuda::accumulate_tokens(cuda::policy{}, int4_scheme{}, memory_tokens(x.view()), flags, work.rotation(),
                              work.request(), sums);
      static_cast<void>(work.step(cuda::policy{}, sums));
    }
  }
};

}  // namespace

TEST_CASE("a refinement goes on from its state to the same bytes, whenever it was interrupted") {
  interrupted_work work;
  work.options.rounds = 6;
  auto const start = test::dense_start<float>(12);
  cuda::policy const on{};
  cuda::refinement<float> whole(on, start.view(), work.options, work.ordinary);
  work.go_on(whole, 100);
  auto const expected_state = whole.state();
  auto const expected = std::move(whole).result();
  REQUIRE(expected.rounds.size() == 7);
  for (int const before : {0, 1, 2, 4, 7}) {
    CAPTURE(before);
    refinement_state<float> state;
    {
      cuda::refinement<float> first(on, start.view(), work.options, work.ordinary);
      work.go_on(first, before);
      state = first.state();
    }
    CHECK(state.rounds.size() == static_cast<std::size_t>(before));
    cuda::refinement<float> second(on, state, work.options, work.ordinary);
    CHECK(second.finished() == (before == 7));
    work.go_on(second, 100);
    auto const found_state = second.state();
    CHECK(same_bits(found_state.rotation, expected_state.rotation));
    CHECK(same_bits(found_state.previous, expected_state.previous));
    auto const found = std::move(second).result();
    CHECK(same_bits(found.rotation, expected.rotation));
    CHECK(found.best_round == expected.best_round);
    REQUIRE(found.rounds.size() == expected.rounds.size());
    for (std::size_t k = 0; k < found.rounds.size(); ++k) {
      CHECK(found.rounds[k].loss == expected.rounds[k].loss);
      CHECK(found.rounds[k].restarted == expected.rounds[k].restarted);
    }
  }
}

TEST_CASE("a state whose rotations are of several orders is refused") {
  auto const rotation = test::dense_start<float>(16);
  refinement_state<float> const state{{}, rotation, matrix<float>(16, 8), rotation};
  CHECK_THROWS_WITH(cuda::refinement<float>(cuda::policy{}, state, refine_options{}, 100),
                    contains_text("previous rotation"));
}

TEST_CASE("a start that is not orthogonal, and no device, are refused") {
  auto const x = massive_sample<float>(40, 16);
  auto start = dense_start<float>(16);
  start(3, 4) += 1;
  auto const run = [&] {
    return refine_rotation(cuda::policy{}, int4_scheme{}, x.view(), every_20th(40), start.view(), refine_options{},
                           go_on);
  };
  CHECK_THROWS_WITH(run(), contains_text("the start is not orthogonal"));
#if !defined(__CUDACC__)
  test::emulated::device_settings none = test::emulated::settings();
  none.device_count = 0;
  test::emulated::with_settings(none, [&] { CHECK_THROWS_WITH(run(), contains_text("no CUDA device was found")); });
#endif
}
