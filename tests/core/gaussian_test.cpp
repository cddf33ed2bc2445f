#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/core/gaussian.hpp>
#include <vector>

#include "support/catch.hpp"

namespace {

using dfrot::random_stream;

std::vector<double> gaussian_numbers(std::size_t count, std::uint64_t seed) {
  std::vector<double> numbers(count);
  for (std::size_t i = 0; i < count; ++i) {
    numbers[i] = dfrot::gaussian_block(seed, random_stream::user, i / 4).value[i % 4];
  }
  return numbers;
}

double normal_distribution(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

/// Largest distance between the empirical and the normal distribution function, times sqrt(count).
double kolmogorov_distance(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  auto const count = static_cast<double>(numbers.size());
  double distance = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    double const expected = normal_distribution(numbers[i]);
    distance = std::max({distance, std::abs(expected - static_cast<double>(i) / count),
                         std::abs(static_cast<double>(i + 1) / count - expected)});
  }
  return distance * std::sqrt(count);
}

TEST_CASE("portable_log agrees with std::log", "[core][gaussian]") {
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    double const u = dfrot::uniform_from_bits(i * 21475u + 1u);  // spread over (0, 1)
    double const expected = std::log(u);
    REQUIRE(std::abs(dfrot::detail::portable_log(u) - expected) <= 4e-16 * std::max(1.0, std::abs(expected)));
  }
  CHECK(dfrot::detail::portable_log(1.0) == 0.0);
  // The argument nearest to 1: the difference from 0 must keep its digits, as -2 log u is the squared radius.
  double const near_one = dfrot::uniform_from_bits(0xffffffffu);
  CHECK(std::abs(dfrot::detail::portable_log(near_one) / std::log(near_one) - 1.0) < 4e-16);
  CHECK(std::abs(dfrot::detail::portable_log(0x1p-33) / std::log(0x1p-33) - 1.0) < 4e-16);
}

TEST_CASE("portable_cos_sin agrees with std::cos and std::sin", "[core][gaussian]") {
  // The angle itself carries a rounding error of up to 2 pi 2^-54 on both sides, hence a little more than one ulp.
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    double const turns = dfrot::uniform_from_bits(i * 21475u + 1u);
    double cosine = 0;
    double sine = 0;
    dfrot::detail::portable_cos_sin(turns, cosine, sine);
    long double const angle = 6.283185307179586476925286766559L * static_cast<long double>(turns);
    REQUIRE(std::abs(cosine - static_cast<double>(std::cos(angle))) <= 4e-16);
    REQUIRE(std::abs(sine - static_cast<double>(std::sin(angle))) <= 4e-16);
  }
}

TEST_CASE("Gaussian numbers have the moments of the normal distribution", "[core][gaussian]") {
  std::size_t const count = 400'000;
  auto const numbers = gaussian_numbers(count, 1);
  double moment[5] = {};
  double neighbours = 0;
  double squares = 0;
  for (std::size_t i = 0; i < count; ++i) {
    double power = 1;
    for (double& sum : moment) {
      sum += power / static_cast<double>(count);
      power *= numbers[i];
    }
    double const next = numbers[(i + 1) % count];
    neighbours += numbers[i] * next / static_cast<double>(count);
    squares += numbers[i] * numbers[i] * next * next / static_cast<double>(count);
  }
  // Standard deviations of the means: sqrt(var(x^k) / count), with var(x^k) = 1, 2, 15, 96; of products 1, and 8.
  double const unit = 1.0 / std::sqrt(static_cast<double>(count));
  CHECK(std::abs(moment[1]) < 5 * unit);
  CHECK(std::abs(moment[2] - 1) < 5 * std::sqrt(2.0) * unit);
  CHECK(std::abs(moment[3]) < 5 * std::sqrt(15.0) * unit);
  CHECK(std::abs(moment[4] - 3) < 5 * std::sqrt(96.0) * unit);
  CHECK(std::abs(neighbours) < 5 * unit);
  CHECK(std::abs(squares - 1) <
        5 * std::sqrt(8.0 + 4.0) * unit);  // neighbours share a block, and their covariance counts
}

TEST_CASE("Gaussian numbers follow the normal distribution function", "[core][gaussian]") {
  // P(distance > 2.5) is 7e-6 for the right distribution; one that is 2 % too wide is at about 3 and more.
  auto numbers = gaussian_numbers(400'000, 2);
  CHECK(kolmogorov_distance(numbers) < 2.5);
  for (double& number : numbers) {
    number *= 1.02;
  }
  CHECK(kolmogorov_distance(numbers) > 2.5);
}

TEST_CASE("Gaussian numbers are bounded by their 32 random bits", "[core][gaussian]") {
  double largest = 0;
  for (double const number : gaussian_numbers(400'000, 3)) {
    REQUIRE(std::isfinite(number));
    largest = std::max(largest, std::abs(number));
  }
  CHECK(largest > 4.0);
  CHECK(largest <= 6.8);
}

TEST_CASE("Gaussian numbers have the same bits with every compiler and instruction set", "[core][gaussian]") {
  // FNV-1a over the first 2^20 numbers; the value was the same with g++ 12 and clang++ 14, at -O0, at -O3 and at
  // -O3 -march=native with fused multiply-adds.
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (double const number : gaussian_numbers(std::size_t{1} << 20u, 42)) {
    hash = (hash ^ std::bit_cast<std::uint64_t>(number)) * 0x100000001b3u;
  }
  CHECK(hash == 0x726e24f0cd3d91aeu);
}

}  // namespace
