#!/usr/bin/env bash
# Builds the optional layer for ENGINE=onnxruntime; NumPy comes from the layer with OpenCV.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: layers/onnxruntime/build.sh [x86_64|arm64]

The published wheel, with what inference on the CPU needs. The architecture is the host's unless
named. The layer is written to layers/dist/onnxruntime-ARCHITECTURE.zip, what it is made of beside
it in .cdx.json (CycloneDX), and its content to layers/build/.

  LAYER_PYTHON  the Python 3.13 to use (default: python3.13)
TEXT
}

# shellcheck source=layers/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/../steps.sh"

case "${1:-}" in
  -h | --help) usage && exit ;;
esac
[[ $# -le 1 ]] || wrong_usage "too many arguments: ${*:2}"
architecture="${1:-$(host_architecture)}"
check_architecture "$architecture"
find_python
name="onnxruntime-$architecture"

rm -rf "$layers/build/$name"
mkdir -p "$layers/build"
# The function's lock file does not name it, since it is optional; a workstation's does.
# Its dependencies are for its tools: inference needs NumPy alone.
locked "$root/requirements-dev.txt" onnxruntime |
  install_wheels /dev/stdin "$architecture" "$name"
finish "$name" "$architecture" --unzipped 35000000
