// Views of host memory handed to the policy that runs on a device. Compiled as for the emulated device.
// expect: memory space is not the policy's: copy the data there first
#include <dfrot/cuda.cuh>

template <class Space>
void transform(dfrot::hadamard_order const& order, dfrot::matrix_view<float, Space> x) {
  dfrot::hadamard(dfrot::cuda::policy{}, order, x, dfrot::vector_view<float, Space>{});
}

int main() {
  dfrot::hadamard_order const order(64);
  transform(order, dfrot::matrix_view<float, dfrot::device_space>{});
#if !defined(DFROT_FAIL_CONTROL)
  transform(order, dfrot::matrix_view<float>{});
#endif
}
