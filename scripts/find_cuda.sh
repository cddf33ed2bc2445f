# For scripts/test-cuda.sh and scripts/bench-cuda.sh: what has to be there before anything is compiled. Sourced, not run.

# Sets CUDACXX to an nvcc of CUDA 12 or newer, or ends with one line.
need_nvcc() {
  local found="${CUDACXX:-$(command -v nvcc || true)}"
  found="${found:-/usr/local/cuda/bin/nvcc}"
  local version
  version="$("$found" --version 2>/dev/null | sed -n 's/.*release \([0-9]*\)\..*/\1/p')" || true
  if [[ -z "$version" ]]; then
    echo "$0: no nvcc was found, neither in PATH nor as $found; CUDACXX names one" >&2
    exit 1
  fi
  if ((version < 12)); then
    echo "$0: $found is of CUDA $version, dfrot needs 12 or newer; CUDACXX names another" >&2
    exit 1
  fi
  export CUDACXX="$found"
}

# Ends with one line where this machine has no NVIDIA device.
need_device() {
  if ! compgen -G '/dev/nvidia[0-9]*' >/dev/null && [[ ! -e /dev/dxg && ! -e /dev/nvhost-gpu ]] &&
    ! nvidia-smi --list-gpus 2>/dev/null | grep -q GPU; then
    echo "$0: this machine has no NVIDIA device" >&2
    exit 1
  fi
}

# build TARGET ...: compiles with the preset `cuda`, quietly; ends with the last lines of the log where that fails.
build() {
  local log=build/cuda-build.log
  mkdir -p build
  echo "compiling (log: $log)"
  if ! { cmake --preset cuda -DDFROT_WARNINGS_AS_ERRORS=ON && cmake --build --preset cuda --parallel "$(nproc)" --target "$@"; } \
    >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "$0: compiling failed" >&2
    exit 1
  fi
}
