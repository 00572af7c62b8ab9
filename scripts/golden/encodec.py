#!/usr/bin/env python3
"""Golden vectors of EnCodec, from the official Python package with pseudo-random weights.

    python3 scripts/golden/encodec.py --package DIR --out tests/golden

DIR holds the package's folder encodec/. Needs PyTorch 1.13 or later. Writes, for each model and width, the
names and shapes of its state dict (encodec_<rate>khz_<width>.txt) and encodec_<rate>khz_<width>.safetensors
with "<length>@<bandwidth>/codes" [codebook, frame] of all frames joined, ".../scales" [frame] (48 kHz),
".../latents" and ".../audio" (every so-manieth value, the step is the metadata's). The same call gives the
same bytes on the same processor.
"""

import argparse
import pathlib

import torch

import encodec_package
import safetensors_io

MOST_VALUES = 4000  # kept of latents and of audio

# (samples, kbit/s): not multiples of the hop, shorter than the receptive field, one sample, 30 s.
CASES = {
    ("encodec_24khz", "small"): [
        (1, 24.0), (5, 24.0), (319, 24.0), (321, 12.0), (2239, 6.0), (2241, 24.0), (23993, 24.0),
        (131071, 3.0), (720013, 3.0),
    ],
    ("encodec_24khz", "full"): [
        (1, 24.0), (1600, 1.5), (1601, 3.0), (7777, 6.0), (10000, 12.0), (60013, 24.0), (130001, 24.0),
    ],
    ("encodec_48khz", "small"): [
        (1, 24.0), (7, 24.0), (320, 24.0), (321, 12.0), (47520, 6.0), (47621, 24.0), (48000, 12.0),
        (96123, 24.0), (1440013, 3.0),
    ],
    ("encodec_48khz", "full"): [(1, 24.0), (321, 3.0), (20001, 6.0), (50000, 12.0), (100003, 24.0)],
}
WIDTHS = {"small": dict(filters=4, dimension=16), "full": {}}


def thinned(values):
    """Of a tensor's values, in order: one in `step`, and that step."""
    values = values.reshape(-1)
    step = -(-len(values) // MOST_VALUES)
    return values[::step].clone(), step


def case(model, samples, bandwidth):
    model.set_target_bandwidth(bandwidth)
    with torch.no_grad():
        x = encodec_package.signal(f"signal/{samples}", model.channels, samples)
        frames = model.encode(x)
        latents = torch.cat([model.quantizer.decode(codes.transpose(0, 1)) for codes, _ in frames], 2)
        audio = model.decode(frames)[:, :, :samples]
    tensors = {"codes": torch.cat([codes for codes, _ in frames], 2)[0]}
    if model.normalize:
        tensors["scales"] = torch.cat([scale.reshape(-1) for _, scale in frames])
    steps = {}
    for name, values in (("latents", latents), ("audio", audio)):
        tensors[name], steps[name] = thinned(values)
    return tensors, steps


def write(package, out, name, width, cases):
    model = encodec_package.model(package, name, **WIDTHS[width])
    lines = [
        f"{key} {'x'.join(str(size) for size in shape)}"
        for key, shape in encodec_package.shapes_of(model).items()
    ]
    (out / f"{name}_{width}.txt").write_text("\n".join(lines) + "\n")
    tensors, metadata = {}, {}
    for samples, bandwidth in cases:
        label = f"{samples}@{bandwidth:g}"
        found, steps = case(model, samples, bandwidth)
        tensors.update({f"{label}/{key}": tensor for key, tensor in found.items()})
        metadata.update({f"{label}/{key}": step for key, step in steps.items()})
    safetensors_io.write(out / f"{name}_{width}.safetensors", tensors, metadata)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--package", type=pathlib.Path, required=True, help="folder that holds encodec/")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the golden vectors")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    package = encodec_package.load(arguments.package.resolve())
    for (name, width), cases in CASES.items():
        write(package, arguments.out, name, width, cases)


if __name__ == "__main__":
    main()
