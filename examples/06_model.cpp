// Lesson 6: a block of a model in 4 bits.
//
// A LLaMA block adds attention and an MLP, each behind an RMS norm, to a residual stream x. First the gains of the norms go
// into the weights behind them. Then rotations fit between weights, and change nothing: R1 turns the stream, R2 each head's
// values, R3 its queries and keys after their positions, R4 what down reads. R1 and R2 are folded into weights; R3 and R4
// run online. In 4 bits, they decide. `dfrot-llm perplexity` does the same to every block of a model.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <dfrot/backend/reference/channel_maps.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/backend/reference/transform_rows.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/quantize/block_scheme.hpp>
#include <dfrot/quantize/fake_quantize_heads.hpp>
#include <dfrot/transform/head_transforms.hpp>
#include <dfrot/transform/norm_fusion.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <dfrot/transform/rms_norm.hpp>
#include <functional>
#include <utility>
#include <vector>

#include "support/attention.hpp"
#include "support/lesson.hpp"

namespace {

using namespace dfrot;

constexpr std::size_t tokens = 32;
constexpr std::size_t hidden = 256;
constexpr std::size_t intermediate = 768;  // 12 x 64
constexpr head_layout heads{4, 2, 64};     // two heads of queries share one of keys and values
constexpr reference::policy on{};          // plain loops; cpu::policy takes the same calls

/// Weights are outputs x inputs.
struct llama_block {
  matrix<float> q, k, v, o, gate, up, down;
  std::vector<float> gain;  // of both norms
};

/// @param deviation of the values
matrix<float> gaussian(std::size_t rows, std::size_t columns, double deviation, std::uint64_t seed) {
  matrix<float> x(rows, columns);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    x.data()[i] = static_cast<float>(deviation * gaussian_block(seed, random_stream::user, i / 4).value[i % 4]);
  }
  return x;
}

/// Random weights with what trained ones have: wherever a layer reads, some channel is far larger than the others.
llama_block made_block() {
  auto const weight = [](std::size_t outputs, std::size_t inputs, std::uint64_t seed) {
    return gaussian(outputs, inputs, 1 / std::sqrt(static_cast<double>(inputs)), seed);
  };
  llama_block b{weight(256, hidden, 1),          weight(128, hidden, 2),          weight(128, hidden, 3),
                weight(hidden, 256, 4),          weight(intermediate, hidden, 5), weight(intermediate, hidden, 6),
                weight(hidden, intermediate, 7), std::vector<float>(hidden, 1)};
  for (std::size_t j = 0; j < hidden; ++j) {
    b.k(9, j) *= 3;
    b.v(20, j) *= 12;    // o reads it
    b.up(100, j) *= 30;  // down reads it
  }
  b.gain[7] = 0.2F;  // holds down the outlier channel of the stream, after the norm
  return b;
}

// [fold]
struct rotations {
  randomized_hadamard stream{hidden, 1};  // R1
  hadamard_order head{64};                // R2: values, R3: queries and keys
  hadamard_order mlp{intermediate};       // R4
};

void fold_gains(llama_block& b) {
  for (matrix<float>* reader : {&b.q, &b.k, &b.v, &b.gate, &b.up}) {
    fuse_norm_gain(on, vector_view<float>(b.gain.data(), hidden), reader->view());
  }
  b.gain.assign(hidden, 1);
}

void fold_rotations(rotations const& r, llama_block& b) {
  for (matrix<float>* reader : {&b.q, &b.k, &b.v, &b.gate, &b.up}) {
    apply_to_weight(on, r.stream, reader->view());
  }
  for (matrix<float>* writer : {&b.o, &b.down}) {
    apply_to_output(on, r.stream, writer->view());
  }
  apply_to_heads(on, heads, std::vector{r.head}, b.v.view(), vector_view<float>(), b.o.view());
  apply_to_weight(on, r.mlp, b.down.view());
}
// [fold]

void round_weights(llama_block& b) {
  int4_scheme const searched{true, 0, 1.0F, scale_rule::search};  // a scale for each output channel, the best of 17
  for (matrix<float>* w : {&b.q, &b.k, &b.v, &b.o, &b.gate, &b.up, &b.down}) {
    fake_quantize(on, searched, w->view(), w->view());
  }
}

matrix<float> linear(matrix<float> const& x, matrix<float> const& w) {
  matrix<float> y(x.rows(), w.rows());
  example::add_product(x, w, y);
  return y;
}

matrix<float> norm(matrix<float> x, std::vector<float> const& gain) {
  rms_norm(on, x.view());
  for (std::size_t i = 0; i < x.rows(); ++i) {
    std::transform(gain.begin(), gain.end(), x.view().row(i), x.view().row(i), std::multiplies<>());
  }
  return x;
}

// [run]
/// The block on rows of the stream. @param online R3 and R4, for weights that were rotated, or null
matrix<float> run(llama_block const& b, matrix<float> x, rotations const* online, bool in_4_bits) {
  auto const rounded = [&](matrix<float> rows) {
    if (in_4_bits) {
      fake_quantize(on, int4{}, rows.view(), rows.view());  // a scale for each token
    }
    return rows;
  };
  matrix<float> const attention_input = rounded(norm(x, b.gain));
  matrix<float> q = linear(attention_input, b.q);
  matrix<float> k = linear(attention_input, b.k);
  matrix<float> v = linear(attention_input, b.v);
  example::turn_by_position(heads, q);
  example::turn_by_position(heads, k);
  if (online != nullptr) {
    apply(on, blocks_of_channels(online->head, q.columns()), q.view());
    apply(on, blocks_of_channels(online->head, k.columns()), k.view());
  }
  if (in_4_bits) {
    fake_quantize_heads(on, int4_asymmetric{}, k.view(), heads.head_dim);  // a scale for each token and head
    fake_quantize_heads(on, int4_asymmetric{}, v.view(), heads.head_dim);
  }
  example::add_product(rounded(example::attend(heads, q, k, v)), b.o, x);

  matrix<float> const mlp_input = rounded(norm(x, b.gain));
  matrix<float> const gate = linear(mlp_input, b.gate);
  matrix<float> up = linear(mlp_input, b.up);
  std::transform(gate.data(), gate.data() + tokens * intermediate, up.data(), up.data(),
                 [](float g, float u) { return g / (1 + std::exp(-g)) * u; });
  if (online != nullptr) {
    apply(on, online->mlp, up.view());
  }
  example::add_product(rounded(std::move(up)), b.down, x);
  return x;
}
// [run]

/// The mean over tokens of ||y - exact||^2 / ||exact - x||^2: the error of what the block adds to x.
double relative_error(matrix<float> const& y, matrix<float> const& exact, matrix<float> const& x) {
  double mean = 0;
  for (std::size_t i = 0; i < tokens; ++i) {
    double error = 0;
    double added = 0;
    for (std::size_t j = 0; j < hidden; ++j) {
      error += std::pow(static_cast<double>(y(i, j)) - static_cast<double>(exact(i, j)), 2);
      added += std::pow(static_cast<double>(exact(i, j)) - static_cast<double>(x(i, j)), 2);
    }
    mean += error / added / tokens;
  }
  return mean;
}

}  // namespace

int main() {
  example::lesson lesson("Lesson 6: a block of a model in 4 bits");
  matrix<float> x = gaussian(tokens, hidden, 1, 8);
  for (std::size_t i = 0; i < tokens; ++i) {
    x(i, 7) *= i == 0 ? 2000 : 30;  // a channel that is large in all tokens, and massive in the first
  }
  llama_block plain = made_block();
  matrix<float> const exact = run(plain, x, nullptr, false);
  fold_gains(plain);
  rotations const r;
  llama_block rotated = plain;
  fold_rotations(r, rotated);
  matrix<float> rotated_x = x;  // a model folds R1 into its embedding, and its inverse into its head
  apply(on, r.stream, rotated_x.view());

  auto const error = [&](bool in_4_bits) { return relative_error(run(plain, x, nullptr, in_4_bits), exact, x); };
  auto const error_rotated = [&](bool in_4_bits) {
    matrix<float> y = run(rotated, rotated_x, &r, in_4_bits);
    apply(on, transposed(r.stream), y.view());
    return relative_error(y, exact, x);
  };
  std::printf("%zu tokens x %zu channels, %zu heads, an MLP of %zu channels\n", tokens, hidden, heads.heads,
              intermediate);
  std::printf("  relative squared error                       not rotated   R1 to R4\n");
  double const in_floats[] = {error(false), error_rotated(false)};
  std::printf("  floats, gains folded                         %11.1e %10.1e\n", in_floats[0], in_floats[1]);
  double const activations[] = {error(true), error_rotated(true)};
  std::printf("  4 bits: activations, keys and values         %11.3f %10.3f\n", activations[0], activations[1]);
  round_weights(plain);
  round_weights(rotated);
  double const all[] = {error(true), error_rotated(true)};
  std::printf("  4 bits: weights, too                         %11.3f %10.3f\n\n", all[0], all[1]);
  lesson.claim(in_floats[0] < 1e-8 && in_floats[1] < 1e-8, "folded gains and rotations leave the block as it is");
  lesson.claim(activations[1] < activations[0] / 4, "rotations divide the error of activations, keys and values by 4");
  lesson.claim(all[1] < all[0] / 3, "and that of the whole block, weights included, by 3");
  return lesson.exit_code();
}
