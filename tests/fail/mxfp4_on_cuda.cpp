// A format that a backend has no kernel for. Compiled as for the emulated device.
// expect: this backend has no kernel for this scheme, type of rows and output
#include <dfrot/cuda.cuh>
#include <dfrot/quantize/mxfp4.hpp>

int main() {
  using dfrot::device_space;
  dfrot::matrix_view<float, device_space> const x{};
  dfrot::quantize(dfrot::cuda::policy{}, dfrot::int4{}, x, dfrot::quantized_rows<unsigned char, float, device_space>{});
#if !defined(DFROT_FAIL_CONTROL)
  dfrot::quantize(dfrot::cuda::policy{}, dfrot::mxfp4{}, x,
                  dfrot::quantized_rows<unsigned char, dfrot::e8m0, device_space>{});
#endif
}
