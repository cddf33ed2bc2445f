// A rotation whose signs are in host memory, handed to the policy that runs on a device. Compiled as for the emulated device.
// expect: give a copy of the rotation's signs in that memory, after the rotation
#include <dfrot/cuda.cuh>

int main() {
  using dfrot::device_space;
  dfrot::randomized_hadamard const rotation(64, 1);
  dfrot::int4_scheme const scheme{};
  dfrot::matrix_view<float, device_space> const x{};
  dfrot::quantized_rows<unsigned char, float, device_space> const out{};
  dfrot::vector_view<float, device_space> const workspace{};
  dfrot::vector_view<signed char const, device_space> const signs{};
  dfrot::rotate_quantize(dfrot::cuda::policy{}, rotation, signs, scheme, x, out, workspace);
#if !defined(DFROT_FAIL_CONTROL)
  dfrot::rotate_quantize(dfrot::cuda::policy{}, rotation, scheme, x, out, workspace);
#endif
}
