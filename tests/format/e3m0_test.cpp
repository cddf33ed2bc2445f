#include <dfrot/format/e3m0.hpp>
#include <dfrot/format/element.hpp>

#include "format/nearest_code.hpp"
#include "support/catch.hpp"

using namespace dfrot;

static_assert(integer_element<e3m0> && threshold_element<e3m0>);

TEST_CASE("E3M0 is the nearest of its sixteen values, ties to the even code") {
  test::check_minifloat<e3m0>({0, 0.25, 0.5, 1, 2, 4, 8, 16});
}
