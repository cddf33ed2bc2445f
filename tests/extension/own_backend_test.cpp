#include "extension/own_backend.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

// A backend from outside the library runs through the doors that it has hooks for, and no others.

using namespace dfrot;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace silent {

/// A backend without hooks.
struct policy {
  using memory_space = host_space;
};

}  // namespace silent

namespace {

/// What becomes of rows under a policy.
struct results {
  matrix<std::uint8_t> codes;
  matrix<float> scales;
  matrix<float> decoded;
  matrix<float> rounded;
  std::vector<token_error> errors;
};

template <class P, class Scheme>
results run_doors(P const& on, Scheme const& scheme, matrix<float> const& x) {
  std::size_t const m = x.rows();
  std::size_t const n = x.columns();
  results found{matrix<std::uint8_t>(m, packed_columns(n)), matrix<float>(m, group_count(scheme, n)),
                matrix<float>(m, n), matrix<float>(m, n), std::vector<token_error>(m)};
  quantized_rows<std::uint8_t, float> const out{found.codes.view(), found.scales.view(), {}};
  quantize(on, scheme, x.view(), out);
  dequantize(on, scheme, out, found.decoded.view());
  fake_quantize(on, scheme, x.view(), found.rounded.view());
  token_errors(on, scheme, x.view(), vector_view<token_error>(found.errors.data(), m));
  return found;
}

}  // namespace

TEST_CASE("doors call the hooks of a backend from outside, for schemes of every make") {
  auto const x = gaussian_matrix<float>(9, 67, 1);
  auto const check = [&](auto const& scheme) {
    counting::counts seen;
    results const found = run_doors(counting::policy{&seen}, scheme, x);
    results const expected = run_doors(reference::policy{}, scheme, x);
    CHECK(seen.quantized == 3 * x.rows());  // quantize, fake_quantize, token_errors
    CHECK(seen.decoded == x.rows());
    CHECK(same_bytes(found.codes, expected.codes));
    CHECK(same_bytes(found.scales, expected.scales));
    CHECK(same_bytes(found.decoded, expected.decoded));
    CHECK(same_bytes(found.rounded, expected.decoded));
    for (std::size_t i = 0; i < x.rows(); ++i) {
      CHECK(found.errors[i].squared_error == expected.errors[i].squared_error);
    }
  };
  check(int4_scheme{});
  check(int4_scheme{.group = 16, .scale = scale_rule::search});
  check(int4_signed{});
}

TEST_CASE("doors above others, and checks, come with the hooks of a backend") {
  counting::counts seen;
  counting::policy const on{&seen};
  auto x = gaussian_matrix<float>(600, 64, 2);
  x(41, 7) = 3000;
  CHECK(massive_automatic(on, x.view()).is_massive == massive_automatic(reference::policy{}, x.view()).is_massive);
  CHECK(seen.searched == x.rows());
  x(5, 60) = std::numeric_limits<float>::quiet_NaN();
  std::vector<token_error> errors(x.rows());
  CHECK_THROWS_WITH(token_errors(on, int4_scheme{}, x.view(), vector_view<token_error>(errors.data(), errors.size())),
                    contains_text("row 5"));
}

// A hook that is not there is no door, and nothing falls back to another backend.
static_assert(can_quantize<counting::policy, int4_scheme, float, vector_view<token_error>>);
static_assert(can_find_massive_candidates<counting::policy, float>);
static_assert(!can_quantize<silent::policy, int4_scheme, float, vector_view<token_error>>);
