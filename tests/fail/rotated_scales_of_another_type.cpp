// Rotated FP4 codes whose scales are to be written as float, while the format keeps them in a byte.
// expect: these scales are not of the scheme's scale_type
#include <dfrot/quantize/mxfp4.hpp>
#include <dfrot/reference.hpp>

int main() {
  dfrot::matrix_view<float> const x{};
  dfrot::hadamard_order const order(64);
  dfrot::rotate_quantize(dfrot::reference::policy{}, order, dfrot::mxfp4{}, x,
                         dfrot::quantized_rows<unsigned char, dfrot::e8m0>{});
#if !defined(DFROT_FAIL_CONTROL)
  dfrot::rotate_quantize(dfrot::reference::policy{}, order, dfrot::mxfp4{}, x,
                         dfrot::quantized_rows<unsigned char, float>{});
#endif
}
