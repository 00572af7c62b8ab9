#!/usr/bin/env python3
"""Golden vectors of harmonic/percussive separation, after librosa.decompose.hpss (margin 1).

    python3 scripts/golden/hpss.py --out tests/golden

Needs NumPy, SciPy and PyTorch (for writing). The median filters are SciPy's; masks follow
librosa.util.softmask (split_zeros=True), STFTs Partita's own convention (periodic Hann, reflected ends).
The same call gives the same bytes.
"""

import argparse
import pathlib

import numpy
import torch
from scipy.ndimage import median_filter

import safetensors_io


def softmask(x, reference, power):
    largest = numpy.maximum(x, reference).astype(numpy.float32)
    bad = largest < numpy.finfo(numpy.float32).tiny
    largest[bad] = 1
    mask = (x / largest) ** power
    rest = (reference / largest) ** power
    mask[~bad] /= mask[~bad] + rest[~bad]
    mask[bad] = 0.5
    return mask


def masks(magnitude, harmonic_kernel, percussive_kernel, power):
    """Percussive and harmonic masks of a magnitude spectrogram [bin, frame]."""
    harmonic = median_filter(magnitude, size=(1, harmonic_kernel), mode="reflect")
    percussive = median_filter(magnitude, size=(percussive_kernel, 1), mode="reflect")
    return numpy.stack([softmask(percussive, harmonic, power), softmask(harmonic, percussive, power)])


def hann(window):
    return 0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(window) / window)


def stft(samples, window, hop):
    frames = 1 + -(-len(samples) // hop)
    covered = (frames - 1) * hop
    padded = numpy.pad(samples, (window // 2, window // 2 + covered - len(samples)), mode="reflect")
    rows = [padded[i * hop : i * hop + window] * hann(window) for i in range(frames)]
    return numpy.fft.rfft(rows, axis=1).T


def istft(spectrum, window, hop, length):
    rows = numpy.fft.irfft(spectrum.T, window, axis=1) * hann(window)
    total = numpy.zeros((len(rows) - 1) * hop + window)
    weight = numpy.zeros_like(total)
    for i, row in enumerate(rows):
        total[i * hop : i * hop + window] += row
        weight[i * hop : i * hop + window] += hann(window) ** 2
    inside = slice(window // 2, window // 2 + length)
    return total[inside] / weight[inside]


def magnitude_case(generator, bins, frames):
    """Notes, hits and noise, with a block of digital silence."""
    magnitude = generator.exponential(0.1, (bins, frames))
    magnitude[bins // 4] += 3.0
    magnitude[:, frames // 3] += 2.0
    magnitude[bins // 2 :, frames // 2 :] = 0.0
    return magnitude.astype(numpy.float32)


def sound(generator, length, rate):
    time = numpy.arange(length) / rate
    clicks = numpy.where(numpy.arange(length) % 1000 < 30, generator.standard_normal(length), 0.0)
    return (0.3 * numpy.sin(2 * numpy.pi * 440 * time) + 0.2 * clicks).astype(numpy.float32)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    generator = numpy.random.default_rng(20240924)
    tensors = {}
    cases = {"usual": (60, 48, 31, 31, 2.0), "short": (40, 12, 31, 17, 2.0), "power": (30, 24, 7, 9, 1.0)}
    for name, (bins, frames, harmonic, percussive, power) in cases.items():
        magnitude = magnitude_case(generator, bins, frames)
        tensors[f"{name}/magnitude"] = magnitude
        tensors[f"{name}/masks"] = masks(magnitude, harmonic, percussive, power)
    samples = sound(generator, 4001, 8000)
    spectrum = stft(samples.astype(numpy.float64), 256, 64)
    pair = masks(numpy.abs(spectrum).astype(numpy.float32), 17, 17, 2.0)
    tensors["sound/samples"] = samples
    tensors["sound/stems"] = numpy.stack([istft(spectrum * mask, 256, 64, len(samples)) for mask in pair])
    tensors = {name: torch.from_numpy(value.astype(numpy.float32)) for name, value in tensors.items()}
    safetensors_io.write(out / "hpss.safetensors", tensors)


if __name__ == "__main__":
    main()
