#include <cstddef>
#include <dfrot/core/matrix.hpp>
#include <dfrot/cuda.cuh>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "cuda/on_device.hpp"

using namespace dfrot;
using namespace dfrot::test;

static_assert(!std::is_copy_constructible_v<cuda::device_matrix<float>>);
static_assert(std::is_nothrow_move_constructible_v<cuda::device_matrix<float>>);

TEST_CASE("a matrix goes to the device and comes back, strides and padding included") {
  auto const start = gaussian_matrix<float>(5, 12, 1);
  cuda::policy const on{};
  cuda::device_matrix<float> there(on, 5, 12);
  cuda::copy(on, start.view(), there.view());
  // Columns 2 … 8, from one row stride to another.
  cuda::device_matrix<float> part(on, 5, 9);
  matrix_view<float const, device_space> const from(there.data() + 2, 5, 7, 12);
  cuda::copy(on, from, matrix_view<float, device_space>(part.data(), 5, 7, 9));
  matrix<float> back(5, 8);
  cuda::copy(on, matrix_view<float const, device_space>(part.data(), 5, 7, 9),
             matrix_view<float>(back.data(), 5, 7, 8));
  cuda::synchronize(on);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = 0; j < 7; ++j) {
      wrong += back(i, j) != start(i, j + 2);
    }
    wrong += back(i, 7) != 0;
  }
  CHECK(wrong == 0);
}

TEST_CASE("copies check their shapes, and empty ones do nothing") {
  cuda::policy const on{};
  cuda::device_matrix<float> there(on, 2, 3);
  matrix<float> const here(3, 2);
  CHECK_THROWS_WITH(cuda::copy(on, here.view(), there.view()),
                    contains_text("the target of a copy is 2 x 3, expected 3 x 2"));
  cuda::device_matrix<float> none(on, 0, 3);
  CHECK(none.data() == nullptr);
  cuda::copy(on, matrix_view<float const>{nullptr, 0, 3}, none.view());
}

TEST_CASE("device matrices move and own their memory") {
  cuda::policy const on{};
  cuda::device_matrix<float> first(on, 4, 4);
  float const* const memory = first.data();
  cuda::device_matrix<float> second = std::move(first);
  CHECK(second.data() == memory);
  first = std::move(second);
  CHECK(first.data() == memory);
  CHECK(first.rows() == 4);
  CHECK(first.values().size == 16);
  CHECK_THROWS_WITH(cuda::device_matrix<float>(on, static_cast<std::size_t>(-1), 2),
                    contains_text("does not fit into memory"));
}
