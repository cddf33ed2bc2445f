#!/usr/bin/env bash
# scripts/demo.sh [folder]: installs what is needed, builds dfrot-refine, and refines a rotation for the built-in sample.
# Prints the table that the paper starts from; the rotations, the report and the figure go to the folder (build/demo).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
output="${1:-build/demo}"

scripts/install_dependencies.sh
cmake --preset release >/dev/null
cmake --build --preset release --target dfrot-refine

mkdir -p "$output"
build/release/tools/dfrot_refine/dfrot-refine --seed 1 --holdout 0.25 \
  --output "$output/rotation.npy" --start-output "$output/start.npy" \
  --report "$output/report.json" --plot "$output/plot.svg"
echo "Figure: $output/plot.svg"
