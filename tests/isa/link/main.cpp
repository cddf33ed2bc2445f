// Links one text compiled for two instruction sets, and asks each half which code it runs.
//   link_order                both halves: each names its own instruction set, and their results agree
//   link_order baseline       the baseline half alone, for a processor that has nothing more

#include <cmath>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "calls.hpp"

namespace {

int failures = 0;

void check(bool holds, char const* what) {
  if (!holds) {
    std::printf("FAILED: %s\n", what);
    ++failures;
  }
}

bool close(float a, float b) { return std::fabs(a - b) <= 1e-4F; }

void compare(link_test::outcome const& a, link_test::outcome const& b) {
  check(std::strcmp(a.isa, b.isa) != 0, "each half runs the code of its own instruction set");
  check(std::memcmp(a.codes, b.codes, sizeof a.codes) == 0, "the same codes");
  check(std::memcmp(a.packed, b.packed, sizeof a.packed) == 0, "the same packed codes");
  check(std::memcmp(a.decoded, b.decoded, sizeof a.decoded) == 0, "the same decoded values");
  check(std::memcmp(a.sums, b.sums, sizeof a.sums) == 0, "the same products of codes");
  check(std::strcmp(a.refusal, b.refusal) == 0, "the same message");
  check(std::fabs(a.summary - b.summary) <= 1e-9 * std::fabs(b.summary), "the same weighted loss");
  for (std::size_t i = 0; i < link_test::rows; ++i) {
    check(std::fabs(a.errors[i] - b.errors[i]) <= 1e-9 * b.errors[i], "the same token errors");
    for (std::size_t j = 0; j < link_test::columns; ++j) {
      check(close(a.rotated[i][j], b.rotated[i][j]), "the same rotated rows");
    }
  }
}

}  // namespace

int main(int argc, char const* const* /*argv*/) {
  auto const baseline = link_test::call_baseline();
  std::printf("baseline: %s, %s\n", baseline.isa, baseline.refusal);
  check(std::string_view(baseline.isa) == "portable", "code without flags is portable");
  if (argc < 2) {
    auto const extended = link_test::call_extended();
    std::printf("extended: %s, %s\n", extended.isa, extended.refusal);
    compare(baseline, extended);
  }
  return failures == 0 ? 0 : 1;
}
