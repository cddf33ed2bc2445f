// Weights in FP4 for a backend that has products of INT4 only: the message says so. Compiled as for the emulated device.
// expect: this backend multiplies INT4 codes only: it has no kernels for weights of this element
#include <dfrot/cuda.cuh>
#include <dfrot/format/e2m1.hpp>

#if defined(DFROT_FAIL_CONTROL)
using element = dfrot::s4;
#else
using element = dfrot::e2m1;
#endif

void repack(dfrot::matrix_view<std::uint8_t const, dfrot::device_space> packed,
            dfrot::vector_view<std::uint8_t, dfrot::device_space> storage) {
  static_cast<void>(dfrot::repack_weights<element>(dfrot::cuda::policy{}, packed, 64, storage));
}
