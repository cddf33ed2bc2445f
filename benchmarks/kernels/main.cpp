// Times the kernels beside the reference loops, memcpy and other libraries, and takes the ratios: see docs/benchmarks.md.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <dfrot/backend/cpu/isa/isa.hpp>

#include "peers.hpp"
#include "problems.hpp"
#include "side_by_side/command_line.hpp"
#include "vnni_peak.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace dfrot::bench {

namespace {

struct peer_files {
  std::string ffht;
  std::string ggml;
};

[[nodiscard]] machine this_machine(std::string commit) {
  std::string processor = "unknown processor";
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.rfind("model name", 0) == 0) {
      processor = line.substr(std::min(line.size(), line.find(':') + 2));
      break;
    }
  }
#if defined(__clang__)
  std::string const compiler = "clang++ " __clang_version__;
#else
  std::string const compiler = "g++ " __VERSION__;
#endif
  return {{{"processor", processor},
           {"cores", std::to_string(std::thread::hardware_concurrency()) + " cores"},
           {"compiler", compiler},
           {"instruction_set", cpu::native::name}},
          std::move(commit)};
}

[[nodiscard]] std::vector<named_problem> all_problems(environment const& with) {
  std::vector<named_problem> all;
  for (auto* const room : {hadamard_problems, memory_problems, quantize_problems, rotate_quantize_problems,
                           loss_problems, gemm_problems, kv_cache_problems}) {
    auto const some = room(with);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

[[nodiscard]] environment open_peers(peer_files const& files, bool quick) {
  environment with;
  with.quick = quick;
  if (!files.ffht.empty()) {
    with.fht.emplace(files.ffht);
  }
  if (!files.ggml.empty()) {
    with.gg.emplace(files.ggml);
  }
  return with;
}

/// One line for everything that is not compared with.
void name_what_is_missing(environment const& with) {
  product_size const least{1, 32, 32};
  auto const say = [](bool missing, char const* what) {
    if (missing) {
      std::printf("Left out: %s\n", what);
    }
  };
  say(!with.fht, "FFHT (name its shared library: --ffht FILE)");
  say(!with.gg, "ggml (name its processor backend: --ggml-cpu FILE)");
  say(!onednn_product(least), "oneDNN (not found when this was built)");
  say(!openblas_product(least), "OpenBLAS (not found when this was built)");
  say(!vnni_peak(), "the limit of the products (built for a processor without AVX-512 VNNI)");
}

void run(peer_files const& files, options const& chosen) {
  environment const with = open_peers(files, chosen.quick);
  auto const problems = all_problems(with);
  if (chosen.list) {
    list_problems(problems);
    return;
  }
  machine const where = this_machine(chosen.commit);
  std::printf("%s\n", as_text(where).c_str());
  name_what_is_missing(with);
  run_problems(problems, chosen, where);
}

}  // namespace

}  // namespace dfrot::bench

int main(int argc, char** argv) {
  dfrot::bench::peer_files files;
  dfrot::bench::options chosen;
  CLI::App app("Times dfrot's kernels and their peers, side by side: the shortest of many interleaved turns.");
  app.add_option("--ffht", files.ffht, "FFHT as a shared library, with fht_float()")->check(CLI::ExistingFile);
  app.add_option("--ggml-cpu", files.ggml, "ggml's libggml-cpu.so (libggml-base.so beside it)")
      ->check(CLI::ExistingFile);
  add_options(app, chosen);
  CLI11_PARSE(app, argc, argv);
#if defined(_OPENMP)
  omp_set_num_threads(1);  // for the peers; ours are told how many threads to use
#endif
  try {
    dfrot::bench::run(files, chosen);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "kernel_benchmark: %s\n", error.what());
    return 1;
  }
  return 0;
}
