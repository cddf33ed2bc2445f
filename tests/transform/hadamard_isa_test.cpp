// The Hadamard transforms of every instruction set that this file is compiled for, against the definition in float64.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/core/aligned_vector.hpp>
#include <dfrot/transform/block_hadamard.hpp>
#include <dfrot/transform/hadamard.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <initializer_list>
#include <limits>
#include <tuple>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/instruction_sets.hpp"
#include "support/model_sizes.hpp"

using namespace dfrot;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;

namespace {

template <class Check>
void for_each_isa(Check const& check) {
  std::apply([&](auto... isa) { (check(cpu::basic_policy<decltype(isa)>{1}), ...); }, test::instruction_sets{});
}

/// What one rounding to T may add, relative to the largest result; float sums of n terms add a few of their own.
template <class T>
constexpr double tolerance = 2e-6;
template <>
constexpr double tolerance<half> = 1e-3;
template <>
constexpr double tolerance<bfloat16> = 8e-3;

/// x diag(s) H_n / sqrt(n) (or x H_n^T diag(s) / sqrt(n)) in float64, level by level from the far end, which no kernel does.
std::vector<double> in_float64(randomized_hadamard const& rotation, bool transpose, std::vector<double> x) {
  hadamard_order const& order = rotation.order();
  std::size_t const n = order.size();
  std::size_t const rest = order.rest();
  auto const apply_signs = [&] {
    for (std::size_t i = 0; i < n; ++i) {
      x[i] *= rotation.signs()[i];
    }
  };
  if (!transpose) {
    apply_signs();
  }
  for (std::size_t distance = rest / 2; distance > 0; distance /= 2) {
    for (std::size_t i = 0; i < n; ++i) {
      if ((i & distance) == 0) {
        double const sum = x[i] + x[i + distance];
        x[i + distance] = x[i] - x[i + distance];
        x[i] = sum;
      }
    }
  }
  std::vector<double> result(n, 0.0);
  for (std::size_t a = 0; a < order.base(); ++a) {
    for (std::size_t c = 0; c < order.base(); ++c) {
      double const factor =
          (transpose ? order.base_row(c)[a] : order.base_row(a)[c]) / std::sqrt(static_cast<double>(n));
      for (std::size_t d = 0; d < rest; ++d) {
        result[c * rest + d] += factor * x[a * rest + d];
      }
    }
  }
  x = result;
  if (transpose) {
    apply_signs();
  }
  return x;
}

/// Rows of n values among values that nobody may touch, from an address that is no multiple of anything.
template <class T>
struct guarded_rows {
  static constexpr float guard = 77.0F;
  std::size_t rows, columns, stride;
  aligned_vector<T> memory;

  guarded_rows(matrix<T> const& x, std::size_t gap)
      : rows(x.rows()), columns(x.columns()), stride(columns + gap), memory(1 + rows * stride + 40, store<T>(guard)) {
    for (std::size_t i = 0; i < rows; ++i) {
      std::copy_n(x.data() + i * columns, columns, view().row(i));
    }
  }
  matrix_view<T> view() { return {memory.data() + 1, rows, columns, stride}; }
  bool untouched() {
    std::size_t intact = 0;
    for (std::size_t k = 0; k < memory.size(); ++k) {
      bool const inside = k >= 1 && k - 1 < rows * stride && (k - 1) % stride < columns;
      intact += !inside && load(memory[k]) == guard ? 1U : 0U;
    }
    return intact == memory.size() - rows * columns;
  }
};

template <class T>
double largest_error(matrix_view<T> y, std::size_t row, std::vector<double> const& exact) {
  double error = 0;
  double largest = 0;
  for (std::size_t j = 0; j < y.columns; ++j) {
    error = std::max(error, std::fabs(static_cast<double>(load(y(row, j))) - exact[j]));
    largest = std::max(largest, std::fabs(exact[j]));
  }
  return error / largest;
}

/// Both directions, with and without signs, on rows with a gap between them.
template <class T>
void check_order(std::size_t n, std::size_t rows) {
  randomized_hadamard const rotation(n, n);
  auto const x = gaussian_matrix<T>(rows, n, n);
  std::vector<std::vector<double>> forward(rows);
  std::vector<std::vector<double>> backward(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    std::vector<double> row(n);
    std::transform(x.data() + i * n, x.data() + (i + 1) * n, row.begin(),
                   [](T value) { return static_cast<double>(load(value)); });
    forward[i] = in_float64(rotation, false, row);
    backward[i] = in_float64(rotation, true, row);
  }
  for_each_isa([&](auto const& on) {
    CAPTURE(n, std::remove_cvref_t<decltype(on)>::arch::name);
    guarded_rows<T> y(x, 3);
    apply(on, rotation, y.view());
    guarded_rows<T> z(x, 0);
    apply(on, transposed(rotation), z.view());
    for (std::size_t i = 0; i < rows; ++i) {
      REQUIRE(largest_error(y.view(), i, forward[i]) <= tolerance<T>);
      REQUIRE(largest_error(z.view(), i, backward[i]) <= tolerance<T>);
    }
    REQUIRE(y.untouched());
    REQUIRE(z.untouched());
    // Without signs: the same as with signs that are undone before. In one batch, and row by row: the same bits.
    guarded_rows<T> batch(x, 0);
    hadamard(on, rotation.order(), batch.view());
    guarded_rows<T> single(x, 5);
    for (std::size_t i = 0; i < rows; ++i) {
      hadamard(on, rotation.order(), single.view().row_block(i, 1));
      REQUIRE(std::equal(single.view().row(i), single.view().row(i) + n, batch.view().row(i),
                         [](T a, T b) { return load(a) == load(b); }));
    }
    REQUIRE(batch.untouched());
    apply(on, transposed(rotation.order()), batch.view());
    for (std::size_t i = 0; i < rows; ++i) {
      std::vector<double> row(n);
      std::transform(x.data() + i * n, x.data() + (i + 1) * n, row.begin(),
                     [](T value) { return static_cast<double>(load(value)); });
      REQUIRE(largest_error(batch.view(), i, row) <= 3 * tolerance<T>);
    }
  });
}

}  // namespace

TEMPLATE_TEST_CASE("every order up to 300 on every instruction set", "", float, half, bfloat16) {
  for (std::size_t n = 1; n <= 300; ++n) {
    if (hadamard_order::is_constructible(n)) {
      check_order<TestType>(n, n <= 64 ? 3 : 1);
    }
  }
}

TEMPLATE_TEST_CASE("a row has the same bits alone and among others, at any stride and for any number of threads", "",
                   float, half, bfloat16) {
  constexpr std::size_t rows = 35;  // no multiple of what registers take at once
  for (std::size_t const n :
       std::initializer_list<std::size_t>{8, 12, 20, 24, 44, 60, 80, 92, 96, 112, 156, 160, 172, 240, 284, 344, 688}) {
    randomized_hadamard const rotation(n, n);
    auto const x = gaussian_matrix<TestType>(rows, n, n);
    for_each_isa([&](auto const& on) {
      auto const with_threads = [](auto policy, int threads) {
        policy.threads = threads;
        return policy;
      };
      auto const check = [&](auto const& transform) {
        guarded_rows<TestType> alone(x, 5);
        for (std::size_t i = 0; i < rows; ++i) {
          apply(on, transform, alone.view().row_block(i, 1));
        }
        for (std::size_t const gap : {0U, 3U}) {
          for (int const threads : {1, 3}) {
            guarded_rows<TestType> together(x, gap);
            apply(with_threads(on, threads), transform, together.view());
            CAPTURE(n, gap, threads, std::remove_cvref_t<decltype(on)>::arch::name);
            std::size_t different = 0;
            for (std::size_t i = 0; i < rows; ++i) {
              different +=
                  std::memcmp(together.view().row(i), alone.view().row(i), n * sizeof(TestType)) != 0 ? 1U : 0U;
            }
            CHECK(different == 0);
            CHECK(together.untouched());
          }
        }
      };
      check(rotation);
      check(transposed(rotation));
      check(rotation.order());
    });
  }
}

TEMPLATE_TEST_CASE("powers of two up to 2^17 on every instruction set", "", float, half, bfloat16) {
  for (std::size_t n = 512; n <= std::size_t{1} << 17U; n *= 2) {
    check_order<TestType>(n, n <= 4096 ? 2 : 1);
  }
}

TEST_CASE("the sizes of models on every instruction set") {
  for (std::size_t const n : test::model_sizes) {
    check_order<float>(n, 1);
  }
  for (std::size_t const n : std::initializer_list<std::size_t>{896, 5120, 11008, 14336}) {
    check_order<half>(n, 1);
    check_order<bfloat16>(n, 1);
  }
}

TEMPLATE_TEST_CASE("each head of a token is transformed by itself", "", float, double, half, bfloat16) {
  for (std::size_t const size : std::initializer_list<std::size_t>{4, 64, 80, 96, 128}) {
    hadamard_order const order(size);
    std::size_t const heads = 7;
    auto const x = gaussian_matrix<TestType>(5, heads * size, size);
    auto const check = [&](auto const& on) {
      CAPTURE(size);
      for (std::size_t const gap : std::initializer_list<std::size_t>{0, 9}) {
        guarded_rows<TestType> all(x, gap);
        block_hadamard const blocks(order, heads);
        std::vector<arithmetic_t<TestType>> workspace(apply_workspace_size<TestType>(on, blocks));
        vector_view<arithmetic_t<TestType>> const room(workspace.data(), workspace.size());
        apply(on, blocks, all.view(), room);
        for (std::size_t i = 0; i < 5; ++i) {
          for (std::size_t h = 0; h < heads; ++h) {
            matrix<TestType> head(1, size);
            std::copy_n(x.data() + (i * heads + h) * size, size, head.data());
            hadamard(on, order, head.view());
            REQUIRE(std::equal(head.data(), head.data() + size, all.view().row(i) + h * size,
                               [](TestType a, TestType b) { return load(a) == load(b); }));
          }
        }
        REQUIRE(all.untouched());
        apply(on, transposed(blocks), all.view(), room);
        double error = 0;
        for (std::size_t i = 0; i < 5; ++i) {
          for (std::size_t j = 0; j < heads * size; ++j) {
            error = std::max(error, std::fabs(static_cast<double>(load(all.view()(i, j)) - load(x(i, j)))));
          }
        }
        REQUIRE(error <= 20 * tolerance<TestType>);
      }
    };
    check(reference::policy{});
    for_each_isa(check);
    check(cpu::policy{3});
  }
}

TEST_CASE("heads must fit into the row") {
  hadamard_order const order(64);
  CHECK_THROWS_WITH(blocks_of_channels(order, 100), contains_text("blocks of 64 channels in 100"));
  CHECK_THROWS_WITH(block_hadamard::of_channels(100, 64), contains_text("blocks of 64 channels in 100"));
  matrix<half> y(2, 128);
  vector_view<float> const none;
  CHECK_THROWS_WITH(apply(cpu::policy{}, blocks_of_channels(order, 128), y.view(), none),
                    contains_text("needs a workspace of 128 values, this one has 0"));
}

TEST_CASE("signs change no bit but the sign: zeros and infinities included") {
  randomized_hadamard const rotation(1, 1);
  for_each_isa([&](auto const& on) {
    for (float const value : {0.0F, -0.0F, 1.5F, std::numeric_limits<float>::infinity()}) {
      matrix<float> x(1, 1);
      x(0, 0) = value;
      apply(on, rotation, x.view());
      CHECK(x(0, 0) == value * static_cast<float>(rotation.signs()[0]));
      CHECK(std::signbit(x(0, 0)) == (std::signbit(value) != (rotation.signs()[0] < 0)));
    }
  });
}
