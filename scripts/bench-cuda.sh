#!/usr/bin/env bash
# scripts/bench-cuda.sh [build folder] [option ...]: builds cuda_benchmark with the preset `cuda` and runs it on this machine's
# device, then PyTorch's peers where python3 has torch. JSON and the table go to build/bench/cuda.json and cuda.md. Takes less
# than 8 minutes; the device should have nothing else to do. A build folder made elsewhere is run as it is.
# Options are cuda_benchmark's: see --help there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/find_cuda.sh

folder=build/cuda
need_device
if [[ "${1:--}" != -* ]]; then
  folder="$1"
  shift
else
  need_nvcc
  build dfrot_cuda_benchmark
fi
program="$folder/benchmarks/cuda/cuda_benchmark"
if [[ ! -x "$program" ]]; then
  echo "$0: $program was not found" >&2
  exit 1
fi
output=build/bench
mkdir -p "$output"
rm -f "$output/cuda.json" "$output/cuda.md"
failed=0
"$program" --commit "$(git describe --always --dirty 2>/dev/null || echo unknown)" --json "$output/cuda.json" \
  --markdown "$output/cuda.md" "$@" || failed=$?
if [[ ! -f "$output/cuda.json" ]]; then
  exit "$failed" # --help, --list, or nothing could be measured
fi
if python3 -c 'import torch' 2>/dev/null; then
  status=0
  python3 -B benchmarks/cuda/pytorch_peers.py "$output/cuda.json" || status=$?
  ((status == 0 || status == 77)) || exit "$status"
else
  echo "Left out: PyTorch (python3 has no torch)"
fi
echo "JSON: $output/cuda.json"
exit "$failed"
