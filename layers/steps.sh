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

# install_wheels LOCK ARCHITECTURE FOLDER: what Lambda would install, whatever the host is
install_wheels() {
  local machine="${2/arm64/aarch64}" minor platforms
  platforms=("--platform=manylinux2014_$machine")
  # Amazon Linux 2023 has glibc 2.34; pip takes wheels for an older one only where it is named
  for minor in {17..34}; do platforms+=("--platform=manylinux_2_${minor}_$machine"); done
  "$python" -m pip install --quiet --no-compile --no-deps --require-hashes --requirement "$1" \
    --only-binary :all: --implementation cp --python-version 3.13 "${platforms[@]}" --target "$3"
}

# finish NAME ARCHITECTURE LIMIT...: what lies in build/NAME/python becomes dist/NAME.zip
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
}
