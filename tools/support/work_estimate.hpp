#pragma once

#include <cstddef>
#include <string>

namespace dfrot::program {

/// Operations a second of a product of `rows` rows with an n x n matrix of float, the better of two.
[[nodiscard]] double operations_a_second(int threads, std::size_t rows, std::size_t n);

/// Operations of a round of the full refinement: two products with all rows, and a polar factor.
[[nodiscard]] constexpr double round_operations(double rows, double n) { return 4 * rows * n * n + 12 * n * n * n; }

/// "3.5 s", "12 min"; "350 MB", "2.1 GB".
[[nodiscard]] std::string time_text(double seconds);
[[nodiscard]] std::string memory_text(double bytes);

}  // namespace dfrot::program
