#!/usr/bin/env bash
# scripts/fuzz.sh SECONDS [target ...]: installs what is needed, builds the fuzz targets (clang++, preset `fuzz`) and runs each
# for SECONDS, all of them where none is named; what they are, docs/fuzzing.md says. Starts from the seeds in tests/fuzz/corpus
# and from what earlier runs have found in build/fuzz/corpus, and leaves there what is new.
# Prints, for each target, executions, edges of the code that were reached, inputs kept, the most memory in use, and a verdict.
# Ends with status 1 if there is a finding: a crash, a leak, a disagreement, more than 30 s or too much memory for one input.
# Its file is then named, and the line that repeats it.
# --list: the targets.   --help: this text.   --no-build: runs what is built.
set -uo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

build=1
seconds=
chosen=()
for argument in "$@"; do
  case "$argument" in
    -h | --help) sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p}' "${BASH_SOURCE[0]}" && exit 0 ;;
    --list) ls tests/fuzz/corpus && exit 0 ;;
    --no-build) build=0 ;;
    -*) echo "scripts/fuzz.sh: $argument is not known; scripts/fuzz.sh --help lists what is" >&2 && exit 2 ;;
    *) if [[ -z "$seconds" ]]; then seconds="$argument"; else chosen+=("$argument"); fi ;;
  esac
done
if [[ ! "$seconds" =~ ^[1-9][0-9]*$ ]]; then
  echo "usage: scripts/fuzz.sh SECONDS [target ...] (see --help); SECONDS is a whole number above 0" >&2
  exit 2
fi
mapfile -t all < <(ls tests/fuzz/corpus)
((${#chosen[@]} > 0)) || chosen=("${all[@]}")
for target in "${chosen[@]}"; do
  if [[ ! -d "tests/fuzz/corpus/$target" ]]; then
    echo "scripts/fuzz.sh: there is no target $target; there are: ${all[*]}" >&2
    exit 2
  fi
done

folder=build/fuzz
mkdir -p "$folder"
if ((build)); then
  scripts/install_dependencies.sh || exit 1
  echo "compiling (log: $folder/build.log)"
  if ! { cmake --preset fuzz && cmake --build --preset fuzz --parallel "$(nproc)" --target "${chosen[@]/#/dfrot_fuzz_}"; } \
    >"$folder/build.log" 2>&1; then
    tail -n 20 "$folder/build.log" >&2
    grep 'fuzz targets are left out' "$folder/build.log" >&2
    echo "scripts/fuzz.sh: compiling failed" >&2
    exit 1
  fi
fi

export ASAN_OPTIONS="quarantine_size_mb=32${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export LSAN_OPTIONS="print_suppressions=0:suppressions=$root/tests/support/known_leaks.txt"
export UBSAN_OPTIONS=print_stacktrace=1
export OMP_WAIT_POLICY=passive

# The last number that follows a word in a log: "cov: 1404".
last_number() { grep -o "$2 *[0-9]\+" "$1" | tail -n 1 | grep -o '[0-9]\+$' || echo 0; }

table=("$(printf '%-16s %12s %8s %8s %9s  %s' target executions edges inputs 'RSS (MB)' verdict)")
failed=0
run() {
  local target="$1" program="$folder/tests/fuzz/dfrot_fuzz_$1" log="$folder/$1.log" found="$folder/findings/$1"
  local corpus="$folder/corpus/$1" options=() verdict='no finding'
  mkdir -p "$found" "$corpus"
  [[ "$target" == command_line ]] && options=(-close_fd_mask=3) # its help and its complaints are many
  [[ "$target" == checkpoint ]] && options=(-max_len=65536)     # deep trees are long
  [[ "$target" == agree_* ]] && options=(-max_len=2048 -len_control=0)
  [[ "$target" == npy || "$target" == short_rotation ]] && options=(-max_len=4096)
  echo "== $target, $seconds s (log: $log)"
  "$program" -max_total_time="$seconds" -timeout=30 -malloc_limit_mb=64 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$found/" "${options[@]}" "$corpus" "tests/fuzz/corpus/$target" >"$log" 2>&1 &
  local process=$! status start=$SECONDS
  while kill -0 "$process" 2>/dev/null; do
    sleep 1
    (((SECONDS - start) % 60 == 59)) && grep '^#' "$log" | tail -n 1 | cut -c 1-100
  done
  wait "$process"
  status=$?
  if ((status != 0)); then
    failed=1
    local file
    file="$(grep -o 'Test unit written to .*' "$log" | tail -n 1 | sed 's/Test unit written to //')"
    verdict="FINDING: ${file:-status $status, see $log}"
    grep -E 'FINDING|ERROR: |runtime error|SUMMARY' "$log" | head -n 5
    [[ -n "$file" ]] && echo "repeat it with: $program $file"
  fi
  table+=("$(printf '%-16s %12s %8s %8s %9s  %s' "$target" "$(last_number "$log" 'number_of_executed_units:')" \
    "$(last_number "$log" 'cov:')" "$(last_number "$log" 'corp:')" "$(last_number "$log" 'peak_rss_mb:')" "$verdict")")
}

for target in "${chosen[@]}"; do
  run "$target"
done
echo
printf '%s\n' "${table[@]}"
exit "$failed"
