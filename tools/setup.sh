# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by tools/quickstart, tools/test, tools/fuzz, tools/wheel, tools/deb and .ci/run: goes to the repository's root, and knows how to install
# packages, configure and build.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 3

die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 3
}

# missing_packages FILE...
missing_packages() {
  local package
  sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@" | while read -r package; do
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
  done
}

# install_packages FILE...: those that the files list; asks the network only if one is absent.
install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian: the libraries that $* list must already be installed." >&2
    return
  fi
  local missing as_root=()
  mapfile -t missing < <(missing_packages "$@")
  (( ${#missing[@]} > 0 )) || return 0
  if (( EUID != 0 )); then
    command -v sudo >/dev/null ||
      die "packages are missing, and this is neither root nor is sudo installed; as root run: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  echo "Installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq || die "apt-get update failed (is the network up?); still missing: ${missing[*]}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" ||
    die "apt-get could not install ${missing[*]}"
}

# The version in CMakeLists.txt.
project_version() { sed -n 's/^project(sigprop VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt; }

use_ccache() {
  command -v ccache >/dev/null || return 0
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
  export CMAKE_CUDA_COMPILER_LAUNCHER=${CMAKE_CUDA_COMPILER_LAUNCHER-ccache}
  export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS-pch_defines,time_macros}  # what ccache asks for with precompiled headers
}

# build PRESET [ARGUMENT...]: configures and builds it on all cores; the arguments go to cmake --build.
# CMake reads CXX only once: a build tree of another compiler is configured anew.
build() {
  local preset=$1 cache=build/$1/CMakeCache.txt compiler fresh=()
  compiler=${CXX:-c++}
  compiler=$(command -v "${compiler%% *}") || die "the compiler '${CXX:-c++}' is not on the PATH"
  if [[ -f $cache && ! $(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$cache") -ef $compiler ]]; then
    fresh=(--fresh)
  fi
  use_ccache
  cmake --preset "$preset" "${fresh[@]}" || die "configuring the preset '$preset' failed; the reason stands above"
  cmake --build --preset "$preset" --parallel "$(nproc)" "${@:2}" ||
    die "building the preset '$preset' failed; the reason stands above"
}

# Is there a Clang with libFuzzer and OpenMP (Debian: clang, libclang-rt-14-dev and libomp-14-dev)?
can_fuzz() {
  echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
    clang++ -x c++ -fsanitize=fuzzer -fopenmp -o /dev/null - 2>/dev/null
}
