#!/usr/bin/env bash
# On a machine that has LibTorch, CMake and ninja alone, in one command and a given time: builds the program without
# audio, makes each configuration as long as its share of the time, trains it, measures and exports the best
# checkpoint, and packs what is worth keeping. Called again, it goes on where the time was over.
#   scripts/gpu-train.sh [-m MINUTES] [-d DEVICE] [-o FOLDER] CONFIG...
# From the environment: PARTITA, a program that is built already; PARTITA_BUNDLE, the folder of scripts/gpu-bundle.sh;
# CMAKE_PREFIX_PATH, where LibTorch is if not in Python's PyTorch.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
bundle=$(realpath -m "${PARTITA_BUNDLE:-$root/bundle}")
build=$root/build/gpu
minutes=10
device=cpu
output=trained
piece=16M
! nvidia-smi >/dev/null 2>&1 || device=cuda

die() { echo "gpu-train.sh: $*" >&2; exit 1; }
usage() { sed -n 's/^#   //p' "$0" >&2; exit 2; }

while getopts m:d:o: option; do
  case $option in
    m) minutes=$OPTARG ;;
    d) device=$OPTARG ;;
    o) output=$OPTARG ;;
    *) usage ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage
for config in "$@"; do [ -f "$config" ] || die "$config is no file"; done
seconds=$(awk -v minutes="$minutes" 'BEGIN { print int(60 * minutes) }')

build_program() {
  [ -d "$bundle/include" ] || die "$bundle/include is missing: scripts/gpu-bundle.sh makes it"
  command -v nvcc >/dev/null || PATH=$PATH:/usr/local/cuda/bin
  if [ ! -f "$build/build.ninja" ]; then
    local torch=${CMAKE_PREFIX_PATH:-}
    [ -n "$torch" ] || torch=$(python3 -c 'import torch; print(torch.utils.cmake_prefix_path)' 2>/dev/null) || true
    cmake -S "$root" --preset gpu -DPARTITA_HEADERS="$bundle/include" -DCMAKE_PREFIX_PATH="$torch"
  fi
  cmake --build "$build" --target partita
}

# The stores of the bundle under the names that configurations give them.
lay_out_data() {
  mkdir -p data
  local store
  for store in "$bundle"/data/*; do
    [ ! -d "$store" ] || [ -e "data/$(basename "$store")" ] || ln -sfn "$store" "data/$(basename "$store")"
  done
}

kind_of() {
  local table
  for table in remix:masks masking:prior vocoder:codec; do
    if grep -q "^\[${table%:*}\]" "$1"; then echo "${table#*:}"; return; fi
  done
  echo decomposition
}

# Seconds as minutes.
minutes_of() { awk -v seconds="$1" 'BEGIN { printf "%.3f", seconds / 60 }'; }

# One configuration in so many seconds, of which a seventh is left for the export.
train() {
  local config=$1 end=$((SECONDS + $2 * 6 / 7)) run
  run=$(sed -n 's/^output *= *"\(.*\)".*/\1/p' "$config")
  [ -n "$run" ] || die "$config names no output"
  mkdir -p "$run"
  if [ ! -f "$run/planned.toml" ]; then
    "$partita" train plan "$config" --minutes "$(minutes_of $((end - SECONDS)))" -d "$device" -o "$run/planned.toml"
  fi
  [ $((end - SECONDS)) -gt 0 ] || die "no time is left to train $config: call again, or with more minutes"
  "$partita" train "$(kind_of "$config")" "$run/planned.toml" --resume --minutes "$(minutes_of $((end - SECONDS)))" \
    -d "$device"
  "$partita" models verify "$run/model"
  sed -n '/metrics\]$/,/^$/p' "$run/model/model.toml"
  keep "$run"
}

# The model, with the figures and the sounds of its training, in files of at most 16 MiB: cat NAME.tar.* | tar x
keep() {
  local name
  name=$(basename "$1")
  mkdir -p "$output"
  rm -f "$output/$name".tar.*
  tar -C "$(dirname "$1")" -cf - "$name/model" "$name/planned.toml" "$name/log.csv" "$name/validation.csv" \
    "$name/events" | split -b "$piece" -d - "$output/$name.tar."
}

partita=${PARTITA:-}
if [ -z "$partita" ]; then
  build_program
  partita=$build/src/cli/partita
fi
lay_out_data
left=$#
for config in "$@"; do
  train "$config" $(((seconds - SECONDS) / left))
  left=$((left - 1))
done
