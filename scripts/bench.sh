#!/usr/bin/env bash
# scripts/bench.sh [--docs] [option ...]: installs what is needed and the peers that are packages, since a benchmark
# without peers says little; builds kernel_benchmark, runs it, and measures what including an umbrella costs.
# Prints the tables; JSON goes to build/bench. Takes less than 10 minutes; the machine should have nothing else to do.
# --docs: writes the tables into docs/benchmarks.md, too.
# Other options are kernel_benchmark's (see --help): --ffht and --ggml-cpu name shared libraries to compare with.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
docs=0
if [[ "${1:-}" == --docs ]]; then
  docs=1
  shift
fi

scripts/install_dependencies.sh --peers
cmake --preset benchmarks >/dev/null
cmake --build --preset benchmarks --target dfrot_kernel_benchmark

output=build/bench
mkdir -p "$output"
build/benchmarks/benchmarks/kernels/kernel_benchmark --commit "$(git describe --always --dirty 2>/dev/null || echo unknown)" \
  --json "$output/benchmarks.json" --markdown "$output/kernels.md" "$@"

regions=(kernels="$output/kernels.md")
python3 -B benchmarks/include_cost.py --json "$output/include_cost.json" dfrot/reference.hpp dfrot/cpu.hpp dfrot/dfrot.hpp |
  tee "$output/include_cost.txt"
regions+=(include_cost="$output/include_cost.txt")
if ((docs)); then
  python3 -B benchmarks/write_tables.py docs/benchmarks.md "${regions[@]}"
fi
echo "JSON: $output/benchmarks.json"
