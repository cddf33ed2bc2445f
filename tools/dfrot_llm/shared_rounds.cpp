#include "shared_rounds.hpp"

#include <algorithm>

#include <dfrot/core/ceil_div.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/optimize/refine/accumulate_tokens.hpp>
#include <dfrot/optimize/refine/token_source.hpp>

namespace dfrot::program {

namespace {

constexpr std::size_t block = detail::token_block_rows;

/// Part of the sums, from a rank to the first one.
void hand_over(ranks const& together, std::size_t from, round_sums& part) {
  part.for_each_array([&](double* values, std::size_t count) {
    if (together.is_first()) {
      together.receive(values, count * sizeof(double), from);
    } else {
      together.send(values, count * sizeof(double), 0);
    }
  });
}

}  // namespace

void add_round(int threads, int4_scheme const& scheme, matrix_view<float const> rows, token_flags const& flags,
               matrix_view<float const> rotation, round_request const& request, ranks const& together, round_sums part,
               round_sums& sums) {
  cpu::policy const on{threads};
  std::size_t const blocks = ceil_div(rows.rows, block);
  std::size_t const segments = segments_of(blocks);
  for (std::size_t turn = 0; turn < segments; turn += together.count()) {
    std::size_t const own = turn + together.own();
    part.clear();
    if (own < segments) {
      std::size_t const first = blocks * own / segments * block;
      std::size_t const count = std::min(rows.rows, blocks * (own + 1) / segments * block) - first;
      token_flags const some{{flags.massive.data + first, count}, {}, flags.first_token + first};
      accumulate_tokens(on, scheme, memory_tokens(rows.row_block(first, count)), some, rotation, request, part);
    }
    for (std::size_t rank = 0; rank < std::min(together.count(), segments - turn); ++rank) {
      if (rank != 0 && (together.is_first() || rank == together.own())) {
        hand_over(together, rank, part);
      }
      if (together.is_first()) {
        sums.combine(part);
      }
    }
  }
  sums.for_each_array(
      [&](double* values, std::size_t count) { together.broadcast(values, count * sizeof(double), 0); });
}

}  // namespace dfrot::program
