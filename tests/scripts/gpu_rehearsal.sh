#!/usr/bin/env bash
# What a GPU machine is for, rehearsed on a CPU with tiny sizes: songs -> store -> bundle -> every kind of model in a
# given time, by the program without audio -> what comes back.
#   gpu_rehearsal.sh SOURCE PARTITA PARTITA_WITHOUT_AUDIO
set -euo pipefail
source=$1 partita=$2 partita_without_audio=$3
font=/usr/share/sounds/sf2/TimGM6mb.sf2
if ! command -v mma >/dev/null || [ ! -f "$font" ]; then exit 77; fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export PARTITA_HOME=$folder/home

fail() { echo "FAILED: $*"; exit 1; }
expect_file() { [ -s "$1" ] || fail "$1 is missing or empty"; }
# The last step of a run's log.
last_step() { tail -n 1 "runs/$1/log.csv" | cut -d , -f 1; }

"$partita" -q render -o songs --songs 3 --seconds 10 --seed 5 -j 1 --validation 0.35 --test 0.35 --timbres plain \
  --soundfont "$font"
"$partita" -q prepare --slakh songs --sources drums,bass -o tiny-store --seconds 2 --minimum-rms 0 -j 1

PARTITA=$partita "$source/scripts/gpu-bundle.sh" -o bundle tiny-store
for library in fmt/format.h spdlog/spdlog.h nlohmann/json.hpp toml++/toml.h CLI/CLI.hpp; do
  expect_file "bundle/include/$library"
done
expect_file bundle/data/tiny-store/store.toml
! PARTITA=$partita "$source/scripts/gpu-bundle.sh" -o bundle tiny-store 2>/dev/null || fail "a bundle was overwritten"
! PARTITA=$partita "$source/scripts/gpu-bundle.sh" -m 1 -o other tiny-store 2>/dev/null || fail "1 MiB was enough"
cmake -S "$source" --preset gpu -B configured -DPARTITA_HEADERS="$folder/bundle/include" >configure.log 2>&1 ||
  fail "$(cat configure.log)"

common='batch_size = 2
crop_frames = 32
learning_rate = 1e-3
validate_every = 40
checkpoint_every = 20
validation_clips = 2
log_every = 5'
cat >parts.toml <<END
[data]
store = "data/tiny-store"
[training]
output = "runs/parts"
$common
autoencoder_steps = 40
diffusion_steps = 0
[model]
comp_function = "sum"
component_activation = "softplus"
autoencoder = true
[model.encoder]
n_comp = 2
in_dim = 128
channels = [16, 1]
kernel = [3, 3]
strides = [1, 1]
attn = [0, 0]
[model.unet]
channels = [128, 16, 16]
kernels = [3, 3]
strides = [2, 2]
attn = [0, 0]
END
cat >masks.toml <<END
[data]
store = "data/tiny-store"
[training]
output = "runs/masks"
$common
[remix]
decomposition = "./runs/parts/model"
rounds = 2
round_steps = 20
[masks]
channels = 8
dilations = [1, 2]
END
cat >prior.toml <<END
[data]
store = "data/tiny-store"
[training]
output = "runs/prior"
$common
prior_steps = 40
[masking]
decomposition = "./runs/masks/model"
[prior.unet]
channels = [2, 16, 16]
kernels = [3, 3]
strides = [2, 2]
attn = [0, 0]
cond_dim = 16
tcond_dim = 2
END

# Where the bundle goes, the songs and the store are not.
rm -r songs tiny-store
gpu_train() { PARTITA=$partita_without_audio PARTITA_BUNDLE=$folder/bundle "$source/scripts/gpu-train.sh" -d cpu "$@"; }
if command -v python3 >/dev/null; then
  mkdir data && ln -s "$folder/bundle/data/tiny-store" data/tiny-store
  gpu_check() { python3 "$source/scripts/gpu-check.py" "$partita_without_audio" parts.toml --device cpu --seconds 60 "$@"; }
  gpu_check || fail "the ways to train differ"
  ! gpu_check --tolerance -1 >/dev/null || fail "losses that differ were passed over"
  [ ! -e runs ] || fail "the check left something behind"
  rm -r data
fi
gpu_train -m 1.5 -o back parts.toml masks.toml
gpu_train -m 1.0 -o back prior.toml

mkdir unpacked
for run in parts masks prior; do
  expect_file "runs/$run/planned.toml"
  cat "back/$run.tar".* | tar -C unpacked -x
  expect_file "unpacked/$run/log.csv"
  expect_file "unpacked/$run/validation.csv"
  "$partita" models verify "unpacked/$run/model"
done
expect_file unpacked/prior/model/masks.safetensors
grep -q '^\[masks.metrics\]' unpacked/masks/model/model.toml || fail "the masks were not measured"
grep -q '^si_sdr' unpacked/masks/model/model.toml || fail "no SI-SDR without the stems"
"$partita" -q separate "$source/assets/demo/mixture.flac" -n ./unpacked/masks/model -o stems
expect_file stems/masks/mixture/drums.wav

# What the clock stopped goes on; what is done stays done.
steps=$(last_step parts)
sed -i 's/^length = .*/length = 1000.0/' runs/parts/planned.toml
gpu_train -m 0.2 -o back parts.toml
[ "$(last_step parts)" -gt "$steps" ] || fail "the run did not go on"
steps=$(last_step prior)
sed -i 's/^length = .*/length = 0.01/' runs/prior/planned.toml
gpu_train -m 0.2 -o back prior.toml
[ "$(last_step prior)" -eq "$steps" ] || fail "a run that was done went on"
! gpu_train -m 0.2 absent.toml 2>/dev/null || fail "a configuration that is missing was accepted"
