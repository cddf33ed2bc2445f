#!/usr/bin/env bash
# scripts/demo-model.sh from the outside, as far as it goes without installing or building anything.
#   demo_model_usage_test.sh <scripts/demo-model.sh>
set -euo pipefail
script="$1"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
failed=0

# expect <status> <words of the output> <arguments>...
expect() {
  local status=0 found
  found="$("$script" "${@:3}" 2>&1)" || status=$?
  if [[ "$status" != "$1" || "$found" != *"$2"* ]]; then
    echo "FAILED: '${*:3}' ends with $status instead of $1, or does not say '$2': $found"
    failed=1
  fi
}

: >"$scratch/empty"
for help in --help -h; do
  expect 0 "--text FILE" "$help"
  expect 0 "--sequences N" "$help"
  expect 0 "--output FOLDER" "$help"
done
expect 2 "unknown option '--nonsense'" --nonsense
expect 2 "unknown option 'words'" words
for option in --text --sequences --output; do
  expect 2 "$option needs a value" "$option"
  expect 2 "$option needs a value" "$option" ""
done
for text in "$scratch/none" "$scratch/empty" "$scratch"; do
  expect 2 "cannot read '$text'" --text "$text"
done
for count in 0 -1 08 x 1.5 "1 2" 1000000; do
  expect 2 "'$count' is no number from 1" --sequences "$count"
done
expect 2 "cannot make the folder" --output "$scratch/empty/folder"
exit "$failed"
