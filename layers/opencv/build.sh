#!/usr/bin/env bash
# Builds the layer that holds OpenCV and the function's other dependencies.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: layers/opencv/build.sh slim|stock [x86_64|arm64]

  slim   OpenCV compiled with what detection needs (20 to 60 minutes; the result is cached)
  stock  the published wheels, without their tests and stubs (a minute)

The default architecture is the host's; slim can be compiled for no other.
Writes the layer to layers/dist/opencv-KIND-ARCHITECTURE.zip, its bill of materials (CycloneDX) next
to it in .cdx.json, and its unpacked content to layers/build/.

  LAYER_PYTHON  the Python 3.13 to use (default: python3.13)
  LAYER_CACHE   the folder that keeps compiled OpenCVs (default: layers/build/cache)
  LAYER_JOBS    how many compilers run at once (default: one per core)
TEXT
}

# shellcheck source=layers/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/../steps.sh"

lock="$root/requirements.txt"
here="$layers/opencv"

headers() {
  "$python" -c 'import sysconfig; print(sysconfig.get_path("include"))'
}

check_compiler() {
  command -v c++ >/dev/null || fail "slim needs a C++ compiler (c++): install one, or build stock"
  # without nasm OpenCV silently builds a JPEG decoder that is several times slower
  [[ "$architecture" != x86_64 ]] || command -v nasm >/dev/null ||
    fail "slim needs the assembler nasm on x86_64: install it, or build stock"
  [[ -f "$(headers)/Python.h" ]] ||
    fail "slim needs the C headers of $python: install them, or build stock"
}

# Prints everything that the compiled bytes depend on; comments are left out.
compile_inputs() {
  locked "$lock" opencv-python-headless
  locked "$lock" numpy
  grep --invert-match '^ *#' "$here/slim.cmake" "$here/requirements-build.txt" --no-filename
  uname -m
  c++ --version | head -n 1
  nasm --version 2>/dev/null || true
  "$python" --version
  cat "$here/older_symbols.h"
  declare -f compile_opencv
}

# compile_opencv FOLDER: compiles the package cv2 from the PyPI sdist that the lock file names
compile_opencv() (
  work="$layers/build/compile-$architecture"
  rm -rf "$work"
  mkdir -p "$work"
  cd "$work"
  "$python" -m venv tools
  tools/bin/pip install --quiet --require-hashes --only-binary :all: \
    --requirement "$here/requirements-build.txt"
  # links, so that no path of this host's headers is compiled in
  ln -s "$(headers)" include
  ln -s "$tree/numpy/_core/include" numpy
  ln -s "$here/older_symbols.h" .

  # pip runs the sdist's setup.py to read its metadata: with the locked tools, not with newer ones
  locked "$lock" opencv-python-headless |
    tools/bin/pip download --quiet --no-deps --no-binary :all: --no-build-isolation \
      --require-hashes --requirement /dev/stdin
  "$python" -m tarfile --filter data --extract opencv_python_headless-*.tar.gz .
  mv opencv_python_headless-*/opencv opencv
  "$python" "$here/font.py" "$tree/cv2/cv2.abi3.so" opencv downloads

  PATH="$work/tools/bin:$PATH"
  flags="-ffile-prefix-map=$work/= -include $work/older_symbols.h"
  cmake -G Ninja -C "$here/slim.cmake" -S opencv -B build \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" \
    -DOPENCV_DOWNLOAD_PATH="$work/downloads" -DPYTHON3_LIBRARY=libpython3.13.a \
    -DPYTHON3_EXECUTABLE="$work/tools/bin/python" -DPYTHON3_INCLUDE_DIR="$work/include" \
    -DPYTHON3_NUMPY_INCLUDE_DIRS="$work/numpy" \
    -DPYTHON_DEFAULT_EXECUTABLE="$work/tools/bin/python" >configure.log 2>&1 ||
    fail "OpenCV could not be configured: see $work/configure.log"
  # cv2.getBuildInformation() and the path of sample data name this folder, too
  sed --in-place "s|$work/||g" build/modules/core/version_string.inc build/opencv_data_config.hpp
  ninja -C build -j "${LAYER_JOBS:-$(nproc)}" opencv_python3 >compile.log 2>&1 ||
    fail "OpenCV could not be compiled: see $work/compile.log"
  cmake --install build --component python --prefix staged --strip >install.log
  # the build ID is a hash of the unstripped file, which depends on the folder of the compilation
  objcopy --remove-section .note.gnu.build-id staged/python/cv2/python-3/cv2.abi3.so
  mkdir -p "$(dirname "$1")"
  mv staged/python/cv2 "$1"
  rm -rf "$work"
)

case "${1:-}" in
  -h | --help) usage && exit ;;
  slim | stock) kind="$1" ;;
  *) wrong_usage "which kind of layer: slim or stock? '${1:-}' is neither" ;;
esac
[[ $# -le 2 ]] || wrong_usage "too many arguments: ${*:3}"
architecture="${2:-$(host_architecture)}"
check_architecture "$architecture"
[[ "$kind" == stock || "$architecture" == "$(host_architecture)" ]] ||
  fail "slim is compiled on its own architecture, and this host is $(host_architecture):" \
    "use layers/opencv/Dockerfile with --platform, or build stock"
find_python
name="opencv-$kind-$architecture"
tree="$layers/build/$name/python"
[[ "$kind" == stock ]] || check_compiler

rm -rf "$layers/build/$name"
mkdir -p "$layers/build"
install_wheels "$lock" "$architecture" "$name"
if [[ "$kind" == slim ]]; then
  cache="$(realpath --canonicalize-missing "${LAYER_CACHE:-$layers/build/cache}")"
  compiled="$cache/$(compile_inputs | sha256sum | cut -c 1-16)/cv2"
  [[ -d "$compiled" ]] || compile_opencv "$compiled"
  rm -r "$tree/cv2" "$tree/opencv_python_headless.libs"
  cp -r "$compiled" "$tree/cv2"
  from_source=opencv-python-headless
  finish "$name" "$architecture" --unzipped 125000000 --zipped 45000000
else
  # Lambda's limit: function and layers together are smaller than 262,144,000 bytes unzipped.
  # 31,800,000 of them are the budget of the layer with ONNX Runtime
  finish "$name" "$architecture" --unzipped 230343999 --together-with lambda_function.py modules
fi
