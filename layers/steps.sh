# shellcheck shell=bash
# The steps that both layers share. Their build.sh scripts source this file and define `usage`.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
layers="$root/layers"
# 1980-01-01, the earliest date that a zip file can store
export SOURCE_DATE_EPOCH=315532800
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
umask 022

fail() {
  echo "$*" >&2
  exit 1
}

wrong_usage() {
  echo "$*" >&2
  usage >&2
  exit 2
}

host_architecture() {
  case "$(uname -m)" in
    aarch64 | arm64) echo arm64 ;;
    *) uname -m ;;
  esac
}

check_architecture() {
  [[ "$1" == x86_64 || "$1" == arm64 ]] ||
    wrong_usage "'$1' is no architecture of Lambda: x86_64 or arm64"
}

# find_python: sets `python`. Wheels are chosen, and modules compiled, for exactly this version.
find_python() {
  local candidate="${LAYER_PYTHON:-python3.13}"
  "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null ||
    fail "'$candidate' is not a working Python 3.13: install one, or name it in LAYER_PYTHON"
  python="$("$candidate" -c 'import sys; print(sys.executable)')"
}

# locked LOCK PACKAGE: prints the package's entry in a lock file, with its hashes
locked() {
  awk -v package="$2" '/^[^ #]/ { wanted = index($0, package "==") == 1 } wanted' "$1"
}

# wheels_for ARCHITECTURE: prints the options that make pip choose Lambda's wheels on any host
wheels_for() {
  local machine="${1/arm64/aarch64}" minor
  printf '%s\n' --only-binary=:all: --implementation=cp --python-version=3.13
  echo "--platform=manylinux2014_$machine"
  # Amazon Linux 2023 has glibc 2.34. pip takes wheels for an older glibc only if it is named, too
  for minor in {17..34}; do echo "--platform=manylinux_2_${minor}_$machine"; done
}

# install_wheels LOCK ARCHITECTURE NAME: installs into build/NAME/python and writes pip's report to
# build/NAME.report.json
install_wheels() {
  local options
  mapfile -t options < <(wheels_for "$2")
  "$python" -m pip install --quiet --no-compile --no-deps --require-hashes --requirement "$1" \
    "${options[@]}" --target "$layers/build/$3/python" --report "$layers/build/$3.report.json"
}

# check_libraries TREE ARCHITECTURE: fails if Lambda could not load a shared library of the tree
check_libraries() {
  local tools="${1%/python}.tools" # one for each layer, as layers may be built at the same time
  rm -rf "$tools"
  locked "$root/requirements-dev.txt" pyelftools |
    "$python" -m pip install --quiet --no-deps --require-hashes --only-binary=:all: \
      --requirement /dev/stdin --target "$tools"
  PYTHONPATH="$tools" "$python" -m layers.abi "$1" "$2"
}

# use_layer TREE ARCHITECTURE: fails if the function cannot run with the tree alone. It has to be
# for this host's architecture and hold OpenCV; other trees are not tried
use_layer() {
  [[ "$2" == "$(host_architecture)" && -d "$1/cv2" ]] || return 0
  "$python" -B -I -S layers/prove.py "$1"
}

# finish NAME ARCHITECTURE LIMIT...: packs build/NAME/python into dist/NAME.zip and writes its bill of
# materials to dist/NAME.cdx.json. `from_source` names the package that was compiled here, if any
finish() {
  local tree="$layers/build/$1/python" name="$1" architecture="$2"
  shift 2
  cd "$root" || exit
  "$python" -m layers.crates "$tree" # before their list is deleted
  "$python" -m layers.trim "$tree"
  "$python" -m layers.notices "$tree"
  check_libraries "$tree" "$architecture"
  use_layer "$tree" "$architecture"
  # /opt is read-only at run time: without bytecode, every cold start would compile every module.
  # It is unchecked, because the zip does not keep the sources' times that a check compares.
  PYTHONHASHSEED=0 "$python" -m compileall -q --invalidation-mode unchecked-hash \
    -s "$tree" -p /opt/python "$tree"
  "$python" -m layers.pack "layers/build/$name" "layers/dist/$name.zip" "$@"
  "$python" -m layers.sbom "layers/dist/$name.zip" "layers/build/$name.report.json" \
    --compiled ${from_source:+"$from_source"}
}
