#!/bin/sh
# Separates the bundled mixture and measures what came out.
set -eu
cd "$(dirname "$0")/.."
partita=build/release/src/cli/partita
"$partita" separate assets/demo/mixture.flac -o separated
echo
"$partita" evaluate separation --clips assets/demo -n drums-bass,hpss --refine best,wiener,none --picture separated/demo.png --json separated/demo.json
echo
echo "stems    separated/drums-bass/mixture/{drums,bass}.wav"
echo "picture  separated/demo.png"
echo "figures  separated/demo.json"
