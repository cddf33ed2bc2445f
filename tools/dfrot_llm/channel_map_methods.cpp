#include <dfrot/core/random.hpp>
#include <dfrot/loss/channel_stats.hpp>
#include <dfrot/optimize/transforms/duquant.hpp>
#include <dfrot/optimize/transforms/flat_row_rotation.hpp>
#include <dfrot/quantize/runtime_smooth.hpp>
#include <dfrot/transform/block_hadamard.hpp>
#include <dfrot/transform/channel_scale.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "through_map.hpp"

namespace dfrot::program {

namespace {

constexpr double half = 0.5;

prepared_linear unchanged(linear_case const& of) {
  prepared_linear made;
  made.weight = round_weight(of.threads, of.rounding, of.gram, of.weight);
  made.round = rounding_of(of);
  made.bits_per_weight = of.rounding.bits_per_weight(of.weight.columns);
  return made;
}

channel_scale smoothing_of(linear_case const& of) {
  return smoothing(view_of(of.token_maxima), view_of(of.weight_maxima), half);
}

double size(linear_case const& of) { return static_cast<double>(of.weight.columns); }

matrix<double> dense_hadamard(std::size_t n, std::uint64_t seed) {
  matrix<double> dense(n, n);
  randomized_hadamard(n, seed).to_dense(dense.view());
  return dense;
}

prepared_linear smoothed(linear_case const& of) { return through_map(of, smoothing_of(of), size(of)); }

prepared_linear rotated(linear_case const& of) {
  std::size_t const n = of.weight.columns;
  return through_map(of, randomized_hadamard(n, of.seed), hadamard_operations(n, n));
}

prepared_linear smoothed_then_rotated(linear_case const& of) {
  std::size_t const n = of.weight.columns;
  return through_map(of, in_turn(smoothing_of(of), randomized_hadamard(n, of.seed)),
                     size(of) + hadamard_operations(n, n));
}

/// The scale is that of rotated tokens and weights.
prepared_linear rotated_then_smoothed(linear_case const& of) {
  cpu::policy const on{of.threads};
  std::size_t const n = of.weight.columns;
  randomized_hadamard rotation(n, of.seed);
  matrix<float> tokens = copy_of(of.tokens);
  matrix<float> weight = copy_of(of.weight);
  apply(on, rotation, tokens.view());
  apply_to_weight(on, rotation, weight.view());
  linear_case const after(of.where, of.threads, of.seed, std::as_const(tokens).view(), of.gram,
                          std::as_const(weight).view());
  return through_map(of, in_turn(std::move(rotation), smoothing_of(after)), size(of) + hadamard_operations(n, n));
}

/// Random signs, and a Hadamard matrix on each block:   x S (I (x) H)
class signed_blocks {
 public:
  signed_blocks(std::size_t n, std::size_t block, std::uint64_t seed) : order_(block), signs_(n) {
    for (std::size_t i = 0; i < n; ++i) {
      signs_[i] = static_cast<std::int8_t>(random_sign(seed, random_stream::hadamard_signs, i));
    }
  }
  [[nodiscard]] std::size_t size() const { return signs_.size(); }
  [[nodiscard]] chain<signs_view<>, hadamard_view> view() const {
    return chain<signs_view<>, hadamard_view>({{signs_.data(), size()}}, blocks_of_channels(order_, size()));
  }

 private:
  hadamard_order order_;
  std::vector<std::int8_t> signs_;
};

template <bool smooth>
prepared_linear block_rotated(linear_case const& of, std::size_t most) {
  std::size_t const n = of.weight.columns;
  std::size_t const block = block_of(n, most);
  signed_blocks rotation(n, block, of.seed);
  double const operations = hadamard_operations(n, block);
  if constexpr (smooth) {
    return through_map(of, in_turn(smoothing_of(of), std::move(rotation)), size(of) + operations);
  } else {
    return through_map(of, std::move(rotation), operations);
  }
}

/// Dense blocks: 2 B operations a value for each rotation.
prepared_linear by_duquant(linear_case const& of, bool with_flat_row) {
  std::size_t const n = of.weight.columns;
  std::size_t const block = block_of(n, 128);
  matrix<double> const base =
      with_flat_row ? flat_row_rotation(cpu::policy{of.threads}, block, of.seed) : dense_hadamard(block, of.seed);
  return through_map(of, duquant(cpu::policy{of.threads}, of.tokens, view_of(of.weight_maxima), base.view()),
                     size(of) * static_cast<double>(1 + 4 * block));
}

prepared_linear by_duquant_once(linear_case const& of) {
  std::size_t const n = of.weight.columns;
  std::size_t const block = block_of(n, 32);
  matrix<double> const base = dense_hadamard(block, of.seed);
  return through_map(of, duquant_once(cpu::policy{of.threads}, of.tokens, view_of(of.weight_maxima), base.view()),
                     size(of) * static_cast<double>(1 + 2 * block));
}

/// Tokens are smoothed by themselves, as many as come together; what the product reads is scaled back, group by group, so that
/// weights are rounded as they are.   @param rotate false: smoothing alone
prepared_linear smoothed_at_run_time(linear_case const& of, bool rotate) {
  std::size_t const n = of.weight.columns;
  std::size_t const group = block_of(n, 128);
  prepared_linear made =
      rotate ? through_map(of, randomized_hadamard(n, of.seed), hadamard_operations(n, n) + 3 * size(of))
             : unchanged(of);
  made.operations = 3 * size(of) + (rotate ? hadamard_operations(n, n) : 0);
  made.round = [group, how = of.rounding](matrix_view<float> rows) {
    cpu::policy const on{1};
    runtime_smooth smooth(rows.columns, group);
    smooth.measure(on, rows);
    apply(on, smooth, rows);
    round_tokens(how, rows);
    apply(on, transposed(inverse_transposed(smooth)), rows);
  };
  return made;
}

}  // namespace

linear_case::linear_case(site where_it_is, int threads_of_it, std::uint64_t seed_of_it,
                         matrix_view<float const> tokens_of_it, matrix_view<float const> gram_of_it,
                         matrix_view<float const> weight_of_it)
    : where(where_it_is),
      threads(threads_of_it),
      seed(seed_of_it),
      tokens(tokens_of_it),
      gram(gram_of_it),
      weight(weight_of_it) {
  cpu::policy const on{threads};
  channel_stats of_tokens(tokens.columns);
  of_tokens.add(on, tokens);
  token_maxima = of_tokens.absmax();
  channel_stats of_weight(weight.columns);
  of_weight.add(on, weight);
  weight_maxima = of_weight.absmax();
}

std::vector<linear_method> channel_map_methods() {
  auto const needs_rounded_tokens = [](product_rounding const& how) {
    return how.token_bits == 16 ? std::string("it smooths tokens that are rounded, and these stay in 16 bits")
                                : std::string();
  };
  return {
      {"none", "x", "rounding alone", unchanged},
      {"smooth", "x diag(1 / s), s = X^0.5 / W^0.5", "SmoothQuant, arXiv 2211.10438", smoothed},
      {"hadamard", "x S H", "QuaRot, arXiv 2404.00456", rotated},
      {"smooth-hadamard", "x diag(1 / s) S H", "SmoothQuant, then QuaRot", smoothed_then_rotated},
      {"hadamard-smooth", "x S H diag(1 / s)", "QuaRot, then SmoothQuant", rotated_then_smoothed},
      {"block-hadamard", "x S (I (x) H), blocks of at most 128", "block-diagonal QuaRot",
       [](linear_case const& of) { return block_rotated<false>(of, 128); }},
      {"smooth-block-hadamard", "x diag(1 / s) S (I (x) H), blocks of at most 128", "SmoothQuant, then blocks",
       [](linear_case const& of) { return block_rotated<true>(of, 128); }},
      {"block-hadamard-32", "x S (I (x) H), blocks of 32; with GPTQ this is MR-GPTQ", "MR-GPTQ, arXiv 2509.23202",
       [](linear_case const& of) { return block_rotated<false>(of, 32); }},
      {"smooth-block-hadamard-32", "x diag(1 / s) S (I (x) H), blocks of 32", "SmoothQuant, then blocks",
       [](linear_case const& of) { return block_rotated<true>(of, 32); }},
      {"duquant", "x diag(1 / s) (I (x) R) P (I (x) R'), Hadamard base, blocks of at most 128",
       "DuQuant, arXiv 2406.01721", [](linear_case const& of) { return by_duquant(of, false); }},
      {"duquant-flat", "the same, base with a flat row", "DuQuant, arXiv 2406.01721",
       [](linear_case const& of) { return by_duquant(of, true); }},
      {"duquant++", "x diag(1 / s) (I (x) R), Hadamard base, blocks of 32", "DuQuant++, arXiv 2604.17789",
       by_duquant_once},
      {"runtime-smooth", "x P diag(1 / S) of 256 tokens, groups of at most 128", "RRS, arXiv 2409.20361",
       [](linear_case const& of) { return smoothed_at_run_time(of, false); }, needs_rounded_tokens},
      {"rrs", "x S H P diag(1 / S) of 256 tokens, groups of at most 128", "RRS, arXiv 2409.20361",
       [](linear_case const& of) { return smoothed_at_run_time(of, true); }, needs_rounded_tokens},
  };
}

std::vector<linear_method> const& linear_methods() {
  static std::vector<linear_method> const all = [] {
    std::vector<linear_method> list = channel_map_methods();
    for (auto const& part : {searched_map_methods(), static_range_methods(), weight_methods()}) {
      list.insert(list.end(), part.begin(), part.end());
    }
    return list;
  }();
  return all;
}

}  // namespace dfrot::program
