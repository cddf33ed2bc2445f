#include <dfrot/format/e1m2.hpp>
#include <dfrot/format/e2m1.hpp>
#include <dfrot/format/e3m0.hpp>
#include <dfrot/optimize/gptq/adadim.hpp>
#include <dfrot/optimize/gptq/search_clip.hpp>
#include <dfrot/optimize/search/choice.hpp>
#include <dfrot/optimize/search/clip_for_tensor.hpp>
#include <dfrot/optimize/search/kmeans_codebooks.hpp>
#include <dfrot/optimize/search/low_rank_alternation.hpp>
#include <dfrot/optimize/search/smoothing_search.hpp>
#include <dfrot/quantize/codebook_gemm.hpp>
#include <dfrot/quantize/nf4.hpp>
#include <dfrot/quantize/sparse_outliers.hpp>
#include <dfrot/transform/channel_scale.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "through_map.hpp"

namespace dfrot::program {

namespace {

constexpr std::size_t rank = 32;
constexpr double outlier_share = 0.0045;  // SqueezeLLM's 0.05 % by sensitivity and 0.4 % by size

enum class branch_order : std::uint8_t { alone, before_rotation, after_rotation };

/// The least error of the output, both sides rounded, over smoothings; then a branch, and the residual by the rounding of all.
prepared_linear with_branch(linear_case const& of, branch_order order) {
  cpu::policy const on{of.threads};
  std::size_t const n = of.weight.columns;
  product_rounding nearest = of.rounding;
  nearest.gptq = false;
  auto const smooth_error = [&](channel_scale const& scale) {
    matrix<float> x = copy_of(of.tokens);
    matrix<float> w = copy_of(of.weight);
    apply(on, scale, x.view());
    apply_to_weight(on, scale, w.view());
    matrix<float> x_now = x;
    round_tokens(nearest, x_now.view());
    matrix<float> const w_now = round_weight(of.threads, nearest, of.gram, std::as_const(w).view());
    return sample_output_error(on, std::as_const(x).view(), std::as_const(w).view(), std::as_const(x_now).view(),
                               w_now.view());
  };
  auto const found = smoothing_search(view_of(of.token_maxima), view_of(of.weight_maxima), smooth_error, 10);
  channel_scale const scale = found.scale(view_of(of.token_maxima), view_of(of.weight_maxima));
  randomized_hadamard const rotation(n, of.seed);
  matrix<float> w = copy_of(of.weight);
  apply_to_weight(on, scale, w.view());
  matrix<float> gram = copy_of(of.gram);
  transform_gram(on, scale, gram.view());
  bool const rotates_first = order == branch_order::after_rotation;
  if (rotates_first) {
    apply_to_weight(on, rotation, w.view());
  }
  low_rank_split split = low_rank_alternation(
      on, std::as_const(w).view(), {std::min(rank, std::min(n, w.rows())), 4, {}},
      [&](matrix_view<float const> r, matrix_view<float> q) {
        matrix<float> const now = round_weight(of.threads, nearest, of.gram, r);
        std::copy_n(now.data(), now.rows() * now.columns(), q.data);
      },
      [](matrix_view<double const> e) {
        double sum = 0;
        for (std::size_t i = 0; i < e.rows * e.columns; ++i) {
          sum += e.data[i] * e.data[i];
        }
        return sum;
      });
  if (order == branch_order::before_rotation) {
    apply_to_weight(on, rotation, split.residual.view());
  }
  if (order != branch_order::alone) {
    transform_gram(on, rotation, gram.view());
  }
  prepared_linear made;
  made.weight = round_weight(of.threads, of.rounding, std::as_const(gram).view(), std::as_const(split.residual).view());
  // The branch reads x itself: x D R A^t = x (A R^t D)^t for x D R, D = diag(1 / s).
  if (rotates_first) {
    apply(on, transposed(rotation), split.down.view());
  }
  apply(on, scale, split.down.view());
  made.down = std::move(split.down);
  made.up = std::move(split.up);
  made.map = [scale = std::make_shared<channel_scale const>(scale),
              turn = std::make_shared<randomized_hadamard const>(rotation), order](matrix_view<float> rows) {
    apply(cpu::policy{1}, *scale, rows);
    if (order != branch_order::alone) {
      apply(cpu::policy{1}, *turn, rows);
    }
  };
  made.round = rounding_of(of);
  auto const outputs = static_cast<double>(of.weight.rows);
  auto const inputs = static_cast<double>(n);
  auto const r = static_cast<double>(made.down.rows());
  made.bits_per_weight = of.rounding.bits_per_weight(n) + 16 * r * (inputs + outputs) / (inputs * outputs);
  made.operations =
      inputs + 2 * r * (inputs + outputs) + (order == branch_order::alone ? 0 : hadamard_operations(n, n));
  return made;
}

/// Weights alone: tokens are read as they are, or rounded.
prepared_linear with_weight(linear_case const& of, matrix<float> weight, double bits) {
  prepared_linear made;
  made.weight = std::move(weight);
  made.round = rounding_of(of);
  made.bits_per_weight = bits;
  return made;
}

std::vector<float> diagonal_of(matrix_view<float const> gram) {
  std::vector<float> diagonal(gram.rows);
  for (std::size_t j = 0; j < gram.rows; ++j) {
    diagonal[j] = gram(j, j);
  }
  return diagonal;
}

/// Sixteen values a row, the best ones by the mean square of the tokens' channels, beside outliers in 16 bits.
prepared_linear with_codebooks(linear_case const& of, bool with_outliers) {
  cpu::policy const on{of.threads};
  std::size_t const o = of.weight.rows;
  std::size_t const n = of.weight.columns;
  matrix<float> dense = copy_of(of.weight);
  matrix<float> sensitivities(o, n);
  for (std::size_t i = 0; i < o; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      sensitivities(i, j) = of.gram(j, j);
    }
  }
  sparse_rows outliers;
  if (with_outliers) {
    outliers = take_outliers(dense.view(), sensitivities.view(), {0.0005, outlier_share - 0.0005});
    for (std::size_t i = 0; i < o; ++i) {
      for (std::size_t k = outliers.starts[i]; k < outliers.starts[i + 1]; ++k) {
        sensitivities(i, outliers.column[k]) = 0;
      }
    }
  }
  matrix<std::uint8_t> codes(o, packed_columns(n));
  matrix<float> tables(o, 16);
  codebook_rows<std::uint8_t, float> const out{codes.view(), tables.view(), n};
  static_cast<void>(kmeans_codebooks(on, std::as_const(dense).view(), std::as_const(sensitivities).view(), out));
  matrix<float> values(o, n);
  dequantize(on, out, values.view());
  for (std::size_t i = 0; with_outliers && i < o; ++i) {
    for (std::size_t k = outliers.starts[i]; k < outliers.starts[i + 1]; ++k) {
      values(i, outliers.column[k]) = outliers.value[k];
    }
  }
  double const sparse = with_outliers ? outlier_share * (16 + 16) : 0;
  return with_weight(of, std::move(values), 4 + 256.0 / static_cast<double>(n) + sparse);
}

prepared_linear with_normal_float(linear_case const& of) {
  matrix<float> values(of.weight.rows, of.weight.columns);
  fake_quantize(cpu::policy{of.threads}, nf4{}, of.weight, values.view());
  return with_weight(of, std::move(values), 4 + 16.0 / 64);
}

/// Groups of 128 along inputs or outputs, by the error of the output.
prepared_linear with_best_layout(linear_case const& of) {
  cpu::policy const on{of.threads};
  matrix<float> values(of.weight.rows, of.weight.columns);
  int4_scheme const groups{true, 128, 1.0F, scale_rule::max};
  auto const loss = [&](matrix_view<float const> rounded) {
    matrix<float> e = copy_of(rounded);
    for (std::size_t i = 0; i < e.rows(); ++i) {
      for (std::size_t j = 0; j < e.columns(); ++j) {
        e(i, j) = of.weight(i, j) - e(i, j);
      }
    }
    return weight_output_error(on, std::as_const(e).view(), of.gram);
  };
  static_cast<void>(adadim(on, groups, of.weight, loss, values.view()));
  return with_weight(of, std::move(values), 4 + 16.0 / 128);
}

/// FP4 with one scale a row and a token, behind a Hadamard matrix: the split of bits and the clip ratio, for the tokens of a layer and for
/// each row of a weight.
prepared_linear with_best_fp4(linear_case const& of) {
  cpu::policy const on{of.threads};
  std::size_t const n = of.weight.columns;
  block_scheme<e2m1> const by_e2m1{};
  block_scheme<e1m2> const by_e1m2{};
  block_scheme<e3m0> const by_e3m0{};
  randomized_hadamard const rotation(n, of.seed);
  matrix<float> w = copy_of(of.weight);
  apply_to_weight(on, rotation, w.view());
  matrix<float> gram = copy_of(of.gram);
  transform_gram(on, rotation, gram.view());
  prepared_linear made;
  if (of.rounding.weight_bits == 4) {
    auto const squares = diagonal_of(std::as_const(gram).view());
    matrix<std::uint8_t> codes(w.rows(), packed_columns(n));
    matrix<float> scales(w.rows(), 1);
    quantized_rows<std::uint8_t, float> const out{codes.view(), scales.view(), {}};
    auto const search = [&](auto const& scheme, auto const& to) {
      return search_clip(on, scheme, std::as_const(w).view(), vector_view<float const>(squares.data(), n),
                         clip_options{}, to);
    };
    auto const choices = choose_for_rows(search, out, by_e2m1, by_e1m2, by_e3m0);
    dequantize(on, choices, out, w.view(), by_e2m1, by_e1m2, by_e3m0);
  }
  made.weight = std::move(w);
  matrix<float> tokens = copy_of(of.tokens);
  apply(on, rotation, tokens.view());
  auto const x = std::as_const(tokens).view();
  auto const first = clip_for_tensor(on, by_e2m1, x);
  auto const second = clip_for_tensor(on, by_e1m2, x);
  auto const third = clip_for_tensor(on, by_e3m0, x);
  std::size_t const best = first_least({first.error, second.error, third.error}).index;
  made.map = [turn = std::make_shared<randomized_hadamard const>(rotation)](matrix_view<float> rows) {
    apply(cpu::policy{1}, *turn, rows);
  };
  made.round = rounding_of(of);
  if (of.rounding.token_bits == 4) {
    made.round = [best, first = first.scheme, second = second.scheme, third = third.scheme](matrix_view<float> rows) {
      matrix_view<float const> const read = rows;
      with_choice(
          best, [&](auto const& scheme) { fake_quantize(cpu::policy{1}, scheme, read, rows); }, first, second, third);
    };
  }
  made.bits_per_weight = of.rounding.weight_bits == 4 ? 4 + 18.0 / static_cast<double>(n) : 16;
  made.operations = hadamard_operations(n, n);
  return made;
}

}  // namespace

std::vector<linear_method> weight_methods() {
  auto const weights_only = [](product_rounding const& how) {
    return how.weight_bits == 4 && how.token_bits == 16 && how.format == number_format::int4
               ? std::string()
               : std::string("it is for weights alone, in a format of its own: see 4-16-…, int4");
  };
  auto const rounded_weights = [](product_rounding const& how) {
    return how.weight_bits == 4 ? std::string() : std::string("it is for weights of 4 bits");
  };
  return {
      {"svdquant", "x diag(1 / s), searched; W = B A + R of rank 32", "SVDQuant, arXiv 2411.05007",
       [](linear_case const& of) { return with_branch(of, branch_order::alone); }, rounded_weights},
      {"svdquant-hadamard", "the same, R rotated by S H after the branch is found", "SVDQuant, then QuaRot",
       [](linear_case const& of) { return with_branch(of, branch_order::before_rotation); }, rounded_weights},
      {"hadamard-svdquant", "the same, W rotated by S H before the branch is found", "QuaRot, then SVDQuant",
       [](linear_case const& of) { return with_branch(of, branch_order::after_rotation); }, rounded_weights},
      {"hq-dit", "x S H, FP4 of the best split and clip, one scale a row and a token", "HQ-DiT, arXiv 2405.19751",
       with_best_fp4,
       [](product_rounding const& how) {
         return how.format == number_format::int4 ? std::string()
                                                  : std::string("its format is its own: see the table of int4");
       }},
      {"squeezellm", "16 values a row by weighted k-means, 0.45 % outliers in 16 bits", "SqueezeLLM, arXiv 2306.07629",
       [](linear_case const& of) { return with_codebooks(of, true); }, weights_only},
      {"codebooks", "the same without outliers", "SqueezeLLM, arXiv 2306.07629",
       [](linear_case const& of) { return with_codebooks(of, false); }, weights_only},
      {"nf4", "NF4 in groups of 64", "QLoRA, arXiv 2305.14314", with_normal_float, weights_only},
      {"adadim", "int4 in groups of 128 along inputs or outputs", "AdaDim, arXiv 2309.15531", with_best_layout,
       weights_only},
  };
}

}  // namespace dfrot::program
