// FP4 codes whose scales are to be written as float, while the format keeps them in a byte.
// expect: this backend has no kernel for this scheme, type of rows and output: scales are of the scheme's scale_type
#include <dfrot/quantize/mxfp4.hpp>
#include <dfrot/reference.hpp>

int main() {
  dfrot::matrix_view<float> const x{};
  dfrot::quantize(dfrot::reference::policy{}, dfrot::mxfp4{}, x, dfrot::quantized_rows<unsigned char, dfrot::e8m0>{});
#if !defined(DFROT_FAIL_CONTROL)
  dfrot::quantize(dfrot::reference::policy{}, dfrot::mxfp4{}, x, dfrot::quantized_rows<unsigned char, float>{});
#endif
}
