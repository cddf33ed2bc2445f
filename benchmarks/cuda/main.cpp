// Times what runs on a CUDA device beside a copy or a read of the same memory, and beside NVIDIA's libraries; see
// docs/benchmarks.md.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "problems.hpp"
#include "side_by_side/command_line.hpp"

namespace dfrot::bench {

namespace {

[[nodiscard]] std::vector<named_problem> all_problems(bool quick) {
  std::vector<named_problem> all;
  for (auto* const room : {device_hadamard_problems, device_rotate_quantize_problems, device_gemm_problems,
                           device_refine_problems, device_polar_problems, device_row_problems}) {
    auto const some = room(quick);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

void run(options const& chosen) {
  auto const problems = all_problems(chosen.quick);
  if (chosen.list) {
    list_problems(problems);
    return;
  }
  machine const where = this_device(chosen.commit);
  std::printf("%s\n", as_text(where).c_str());
#if !defined(DFROT_BENCH_XPOLAR)
  std::printf("Left out: cusolverDnXpolar (the toolkit is older than CUDA 13.2)\n");
#endif
  run_problems(problems, chosen, where);
}

}  // namespace

}  // namespace dfrot::bench

int main(int argc, char** argv) {
  dfrot::bench::options chosen;
  chosen.how.seconds = 1;
  chosen.how.turn = 2e-3;
  chosen.how.longest_warm_call = 50e-3;
  chosen.how.time = dfrot::bench::time_on_device;
  CLI::App app("Times dfrot on a CUDA device and its peers, side by side: the shortest of many interleaved turns.");
  add_options(app, chosen);
  CLI11_PARSE(app, argc, argv);
  try {
    dfrot::bench::run(chosen);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "cuda_benchmark: %s\n", error.what());
    return 1;
  }
  return 0;
}
