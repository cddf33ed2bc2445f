// Which row an error names where a block of rotated rows overflowed: the caller's row, whatever block it fell into, and that it
// was finite before.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <dfrot/cpu.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/optimize/low_rank/refine_short.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>
#include <dfrot/reference.hpp>

#include "support/catch.hpp"

using namespace dfrot;

namespace {

constexpr std::size_t channels = 64;
constexpr float huge = 3e38F;  // a row of these is finite, and its Hadamard transform is not

/// Ordinary rows with one of huge values, at a distance of more than their length.
struct rows_with_a_huge_one {
  rows_with_a_huge_one(std::size_t count, std::size_t bad) : values(count, channels + 7) {
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < channels; ++j) {
        values(i, j) = i == bad ? huge : static_cast<float>((i * 7 + j * 3) % 11) - 5.0F;
      }
    }
  }
  matrix_view<float const> view() const { return {values.data(), values.rows(), channels, values.columns()}; }
  matrix<float> values;
};

template <class Call>
std::string error_of(Call const& call) {
  try {
    call();
  } catch (std::invalid_argument const& error) {
    return error.what();
  }
  return "no error";
}

std::string overflow_of(std::string const& row) {
  return row + " is finite, but overflows when it is rotated: scale the activations down";
}

/// Rows in the first, a middle and the last of the blocks that any door works in, the edges of blocks included.
constexpr std::size_t token_count = 3000;
constexpr std::size_t bad_rows[] = {0, 511, 512, 1023, 1024, 1700, 2047, 2500, 2999};

}  // namespace

TEST_CASE("errors of rotated rows name the row that the caller knows") {
  randomized_hadamard const rotation(channels, 1);
  for (std::size_t const bad : bad_rows) {
    rows_with_a_huge_one const x(token_count, bad);
    std::vector<token_error> errors(token_count);
    vector_view<token_error> const out(errors.data(), token_count);
    CAPTURE(bad);
    auto const expected = overflow_of(message("row ", bad));
    CHECK(error_of([&] { rotated_token_errors(cpu::policy{2}, int4_scheme{}, rotation, x.view(), out); }) == expected);
    CHECK(error_of([&] { rotated_token_errors(reference::policy{}, int4_scheme{}, rotation, x.view(), out); }) ==
          expected);
    matrix<float> dense(channels, channels);
    rotation.to_dense(dense.view());
    CHECK(error_of([&] {
            rotated_token_errors(cpu::policy{2}, int4_scheme{}, dense_rotation<float>(dense), x.view(), out);
          }) == expected);
  }
}

TEST_CASE("a refinement that meets a row too large for its rotation names the row") {
  cpu::policy const on{2};
  matrix<float> start(channels, channels);
  randomized_hadamard(channels, 1).to_dense(start.view());
  for (std::size_t const bad : bad_rows) {
    CAPTURE(bad);
    rows_with_a_huge_one const x(token_count, bad);
    massive_tokens massive{std::vector<std::uint8_t>(token_count), 0, "none", 0};
    for (std::size_t i = 0; i < token_count; i += 97) {  // massive tokens take part in every share of the tokens
      massive.is_massive[i] = 1;
      ++massive.count;
    }
    CHECK(error_of([&] {
            static_cast<void>(refine_rotation(on, int4_scheme{}, x.view(), massive, std::as_const(start).view(), {},
                                              [](refine_round const&) { return false; }));
          }) == overflow_of(message("row ", bad)));
  }
}

TEST_CASE("a part of the tokens counts rows over all parts, with and without blocks left out") {
  cpu::policy const on{2};
  matrix<float> start(channels, channels);
  randomized_hadamard(channels, 1).to_dense(start.view());
  for (double const share : {1.0, 0.3}) {
    rows_with_a_huge_one const x(token_count, 2500);
    std::vector<std::uint8_t> massive(token_count);
    massive[2500] = 1;  // takes part whatever the share, behind others that do not
    token_flags const flags{{massive.data(), token_count}, {}, 4096};
    round_sums sums = begin_refinement(on, std::as_const(start).view(), {}, token_count).empty_sums();
    CHECK(error_of([&] {
            accumulate_tokens(on, int4_scheme{}, memory_tokens<float>(x.view()), flags, start.view(),
                              round_request{share, true, 1}, sums);
          }) == overflow_of("row 6596"));
  }
}

TEST_CASE("a short refinement names the massive row that its rotation makes overflow") {
  for (std::size_t const bad : {0U, 1U, 2U}) {
    matrix<float> x(3, channels);
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < channels; ++j) {
        x(i, j) = (j == 0 ? 100.0F : 1.0F) + static_cast<float>(i);
      }
    }
    for (std::size_t j = 0; j < channels; ++j) {
      x(bad, j) = huge;
    }
    CAPTURE(bad);
    CHECK(error_of([&] {
            static_cast<void>(refine_short(cpu::policy{1}, int4_scheme{}, x.view(), randomized_hadamard(channels, 1),
                                           {}, [](short_round const&) { return true; }));
          }) == overflow_of(message("massive row ", bad)));
  }
}

TEST_CASE("rotate_quantize names the row that overflows") {
  for (std::size_t const bad : bad_rows) {
    rows_with_a_huge_one const x(token_count, bad);
    std::vector<std::uint8_t> bytes(token_count * channels / 2);
    std::vector<float> scales(token_count);
    quantized_rows<std::uint8_t, float> const out{
        {bytes.data(), token_count, channels / 2}, {scales.data(), token_count, 1}, {}};
    CHECK(error_of([&] {
            rotate_quantize(cpu::policy{2}, randomized_hadamard(channels, 1), int4_scheme{}, x.view(), out);
          }) == overflow_of(message("row ", bad)));
  }
}
