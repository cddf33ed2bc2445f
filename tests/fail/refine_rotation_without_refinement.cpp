// A refinement whose matrices are not included: the message says which header to include.
// expect: include <dfrot/optimize/refine/refinement.hpp>, or <dfrot/cuda_refinement.cuh> for a device
#include <dfrot/cpu.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#if defined(DFROT_FAIL_CONTROL)
#include <dfrot/optimize/refine/refinement.hpp>
#endif

void refine(dfrot::matrix_view<float> x, dfrot::massive_tokens const& massive, dfrot::matrix_view<float const> start) {
  static_cast<void>(dfrot::refine_rotation(dfrot::cpu::policy{}, dfrot::int4_scheme{}, x, massive, start, {},
                                           [](dfrot::refine_round const&) { return true; }));
}
