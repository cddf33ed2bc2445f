// A scheme that lacks a part: its grids do not say what is written for their scale.
// expect: this scheme lacks a part of the concept quantization_scheme
#include <dfrot/reference.hpp>

struct my_scheme : dfrot::int4_scheme {
#if !defined(DFROT_FAIL_CONTROL)
  template <class Real>
  struct grid_type {
    Real scale = 1;
    int zero_point = 0;
    signed char encode(Real) const { return 0; }
    Real decode(int) const { return 0; }
  };
#endif
};

int main() {
  dfrot::matrix_view<float> const x{};
  dfrot::quantize(dfrot::reference::policy{}, my_scheme{}, x, dfrot::quantized_rows<unsigned char, float>{});
}
