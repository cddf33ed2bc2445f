// Times the kernels beside the reference loops, memcpy and other libraries, and takes the ratios: see docs/benchmarks.md.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "peers.hpp"
#include "problems.hpp"
#include "report.hpp"
#include "runner.hpp"
#include "vnni_peak.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace dfrot::bench {

namespace {

struct options {
  std::string ffht_file;
  std::string ggml_file;
  std::vector<std::string> only;
  std::string json;
  std::string markdown;
  std::string commit = "unknown";
  effort how;
  bool quick = false;
  bool list = false;
};

void add_options(CLI::App& app, options& chosen) {
  app.add_option("--ffht", chosen.ffht_file, "FFHT as a shared library, with fht_float()")->check(CLI::ExistingFile);
  app.add_option("--ggml-cpu", chosen.ggml_file, "ggml's libggml-cpu.so (libggml-base.so beside it)")
      ->check(CLI::ExistingFile);
  app.add_option("--only", chosen.only, "Only problems whose name contains one of these texts")->type_name("TEXT");
  app.add_option("--seconds", chosen.how.seconds, "Time for one problem")->capture_default_str();
  app.add_option("--json", chosen.json, "Write the results as JSON")->type_name("FILE");
  app.add_option("--markdown", chosen.markdown, "Write the table of docs/benchmarks.md")->type_name("FILE");
  app.add_option("--commit", chosen.commit, "The commit that the reports name");
  app.add_flag("--quick", chosen.quick, "Small sizes, one turn each: shows that everything runs, not how fast");
  app.add_flag("--list", chosen.list, "List the problems and exit");
}

[[nodiscard]] std::vector<named_problem> all_problems(environment const& with) {
  std::vector<named_problem> all;
  for (auto* const room : {hadamard_problems, memory_problems, quantize_problems, rotate_quantize_problems,
                           token_error_problems, gemm_problems}) {
    auto const some = room(with);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

[[nodiscard]] bool is_wanted(std::string const& name, std::vector<std::string> const& only) {
  bool wanted = only.empty();
  for (auto const& text : only) {
    wanted = wanted || name.find(text) != std::string::npos;
  }
  return wanted;
}

[[nodiscard]] environment open_peers(options const& chosen) {
  environment with;
  with.quick = chosen.quick;
  if (!chosen.ffht_file.empty()) {
    with.fht.emplace(chosen.ffht_file);
  }
  if (!chosen.ggml_file.empty()) {
    with.gg.emplace(chosen.ggml_file);
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

void write(std::string const& file, std::string const& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (!out) {
    throw std::runtime_error("cannot write " + file);
  }
}

void run(options const& chosen) {
  environment const with = open_peers(chosen);
  auto const problems = all_problems(with);
  if (chosen.list) {
    for (auto const& one : problems) {
      std::printf("%s\n", one.name.c_str());
    }
    return;
  }
  machine const where = this_machine(chosen.commit);
  std::printf("%s, %u cores, %s, %s, commit %s\n", where.processor.c_str(), where.cores, where.compiler.c_str(),
              where.instruction_set.c_str(), where.commit.c_str());
  name_what_is_missing(with);
  std::vector<measured_problem> measured;
  for (auto const& one : problems) {
    if (is_wanted(one.name, chosen.only)) {
      problem const made = one.make();
      measured.push_back(summarize(made, measure(made, chosen.how)));
      std::fputs(as_text(measured.back()).c_str(), stdout);
      std::fflush(stdout);
    }
  }
  if (!chosen.json.empty()) {
    write(chosen.json, as_json(where, measured));
  }
  if (!chosen.markdown.empty()) {
    write(chosen.markdown, as_markdown(where, measured));
  }
}

}  // namespace

}  // namespace dfrot::bench

int main(int argc, char** argv) {
  dfrot::bench::options chosen;
  CLI::App app("Times dfrot's kernels and their peers, side by side: the shortest of many interleaved turns.");
  dfrot::bench::add_options(app, chosen);
  CLI11_PARSE(app, argc, argv);
  if (chosen.quick) {
    chosen.how = {0, 0, 1, 0};
  }
#if defined(_OPENMP)
  omp_set_num_threads(1);  // for the peers; ours are told how many threads to use
#endif
  try {
    dfrot::bench::run(chosen);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "kernel_benchmark: %s\n", error.what());
    return 1;
  }
  return 0;
}
