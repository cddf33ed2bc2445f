// Activations on the device, results on the host: one policy cannot reach both.
// expect: conflicting types for parameter .*Space.* .*device_space
#include <dfrot/reference.hpp>

template <class Space>
void measure(dfrot::matrix_view<float const, Space> x, dfrot::vector_view<dfrot::token_error> out) {
  dfrot::token_errors(dfrot::reference::policy{}, dfrot::int4_scheme{}, x, out);
}

int main() {
  measure(dfrot::matrix_view<float const>{}, {});
#if !defined(DFROT_FAIL_CONTROL)
  measure(dfrot::matrix_view<float const, dfrot::device_space>{}, {});
#endif
}
