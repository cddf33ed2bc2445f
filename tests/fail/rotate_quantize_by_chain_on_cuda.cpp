// A chain that the device has no kernel for. Compiled as for the emulated device.
// expect: this backend has no kernel for this transform, scheme, type of rows and output in one step
#include <dfrot/cuda.cuh>

template <class R>
void quantize_by(R const& transform) {
  using dfrot::device_space;
  dfrot::matrix_view<float, device_space> const x{};
  dfrot::quantized_rows<unsigned char, float, device_space> const out{};
  dfrot::vector_view<float, device_space> const workspace{};
  dfrot::rotate_quantize(dfrot::cuda::policy{}, transform, dfrot::int4_scheme{}, x, out, workspace);
}

int main() {
  dfrot::hadamard_order const order(64);
  quantize_by(order);
#if !defined(DFROT_FAIL_CONTROL)
  quantize_by(dfrot::chain_of(order, order));
#endif
}
