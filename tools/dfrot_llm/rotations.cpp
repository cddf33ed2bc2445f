#include "rotations.hpp"

#include <algorithm>
#include <utility>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "check_rotation.hpp"
#include "fitted_rotation.hpp"

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
  check_rotation(request.threads, request.name, std::as_const(rotation).view());
  return residual_rotation(std::move(rotation));
}

residual_rotation fitted(rotation_request const& request) {
  fit_settings settings = settings_of(request.name, request.scheme);
  settings.seed = request.seed;
  settings.threads = request.threads;
  auto const rows = request.rows->view();
  massive_tokens const massive = find_massive(settings, rows);
  auto const watch = [&](auto const& round) {
    request.round_done(round.round, settings.refinement.rounds);
    return true;
  };
  if (request.name == "short") {
    return residual_rotation(refine_shortly(settings, rows, massive, watch).rotation);
  }
  refinement_checkpoint const none({}, false, "", settings.refinement, request.channels, {});
  return dense(refine_fully(settings, rows, massive, none, watch, *request.together).rotation);
}

}  // namespace

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
  return is_fitted(request.name) ? fitted(request) : from_file(request);
}

}  // namespace dfrot::program
