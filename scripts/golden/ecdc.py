#!/usr/bin/env python3
"""Golden .ecdc files, written with the official package's own binary format.

    python3 scripts/golden/ecdc.py --encodec ENCODEC_CHECKOUT --out tests/golden

ENCODEC_CHECKOUT is a checkout of facebookresearch/encodec: its encodec/binary.py writes the files, in the
order of encodec/compress.py's compress_to_file (use_lm=False), from random codes and scales. Needs PyTorch.
  ecdc_<name>.ecdc   the files
  ecdc.safetensors   their codes `[codebook, frame]`, scales and, in the metadata, headers
The same call gives the same bytes.
"""

import argparse
import importlib.util
import json
import math
import pathlib
import struct

import torch

import safetensors_io

SEED = 20221024
# name: model, samples, codebooks, rate, segment and stride in samples (0: whole), scales
CASES = {
    "24khz": ("encodec_24khz", 24001, 8, 24000, 0, 0, False),
    "24khz_odd": ("encodec_24khz", 1000, 3, 24000, 0, 0, False),
    "48khz": ("encodec_48khz", 100000, 4, 48000, 48000, 47520, True),
    "48khz_exact": ("encodec_48khz", 47520, 2, 48000, 48000, 47520, True),
}


def load_binary(checkout):
    """encodec/binary.py alone: the package itself would need torchaudio."""
    spec = importlib.util.spec_from_file_location("encodec_binary", checkout / "encodec" / "binary.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--encodec", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    binary = load_binary(arguments.encodec)
    generator = torch.Generator().manual_seed(SEED)
    tensors, metadata = {}, {}
    for name, (model, length, codebooks, rate, segment, stride, has_scale) in CASES.items():
        header = {"m": model, "al": length, "nc": codebooks, "lm": False}
        metadata[name] = json.dumps(header)
        with open(arguments.out / f"ecdc_{name}.ecdc", "wb") as file:
            binary.write_ecdc_header(file, header)
            for index, offset in enumerate(range(0, length, stride or length)):
                frames = math.ceil(min(length - offset, segment or length) * math.ceil(rate / 320) / rate)
                codes = torch.randint(0, 1024, (codebooks, frames), generator=generator)
                tensors[f"{name}/{index}/codes"] = codes
                if has_scale:
                    scale = torch.rand(1, generator=generator)
                    tensors[f"{name}/{index}/scale"] = scale
                    file.write(struct.pack("!f", scale.item()))
                packer = binary.BitPacker(10, file)
                for frame in codes.t().tolist():
                    for value in frame:
                        packer.push(value)
                packer.flush()
    safetensors_io.write(arguments.out / "ecdc.safetensors", tensors, metadata)


if __name__ == "__main__":
    main()
