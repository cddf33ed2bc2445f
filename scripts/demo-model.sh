#!/usr/bin/env bash
# scripts/demo-model.sh [--text FILE] [--sequences N] [--output FOLDER]: a language model in 4 bits, from its file to its perplexity.
# Installs what is needed (Debian 12), builds dfrot-llm, fetches SmolLM2-135M-Instruct (scripts/fetch-model.sh), draws its massive
# activations, and prints perplexity and KL for five rotations and three schemes, weights of 4 bits by GPTQ.
#   --text FILE      a text in UTF-8; without it, WikiText-2 in DFROT_DATA, else the licences that Debian comes with
#   --sequences N    of 512 tokens from its beginning (8)
#   --output FOLDER  where tables, reports and figures go (build/demo-model)
# A line each half minute says how far it is. A second run with the same program, model, text and options shows what is there.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

usage() { echo "scripts/demo-model.sh: $* (--help explains the options)" >&2 && exit 2; }

text=
sequences=8
output="$here/build/demo-model"
while (($# > 0)); do
  case "$1" in
    --help | -h) sed -n '2,/^set/{/^#/s/^# \?//p}' "${BASH_SOURCE[0]}" && exit 0 ;;
    --text | --sequences | --output) [[ -n "${2:-}" ]] || usage "$1 needs a value" ;;
    *) usage "unknown option '$1'" ;;
  esac
  case "$1" in
    --text) text="$2" ;;
    --sequences) sequences="$2" ;;
    --output) output="$(realpath --canonicalize-missing -- "$2")" ;;
  esac
  shift 2
done
[[ "$sequences" =~ ^[1-9][0-9]{0,5}$ ]] || usage "--sequences: '$sequences' is no number from 1 to 999999"
[[ -z "$text" || (-f "$text" && -r "$text" && -s "$text") ]] || usage "--text: cannot read '$text', or it is empty"
[[ -z "$text" ]] || text="$(realpath -- "$text")"
mkdir -p "$output" || usage "--output: cannot make the folder '$output'"

cd "$here"
if [[ -z "$text" && -n "${DFROT_DATA:-}" && -r "$DFROT_DATA/wikitext2/wiki.test.raw" ]]; then
  text="$DFROT_DATA/wikitext2/wiki.test.raw"
fi
if [[ -z "$text" && -d /usr/share/common-licenses ]]; then
  text="$output/licences.txt"
  find /usr/share/common-licenses -type f -print0 | LC_ALL=C sort --zero-terminated | xargs --null cat >"$text"
  echo "The text is Debian's licences, which the model has seen often: perplexities are low. --text takes another."
fi
[[ -n "$text" ]] || usage "no text is at hand: give one with --text"

scripts/install_dependencies.sh
model="$(scripts/fetch-model.sh)"
cmake --preset release >/dev/null
cmake --build --preset release --target dfrot-llm
program=build/release/tools/dfrot_llm/dfrot-llm

input=("$model" --text "$text" --bos 1 --sequences "$sequences")
look=(inspect "${input[@]}" --report "$output/massive.json" --plot "$output/massive.svg")
measure=(perplexity "${input[@]}" --rotations "none,orthogonal,hadamard,short,refined" --schemes "16-16-16,16-4-16,4-4-4"
  --weights gptq --gptq-sequences 16 --seed 1 --report "$output/report.json" --plot "$output/plot.svg")

stamp="$(sha256sum "$program" "$model" "$text") ${look[*]} ${measure[*]}"
if [[ ! -f "$output/stamp" || "$(<"$output/stamp")" != "$stamp" ]]; then
  rm -f "$output/stamp"
  "$program" "${look[@]}" >"$output/massive.txt"
  "$program" "${measure[@]}" >"$output/table.txt"
  echo "$stamp" >"$output/stamp"
fi
cat "$output/table.txt"
echo "Figures: $output/plot.svg, $output/massive.svg; massive activations: $output/massive.txt"
