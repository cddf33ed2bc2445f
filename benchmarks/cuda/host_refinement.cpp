#include "host_refinement.hpp"

#include <dfrot/core/parallel.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>

namespace dfrot::bench {

refined_rotation<float> refine_on_host(matrix_view<float const> x, massive_tokens const& massive,
                                       matrix_view<float const> start, refine_options const& options) {
  cpu::policy const on{max_threads()};
  return refine_rotation(on, int4_scheme{}, x, massive, start, options, [](refine_round const&) { return true; });
}

}  // namespace dfrot::bench
