// Rows that must not change handed to a transform, which works in place.
// expect: give a view of values that are not const
#include <dfrot/reference.hpp>

#if defined(DFROT_FAIL_CONTROL)
using value = float;
#else
using value = float const;
#endif

void rotate(dfrot::randomized_hadamard const& rotation, dfrot::matrix_view<value> x) {
  dfrot::apply(dfrot::reference::policy{}, rotation, x);
}
