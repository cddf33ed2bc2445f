#!/usr/bin/env bash
# scripts/bench-cuda.sh [build folder]: builds cuda_benchmark with the preset `cuda` and runs it on this machine's device: every
# kernel beside a copy of as many bytes, in one table. JSON goes to build/bench/cuda.json. Takes less than 8 minutes; the device
# should have nothing else to do. A build folder made elsewhere is run as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder="${1:-build/cuda}"
if (($# == 0)); then
  cmake --preset cuda >/dev/null
  cmake --build --preset cuda --parallel "$(nproc)" --target dfrot_cuda_benchmark
fi
mkdir -p build/bench
"$folder/benchmarks/cuda/cuda_benchmark" --json build/bench/cuda.json
echo "JSON: build/bench/cuda.json"
