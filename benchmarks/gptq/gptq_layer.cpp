// One layer quantized by GPTQ: time and error of each step; see --help.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/linalg/gram.hpp>
#include <dfrot/optimize/gptq/gptq.hpp>
#include <exception>

namespace {

using namespace dfrot;

struct options {
  std::size_t rows = 4096;
  std::size_t columns = 14336;
  std::size_t tokens = 2048;
  int4 scheme{128};
  gptq_options gptq;
  int threads = 2;
};

/// Prints how long a step took: on the clock, and of all threads together.
class step_timer {
 public:
  void print(char const* step) {
    double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    double const of_threads = static_cast<double>(std::clock() - clock_) / CLOCKS_PER_SEC;
    std::printf("%-34s %8.2f s, %8.2f s of processors\n", step, seconds, of_threads);
    std::fflush(stdout);
    began_ = std::chrono::steady_clock::now();
    clock_ = std::clock();
  }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::clock_t clock_ = std::clock();
};

void fill_gaussian(matrix_view<float> x, std::uint64_t seed) {
  for (std::size_t i = 0; i < x.rows * x.columns; i += 4) {
    auto const block = gaussian_block(seed, random_stream::user, i / 4);
    for (std::size_t k = 0; k < std::min<std::size_t>(4, x.rows * x.columns - i); ++k) {
      x.data[i + k] = static_cast<float>(block.value[k]);
    }
  }
}

void run(options const& o) {
  cpu::policy const on{o.threads};
  step_timer timer;
  matrix<float> w(o.rows, o.columns);
  fill_gaussian(w.view(), 1);
  gram_sums<float> sums(o.columns);
  matrix<float> x(std::min<std::size_t>(o.tokens, 512), o.columns);
  timer.print("weights");
  for (std::size_t done = 0; done < o.tokens; done += x.rows()) {
    fill_gaussian(x.view(), 2 + done);
    // Neighbouring channels go together; some are larger.
    for (std::size_t i = 0; i < x.rows(); ++i) {
      for (std::size_t j = 1; j < o.columns; ++j) {
        x(i, j) = 0.6F * x(i, j - 1) + x(i, j) * (j % 100 == 3 ? 8.0F : 1.0F);
      }
    }
    sums.add(on, x.view());
  }
  auto const h = sums.values(on);
  timer.print("tokens and Gram matrix");
  gptq_factor<float> const factor(on, h, o.gptq);
  timer.print("Cholesky factor");
  matrix<std::uint8_t> codes(o.rows, packed_columns(o.columns));
  matrix<float> scales(o.rows, group_count(o.scheme, o.columns));
  gptq_result const result =
      gptq(on, o.scheme, w.view(), factor, quantized_rows<std::uint8_t, float>{codes.view(), scales.view(), {}});
  timer.print("codes");
  std::printf("%zu x %zu, %zu tokens, groups of %zu: error %.6g, damping %g\n", o.rows, o.columns, sums.tokens(),
              o.scheme.group, result.error, factor.damping());
}

}  // namespace

int main(int argc, char** argv) {
  options o;
  CLI::App app("Quantizes a layer of random weights by GPTQ, with the Gram matrix of random tokens.");
  app.add_option("--rows", o.rows, "output channels");
  app.add_option("--columns", o.columns, "input channels");
  app.add_option("--tokens", o.tokens, "calibration tokens, in blocks of 512");
  app.add_option("--group", o.scheme.group, "columns that share a scale; 0: the whole row");
  app.add_flag("--act-order", o.gptq.act_order, "columns in falling order of the diagonal");
  app.add_option("--threads", o.threads, "threads");
  CLI11_PARSE(app, argc, argv);
  try {
    run(o);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "gptq_layer: %s\n", error.what());
    return 1;
  }
  return 0;
}
