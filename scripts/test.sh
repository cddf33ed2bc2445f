#!/usr/bin/env bash
# scripts/test.sh [preset ...]: installs what is needed, then builds and runs every test with each preset.
# Presets: release (g++), sanitize (clang++ with ASan and UBSan), clang (optimized), debug, benchmarks (each runs for a moment);
# without arguments the first two.
# Tests on real data run where DFROT_DATA names the folder that holds it, and DFROT_MODEL a model (the file that
# scripts/fetch-model.sh prints), and say so where they skip.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install_dependencies.sh || exit 1
if (($# == 0)); then
  set -- release sanitize
fi

jobs="$(nproc)"
closing=()
failed=0

build_and_test() {
  local preset="$1"
  cmake --preset "$preset" -DDFROT_WARNINGS_AS_ERRORS=ON &&
    cmake --build --preset "$preset" --parallel "$jobs" -- -k 0 &&
    ctest --preset "$preset" --parallel "$jobs"
}

mkdir -p build
for preset in "$@"; do
  echo "== $preset"
  start=$SECONDS
  log="build/$preset.log"
  if build_and_test "$preset" 2>&1 | tee "$log"; then
    verdict=passed
  else
    verdict=FAILED
    failed=1
  fi
  # ctest's closing lines: everything from the line that counts the tests; or, where it did not get there, the last lines.
  lines="$(sed -n '/tests passed, /,$p' "$log")"
  closing+=("== $preset: $verdict in $((SECONDS - start)) s" "${lines:-$(tail -n 5 "$log")}")
done

echo
printf '%s\n' "${closing[@]}"
exit "$failed"
