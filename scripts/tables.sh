#!/bin/sh
# The paper's tables from nothing: renders songs, prepares their test split, measures, and writes the sections of a
# document. `make tables` sets the sizes and folders.
set -eu
cd "$(dirname "$0")/.."
store=$DATA-store
began=$(date +%s)
if [ ! -f "$store/store.toml" ]; then
  "$PARTITA" render -o "$DATA" --songs "$SONGS" --seconds 60 --seed 11
  "$PARTITA" prepare --slakh "$DATA" --sources drums,bass --splits test --waveforms "$CLIPS" -o "$store"
fi
reproduce() {
  "$PARTITA" reproduce "$@" --store "$store" --steps "$STEPS" -o "$OUT" --sounds "$DATA-sounds" --markdown "$DOCUMENT"
}
reproduce table1 table2 table3 --count "$CLIPS"
reproduce table4 table5 --count "$MADE_CLIPS"
echo
echo "document  $DOCUMENT"
echo "figures   $OUT/table{1,2,3,4,5}.json"
echo "time      $(( ($(date +%s) - began) / 60 )) minutes"
