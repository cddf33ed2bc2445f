#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/cuda.cuh>
#include <dfrot/loss/massive_tokens.hpp>
#include <initializer_list>
#include <limits>
#include <vector>

#include "cuda/on_device.hpp"

using namespace dfrot;
using namespace dfrot::test;

namespace {

template <class T>
matrix<token_error> errors_there(int4_scheme const& scheme, matrix<T> const& x) {
  cuda::policy const on{};
  auto const there = to_device(x);
  cuda::device_matrix<token_error> errors(on, 1, x.rows());
  token_errors(on, scheme, there.view(), errors.values());
  return to_host(errors);
}

double distance(double a, double b) { return a == b ? 0 : std::fabs(a - b) / std::fabs(b); }

template <class T>
void check_errors(int4_scheme const& scheme, matrix<T> const& x) {
  CAPTURE(x.columns(), scheme.symmetric, scheme.group, static_cast<int>(scheme.scale));
  std::vector<token_error> expected(x.rows());
  token_errors(reference::policy{}, scheme, x.view(), vector_view<token_error>(expected.data(), expected.size()));
  auto const found = errors_there(scheme, x);
  // For double, differences of neighbouring values and codes may be fused, or not.
  double const tolerance = std::is_same_v<T, double> ? 1e-11 : 1e-13;
  double worst = 0;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    worst = std::max({worst, distance(found(0, i).squared_error, expected[i].squared_error),
                      distance(found(0, i).squared_norm, expected[i].squared_norm)});
  }
  CHECK(worst < tolerance);
}

}  // namespace

TEMPLATE_TEST_CASE("errors and norms of tokens are the reference's, to the rounding of their sums", "", float, double,
                   half, bfloat16) {
  in_every_order([] {
    for (std::size_t const n : std::initializer_list<std::size_t>{1, 7, 130, 1030}) {
      auto x = gaussian_matrix<TestType>(n < 64 ? 300 : 4, n, n);
      std::fill_n(x.data() + n, n, TestType{});
      for (std::size_t const group : std::initializer_list<std::size_t>{0, 32, 101}) {
        check_errors<TestType>({true, group, 0.9F, scale_rule::max}, x);
        check_errors<TestType>({false, group, 1.0F, scale_rule::max}, x);
      }
      check_errors<TestType>({true, 0, 1.0F, scale_rule::search}, x);
      check_errors<TestType>({false, 64, 1.0F, scale_rule::search}, x);
    }
  });
}

TEST_CASE("token errors: the same bits for every order of threads, and the weighted loss of them", "[small]") {
  auto const x = gaussian_matrix<float>(5, 1030, 2);
  int4_scheme const scheme{true, 128, 1.0F, scale_rule::search};
  auto const once = errors_there(scheme, x);
  in_every_order([&] {
    auto const again = errors_there(scheme, x);
    CHECK(std::memcmp(once.data(), again.data(), 5 * sizeof(token_error)) == 0);
  });
  massive_tokens const massive{{0, 1, 0, 0, 0}, 1, "threshold", 1};
  std::vector<token_error> expected(5);
  token_errors(reference::policy{}, scheme, x.view(), vector_view<token_error>(expected.data(), 5));
  double const there = summarize(vector_view<token_error const>(once.data(), 5), massive, 100).weighted_loss;
  double const here = summarize(vector_view<token_error const>(expected.data(), 5), massive, 100).weighted_loss;
  CHECK(distance(there, here) < 1e-13);
}

TEST_CASE("the error of a token that is not finite is NaN; no columns are no error") {
  cuda::policy const on{};
  auto x = gaussian_matrix<float>(3, 96, 2);
  x(1, 50) = std::numeric_limits<float>::infinity();
  auto const found = errors_there({true, 32, 1.0F, scale_rule::max}, x);
  CHECK(std::isnan(found(0, 1).squared_error));
  CHECK(std::isfinite(found(0, 2).squared_error));
  auto const errors = to_device(found);
  CHECK_THROWS_WITH(cuda::reject_non_finite(on, errors.values()), contains_text("row 1"));
  auto const none = errors_there<float>({}, matrix<float>(3, 0));
  CHECK(none(0, 2).squared_error == 0);
  CHECK(none(0, 2).squared_norm == 0);
}

TEMPLATE_TEST_CASE("Gaussian numbers made on the device are the host's, to the bit", "", double, float, half) {
  cuda::policy const on{};
  for (std::size_t const count : std::initializer_list<std::size_t>{1, 6, 5000}) {
    cuda::device_matrix<TestType> values(on, 1, count);
    cuda::random_gaussians(on, 11, random_stream::user, values.values());
    auto const found = to_host(values);
    std::size_t wrong = 0;
    for (std::size_t k = 0; k < count; ++k) {
      double const drawn = gaussian_block(11, random_stream::user, k / 4).value[k % 4];
      TestType const expected = store<TestType>(static_cast<arithmetic_t<TestType>>(drawn));
      wrong += std::memcmp(&expected, &found.data()[k], sizeof expected) != 0;
    }
    CHECK(wrong == 0);
  }
}
