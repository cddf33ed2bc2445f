#include "rotations.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/loss/massive_detector.hpp>
#include <dfrot/optimize/low_rank/refine_short.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "forward.hpp"

namespace dfrot::program {

namespace {

residual_rotation dense(matrix<float> const& rotation) {
  matrix<double> wide(rotation.rows(), rotation.columns());
  std::copy_n(rotation.data(), rotation.rows() * rotation.columns(), wide.data());
  return residual_rotation(std::move(wide));
}

residual_rotation from_file(rotation_request const& request) {
  matrix<double> rotation = read_npy<double>(request.name);
  if (rotation.rows() != request.channels || rotation.columns() != request.channels) {
    throw io_error(message(request.name, ": a rotation of ", rotation.rows(), " x ", rotation.columns(),
                           ", but the model has ", request.channels, " channels"));
  }
  double const distance = orthogonality(cpu::policy{request.threads}, std::as_const(rotation).view());
  if (!(distance < 1e-3)) {
    throw io_error(message(request.name, ": this is no rotation: ||R^T R - I|| / sqrt(n) is ", distance,
                           ", and must be below 0.001"));
  }
  return residual_rotation(std::move(rotation));
}

struct settings {
  int4_scheme scheme;
  refine_options options;
};

/// The library's method, or the paper's iteration, whose quantizer is the one of its code whatever scheme is in use.
settings settings_of(rotation_request const& request) {
  if (request.name == "paper") {
    return {int4_scheme{}, {.alpha = 100, .rounds = 100, .momentum = 0, .target_clip = 1, .patience = 0}};
  }
  refine_options options;
  options.momentum = recommended_momentum(request.scheme.scale);
  return {request.scheme, options};
}

residual_rotation refined(rotation_request const& request, massive_tokens const& massive) {
  cpu::policy const on{request.threads};
  matrix<float> start(request.channels, request.channels);
  randomized_hadamard(request.channels, request.seed).to_dense(start.view());
  settings const chosen = settings_of(request);
  auto const result = refine_rotation(
      on, chosen.scheme, request.rows->view(), massive, std::as_const(start).view(), chosen.options,
      [&](refine_round const& round) {
        request.show(message("refining a rotation: round ", round.round, " of ", chosen.options.rounds, " at most"));
        return true;
      });
  return dense(result.rotation);
}

residual_rotation refined_short_way(rotation_request const& request, massive_tokens const& massive) {
  matrix<float> rows(massive.count, request.channels);
  std::size_t next = 0;
  for (std::size_t i = 0; i < massive.is_massive.size(); ++i) {
    if (massive.is_massive[i] != 0) {
      std::copy_n(request.rows->view().row(i), request.channels, rows.view().row(next++));
    }
  }
  auto const result =
      refine_short(cpu::policy{request.threads}, request.scheme, std::as_const(rows).view(),
                   randomized_hadamard(request.channels, request.seed), short_options{}, [&](short_round const& round) {
                     request.show(message("refining a short rotation: round ", round.round));
                     return true;
                   });
  return residual_rotation(result.rotation);
}

}  // namespace

bool needs_calibration(std::string const& name) { return name == "short" || name == "refined" || name == "paper"; }

matrix<float> calibration_rows(int threads, model_source const& source, batch const& tokens,
                               std::function<void(std::size_t)> const& layer_done) {
  matrix<float> rows(2 * source.config().layers * tokens.tokens(), source.config().hidden);
  forward_options options;
  options.threads = threads;
  options.layer_done = layer_done;
  options.look = [&](std::size_t layer, site where, std::size_t first, matrix_view<float const> block) {
    if (where == site::attention || where == site::mlp) {
      std::size_t const part = 2 * layer + (where == site::mlp ? 1 : 0);
      for (std::size_t i = 0; i < block.rows; ++i) {
        std::copy_n(block.row(i), block.columns, rows.view().row(part * tokens.tokens() + first + i));
      }
    }
  };
  static_cast<void>(run_model(source, tokens, model_rotation(source.config(), residual_rotation()), options));
  return rows;
}

residual_rotation make_rotation(rotation_request const& request) {
  if (request.name == "none") {
    return residual_rotation();
  }
  if (request.name == "orthogonal") {
    return residual_rotation(random_orthogonal<double>(cpu::policy{request.threads}, request.channels, request.seed));
  }
  if (request.name == "hadamard") {
    return residual_rotation(short_rotation(randomized_hadamard(request.channels, request.seed)));
  }
  if (!needs_calibration(request.name)) {
    return from_file(request);
  }
  massive_tokens const massive = massive_automatic(cpu::policy{request.threads}, request.rows->view());
  return request.name == "short" ? refined_short_way(request, massive) : refined(request, massive);
}

}  // namespace dfrot::program
