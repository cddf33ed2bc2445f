// Views of device memory handed to a policy that runs on the host.
// expect: memory space is not the policy's: copy the data there first
#include <dfrot/cpu.hpp>

template <class Space>
void transform(dfrot::hadamard_order const& order, dfrot::matrix_view<float, Space> x) {
  dfrot::hadamard(dfrot::cpu::policy{}, order, x);
}

int main() {
  dfrot::hadamard_order const order(64);
  transform(order, dfrot::matrix_view<float>{});
#if !defined(DFROT_FAIL_CONTROL)
  transform(order, dfrot::matrix_view<float, dfrot::device_space>{});
#endif
}
