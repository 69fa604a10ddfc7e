#!/usr/bin/env bash
# Lists the wheels that pip would install into the layers, for each architecture of Lambda. A lock
# that lacks one fails here, and not when somebody builds. `make lock` writes the list to wheels.txt.
set -euo pipefail

# shellcheck source=layers/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"
find_python

list='
import json, sys
for item in json.load(sys.stdin)["install"]:
    download = item["download_info"]
    wheel = download["url"].rpartition("/")[2]
    print(sys.argv[1], download["archive_info"]["hashes"]["sha256"], wheel)
'
for architecture in x86_64 arm64; do
  mapfile -t options < <(wheels_for "$architecture")
  { cat "$root/requirements.txt" && locked "$root/requirements-dev.txt" onnxruntime; } |
    "$python" -m pip install --quiet --dry-run --no-deps --require-hashes \
      --requirement /dev/stdin "${options[@]}" --report - |
    "$python" -c "$list" "$architecture" | LC_ALL=C sort --key 3
done
