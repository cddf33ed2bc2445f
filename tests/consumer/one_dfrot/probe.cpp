#include <dfrot/version.hpp>

#if defined(EXPECT_DFROT) && !__has_include(<Eigen/Core>)
#error "dfrot::dfrot does not hand on Eigen"
#endif
#if defined(EXPECT_KERNELS) && !__has_include(<xsimd/xsimd.hpp>)
#error "dfrot::kernels does not hand on xsimd"
#endif

int main() { return 0; }
