// A rotation whose signs are in host memory, handed to the policy that runs on a device. Compiled as for the emulated device.
// expect: data is in another memory than the rows: give to<Space>.on, transform.
#include <dfrot/cuda.cuh>

int main() {
  using dfrot::device_space;
  dfrot::cuda::policy const on{};
  dfrot::randomized_hadamard const rotation(64, 1);
  dfrot::int4_scheme const scheme{};
  dfrot::matrix_view<float, device_space> const x{};
  dfrot::quantized_rows<unsigned char, float, device_space> const out{};
  dfrot::vector_view<float, device_space> const workspace{};
  dfrot::rotate_quantize(on, dfrot::to<device_space>(on, rotation), scheme, x, out, workspace);
#if !defined(DFROT_FAIL_CONTROL)
  dfrot::rotate_quantize(on, rotation, scheme, x, out, workspace);
#endif
}
