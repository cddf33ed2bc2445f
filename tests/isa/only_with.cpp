// only_with <instruction set> <program> [arguments]: becomes the program where the processor has the instruction set,
// otherwise says so and exits with 77, which ctest counts as skipped. Compiled without -m flags.

#include <unistd.h>

#include <cstdio>
#include <string_view>

namespace {

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_bmi() { return __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"); }

bool has_avx512() {
  return has_avx2() && has_bmi() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

bool has_avx512_vnni() {
  return has_avx512() && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

bool has(std::string_view name) {
  return name == "baseline" || (name == "avx2" && has_avx2()) || (name == "x86-64-v3" && has_avx2() && has_bmi()) ||
         (name == "avx512" && has_avx512()) || (name == "avx512_vnni" && has_avx512_vnni());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: only_with <instruction set> <program> [arguments]\n");
    return 2;
  }
  if (!has(argv[1])) {
    std::printf("skipped: this processor has no %s\n", argv[1]);
    return 77;
  }
  execv(argv[2], argv + 2);
  std::perror(argv[2]);
  return 2;
}
