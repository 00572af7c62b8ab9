#!/usr/bin/env python3
"""Golden vectors of NMF, rPCA, REPET-SIM and FT2D, after nussl.

    python3 scripts/golden/classical.py --out tests/golden

Needs NumPy, SciPy and PyTorch (for writing). On given magnitudes [channel, bin, frame] each function does what
nussl 1.1.9 does in separation/factorization/rpca.py, separation/primitive/repet_sim.py and ft2d.py, with its
defaults and in float64; NMF follows Lee & Seung's updates in the TransformerNMF of nussl 0.1, its clusters are
of librosa's MFCCs. The same call gives the same bytes.
"""

import argparse
import itertools
import pathlib

import numpy
import torch
from scipy.fft import dct
from scipy.ndimage import maximum_filter, uniform_filter

import safetensors_io

RATE = 8000
HOP = 700  # samples from frame to frame: 11.43 frames a second


def rpca(magnitude, iterations=100, tolerance=1e-7):
    """Low rank and sparse part of one channel (RPCA.decompose)."""
    factor = 1 / numpy.sqrt(max(magnitude.shape))
    sparse = numpy.zeros(magnitude.shape)
    two_norm = numpy.linalg.svd(magnitude, compute_uv=False)[0]
    multiplier = magnitude / max(two_norm, magnitude.max() / factor)
    mu = 1.25 / two_norm
    largest = mu * 1e7
    for _ in range(iterations):
        u, sigma, v = numpy.linalg.svd(magnitude - sparse + multiplier / mu, full_matrices=False)
        low_rank = (u * numpy.maximum(sigma - 1 / mu, 0)) @ v
        target = magnitude - low_rank + multiplier / mu
        sparse = numpy.sign(target) * numpy.maximum(numpy.abs(target) - factor / mu, 0)
        rest = magnitude - low_rank - sparse
        multiplier = multiplier + mu * rest
        mu = min(mu * 1.5, largest)
        if numpy.linalg.norm(rest) / numpy.linalg.norm(magnitude) < tolerance:
            break
    return low_rank, sparse


def rpca_background(magnitude):
    parts = [rpca(channel) for channel in magnitude]
    return numpy.stack([numpy.abs(sparse) <= numpy.abs(low_rank) for low_rank, sparse in parts]).astype(float)


def peak_indices(row, most, distance):
    """utils.find_peak_indices with a threshold of 0."""
    row = (row - row.min()) / (row.max() - row.min())
    found = []
    for _ in range(most):
        index = int(numpy.argmax(row))
        found.append(index)
        row[int(max(index - distance, 0)) : int(min(index + distance + 1, len(row)))] = 0
        if row.sum() == 0:
            break
    return found


def repet_sim_background(magnitude, frame_rate, most=100, seconds=1.0):
    frames = magnitude.mean(axis=0).T
    products = frames @ frames.T
    inverse = 1 / numpy.sqrt(numpy.diag(products))
    cosine = (products * inverse).T * inverse
    masks = numpy.ones_like(magnitude)
    for i in range(len(cosine)):
        similar = peak_indices(cosine[i], most, seconds * frame_rate)[1:]
        if similar:
            masks[:, :, i] = numpy.median(magnitude[:, :, similar], axis=2)
    return (numpy.minimum(masks, magnitude) + 1e-16) / (magnitude + 1e-16)


def ft2d_background(magnitude, neighbourhood=25):
    return numpy.stack([ft2d_channel(channel, (1, neighbourhood)) for channel in magnitude])


def ft2d_channel(magnitude, size):
    transform = numpy.fft.fft2(magnitude)
    data = numpy.abs(numpy.fft.fftshift(transform))
    data /= data.max() + 1e-7
    highest = maximum_filter(data, size)
    mean = uniform_filter(data, size)
    deviation = numpy.sqrt(uniform_filter(data**2, size) - mean**2) + 1e-7
    peaks = (highest - mean) / deviation * (data == highest)
    peaks /= peaks.max() + 1e-7
    # nussl passes numpy.flipud(peaks) as a third argument: it receives the result, and is no operand.
    peaks = numpy.maximum(peaks, numpy.fliplr(peaks))
    raised = magnitude + 1e-7
    mask = numpy.minimum(numpy.abs(numpy.fft.ifft2(numpy.fft.ifftshift(peaks) * transform)), raised) / raised
    return mask / (mask + 1e-7).max()


def below_cutoff(bins, rate, cutoff=100.0):
    """How many bins go to the background whole (HighLowPassFilter)."""
    return int(numpy.abs(numpy.linspace(0, rate / 2, bins) - cutoff).argmin())


def with_low_bins(background, rate):
    background = background.copy()
    background[:, : below_cutoff(background.shape[1], rate)] = 1
    return background


def nmf(matrix, activations, templates, iterations):
    """A matrix [frame, bin] as activations [frame, template] times templates [template, bin]."""
    for _ in range(iterations):
        activations = activations * (matrix @ templates.T) / (activations @ templates @ templates.T)
        templates = templates * (activations.T @ matrix) / (activations.T @ activations @ templates)
    return activations, templates


def mel_filters(bins, rate, bands=128):
    """librosa.filters.mel: Slaney's scale and areas, [band, bin]."""
    knee, linear, step = 1000.0, 200.0 / 3, numpy.log(6.4) / 27  # rates of 2 kHz and above
    mels = numpy.linspace(0, knee / linear + numpy.log(rate / 2 / knee) / step, bands + 2)
    edges = numpy.where(mels >= knee / linear, knee * numpy.exp(step * (mels - knee / linear)), mels * linear)
    ramps = edges[:, None] - numpy.linspace(0, rate / 2, bins)
    width = numpy.diff(edges)[:, None]
    triangles = numpy.maximum(0, numpy.minimum(-ramps[:-2] / width[:-1], ramps[2:] / width[1:]))
    return triangles * (2 / (edges[2:] - edges[:-2]))[:, None]


def mfccs(templates, rate, first=1, end=14):
    """librosa.feature.mfcc(S=power_to_db(melspectrogram(S=templates.T ** 2))) of templates with peaks of 1."""
    scaled = templates / templates.max(axis=1, keepdims=True)
    level = 10 * numpy.log10(numpy.maximum(1e-10, mel_filters(templates.shape[1], rate) @ scaled.T**2))
    level = numpy.maximum(level, level.max() - 80)
    return dct(level, axis=0, type=2, norm="ortho")[first:end].T


def best_two_clusters(points):
    """The least sum of squared distances to two means, of all ways to part the points."""

    def spread(label):
        groups = [points[label == k] for k in (0, 1)]
        return sum(((group - group.mean(axis=0)) ** 2).sum() for group in groups)

    ways = (numpy.array((0,) + rest) for rest in itertools.product((0, 1), repeat=len(points) - 1) if any(rest))
    return min(ways, key=spread)


def nmf_drums(activations, templates, rate):
    """The share [frame, bin] of the cluster of templates with the higher spectral centroid."""
    label = best_two_clusters(mfccs(templates, rate))
    parts = [activations[:, label == k] @ templates[label == k] for k in (0, 1)]
    centroids = [(part.sum(axis=0) @ numpy.arange(part.shape[1])) / part.sum() for part in parts]
    return parts[int(numpy.argmax(centroids))] / sum(parts)


def two_timbres(generator, bins, count):
    """Templates of two kinds by turns: a few low partials, and noise that rises towards high bins."""
    bin_ = numpy.arange(bins)
    tones = [numpy.exp(-0.5 * ((bin_ - 3 - i) / 1.5) ** 2) + 1e-3 for i in range(count // 2)]
    noises = [bin_ / bins * generator.uniform(0.8, 1.2, bins) + 1e-3 for _ in range(count // 2)]
    return numpy.stack([template for pair in zip(tones, noises) for template in pair])


def magnitude_case(generator, bins, frames):
    """Bars of the same notes and hits, with notes that come once and noise."""
    time = numpy.arange(frames)
    magnitude = generator.exponential(0.02, (bins, frames))
    for note in range(4):
        sounding = numpy.exp(-0.1 * (time % 10)) * (time // 10 % 4 == note)
        partials = magnitude[2 + note :: 5 + note]
        partials += sounding / (1 + numpy.arange(len(partials)))[:, None]
    magnitude += 0.5 * numpy.exp(-0.8 * (time % 5)) * generator.exponential(0.3, (bins, 1))
    for _ in range(6):
        bin_, frame = generator.integers(bins), generator.integers(frames - 15)
        magnitude[bin_, frame : frame + 15] += 0.8
    return magnitude


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    generator = numpy.random.default_rng(20240925)
    bins, frames, count = 65, 90, 8
    stored = numpy.stack([magnitude_case(generator, bins, frames) for _ in range(2)]).astype(numpy.float32)
    magnitude = stored.astype(numpy.float64)
    tensors = {"magnitude": stored}
    tensors["rpca/sparse"] = rpca(magnitude[0])[1]
    tensors["rpca/background"] = with_low_bins(rpca_background(magnitude), RATE)
    tensors["repet_sim/background"] = with_low_bins(repet_sim_background(magnitude, RATE / HOP), RATE)
    # nussl's STFT is divided by the sum of its window; Partita's is not.
    tensors["ft2d/background"] = with_low_bins(ft2d_background(magnitude / (bins - 1)), RATE)
    matrix = magnitude.transpose(0, 2, 1).reshape(-1, bins)
    start = [generator.random(shape).astype(numpy.float32) for shape in ((2 * frames, count), (count, bins))]
    found = nmf(matrix, *(factor.astype(numpy.float64) for factor in start), iterations=10)
    tensors["nmf/start_activations"], tensors["nmf/start_templates"] = start
    tensors["nmf/activations"], tensors["nmf/templates"] = found
    tensors["nmf/mfccs"] = mfccs(found[1], RATE)
    # Templates without clusters leave k-means several ends; those of two timbres leave it one.
    tensors["timbre/templates"] = two_timbres(generator, bins, count).astype(numpy.float32)
    tensors["timbre/activations"] = start[0][:frames]
    pair = tensors["timbre/activations"], tensors["timbre/templates"]
    tensors["timbre/drums"] = nmf_drums(*(factor.astype(numpy.float64) for factor in pair), RATE)
    tensors = {name: torch.from_numpy(value.astype(numpy.float32)) for name, value in tensors.items()}
    safetensors_io.write(out / "classical.safetensors", tensors)


if __name__ == "__main__":
    main()
