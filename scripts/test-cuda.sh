#!/usr/bin/env bash
# scripts/test-cuda.sh [build folder]: builds the tests of the cuda backend and the example with the preset `cuda`, and runs
# them on this machine's device, and dfrot-refine where its libraries are found; then a few small tests under compute-sanitizer,
# for wrong accesses and for races, which emulation cannot show. Takes less than 8 minutes. A program that finds no device and
# skips counts as a failure here.
# A build folder made elsewhere is run as it is: nothing is compiled.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/find_cuda.sh

folder="${1:-build/cuda}"
need_device
if (($# == 0)); then
  need_nvcc
  build dfrot_test_cuda_device dfrot_example_cuda
  cmake --build --preset cuda --parallel "$(nproc)" --target dfrot-refine >>build/cuda-build.log 2>&1 || true
fi
program="$folder/tools/dfrot_refine/dfrot-refine"
tests="$folder/tests/cuda/dfrot_test_cuda_device"

verdicts=()
failed=0
# run NAME SECONDS COMMAND ...
run() {
  local name="$1" limit="$2" status
  shift 2
  echo "== $name"
  timeout --kill-after 10 "$limit" "$@"
  status=$?
  case "$status" in
    0) verdicts+=("passed  $name") ;;
    124 | 137) verdicts+=("FAILED  $name (stopped after $limit s)") ;;
    126 | 127) verdicts+=("FAILED  $name ($1 was not found)") ;;
    *) verdicts+=("FAILED  $name (exit status $status)") ;;
  esac
  ((status == 0)) || failed=1
}

run "tests on the device" 150 "$tests"
run "the same lines on three backends" 30 "$folder/examples/cuda/same_lines"
if [[ -x "$program" ]]; then
  run "dfrot-refine --device cuda" 60 python3 -B tests/program/device_test.py "$program"
else
  verdicts+=("NOT RUN dfrot-refine --device cuda: without CLI11, nlohmann_json, Eigen and xsimd it is not built")
fi
sanitizer="$(command -v compute-sanitizer || ls "$(dirname "${CUDACXX:-/usr/local/cuda/bin/nvcc}")/compute-sanitizer" 2>/dev/null)"
if [[ -n "$sanitizer" ]]; then
  run "memcheck" 90 "$sanitizer" --tool memcheck --error-exitcode 1 "$tests" "[small]"
  run "racecheck" 90 "$sanitizer" --tool racecheck --error-exitcode 1 "$tests" "[small]"
else
  verdicts+=("NOT RUN memcheck and racecheck: compute-sanitizer was not found")
  failed=1
fi

echo
printf '%s\n' "${verdicts[@]}"
exit "$failed"
