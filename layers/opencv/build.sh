#!/usr/bin/env bash
# Builds the layer that holds OpenCV and all else that the function imports.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: layers/opencv/build.sh slim|stock [x86_64|arm64]

  slim   OpenCV compiled with what detection needs (20 to 60 minutes, once: it is cached)
  stock  the published wheels, without their tests and stubs (a minute)

The architecture is the host's unless named; slim is compiled for the host's only.
The layer is written to layers/dist/opencv-KIND-ARCHITECTURE.zip, its content to layers/build/.

  LAYER_PYTHON  the Python 3.13 to use (default: python3.13)
  LAYER_CACHE   where compiled OpenCVs are kept (default: layers/build/cache)
  LAYER_JOBS    how many compilers run at once (default: one a core)
TEXT
}

# shellcheck source=layers/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/../steps.sh"

lock="$root/requirements.txt"
here="$layers/opencv"
cache="${LAYER_CACHE:-$layers/build/cache}"

check_compiler() {
  [[ "$architecture" == "$(host_architecture)" ]] || fail "slim is compiled on its own" \
    "architecture, and this host is $(host_architecture): use layers/opencv/Dockerfile with" \
    "--platform, or build stock"
  command -v c++ >/dev/null || fail "slim needs a C++ compiler (c++): install one, or build stock"
  # without it OpenCV builds a JPEG decoder that is several times slower, and says nothing
  [[ "$architecture" != x86_64 ]] || command -v nasm >/dev/null ||
    fail "slim needs the assembler nasm on x86_64: install it, or build stock"
  [[ -f "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]] ||
    fail "slim needs the C headers of $python: install them, or build stock"
}

# All that the compiled bytes depend on. Comments don't.
compile_inputs() {
  locked "$lock" opencv-python-headless
  locked "$lock" numpy
  grep --invert-match '^ *#' "$here/slim.cmake" "$here/requirements-build.txt" --no-filename
  uname -m
  c++ --version | head -n 1
  nasm --version 2>/dev/null || true
  "$python" --version
}

# compile_opencv FOLDER: the package cv2, compiled from the PyPI sdist
compile_opencv() {
  local work="$layers/build/compile-$architecture" source build flags
  rm -rf "$work"
  mkdir -p "$work"
  cd "$work"
  "$python" -m venv tools
  tools/bin/pip install --quiet --require-hashes --requirement "$here/requirements-build.txt"
  # by way of links, so that what is compiled in does not tell one host from another
  ln -s "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')" include
  ln -s "$tree/numpy/_core/include" numpy

  # pip looks into the sdist's metadata, and fetches for this what the sdist is built with
  locked "$lock" opencv-python-headless >opencv.txt
  "$python" -m pip download --quiet --no-deps --require-hashes --requirement opencv.txt \
    --no-binary opencv-python-headless
  "$python" -m tarfile --extract opencv_python_headless-*.tar.gz .
  source=(opencv_python_headless-*/opencv)
  "$python" "$here/font.py" "$tree/cv2/cv2.abi3.so" "${source[0]}" downloads

  flags="-ffile-prefix-map=$work/="
  PATH="$work/tools/bin:$PATH" cmake -G Ninja -C "$here/slim.cmake" -S "${source[0]}" -B build \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" \
    -DOPENCV_DOWNLOAD_PATH="$work/downloads" \
    -DPYTHON_DEFAULT_EXECUTABLE="$work/tools/bin/python" \
    -DPYTHON3_EXECUTABLE="$work/tools/bin/python" -DPYTHON3_INCLUDE_DIR="$work/include" \
    -DPYTHON3_NUMPY_INCLUDE_DIRS="$work/numpy" -DPYTHON3_LIBRARY=libpython3.13.a >configure.log ||
    fail "OpenCV could not be configured: see $work/configure.log"
  # what cv2.getBuildInformation() tells names this folder, too
  sed -i "s|$work/||g" build/version_string.inc
  tools/bin/ninja -C build -j "${LAYER_JOBS:-$(nproc)}" opencv_python3 >compile.log ||
    fail "OpenCV could not be compiled: see $work/compile.log"
  tools/bin/cmake --install build --component python --prefix staged --strip >install.log
  mkdir -p "$(dirname "$1")"
  mv staged/python/cv2 "$1"
  cd "$root"
  rm -rf "$work"
}
