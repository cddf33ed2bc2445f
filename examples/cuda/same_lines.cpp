// The same lines on three backends: plain loops, the processor's vectors, and a CUDA device.
//
// A policy says where an operation runs, and its views say where their memory is; nothing else differs. Codes, packed bytes
// and decoded values are the same to the bit everywhere. A rotation sums in another order on each backend, so a rotated
// value that lies between two codes may fall to either side.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/reference.hpp>

#include "same_lines.hpp"
#include "support/lesson.hpp"

namespace {

using namespace dfrot;
using example::groups_of;
using example::outcome;

constexpr std::size_t tokens = 32;
constexpr std::size_t channels = 14336;

template <execution_policy P>
outcome run_here(P const& on, randomized_hadamard const& rotation, matrix_view<float const> x) {
  outcome result{std::vector<std::uint8_t>(tokens * packed_columns(channels)), std::vector<float>(tokens * channels),
                 std::vector<std::uint8_t>(tokens * packed_columns(channels)), std::vector<token_error>(tokens)};
  matrix<float> scales(tokens, groups_of(channels));
  matrix<float> rotated_scales(tokens, groups_of(channels));
  std::vector<float> workspace(rotate_quantize_workspace_size(on, rotation));
  example::operands<host_space> const data{
      x,
      {{result.packed.data(), tokens, packed_columns(channels)}, scales.view(), {}},
      {{result.rotated.data(), tokens, packed_columns(channels)}, rotated_scales.view(), {}},
      {result.values.data(), tokens, channels},
      {result.errors.data(), tokens},
      {workspace.data(), workspace.size()}};
  same_lines(on, rotation, data);
  return result;
}

/// Prints how far a backend is from the reference, and claims what the library promises.
void compare(example::lesson& lesson, char const* backend, outcome const& found, outcome const& expected) {
  double error = 0;
  for (std::size_t i = 0; i < tokens; ++i) {
    error = std::max(error, std::fabs(found.errors[i].squared_error / expected.errors[i].squared_error - 1));
  }
  std::size_t bytes = 0;
  for (std::size_t k = 0; k < found.rotated.size(); ++k) {
    bytes += found.rotated[k] != expected.rotated[k] ? 1 : 0;
  }
  std::printf("%s: token errors within %.1e; %zu of %zu bytes of rotated codes differ\n", backend, error, bytes,
              found.rotated.size());
  lesson.claim(found.packed == expected.packed, "the packed codes are the reference's");
  lesson.claim(found.values == expected.values, "so are the values that they stand for");
  lesson.claim(error < 1e-12, "the token errors differ by the order of their sums alone");
  lesson.claim(bytes * 1000 < found.rotated.size(), "fewer than one byte of rotated codes in 1000 differs");
}

}  // namespace

int main() {
  randomized_hadamard const rotation(channels, 1);
  matrix<float> x(tokens, channels);
  for (std::size_t k = 0; k < tokens * channels; ++k) {
    x.data()[k] = static_cast<float>(gaussian_block(1, random_stream::user, k / 4).value[k % 4]);
  }
  outcome there;
  char const* why = "";
  if (!example::run_on_device(rotation, x.view(), there, why)) {
    std::printf("skipped, no device: %s\n", why);
    return 77;
  }
  example::lesson lesson("The same lines on three backends");
  outcome const expected = run_here(reference::policy{}, rotation, x.view());
  compare(lesson, "cpu", run_here(cpu::policy{}, rotation, x.view()), expected);
  compare(lesson, "cuda", there, expected);
  return lesson.exit_code();
}
