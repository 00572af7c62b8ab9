#!/usr/bin/env python3
"""Golden figures of BSS Eval v4 (museval): least squares on delayed references, written out in NumPy.

    python3 scripts/golden/bss_eval.py --out tests/golden [--package DIR]

Needs NumPy and PyTorch (for writing). With --package, the folder that holds museval/metrics.py, the figures are
checked to be those of museval.metrics.bss_eval to 1e-4 dB. Each case has "<case>/references" and "<case>/estimates"
[source, channel, sample] and "<case>/figures" [SDR ISR SIR SAR, source, frame], NaN in silent frames; taps, window
and hop in samples stand in the metadata. The same call gives the same bytes.
"""

import argparse
import importlib.util
import json
import pathlib

import numpy
import torch

import safetensors_io


def delayed(signals, taps):
    """[source, channel, sample] as columns [sample + taps - 1, source * channel * tap]."""
    rows = signals.reshape(-1, signals.shape[2])
    columns = numpy.zeros((rows.shape[1] + taps - 1, len(rows), taps))
    for tap in range(taps):
        columns[tap : tap + rows.shape[1], :, tap] = rows.T
    return columns.reshape(len(columns), -1)


def padded(signal, taps):
    """[channel, sample] as [sample + taps - 1, channel]."""
    return numpy.pad(signal, ((0, 0), (0, taps - 1))).T


def decibels(signal, rest):
    with numpy.errstate(divide="ignore"):  # no rest: infinity
        return 10 * numpy.log10(numpy.sum(signal**2) / numpy.sum(rest**2))


def silent(signals):
    return (signals.sum(1) == 0).all(1).any()


def bss_eval(references, estimates, window, hop, taps):
    sources, _, samples = references.shape
    columns = delayed(references, taps)
    filters = [numpy.linalg.lstsq(columns, padded(e, taps), rcond=None)[0] for e in estimates]
    own = [
        numpy.linalg.lstsq(delayed(references[i : i + 1], taps), padded(estimates[i], taps), rcond=None)[0]
        for i in range(sources)
    ]
    count = (samples - window + hop) // hop if window < samples else 1
    figures = numpy.full((4, sources, count), numpy.nan)
    for frame in range(count):
        part = slice(frame * hop, min(frame * hop + window, samples))
        heard, given = references[:, :, part], estimates[:, :, part]
        if silent(heard) or silent(given):
            continue
        everything = delayed(heard, taps)
        for i in range(sources):
            true, estimate = padded(heard[i], taps), padded(given[i], taps)
            image = delayed(heard[i : i + 1], taps) @ own[i]
            projection = everything @ filters[i]
            figures[:, i, frame] = (
                decibels(true, estimate - true),
                decibels(true, image - true),
                decibels(image, projection - image),
                decibels(projection, estimate - projection),
            )
    return figures


def package_figures(package, references, estimates, window, hop, taps):
    spec = importlib.util.spec_from_file_location("metrics", package / "museval" / "metrics.py")
    metrics = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(metrics)
    order = (0, 2, 1)
    return numpy.stack(
        metrics.bss_eval(references.transpose(order), estimates.transpose(order), window, hop, filters_len=taps)[:4]
    )


def cases(generator):
    def noise(sources, channels, samples):
        white = generator.standard_normal((sources, channels, samples + 3))
        return 0.1 * (white[:, :, 3:] + 0.8 * white[:, :, 2:-1] + 0.5 * white[:, :, :-3])

    def leak(references, share):
        mixture = references.sum(0, keepdims=True)
        moved = numpy.roll(references, 5, 2)
        return 0.7 * references + 0.2 * moved + share * mixture + 0.1 * share * noise(*references.shape)

    mono = noise(2, 1, 6600)
    yield "mono, 512 taps", mono, leak(mono, 0.1), 1600, 1200, 512
    stereo = noise(3, 2, 3000)
    yield "stereo", stereo, leak(stereo, 0.3), 800, 600, 24
    yield "one window", stereo[:2], leak(stereo[:2], 0.02), 3000, 3000, 16
    yield "longer window", stereo[:2, :, :1000], leak(stereo[:2, :, :1000], 0.2), 2000, 1500, 16
    gap = noise(2, 2, 3000)
    gap[1, :, 900:2100] = 0.0
    gap[0, 0, 2400:] = -gap[0, 1, 2400:]
    late = leak(gap, 0.2)
    yield "silent frames", gap, late, 600, 600, 16
    one = noise(1, 2, 2000)
    yield "one source", one, leak(one, 0.3), 500, 500, 8


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--package", type=pathlib.Path)
    arguments = parser.parse_args()
    tensors, metadata = {}, {}
    for name, references, estimates, window, hop, taps in cases(numpy.random.default_rng(20180702)):
        references, estimates = references.astype(numpy.float32), estimates.astype(numpy.float32)
        precise = references.astype(numpy.float64), estimates.astype(numpy.float64)
        figures = bss_eval(*precise, window, hop, taps)
        if arguments.package:
            numpy.testing.assert_allclose(figures, package_figures(arguments.package, *precise, window, hop, taps), 0, 1e-4)
        tensors[f"{name}/references"] = torch.from_numpy(references)
        tensors[f"{name}/estimates"] = torch.from_numpy(estimates)
        tensors[f"{name}/figures"] = torch.from_numpy(figures.astype(numpy.float32))
        metadata[name] = json.dumps({"window": window, "hop": hop, "taps": taps})
    safetensors_io.write(arguments.out / "bss_eval.safetensors", tensors, metadata)


if __name__ == "__main__":
    main()
