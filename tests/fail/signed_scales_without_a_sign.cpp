// A range rule whose scales may be negative, with scales that have no sign.
// expect: this range rule gives scales a sign, which this storage does not keep
#include <dfrot/quantize/mxfp4.hpp>

template <class Range>
void check() {
  dfrot::block_scheme<dfrot::e2m1, dfrot::e8m0_scale<>, Range>{}.check();
}

int main() {
  check<dfrot::max_range>();
#if !defined(DFROT_FAIL_CONTROL)
  check<dfrot::signed_range>();
#endif
}
