#!/usr/bin/env python3
"""Golden figures of SI-SDR, SI-SIR and SI-SAR: an independent float64 implementation by least squares.

    python3 scripts/golden/si_metrics.py --out tests/golden

Needs NumPy, PyTorch (for writing) and libsndfile (for assets/demo). Each case has tensors "<case>/estimate" and
"<case>/references"; its figures against every reference that is not silent are JSON in the file's metadata, null for
the silent ones. Where the references are independent, they are checked to be those of the published Python (nussl's
scale_bss_eval, by normal equations) to 1e-8 dB. The cases "demo mixture" and "demo distorted" have no tensors: real
music, the references assets/demo/{drums,bass}.flac, the estimates their mixture x and tanh(3x)/3. The same call gives
the same bytes.
"""

import argparse
import ctypes
import json
import pathlib

import numpy
import torch

import safetensors_io

LENGTH = 800


def decibels(a, b):
    return float(10 * numpy.log10(numpy.sum(a**2) / numpy.sum(b**2)))


def figures(estimate, references, target):
    """Le Roux 2019: the residual of the scaled target, split by its least-squares fit on all references."""
    references = references.astype(numpy.float64)
    references = references - references.mean(1, keepdims=True)
    estimate = estimate.astype(numpy.float64)
    estimate = estimate - estimate.mean()
    heard = references[(references**2).mean(1) > 1e-10]
    own = references[target]
    if (own**2).mean() <= 1e-10:
        return None
    scaled = own * numpy.linalg.lstsq(own[:, None], estimate, rcond=None)[0]
    residual = estimate - scaled
    interference = heard.T @ numpy.linalg.lstsq(heard.T, residual, rcond=1e-9)[0]
    check_against_published(references, estimate, target, heard,
                            [decibels(scaled, residual), decibels(scaled, interference),
                             decibels(scaled, residual - interference)])
    return [decibels(scaled, residual), decibels(scaled, interference),
            decibels(scaled, residual - interference)]


def check_against_published(references, estimate, target, heard, found):
    """scale_bss_eval of nussl 1.1 (Wichern and Le Roux), on zero-mean signals."""
    gram = heard @ heard.T
    if numpy.linalg.cond(gram) > 1e8:
        return  # solve() has no answer there
    source = references[target]
    e_true = source * ((source @ estimate) / (source**2).sum())
    e_res = estimate - e_true
    e_interf = heard.T @ numpy.linalg.solve(gram, heard @ e_res)
    published = [decibels(e_true, e_res), decibels(e_true, e_interf), decibels(e_true, e_res - e_interf)]
    if max(published) < 150.0:  # beyond, differences are rounding
        numpy.testing.assert_allclose(found, published, 0, 1e-8)


class SoundInfo(ctypes.Structure):
    _fields_ = [("frames", ctypes.c_int64)] + [
        (name, ctypes.c_int) for name in ("samplerate", "channels", "format", "sections", "seekable")
    ]


def read_mono(path):
    """An audio file's samples, the mean of its channels."""
    library = ctypes.CDLL("libsndfile.so.1")
    library.sf_open.restype = ctypes.c_void_p
    info = SoundInfo()
    file = ctypes.c_void_p(library.sf_open(str(path).encode(), 0x10, ctypes.byref(info)))
    if not file:
        raise OSError(f"{path}: cannot be read")
    samples = numpy.zeros((info.frames, info.channels), numpy.float64)
    library.sf_readf_double(file, samples.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(info.frames))
    library.sf_close(file)
    return samples.mean(1)


def demo_cases():
    folder = pathlib.Path(__file__).resolve().parents[2] / "assets" / "demo"
    references = numpy.stack([read_mono(folder / f"{name}.flac") for name in ("drums", "bass")])
    mixture = read_mono(folder / "mixture.flac")
    yield "demo mixture", mixture, references
    yield "demo distorted", numpy.tanh(3 * mixture) / 3, references


def cases(generator):
    def noise(rows):
        return generator.standard_normal((rows, LENGTH)) * 0.1

    two, three = noise(2), noise(3)
    yield "two", 0.8 * two[0] + 0.3 * two[1] + 0.2 * noise(1)[0], two
    yield "three", 0.5 * three[1] - 0.1 * three[0] + 0.05 * three[2] + 0.1 * noise(1)[0], three
    yield "offset", two[1] + 0.25 + 0.1 * two[0] + 0.1 * noise(1)[0], two + [[0.5], [-0.5]]
    yield "correlated", two[0] + 0.05 * noise(1)[0], numpy.stack([two[0], two[1] + 0.9 * two[0]])
    yield "twins", two[0] + 0.3 * two[1] + 0.1 * noise(1)[0], numpy.stack([two[0], two[1], two[1]])
    muted = numpy.stack([two[0], numpy.zeros(LENGTH), 0.5 * two[1] + 0.02 * noise(1)[0]])
    yield "silent other", two[0] + 0.3 * two[1], muted
    yield "faint other", two[0] + 0.001 * noise(1)[0], numpy.stack([two[0], two[1] * 1e-3])
    yield "negative", -0.7 * two[0] + 0.2 * two[1] + 0.1 * noise(1)[0], two
    yield "unrelated", noise(1)[0], two


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    tensors, metadata = {}, {}
    for name, estimate, references in cases(numpy.random.default_rng(20240925)):
        estimate = estimate.astype(numpy.float32)
        references = references.astype(numpy.float32)
        tensors[f"{name}/estimate"] = torch.from_numpy(estimate)
        tensors[f"{name}/references"] = torch.from_numpy(references)
        metadata[name] = json.dumps([figures(estimate, references, i) for i in range(len(references))])
    for name, estimate, references in demo_cases():
        metadata[name] = json.dumps([figures(estimate, references, i) for i in range(len(references))])
    safetensors_io.write(out / "si_metrics.safetensors", tensors, metadata)


if __name__ == "__main__":
    main()
