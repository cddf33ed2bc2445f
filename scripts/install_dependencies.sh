#!/usr/bin/env bash
# scripts/install_dependencies.sh [--peers]: installs what it takes to build and test dfrot, on Debian 12; other systems
# get the list of what is missing. --peers: and the libraries that scripts/bench.sh compares with, which nothing needs.
# Only what is missing is installed, so a second run takes a moment. The one list of packages is here.
set -euo pipefail

packages=(
  g++ clang libomp-14-dev libclang-rt-14-dev # both compilers, with OpenMP and sanitizers
  cmake ninja-build git
  libeigen3-dev libxsimd-dev          # the library
  libcli11-dev nlohmann-json3-dev libxxhash-dev # dfrot-refine
  libpcre2-dev                        # dfrot-llm
  libopenmpi-dev openmpi-bin          # the example over several machines
  catch2 libbenchmark-dev             # tests, benchmarks
  python3 python3-numpy python3-xxhash # tests from the outside
  python3-venv                        # Conan, in an environment of its own
  clang-19 pkgconf                    # consumers of the library, with a newer compiler (50 MB, no OpenMP) and without CMake
  clang-format clang-tidy             # scripts/lint.sh
  g++-aarch64-linux-gnu qemu-user-static # the kernels for 64-bit ARM, compiled and run here
)
if [[ "${1:-}" == --peers ]]; then
  packages+=(libopenblas-dev libdnnl-dev)
fi

is_installed() { dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

system=unknown
if [[ -r /etc/os-release ]]; then
  system="$(. /etc/os-release && echo "${ID:-unknown} ${VERSION_ID:-}")"
fi

if [[ "$system" != "debian 12" ]]; then
  missing=()
  for program in g++ clang++ cmake ninja git python3 clang-format clang-tidy; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  echo "This script installs packages on Debian 12 only; this is '$system'." >&2
  if ((${#missing[@]} > 0)); then
    echo "Missing programs: ${missing[*]}" >&2
    echo "Debian 12 calls all that dfrot needs: ${packages[*]}" >&2
    exit 1
  fi
  echo "All programs are here; the libraries needed are Eigen 3.4, xsimd 8.1, CLI11, nlohmann_json, xxHash, PCRE2 10.40, Catch2 and Google Benchmark." >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "All packages are installed."
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "Missing packages: ${missing[*]}. Install them as root, or install sudo." >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "Installing: ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet --option Dpkg::Use-Pty=0)
"${apt[@]}" update
"${apt[@]}" install --yes --no-install-recommends "${missing[@]}" >/dev/null
