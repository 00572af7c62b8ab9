#!/usr/bin/env bash
# Makes the folder that goes, beside the tree, to a machine that has LibTorch, CMake and ninja alone: the header-only
# libraries, and latent stores cut down until tree and folder have a given size together. scripts/gpu-train.sh uses it.
# Models that the tables alone need (all below models/ but drums-bass) are not counted: leave them behind.
#   scripts/gpu-bundle.sh [-m MEBIBYTES] [-o FOLDER] STORE...
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
partita=${PARTITA:-$root/build/release/src/cli/partita}
headers=${PARTITA_HEADERS:-/usr/include}
mebibytes=64
bundle=$root/bundle

die() { echo "gpu-bundle.sh: $*" >&2; exit 1; }

while getopts m:o: option; do
  case $option in
    m) mebibytes=$OPTARG ;;
    o) bundle=$OPTARG ;;
    *) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { sed -n 's/^#   //p' "$0" >&2; exit 2; }
[ ! -e "$bundle" ] || die "$bundle is there already: remove it first"
[ -x "$partita" ] || die "$partita is not built: make program"

whole=false
trap '$whole || rm -rf "$bundle"' EXIT
mkdir -p "$bundle/include" "$bundle/data"
for library in fmt spdlog nlohmann toml++ CLI; do
  [ -d "$headers/$library" ] || die "$headers/$library is missing: scripts/install-packages.sh"
  cp -R "$headers/$library" "$bundle/include"
done

tree=$(cd "$root" && { git ls-files -z -- ':!models'; git ls-files -z -- models/drums-bass; } |
  du -cb --files0-from=- | tail -n 1 | cut -f 1)
taken=$((tree + $(du -sb "$bundle" | cut -f 1)))
each=$(awk -v all="$mebibytes" -v taken="$taken" -v stores=$# 'BEGIN { print (all - taken / 1048576) / stores }')
awk -v each="$each" 'BEGIN { exit each <= 0 }' ||
  die "the tree and the libraries alone take $((taken / 1048576)) MiB of $mebibytes"
for store in "$@"; do
  "$partita" pack "$store" -o "$bundle/data/$(basename "$store")" --mebibytes "$each"
done
whole=true
