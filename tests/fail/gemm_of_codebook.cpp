// Activations in a codebook, whose values are no integers: the message says why there is no product of them.
// expect: a codebook has no exact product
#include <dfrot/backend/cpu/gemm.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/mxfp4.hpp>
#include <dfrot/quantize/nf4.hpp>

#if defined(DFROT_FAIL_CONTROL)
using scheme = dfrot::fp4;
#else
using scheme = dfrot::nf4;
#endif

void multiply(scheme const& how, dfrot::quantized_rows<std::uint8_t, float> const& x,
              dfrot::scaled_weights<dfrot::cpu::policy> const& w, dfrot::matrix_view<float> out,
              dfrot::vector_view<std::byte> workspace) {
  dfrot::gemm(dfrot::cpu::policy{}, how, x, w, out, workspace);
}
