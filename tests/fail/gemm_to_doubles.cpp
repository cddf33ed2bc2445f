// A product to a type that no backend writes: the message names what every backend has.
// expect: INT4 with float scales to float is what every backend has
#include <dfrot/backend/cpu/gemm.hpp>
#include <dfrot/quantize/gemm.hpp>

#if defined(DFROT_FAIL_CONTROL)
using result = dfrot::half;
#else
using result = double;
#endif

void multiply(dfrot::packed_activations<> const& x, dfrot::scaled_weights<dfrot::cpu::policy> const& w,
              dfrot::matrix_view<result> out, dfrot::vector_view<std::byte> workspace) {
  dfrot::gemm(dfrot::cpu::policy{}, dfrot::int4_scheme{}, x, w, out, workspace);
}
