#!/usr/bin/env python3
"""Golden multi-scale STFT distances: RAVE's AudioDistanceV1 with the settings of its v1.gin, in float64.

    python3 scripts/golden/ms_stft.py --out tests/golden

Needs NumPy and PyTorch. Magnitudes of torch.stft (centred, reflected, periodic Hann windows, not normalised, as
torchaudio.transforms.Spectrogram gives them) at 2048, 1024, 512, 256 and 128 samples, hops of a quarter; per scale
mean((x - y)^2) / mean(x^2) of the first argument x plus mean |log(x + 1e-7) - log(y + 1e-7)|. Each case has
"<case>/reference" and "<case>/estimate" [channel, sample]; the distance stands in the metadata.
"""

import argparse
import json
import pathlib

import numpy
import torch

import safetensors_io

SCALES = (2048, 1024, 512, 256, 128)


def magnitudes(samples, size):
    window = torch.hann_window(size, dtype=torch.float64)
    return torch.stft(samples, size, size // 4, size, window, True, "reflect", False, True, return_complex=True).abs()


def distance(reference, estimate):
    total = 0.0
    for size in SCALES:
        x, y = magnitudes(reference, size), magnitudes(estimate, size)
        total += ((x - y) ** 2).mean() / (x**2).mean()
        total += ((x + 1e-7).log() - (y + 1e-7).log()).abs().mean()
    return float(total)


def cases(generator):
    time = numpy.arange(6000) / 24000
    tone = 0.3 * numpy.sin(2 * numpy.pi * 440 * time)[None]
    noise = 0.1 * generator.standard_normal((2, 6000))
    yield "noise", noise, noise + 0.05 * generator.standard_normal((2, 6000))
    yield "tone", tone, 0.5 * tone + 0.01 * noise[:1]
    gap = tone * (time < 0.15)
    yield "digital silence", gap, 0.8 * tone
    yield "silent estimate", tone, numpy.zeros_like(tone)
    yield "short", noise[:1, :1025], noise[1:, :1025]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    tensors, metadata = {}, {}
    for name, reference, estimate in cases(numpy.random.default_rng(2021)):
        reference, estimate = (torch.from_numpy(x.astype(numpy.float32)) for x in (reference, estimate))
        tensors[f"{name}/reference"], tensors[f"{name}/estimate"] = reference, estimate
        metadata[name] = json.dumps(distance(reference.double(), estimate.double()))
    safetensors_io.write(out / "ms_stft.safetensors", tensors, metadata)


if __name__ == "__main__":
    main()
