#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <dfrot/backend/reference/rotate_quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/cuda.cuh>
#include <initializer_list>
#include <limits>

#include "cuda/on_device.hpp"

using namespace dfrot;
using namespace dfrot::test;

namespace {

/// rotate_quantize() on the device.
template <class T>
auto fused(randomized_hadamard const& rotation, int4_scheme const& scheme, matrix<T> const& x) {
  using real = arithmetic_t<T>;
  cuda::policy const on{};
  auto const there = to_device(x);
  auto const rotation_there = to<device_space>(on, rotation);
  cuda::device_matrix<real> workspace(on, 1, rotate_quantize_workspace_size(on, rotation_there));
  return packed_there<real>(scheme, x.rows(), x.columns(), [&](auto const& out) {
    rotate_quantize(on, rotation_there, scheme, there.view(), out, workspace.values());
  });
}

/// The rotation in its arithmetic type and quantize(), one after the other, on the device.
template <class T>
auto one_after_the_other(randomized_hadamard const& rotation, int4_scheme const& scheme, matrix<T> const& x) {
  using real = arithmetic_t<T>;
  cuda::policy const on{};
  matrix<real> wide(x.rows(), x.columns());
  std::transform(x.data(), x.data() + x.rows() * x.columns(), wide.data(), [](T value) { return load(value); });
  auto there = to_device(wide);
  auto const rotation_there = to<device_space>(on, rotation);
  cuda::device_matrix<real> workspace(on, 1, apply_workspace_size<real>(on, rotation.order()));
  apply(on, rotation_there, there.view(), workspace.values());
  return packed_there<real>(scheme, x.rows(), x.columns(),
                            [&](auto const& out) { quantize(on, scheme, there.view(), out); });
}

/// Bytes whose codes are not those of the reference, which rotates with other rounding: none by more than one step.
template <class T>
std::size_t far_codes(randomized_hadamard const& rotation, int4_scheme const& scheme, matrix<T> const& x,
                      std::size_t& near) {
  std::size_t const n = x.columns();
  auto const found = fused(rotation, scheme, x);
  auto const expected = packed_here<arithmetic_t<T>>(scheme, x.rows(), n, [&](auto const& out) {
    rotate_quantize(reference::policy{}, rotation, scheme, x.view(), out);
  });
  std::size_t far = 0;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      unsigned const position = j % 2;
      auto const code = [&](std::uint8_t byte) {
        return scheme.symmetric ? unpack_int4(byte, position) : unpack_uint4(byte, position);
      };
      int const distance = std::abs(code(found.packed(i, j / 2)) - code(expected.packed(i, j / 2)));
      far += distance > 1 ? 1 : 0;
      near += distance == 1 ? 1 : 0;
    }
  }
  return far;
}

template <class T>
void check_fused(std::size_t n, std::size_t rows, int4_scheme const& scheme) {
  CAPTURE(n, rows, scheme.symmetric, scheme.group);
  randomized_hadamard const rotation(n, 5);
  auto const x = gaussian_matrix<T>(rows, n, n);
  CHECK(fused(rotation, scheme, x) == one_after_the_other(rotation, scheme, x));
  std::size_t near = 0;
  CHECK(far_codes(rotation, scheme, x, near) == 0);
  CHECK(near <= 2 + rows * n / 1000);
}

}  // namespace

TEMPLATE_TEST_CASE("rotated and quantized in one kernel: the bytes of two", "", float, double, half, bfloat16) {
  in_every_order([] {
    for (std::size_t const n : std::initializer_list<std::size_t>{1, 2, 12, 64, 128, 896, 1032, 4096}) {
      std::size_t const rows = n < 64 ? 300 : 3;
      check_fused<TestType>(n, rows, {true, 0, 1.0F, scale_rule::max});
      check_fused<TestType>(n, rows, {false, 128, 0.9F, scale_rule::max});
    }
    check_fused<TestType>(896, 2, {false, 101, 1.0F, scale_rule::max});
    check_fused<TestType>(512, 2, {true, 0, 1.0F, scale_rule::search});
  });
}

TEMPLATE_TEST_CASE("large bases, long rows, and rows longer than shared memory", "", float, half) {
  check_fused<TestType>(684, 2, {true, 0, 1.0F, scale_rule::max});
  check_fused<TestType>(14336, 2, {true, 0, 0.9F, scale_rule::max});
#if !defined(__CUDACC__)
  test::emulated::device_settings small = test::emulated::settings();
  small.shared_bytes = 24576;
  test::emulated::with_settings(small, [] {
    check_fused<TestType>(8192, 2, {false, 128, 1.0F, scale_rule::max});
    check_fused<TestType>(684 * 16, 2, {true, 0, 1.0F, scale_rule::max});
  });
#endif
}

TEST_CASE("an order without signs, and rows that are not finite", "[small]") {
  cuda::policy const on{};
  hadamard_order const order(96);
  int4_scheme const scheme{true, 32, 1.0F, scale_rule::max};
  auto const clean = gaussian_matrix<float>(4, 96, 8);
  auto dirty = clean;
  dirty(2, 5) = std::numeric_limits<float>::infinity();
  std::fill_n(dirty.data() + 3 * 96, 96, 3e38F);  // finite, but not rotated
  auto const run = [&](matrix<float> const& x) {
    auto const there = to_device(x);
    return packed_there<float>(scheme, 4, 96, [&](auto const& out) {
      rotate_quantize(on, order, scheme, there.view(), out, vector_view<float, device_space>{});
    });
  };
  auto const expected = run(clean);
  auto const found = run(dirty);
  std::size_t wrong = 0;
  for (std::size_t j = 0; j < 48; ++j) {
    wrong += found.packed(0, j) != expected.packed(0, j) || found.packed(1, j) != expected.packed(1, j);
    wrong += found.packed(2, j) != 0;
  }
  CHECK(wrong == 0);
  CHECK(std::isnan(found.scales(2, 0)));
  CHECK(std::isnan(found.scales(3, 0)));
  auto const scales = to_device(found.scales);
  CHECK_THROWS_WITH(cuda::reject_non_finite(on, scales.view()), contains_text("row 2 or its rotation"));
}

TEST_CASE("wrong numbers of signs and small workspaces are refused") {
  cuda::policy const on{};
  hadamard_order const order(684);
  auto const rotation = to<device_space>(on, randomized_hadamard(684, 1));
  int4_scheme const scheme{};
  cuda::device_matrix<float> x(on, 1, 684);
  cuda::device_matrix<std::uint8_t> packed(on, 1, 342);
  cuda::device_matrix<float> scales(on, 1, 1);
  quantized_rows<std::uint8_t, float, device_space> const out{packed.view(), scales.view(), {}};
  CHECK(rotate_quantize_workspace_size(on, hadamard_order(4096)) == 0);
  CHECK_THROWS_WITH(rotate_quantize(on, rotation, scheme, x.view(), out, vector_view<float, device_space>{}),
                    contains_text("needs a workspace of 14706 values, this one has 0"));
  cuda::device_matrix<float> workspace(on, 1, 14706);
  signs_view<device_space> const few{{rotation.signs().data, 3}};
  CHECK_THROWS_WITH(chain_of(few, order), contains_text("a chain of transforms of 3 and 684 channels"));
  hadamard_order const head(228);
  CHECK_THROWS_WITH(rotate_quantize(on, blocks_of_channels(head, 684), scheme, x.view(), out, workspace.values()),
                    contains_text("a Hadamard of blocks of 228: on a device, apply() first, then quantize()"));
  CHECK_THROWS_WITH(
      apply(on, chain_of(rotation.view().first, blocks_of_channels(head, 684)), x.view(), workspace.values()),
      contains_text("go together for whole rows; apply one after the other"));
}
