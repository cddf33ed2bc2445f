// Weights in the layout of one backend handed to another: the message says so.
// expect: these weights were repacked for another policy
#include <dfrot/cpu.hpp>
#include <dfrot/reference.hpp>

#if defined(DFROT_FAIL_CONTROL)
using weights_policy = dfrot::cpu::policy;
#else
using weights_policy = dfrot::reference::policy;
#endif

void multiply(dfrot::matrix_view<std::uint8_t const> x, dfrot::repacked_weights<weights_policy> const& w,
              dfrot::matrix_view<std::int32_t> out, dfrot::vector_view<std::byte> workspace) {
  dfrot::integer_gemm(dfrot::cpu::policy{}, x, w, out, workspace);
}
