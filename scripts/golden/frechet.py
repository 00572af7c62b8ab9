#!/usr/bin/env python3
"""Golden Fréchet distances of Gaussians fitted to frames: SciPy in float64.

    python3 scripts/golden/frechet.py --out tests/golden

Needs NumPy, SciPy and PyTorch (for writing). Each case has frames "<case>/reference" and "<case>/candidates"; the
distance stands in the file's metadata. With A = centred frames / sqrt(n − 1), the trace of (S₁^½ S₂ S₁^½)^½ is the
sum of the singular values of A₁A₂ᵀ, which holds for covariances of any rank; where both have full rank, the
distance by SciPy's matrix square root is checked to agree. The same call gives the same bytes.
"""

import argparse
import json
import pathlib

import numpy
import scipy.linalg
import torch

import safetensors_io


def centred(frames):
    return (frames - frames.mean(0)) / numpy.sqrt(len(frames) - 1)


def distance(reference, candidates):
    a, b = centred(reference), centred(candidates)
    means = numpy.sum((reference.mean(0) - candidates.mean(0)) ** 2)
    shared = scipy.linalg.svdvals(a @ b.T).sum()
    result = means + numpy.sum(a**2) + numpy.sum(b**2) - 2 * shared
    if min(len(a), len(b)) > a.shape[1] + 1:
        covariances = numpy.cov(reference, rowvar=False), numpy.cov(candidates, rowvar=False)
        covariances = [numpy.atleast_2d(c) for c in covariances]
        root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
        theirs = means + sum(numpy.trace(c) for c in covariances) - 2 * numpy.trace(root)
        assert abs(theirs - result) < 1e-7 * max(1.0, result), (theirs, result)
    return float(result)


def cases(generator):
    def frames(count, dim, mixing=None, offset=0.0):
        x = generator.standard_normal((count, dim))
        return (x if mixing is None else x @ mixing) + offset

    mixing = generator.standard_normal((24, 24))
    yield "full rank", frames(200, 24, mixing), frames(150, 24, mixing + 0.3, 0.2)
    yield "other scales", frames(100, 8, numpy.diag(10.0 ** numpy.arange(-3.0, 1.0, 0.5))), frames(120, 8)
    yield "fewer frames than dimensions", frames(12, 40), frames(15, 40, None, 0.5)
    yield "one of low rank", frames(100, 16), frames(100, 3, generator.standard_normal((3, 16)))
    yield "disjoint spans", frames(60, 2, numpy.eye(2, 6)), frames(60, 2, numpy.eye(2, 6, 3))
    yield "one dimension", frames(50, 1, None, 1.0), frames(70, 1, numpy.array([[2.0]]))
    same = frames(80, 12, generator.standard_normal((12, 12)))
    yield "the same", same, same
    yield "far away", frames(80, 4, None, 1000.0), frames(80, 4, None, 1001.0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    tensors, metadata = {}, {}
    for name, reference, candidates in cases(numpy.random.default_rng(20231102)):
        reference, candidates = reference.astype(numpy.float32), candidates.astype(numpy.float32)
        tensors[f"{name}/reference"] = torch.from_numpy(reference)
        tensors[f"{name}/candidates"] = torch.from_numpy(candidates)
        metadata[name] = json.dumps(distance(reference.astype(numpy.float64), candidates.astype(numpy.float64)))
    safetensors_io.write(out / "frechet.safetensors", tensors, metadata)


if __name__ == "__main__":
    main()
