// What each transform of docs/methods.md is worth, before and after which scheme: the error of a layer's output on tokens that nothing was
// calibrated with. See --help.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/linalg/products.hpp>
#include <dfrot/loss/channel_stats.hpp>
#include <dfrot/optimize/transforms/duquant.hpp>
#include <dfrot/optimize/transforms/flat_row_rotation.hpp>
#include <dfrot/optimize/transforms/greedy_turns.hpp>
#include <dfrot/optimize/transforms/kronecker_rotation.hpp>
#include <dfrot/optimize/transforms/target_rotation.hpp>
#include <dfrot/optimize/transforms/wush.hpp>
#include <dfrot/quantize/runtime_smooth.hpp>
#include <dfrot/quantize/static_range.hpp>
#include <dfrot/transform/givens.hpp>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/sample.hpp"

namespace {

using namespace dfrot;

constexpr cpu::policy on{};

/// The layer: tokens that transforms are made from, others that they are judged by, and a weight.
struct layer {
  matrix<float> calibration, held_out, w;
  std::vector<double> weight_maxima;
  matrix<float> exact;                   // held_out W^T
  std::vector<std::uint8_t> is_massive;  // of held_out

  layer(matrix<float> const& x, std::size_t outputs) : w(outputs, x.columns()) {
    std::size_t const n = x.columns();
    std::size_t taken[2] = {};
    auto const is_held_out = [](std::size_t i) { return random_sign(1, random_stream::holdout, i) > 0; };
    for (std::size_t i = 0; i < x.rows(); ++i) {
      ++taken[is_held_out(i) ? 1 : 0];
    }
    calibration = matrix<float>(taken[0], n);
    held_out = matrix<float>(taken[1], n);
    for (std::size_t i = x.rows(); i-- > 0;) {
      std::copy_n(&x(i, 0), n, is_held_out(i) ? &held_out(--taken[1], 0) : &calibration(--taken[0], 0));
    }
    for (std::size_t k = 0; k < outputs * n; ++k) {
      w.data()[k] = static_cast<float>(gaussian_block(1, random_stream::user, k / 4).value[k % 4]);
    }
    channel_stats stats(n);
    stats.add(on, w.view());
    weight_maxima = stats.absmax();
    exact = output(held_out, w);
    std::vector<float> scratch(n);
    for (std::size_t i = 0; i < held_out.rows(); ++i) {
      vector_view<float const> const row(&held_out(i, 0), n);
      is_massive.push_back(max_to_median(row, vector_view<float>(scratch.data(), n)) > 300 ? 1 : 0);
    }
  }

  [[nodiscard]] static matrix<float> output(matrix<float> const& x, matrix<float> const& weight) {
    matrix<float> y(x.rows(), weight.rows());
    dense_product(on, 1.0F, as_is(x.view()), transposed(weight.view()), 0.0F, y.view());
    return y;
  }
  [[nodiscard]] vector_view<double const> maxima() const { return {weight_maxima.data(), weight_maxima.size()}; }
};

template <class Scheme>
void round(Scheme scheme, matrix<float>& x) {
  if constexpr (requires { scheme.storage.multiplier; }) {
    scheme.storage = std::remove_cvref_t<decltype(scheme.storage)>::for_tensor(*std::max_element(
        x.data(), x.data() + x.rows() * x.columns(), [](float a, float b) { return std::abs(a) < std::abs(b); }));
  }
  fake_quantize(on, scheme, x.view(), x.view());
}

/// Prints the mean relative squared error of the outputs of ordinary and of massive tokens.
void print_error(layer const& one, matrix<float> const& y) {
  double sum[2] = {};
  double count[2] = {};
  for (std::size_t i = 0; i < y.rows(); ++i) {
    double error = 0;
    double size = 0;
    for (std::size_t j = 0; j < y.columns(); ++j) {
      double const value = static_cast<double>(one.exact(i, j));
      double const gap = static_cast<double>(y(i, j)) - value;
      error += gap * gap;
      size += value * value;
    }
    sum[one.is_massive[i]] += error / size;
    count[one.is_massive[i]] += 1;
  }
  char const* const separator[] = {" | ", " / "};
  for (int kind = 0; kind < 2; ++kind) {
    count[kind] > 0 ? std::printf("%s%.*f", separator[kind], 4 + kind, sum[kind] / count[kind])
                    : std::printf("%s–", separator[kind]);
  }
}

enum class weights_rounded { after, before };

/// One method under one scheme. @param x_scheme, w_scheme of activations and weights
template <class R, class X, class W>
void measure(layer const& one, R const& transform, X const& x_scheme, W const& w_scheme, weights_rounded when) {
  auto x = one.held_out;
  auto w = one.w;
  if (when == weights_rounded::before) {
    round(w_scheme, w);
  }
  apply(on, transform, x.view());
  apply_to_weight(on, transform, w.view());
  round(x_scheme, x);
  if (when == weights_rounded::after) {
    round(w_scheme, w);
  }
  print_error(one, layer::output(x, w));
}

template <class R>
void print_row(char const* name, layer const& one, R const& transform, weights_rounded when = weights_rounded::after) {
  std::printf("| %s", name);
  measure(one, transform, int4{}, int4{}, when);
  measure(one, transform, mxfp4{}, mxfp4{}, when);
  measure(one, transform, nvfp4{}, nvfp4{}, when);
  std::printf(" |\n");
  std::fflush(stdout);
}

channel_scale no_change(std::size_t n) {
  matrix<double> ones(1, n);
  std::fill_n(ones.data(), n, 1.0);
  return channel_scale(std::move(ones));
}

/// A dense rotation after a number of steps over the calibration tokens, each from the last one's targets.
template <class R, class Target>
dense_rotation<float> rotation_towards(layer const& one, R const& start, Target const& target, int steps) {
  std::size_t const n = one.w.columns();
  matrix<double> dense(n, n);
  to_dense(on, start, dense.view());
  target_rotation search(std::move(dense));
  for (int step = 0; step < steps; ++step) {
    search.add(on, one.calibration.view(), target, 0);
  }
  matrix<float> found(n, n);
  std::transform(search.values().data, search.values().data + n * n, found.data(),
                 [](double value) { return static_cast<float>(value); });
  return dense_rotation<float>(std::move(found));
}

/// Rotations that follow targets, turns, and what second moments tell.
void print_searched(layer const& one, randomized_hadamard const& rotation) {
  std::size_t const n = one.w.columns();
  auto const x = one.calibration.view();
  print_row("ConQuR: corners, 10 steps", one, rotation_towards(one, rotation, corner_target{}, 10));
  print_row("Whip, 10 steps", one, rotation_towards(one, rotation, whip_target{}, 10));

  std::size_t const b = 32;
  matrix<double> left(n / b, n / b);
  matrix<double> right(b, b);
  randomized_hadamard(n / b, 1).to_dense(left.view());
  randomized_hadamard(b, 2).to_dense(right.view());
  print_row("Kronecker of two Hadamards", one, kronecker(left, right));
  print_row("the same, refined for INT4", one,
            refine_kronecker(on, x, left, right, quantized_target<int4>{}, 10).rotation);
  print_row("the same, refined for corners", one, refine_kronecker(on, x, left, right, corner_target{}, 10).rotation);

  print_row("SingleQuant's turns, 4 n", one, greedy_turns(on, x, 4 * n).turns);
  std::vector<double> mean(n);
  for (std::size_t i = 0; i < x.rows; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      mean[j] += static_cast<double>(x(i, j));
    }
  }
  print_row("turns to a flat mean", one, turns_to_flat({mean.data(), n}));

  auto const wush_16 = wush(on, x, one.w.view(), 16);
  auto const wush_32 = wush(on, x, one.w.view(), 32);
  auto const wush_128 = wush(on, x, one.w.view(), 128);
  print_row("WUSH, blocks of 16", one, wush_16);
  print_row("WUSH, blocks of 32", one, wush_32);
  print_row("WUSH, blocks of 128", one, wush_128);
}

void print_table(layer const& one) {
  std::size_t const n = one.w.columns();
  std::printf("| method | W4A4 INT4, a scale a row | W4A4 MXFP4 | W4A4 NVFP4 |\n|---|--:|--:|--:|\n");
  print_row("none", one, no_change(n));

  channel_stats stats(n);
  stats.add(on, one.calibration.view());
  auto const maxima = stats.absmax();
  auto const smooth = smoothing({maxima.data(), n}, one.maxima(), 0.5);
  print_row("smoothing, alpha 0.5", one, smooth);

  randomized_hadamard const rotation(n, 1);
  print_row("randomized Hadamard", one, rotation);
  print_row("smoothing, then Hadamard", one, chain_of(smooth, rotation));
  auto turned = one.calibration;
  auto turned_w = one.w;
  apply(on, rotation, turned.view());
  apply_to_weight(on, rotation, turned_w.view());
  channel_stats after(n);
  after.add(on, turned.view());
  channel_stats after_w(n);
  after_w.add(on, turned_w.view());
  auto const x_after = after.absmax();
  auto const w_after = after_w.absmax();
  auto const smooth_after = smoothing({x_after.data(), n}, {w_after.data(), n}, 0.5);
  print_row("Hadamard, then smoothing", one, chain_of(rotation, smooth_after));

  auto const x = one.calibration.view();
  matrix<double> hadamard(128, 128);
  randomized_hadamard(128, 1).to_dense(hadamard.view());
  block_rotation const blocks_of_128(n, hadamard);
  print_row("one block Hadamard of 128", one, blocks_of_128);
  print_row("smoothing, then that of 128", one, chain_of(smooth, blocks_of_128));
  print_row("DuQuant, Hadamard base of 128", one, duquant(on, x, one.maxima(), hadamard.view()));
  auto const flat = flat_row_rotation(on, 128, 1);
  print_row("DuQuant, flat row of 128", one, duquant(on, x, one.maxima(), flat.view()));
  print_row("DuQuant, flat row, not smoothed", one, duquant(on, x, {}, flat.view()));
  matrix<double> small(32, 32);
  randomized_hadamard(32, 1).to_dense(small.view());
  block_rotation const blocks_of_32(n, small);
  print_row("one block Hadamard of 32", one, blocks_of_32);
  print_row("smoothing, then that of 32", one, chain_of(smooth, blocks_of_32));
  print_row("DuQuant++, Hadamard base of 32", one, duquant_once(on, x, one.maxima(), small.view()));
  print_row("DuQuant++, not smoothed", one, duquant_once(on, x, {}, small.view()));

  // Smoothed by the held-out tokens themselves, all at once: that is what it does.
  runtime_smooth by_tokens(n, 128);
  by_tokens.measure(on, one.held_out.view());
  print_row("runtime smooth, groups of 128", one, by_tokens, weights_rounded::before);
  auto rotated = one.held_out;
  apply(on, rotation, rotated.view());
  by_tokens.measure(on, rotated.view());
  {
    layer rotated_layer = one;
    rotated_layer.held_out = rotated;
    apply_to_weight(on, rotation, rotated_layer.w.view());
    print_row("RRS: Hadamard, runtime smooth", rotated_layer, by_tokens, weights_rounded::before);
  }

  print_searched(one, rotation);

  // Static scales: nothing is read from a token for its range.
  std::vector<double> const ones(n, 1.0);
  auto const scales = smoothing({maxima.data(), n}, {ones.data(), n}, 1);
  std::printf("| OutlierTune's static scales");
  measure(one, scales, int4_static{.range = {1.0F / 7}}, int4{}, weights_rounded::after);
  std::printf(" | | |\n");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "The error of a layer's output under each transform of docs/methods.md: mean relative squared error of ordinary "
      "and of "
      "massive tokens. A half of the rows, drawn at random, calibrates, the other is measured; weights are normal "
      "numbers.");
  std::string rows;
  std::size_t tokens = 512;
  std::size_t channels = 1024;
  std::size_t outputs = 256;
  app.add_option("--rows", rows, "hidden states in a .npy file, RMS-normalised here; without: the built-in sample");
  app.add_option("--tokens", tokens, "of the sample")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--channels", channels, "of the sample, a multiple of 128")->capture_default_str();
  app.add_option("--outputs", outputs, "of the weight")->check(CLI::PositiveNumber)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    matrix<float> x;
    if (rows.empty()) {
      x = example::make_sample(1, {tokens, channels, 32}, 1);
    } else {
      x = read_npy<float>(rows);
      rms_norm(on, x.view());
    }
    print_table(layer(x, outputs));
  } catch (std::exception const& error) {
    std::fprintf(stderr, "method_errors: %s\n", error.what());
    return 1;
  }
  return 0;
}
