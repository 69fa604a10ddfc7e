#!/usr/bin/env bash
# Builds the optional layer for ENGINE=onnxruntime. It needs NumPy from the layer with OpenCV.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: layers/onnxruntime/build.sh [x86_64|arm64]

Packs the parts of the published wheel that inference on the CPU needs. The default architecture is
the host's. Writes the layer to layers/dist/onnxruntime-ARCHITECTURE.zip, its bill of materials
(CycloneDX) next to it in .cdx.json, and its unpacked content to layers/build/.

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
# It is optional, so the workstation's lock file names it, not the function's.
# Its other dependencies are for its tools: inference needs only NumPy.
locked "$root/requirements-dev.txt" onnxruntime |
  install_wheels /dev/stdin "$architecture" "$name"
finish "$name" "$architecture" --unzipped 31800000
