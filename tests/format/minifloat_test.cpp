#include <dfrot/format/e1m2.hpp>
#include <dfrot/format/e2m1.hpp>
#include <dfrot/format/element.hpp>
#include <utility>

#include "format/nearest_code.hpp"
#include "support/catch.hpp"

using namespace dfrot;

static_assert(integer_element<e2m1> && threshold_element<e2m1> && !element_with_zero_point<e2m1>);
static_assert(integer_element<e1m2> && threshold_element<e1m2>);

// In constant expressions, too.
static_assert(e2m1::encode(2.4) == 4 && e2m1::encode(-0.1) == 8 && e2m1::value(8) == 0 && e2m1::value(15) == -6);

TEST_CASE("E2M1 is the nearest of its sixteen values, ties to the even code") {
  test::check_minifloat<e2m1>({0, 0.5, 1, 1.5, 2, 3, 4, 6});
  // The ties by hand.
  for (auto const& [tie, code] : {std::pair{0.25, 0}, {0.75, 2}, {1.25, 2}, {1.75, 4}, {2.5, 4}, {3.5, 6}, {5.0, 6}}) {
    CAPTURE(tie);
    CHECK(e2m1::encode(tie) == code);
    CHECK(e2m1::encode(-tie) == code + 8);
  }
}

TEST_CASE("E1M2 is the nearest of its sixteen values, ties to the even code") {
  test::check_minifloat<e1m2>({0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75});
}
