#include "survey.hpp"

#include <algorithm>

#include <dfrot/transform/randomized_hadamard.hpp>

#include "support/content_hash.hpp"

namespace dfrot::program {

survey_result survey(cpu::policy const& on, options const& chosen, activations const& x,
                     std::vector<std::uint64_t> const& seeds, progress& shown) {
  survey_result result;
  result.none.resize(x.rows());
  result.hadamards.assign(seeds.size(), std::vector<token_error>(x.rows()));
  std::vector<randomized_hadamard> rotations;
  for (std::uint64_t const seed : seeds) {
    rotations.emplace_back(x.channels(), seed);
  }
  massive_detector scan;
  content_hash content;
  matrix<float> turned(std::min(block_rows, x.rows()), x.channels());
  for_each_block(x, [&](std::size_t first, matrix_view<float> block) {
    shown.show(message("reading tokens, ", first, " of ", x.rows()));
    content.add(block);
    token_errors(on, chosen.scheme, block, vector_view<token_error>(result.none.data() + first, block.rows));
    scan.add(on, block);
    for (std::size_t k = 0; k < rotations.size(); ++k) {
      auto const rows = turned.view().row_block(0, block.rows);
      std::copy_n(block.data, block.rows * block.columns, rows.data);  // both without gaps between rows
      apply(on, rotations[k], rows);
      token_errors(on, chosen.scheme, rows, vector_view<token_error>(result.hadamards[k].data() + first, block.rows),
                   [&](std::size_t row) { return x.name_of(first + row); });
    }
  });
  result.automatic = scan.result();
  result.content = content.text();
  result.peaks = scan.peaks();
  return result;
}

}  // namespace dfrot::program
