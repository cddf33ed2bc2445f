// An inference engine: only the kernels, its own memory, no Eigen.
#include <cstddef>
#include <cstdio>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/core/view.hpp>
#include <vector>

int main() {
  std::vector<float> memory(8 * 64);
  dfrot::matrix_view<float> const rows(memory.data(), 8, 64);
  dfrot::parallel_for(2, rows.rows, [&](std::size_t i) {
    for (std::size_t j = 0; j < rows.columns; ++j) {
      rows(i, j) = static_cast<float>(dfrot::random_sign(1, dfrot::random_stream::user, i * rows.columns + j));
    }
  });
  for (float value : memory) {
    if (value != 1.0F && value != -1.0F) {
      std::puts("a sign is missing");
      return 1;
    }
  }
  return 0;
}
