#pragma once

#include <dfrot/core/matrix.hpp>
#include <dfrot/loss/massive_tokens.hpp>
#include <dfrot/optimize/refine/refine_options.hpp>

namespace dfrot::bench {

/// refine_rotation() on the processor, with all its cores: in a source of its own, since Eigen is not for nvcc.
[[nodiscard]] refined_rotation<float> refine_on_host(matrix_view<float const> x, massive_tokens const& massive,
                                                     matrix_view<float const> start, refine_options const& options);

}  // namespace dfrot::bench
