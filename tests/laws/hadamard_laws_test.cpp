#include <cstddef>
#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "laws/hadamard_laws.hpp"
#include "support/catch.hpp"
#include "support/model_sizes.hpp"
#include "support/sign_matrices.hpp"

using namespace dfrot;

namespace {

template <class P>
void check_rotation(P const& on, randomized_hadamard const& rotation) {
  dfrot::test::check_rotation_laws(
      rotation, [&](matrix<float>& x) { apply(on, rotation, x.view()); },
      [&](matrix<float>& x) { apply(on, transposed(rotation), x.view()); });
}

}  // namespace

TEST_CASE("H H^T = n I, in integers, for every order up to 1024 that can be constructed") {
  std::size_t orders = 0;
  for (std::size_t n = 1; n <= 1024; ++n) {
    if (!hadamard_order::is_constructible(n)) {
      continue;
    }
    ++orders;
    hadamard_order const order(n);
    CAPTURE(n, order.construction_name());
    REQUIRE(dfrot::test::count_wrong_row_products(n, [&order](auto i, auto j) { return order.sign(i, j); }) == 0);
  }
  CHECK(orders == 2 + 256 - 52);  // 1, 2, and the multiples of 4 but 52
}

TEST_CASE(
    "at the sizes of published models: apply is the dense product, preserves norms, and its transpose undoes it") {
  for (std::size_t const n : dfrot::test::model_sizes) {
    CAPTURE(n);
    randomized_hadamard const rotation(n, 5);
    check_rotation(cpu::policy{2}, rotation);
    check_rotation(reference::policy{}, rotation);
  }
}
