#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/cpu/dequantize.hpp>
#include <dfrot/backend/cpu/pack.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/reference/pack.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/pack.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/instruction_sets.hpp"
#include "support/model_sizes.hpp"

// Every instruction set gives the bits of the reference: codes, packed bytes, scales, zero points, values.

using namespace dfrot;
using dfrot::test::gaussian_matrix;

namespace {

constexpr std::size_t rows = 6;

/// A matrix with room around its rows, which starts at an odd address where the type allows it. Untouched room holds a
/// pattern, which outside_is_untouched() looks for.
template <class T>
class guarded {
 public:
  guarded(std::size_t row_count, std::size_t columns)
      : memory_(row_count * (columns + gap) + 2 * gap),
        view_(memory_.data() + gap - 1, row_count, columns, columns + gap) {
    std::memset(static_cast<void*>(memory_.data()), pattern, memory_.size() * sizeof(T));
  }
  matrix_view<T> view() { return view_; }

  bool outside_is_untouched() const {
    std::vector<bool> inside(memory_.size());
    for (std::size_t i = 0; i < view_.rows; ++i) {
      std::fill_n(inside.begin() + (view_.row(i) - memory_.data()), view_.columns, true);
    }
    auto const* bytes = reinterpret_cast<unsigned char const*>(memory_.data());
    for (std::size_t b = 0; b < memory_.size() * sizeof(T); ++b) {
      if (!inside[b / sizeof(T)] && bytes[b] != pattern) {
        return false;
      }
    }
    return true;
  }
  /// Byte by byte, guards included.
  friend bool operator==(guarded const& a, guarded const& b) {
    return std::memcmp(a.memory_.data(), b.memory_.data(), a.memory_.size() * sizeof(T)) == 0;
  }

 private:
  static constexpr std::size_t gap = 4;
  static constexpr unsigned char pattern = 0x5a;
  std::vector<T> memory_;
  matrix_view<T> view_;
};

/// What quantization writes, packed or not.
template <class Code, class Real>
struct quantized {
  guarded<Code> codes;
  guarded<Real> scales;
  guarded<std::int8_t> zeros;

  quantized(int4_scheme const& scheme, std::size_t row_count, std::size_t columns)
      : codes(row_count, std::is_same_v<Code, std::uint8_t> ? packed_columns(columns) : columns),
        scales(row_count, group_count(scheme, columns)),
        zeros(row_count, scheme.symmetric ? 0 : group_count(scheme, columns)) {}
  auto view() {
    if constexpr (std::is_same_v<Code, std::uint8_t>) {
      return quantized_rows<Code, Real>{codes.view(), scales.view(), zeros.view()};
    } else {
      return quantized_rows<Code, Real>{codes.view(), scales.view(), zeros.view()};
    }
  }
  bool outside_is_untouched() const {
    return codes.outside_is_untouched() && scales.outside_is_untouched() && zeros.outside_is_untouched();
  }
  friend bool operator==(quantized const& a, quantized const& b) {
    return a.codes == b.codes && a.scales == b.scales && a.zeros == b.zeros;
  }
};

/// Rows that are hard in one way each: ordinary, ties (half of integers), zeros, subnormal, near the largest number,
/// and one outlier among ordinary values.
template <class T>
void fill(matrix_view<T> x, std::uint64_t seed) {
  using Real = arithmetic_t<T>;
  auto const ordinary = gaussian_matrix<double>(rows, x.columns, seed);
  Real const largest = load(std::is_same_v<T, half> ? T(65504.0F) : T(static_cast<Real>(3.3e38)));
  Real const least = std::is_same_v<T, half> ? Real(0x1p-24) : Real(std::numeric_limits<Real>::min() / 3);
  for (std::size_t j = 0; j < x.columns; ++j) {
    auto const value = [&](std::size_t i) { return static_cast<Real>(ordinary(i, j)); };
    Real const tie = std::round(value(1) * 4) / 2;
    x(0, j) = store<T>(value(0));
    x(1, j) = store<T>(j == seed % x.columns ? Real{7} : std::clamp<Real>(tie, Real(-6.5), Real(6.5)));
    x(2, j) = store<T>(j % 2 == 0 ? Real{0} : -Real{0});
    x(3, j) = store<T>(value(3) * least);
    x(4, j) = store<T>(std::clamp<Real>(value(4) / 2, Real{-1}, Real{1}) * largest);
    x(5, j) = store<T>(j == (seed * 7) % x.columns ? Real{1000} : value(5));
  }
}

template <class P, class T>
void compare(P const& on, int4_scheme const& scheme, matrix_view<T const> x) {
  using Real = arithmetic_t<T>;
  reference::policy const slowly{};
  quantized<std::int8_t, Real> expected(scheme, x.rows, x.columns);
  quantized<std::int8_t, Real> found(scheme, x.rows, x.columns);
  quantize(slowly, scheme, x, expected.view());
  quantize(on, scheme, x, found.view());
  REQUIRE(found == expected);
  REQUIRE(found.outside_is_untouched());

  quantized<std::uint8_t, Real> expected_packed(scheme, x.rows, x.columns);
  quantized<std::uint8_t, Real> found_packed(scheme, x.rows, x.columns);
  quantize(slowly, scheme, x, expected_packed.view());
  quantize(on, scheme, x, found_packed.view());
  REQUIRE(found_packed == expected_packed);
  REQUIRE(found_packed.outside_is_untouched());
  guarded<std::uint8_t> in_two_steps(x.rows, packed_columns(x.columns));
  pack(slowly, expected.codes.view(), in_two_steps.view());
  REQUIRE(in_two_steps == expected_packed.codes);

  guarded<T> expected_values(x.rows, x.columns);
  guarded<T> from_codes(x.rows, x.columns);
  guarded<T> from_packed(x.rows, x.columns);
  guarded<T> rounded(x.rows, x.columns);
  dequantize(slowly, scheme, expected.view(), expected_values.view());
  dequantize(slowly, scheme, expected_packed.view(), from_packed.view());
  REQUIRE(from_packed == expected_values);
  dequantize(on, scheme, found_packed.view(), from_packed.view());
  REQUIRE(from_packed == expected_values);
  dequantize(on, scheme, found.view(), from_codes.view());
  REQUIRE(from_codes == expected_values);
  guarded<T> readable(x.rows, x.columns);
  for (std::size_t i = 0; i < x.rows; ++i) {
    std::copy_n(x.row(i), x.columns, readable.view().row(i));
  }
  fake_quantize(on, scheme, readable.view(), rounded.view());
  REQUIRE(rounded == expected_values);
}

std::vector<int4_scheme> schemes_for(std::size_t columns) {
  std::vector<int4_scheme> schemes;
  std::size_t const step = columns % 32 == 0 || columns % 61 == 0 ? 1 : 11;  // all of them on some sizes
  std::size_t number = columns;
  for (bool const symmetric : {true, false}) {
    for (std::size_t const group : {0U, 32U, 64U, 128U, 1U, 7U, 33U}) {
      for (float const clip : {1.0F, 0.9F, 1e-6F}) {
        if (number++ % step == 0) {
          schemes.push_back({symmetric, group, clip});
        }
      }
    }
  }
  return schemes;
}

template <class Arch, class T>
void compare_on(std::size_t columns) {
  guarded<T> memory(rows, columns);
  fill(memory.view(), columns);
  for (auto const& scheme : schemes_for(columns)) {
    CAPTURE(Arch::name, columns, scheme.symmetric, scheme.group, scheme.clip);
    compare(cpu::basic_policy<Arch>{}, scheme, matrix_view<T const>(memory.view()));
  }
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("all instruction sets agree to the bit on every small size", "", test::instruction_sets) {
  for (std::size_t columns = 1; columns <= 300; ++columns) {
    compare_on<TestType, float>(columns);
    compare_on<TestType, half>(columns);
    compare_on<TestType, bfloat16>(columns);
    if (columns % 8 == 1) {
      compare_on<TestType, double>(columns);
    }
  }
}

TEMPLATE_LIST_TEST_CASE("all instruction sets agree to the bit on the sizes of models", "", test::instruction_sets) {
  std::size_t number = 0;
  for (std::size_t const columns : test::model_sizes) {
    auto const x = gaussian_matrix<float>(2, columns, columns);
    for (std::size_t const group : {0U, 32U, 128U}) {
      int4_scheme const scheme{++number % 2 == 0, group};
      compare(cpu::basic_policy<TestType>{}, scheme, matrix_view<float const>(x.view()));
    }
  }
}

TEMPLATE_LIST_TEST_CASE("all instruction sets agree to the bit on rows of many groups, one of them hard", "",
                        test::instruction_sets) {
  std::size_t number = 0;
  for (std::size_t const columns :
       {128U, 384U, 640U, 896U, 1024U, 1920U}) {  // up to 60 groups, also not sixteen at a time
    for (std::size_t const group : {32U, 64U, 128U, 256U, 512U}) {
      for (float const hard : {0.0F, 1e-44F, 1e-37F, 1e-36F, 3e-35F, 3e38F}) {  // 1 / scale is the largest for 1e-37
        auto x = gaussian_matrix<float>(3, columns, columns + group);
        std::size_t const first = ++number * 32 % columns;
        for (std::size_t j = first; j < std::min(first + 32, columns); ++j) {
          x(1, j) = j % 3 == 0 ? -hard : hard;
        }
        for (std::size_t j = 0; j < columns; ++j) {
          x(2, j) = std::abs(x(2, j));  // no value below 0
        }
        for (bool const symmetric : {true, false}) {
          float const clip = number % 3 == 0 ? 0.8F : 1.0F;
          CAPTURE(columns, group, hard, symmetric, clip);
          compare(cpu::basic_policy<TestType>{}, {symmetric, group, clip}, matrix_view<float const>(x.view()));
        }
      }
    }
  }
}

TEMPLATE_LIST_TEST_CASE("the number of threads changes no byte", "", test::instruction_sets) {
  auto const x = gaussian_matrix<float>(301, 200, 4);
  for (int const threads : {1, 2, 5}) {
    compare(cpu::basic_policy<TestType>{threads}, {true, 33}, matrix_view<float const>(x.view()));
    compare(cpu::basic_policy<TestType>{threads}, {false, 0, 0.9F}, matrix_view<float const>(x.view()));
  }
  compare(cpu::basic_policy<TestType>{2}, {}, matrix_view<float const>(x.data(), 0, 200));
  compare(cpu::basic_policy<TestType>{2}, {}, matrix_view<float const>(x.data(), 3, 0));
}

TEMPLATE_LIST_TEST_CASE("a value that is not finite is found in every column, and its row gets no codes", "",
                        test::instruction_sets) {
  auto const check = [](auto stored_type) {
    using T = decltype(stored_type);
    using Real = arithmetic_t<T>;
    constexpr Real infinity = std::numeric_limits<Real>::infinity();
    Real const nan = std::numeric_limits<Real>::quiet_NaN();
    cpu::basic_policy<TestType> const on{};
    for (std::size_t const columns : {1U, 40U, 129U, 200U, 256U, 300U}) {
      auto x = gaussian_matrix<T>(4, columns, columns);
      for (std::size_t bad = 0; bad < columns; ++bad) {
        T const good = x(2, bad);
        Real const values[] = {nan, -nan, infinity, -infinity};
        x(2, bad) = store<T>(values[bad % 4]);
        for (int4_scheme const scheme :
             {int4_scheme{true, bad % 2 == 0 ? 0U : 32U}, int4_scheme{false, bad % 3 == 0 ? 64U : 33U}}) {
          quantized<std::int8_t, Real> q(scheme, 4, columns);
          quantized<std::uint8_t, Real> packed(scheme, 4, columns);
          auto const expected = dfrot::test::contains_text("row 2, column " + std::to_string(bad) + " holds");
          CHECK_THROWS_WITH(quantize(on, scheme, x.view(), q.view()), expected);
          CHECK_THROWS_WITH(quantize(on, scheme, x.view(), packed.view()), expected);
          auto const untouched = [](auto byte) { return static_cast<int>(byte) == 0x5a; };
          CHECK(std::all_of(q.codes.view().row(2), q.codes.view().row(2) + columns, untouched));
          CHECK(
              std::all_of(packed.codes.view().row(2), packed.codes.view().row(2) + packed_columns(columns), untouched));
        }
        x(2, bad) = good;
      }
    }
  };
  check(float{});
  check(double{});
  check(half{});
  check(bfloat16{});
}

TEMPLATE_LIST_TEST_CASE("all instruction sets pack and unpack alike", "", test::instruction_sets) {
  cpu::basic_policy<TestType> const on{};
  for (std::size_t columns = 0; columns <= 300; ++columns) {
    guarded<std::int8_t> codes(3, columns);
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < columns; ++j) {
        codes.view()(i, j) = static_cast<std::int8_t>((i * 89 + j * 37) % 256);  // upper bits have to go
      }
    }
    guarded<std::uint8_t> expected(3, packed_columns(columns));
    guarded<std::uint8_t> found(3, packed_columns(columns));
    pack(reference::policy{}, codes.view(), expected.view());
    pack(on, codes.view(), found.view());
    REQUIRE(found == expected);
    for (bool const symmetric : {true, false}) {
      guarded<std::int8_t> expected_codes(3, columns);
      guarded<std::int8_t> found_codes(3, columns);
      unpack(reference::policy{}, {symmetric}, expected.view(), expected_codes.view());
      unpack(on, {symmetric}, expected.view(), found_codes.view());
      REQUIRE(found_codes == expected_codes);
    }
  }
}

TEST_CASE("wrong shapes of packed codes are errors that name the numbers") {
  matrix<float> x(4, 65);
  quantized<std::uint8_t, float> narrow({}, 4, 63);
  quantized<std::uint8_t, float> grouped({true, 32}, 4, 65);
  CHECK_THROWS_WITH(quantize(cpu::policy{}, {}, x.view(), narrow.view()), "packed codes is 4 x 32, expected 4 x 33");
  CHECK_THROWS_WITH(dequantize(cpu::policy{}, {}, narrow.view(), x.view()), "packed codes is 4 x 32, expected 4 x 33");
  CHECK_THROWS_WITH(quantize(cpu::policy{}, {}, x.view(), grouped.view()), "scales is 4 x 3, expected 4 x 1");
  CHECK_THROWS_WITH(quantize(cpu::policy{}, {false, 32}, x.view(), grouped.view()),
                    "zero points is 4 x 0, expected 4 x 3");
}
