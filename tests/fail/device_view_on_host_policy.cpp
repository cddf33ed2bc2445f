// A view of device memory handed to a policy that runs on the host.
// expect: memory space is not the policy's: copy the data there first
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>

template <class P, class T, class Space>
void front_door(P const&, dfrot::matrix_view<T, Space>) {
  dfrot::assert_space<P, Space>();
}

int main() {
  front_door(dfrot::cpu::policy{}, dfrot::matrix_view<float>{});
#if !defined(DFROT_FAIL_CONTROL)
  front_door(dfrot::cpu::policy{}, dfrot::matrix_view<float, dfrot::device_space>{});
#endif
}
