#!/usr/bin/env bash
# scripts/lint.sh [format] [tidy]: checks the sources with clang-format and clang-tidy; both without arguments.
# clang-tidy reads a translation unit that includes every header, made by the clang preset, and the examples.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if (($# == 0)); then
  set -- format tidy
fi

check_format() {
  find include tests examples tools benchmarks -name '*.hpp' -o -name '*.cpp' -o -name '*.cuh' -o -name '*.cu' | sort |
    xargs clang-format --dry-run -Werror
  echo "clang-format: clean"
}

check_tidy() {
  cmake --preset clang >/dev/null
  clang-tidy --quiet -p build/clang build/clang/tests/headers/generated/second.cpp $(find examples tools -name '*.cpp')
  echo "clang-tidy: clean"
}

for check in "$@"; do
  case "$check" in
    format) check_format ;;
    tidy) check_tidy ;;
    *) echo "usage: scripts/lint.sh [format] [tidy]" >&2 && exit 2 ;;
  esac
done
