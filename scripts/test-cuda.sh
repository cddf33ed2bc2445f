#!/usr/bin/env bash
# scripts/test-cuda.sh [build folder]: builds the tests of the cuda backend and the example with the preset `cuda`, and runs
# them on this machine's device, and dfrot-refine where its libraries are found; then a few small tests under compute-sanitizer,
# for wrong accesses and for races, which emulation cannot show. Takes less than 8 minutes. A program that finds no device and
# skips counts as a failure here.
# A build folder made elsewhere is run as it is: nothing is compiled.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder="${1:-build/cuda}"
if (($# == 0)); then
  cmake --preset cuda -DDFROT_WARNINGS_AS_ERRORS=ON &&
    cmake --build --preset cuda --parallel "$(nproc)" --target dfrot_test_cuda_device dfrot_example_cuda || exit 1
  cmake --build --preset cuda --parallel "$(nproc)" --target dfrot-refine || echo "dfrot-refine is left out"
fi
program="$folder/examples/dfrot_refine/dfrot-refine"
tests="$folder/tests/cuda/dfrot_test_cuda_device"

verdicts=()
failed=0
run() {
  local name="$1"
  shift
  echo "== $name"
  if "$@"; then
    verdicts+=("passed  $name")
  else
    verdicts+=("FAILED  $name (exit status $?)")
    failed=1
  fi
}

run "tests on the device" "$tests"
run "the same lines on three backends" "$folder/examples/cuda/same_lines"
if [[ -x "$program" ]]; then
  run "dfrot-refine --device cuda" python3 -B tests/program/device_test.py "$program"
fi
sanitizer="$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)"
if [[ -n "$sanitizer" ]]; then
  run "memcheck" "$sanitizer" --tool memcheck --error-exitcode 1 "$tests" "[small]"
  run "racecheck" "$sanitizer" --tool racecheck --error-exitcode 1 "$tests" "[small]"
else
  verdicts+=("NOT RUN memcheck and racecheck: compute-sanitizer was not found")
  failed=1
fi

echo
printf '%s\n' "${verdicts[@]}"
exit "$failed"
