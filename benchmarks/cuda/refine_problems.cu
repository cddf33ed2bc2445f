// Whole refinements of the built-in sample, which is made on the device; the loss beside the processor's, of the same
// tokens.

#include <dfrot/cuda_refinement.cuh>

#include "device_data.cuh"
#include "host_refinement.hpp"
#include "sample.cuh"

namespace dfrot::bench {

namespace {

struct refine_data {
  example::sample_size size;
  cuda::device_matrix<float> tokens;
  massive_tokens massive;
  matrix<float> start;

  explicit refine_data(example::sample_size const& s)
      : size(s),
        tokens(device_sample(1, s)),
        massive(dfrot::mark_massive(s.tokens, "planted", 0, [&](std::size_t i) { return i % s.massive_every == 0; })),
        start(s.channels, s.channels) {
    randomized_hadamard(s.channels, 1).to_dense(start.view());
  }
};

[[nodiscard]] refine_options options_of(bool quick) {
  refine_options options;
  options.rounds = quick ? 1 : options.rounds;
  return options;
}

[[nodiscard]] double best_loss(refined_rotation<float> const& refined) {
  return refined.rounds[static_cast<std::size_t>(refined.best_round)].loss;
}

[[nodiscard]] std::vector<fact> facts_of(refined_rotation<float> const& refined) {
  auto const rounds = static_cast<double>(refined.rounds.size());
  return {{"rounds", rounds},
          {"seconds a round", refined.rounds.back().seconds / rounds},
          {"loss of the start", refined.rounds.front().loss},
          {"final loss", best_loss(refined)},
          {"final ordinary error", refined.rounds[static_cast<std::size_t>(refined.best_round)].ordinary},
          {"final massive error", refined.rounds[static_cast<std::size_t>(refined.best_round)].massive}};
}

problem refinement_of(std::string const& name, example::sample_size const& size, bool quick, bool with_host) {
  auto const data = std::make_shared<refine_data>(size);
  auto const there = std::make_shared<refined_rotation<float>>();
  auto const here = std::make_shared<refined_rotation<float>>();
  auto const run_there = [=] {
    *there = refine_rotation(cuda::policy{}, int4_scheme{}, cuda::device_tokens(std::as_const(data->tokens).view()),
                             data->massive, matrix_view<float const>(data->start.view()), options_of(quick),
                             [](refine_round const&) { return true; });
  };
  auto const facts_there = [=] {
    auto facts = facts_of(*there);
    if (with_host) {
      facts.push_back({"loss over the processor's", best_loss(*there) / best_loss(*here)});
    }
    cuda::dense_algebra const algebra(cuda::policy{});
    cuda::device_matrix<float> rotation(cuda::policy{}, size.channels, size.channels);
    cuda::copy(cuda::policy{}, std::as_const(there->rotation).view(), rotation.view());
    facts.push_back({"orthogonality", cuda::orthogonality(algebra, std::as_const(rotation).view())});
    return facts;
  };
  problem made{name, seconds, {{"dfrot on the device", role::ours, 1, run_there, facts_there, true}}};
  if (with_host) {
    auto const run_here = [=] {
      matrix<float> x(size.tokens, size.channels);
      cuda::copy(cuda::policy{}, std::as_const(data->tokens).view(), x.view());
      cuda::synchronize(cuda::policy{});
      *here = refine_on_host(x.view(), data->massive, data->start.view(), options_of(quick));
    };
    made.contenders.push_back(
        {"dfrot on the processor", role::peer, 1, run_here, [=] { return facts_of(*here); }, true});
  }
  return made;
}

}  // namespace

std::vector<named_problem> device_refine_problems(bool quick) {
  std::vector<named_problem> list;
  example::sample_size const small = quick ? example::sample_size{128, 64, 32} : example::sample_size{};
  example::sample_size const large = quick ? small : example::sample_size{131072, 4096, 512};
  list.push_back(
      {"refinement, 8192 x 1024", [=] { return refinement_of("refinement, 8192 x 1024", small, quick, true); }});
  list.push_back(
      {"refinement, 131072 x 4096", [=] { return refinement_of("refinement, 131072 x 4096", large, quick, false); }});
  std::string const both = "refinement, 131072 x 4096, and on the processor";
  list.push_back({both, [=] { return refinement_of(both, large, quick, true); }, true});
  return list;
}

}  // namespace dfrot::bench
