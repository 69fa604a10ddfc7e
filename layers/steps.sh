# shellcheck shell=bash
# The steps that the layers' build.sh have in common; they source this file, and have a `usage`.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
layers="$root/layers"
# 1980-01-01, the earliest day that a zip file knows
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

# Sets python. Wheels are chosen, and modules precompiled, for exactly this version.
find_python() {
  local candidate="${LAYER_PYTHON:-python3.13}"
  "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null ||
    fail "'$candidate' is not a working Python 3.13: install one, or name it in LAYER_PYTHON"
  python="$("$candidate" -c 'import sys; print(sys.executable)')"
}

# locked LOCK PACKAGE: the package's entry in a lock file, hashes and all
locked() {
  awk -v package="$2" '/^[^ #]/ { wanted = index($0, package "==") == 1 } wanted' "$1"
}

# wheels_for ARCHITECTURE: the options by which pip chooses what Lambda would, whatever the host is
wheels_for() {
  local machine="${1/arm64/aarch64}" minor
  printf '%s\n' --only-binary=:all: --implementation=cp --python-version=3.13
  echo "--platform=manylinux2014_$machine"
  # Amazon Linux 2023 has glibc 2.34; pip takes wheels for an older one only where it is named
  for minor in {17..34}; do echo "--platform=manylinux_2_${minor}_$machine"; done
}

# install_wheels LOCK ARCHITECTURE NAME: into build/NAME/python, told in build/NAME.report.json
install_wheels() {
  local options
  mapfile -t options < <(wheels_for "$2")
  "$python" -m pip install --quiet --no-compile --no-deps --require-hashes --requirement "$1" \
    "${options[@]}" --target "$layers/build/$3/python" --report "$layers/build/$3.report.json"
}

# finish NAME ARCHITECTURE LIMIT...: what lies in build/NAME/python becomes dist/NAME.zip, and what
# that is made of dist/NAME.cdx.json; `from_source` is the package that is not a wheel's any more
finish() {
  local tree="$layers/build/$1/python" name="$1" architecture="$2"
  shift 2
  cd "$root" || exit
  "$python" -m layers.trim "$tree"
  "$python" -m layers.abi "$tree" "$architecture"
  # /opt is read-only at run time: without this, every cold start would compile every module.
  # Unchecked, since the sources' times, which a check would look at, are not kept.
  PYTHONHASHSEED=0 "$python" -m compileall -q --invalidation-mode unchecked-hash \
    -s "$tree" -p /opt/python "$tree"
  "$python" -m layers.pack "layers/build/$name" "layers/dist/$name.zip" "$@"
  "$python" -m layers.sbom "layers/dist/$name.zip" "layers/build/$name.report.json" \
    --compiled ${from_source:+"$from_source"}
}
