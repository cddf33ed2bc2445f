// A front door whose backend is not included: the message says which header to include.
// expect: include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/transform/hadamard.hpp>
#if defined(DFROT_FAIL_CONTROL)
#include <dfrot/reference.hpp>
#endif

void transform(dfrot::hadamard_order const& order, dfrot::matrix_view<float> x) {
  dfrot::hadamard(dfrot::reference::policy{}, order, x);
}
