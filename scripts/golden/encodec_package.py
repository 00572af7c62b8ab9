"""The official EnCodec package with pseudo-random weights.

The weights are functions of their names, shapes and indices alone, so that tests/support/encodec_weights.hpp
makes the very same ones and no weights need to be kept.
"""

import importlib
import math
import sys
import types
import zlib

import numpy
import torch


def _rearrange(x, pattern):
    """What of einops.rearrange the package's inference uses."""
    if pattern in ("b d n -> b n d", "b n d -> b d n"):
        return x.transpose(1, 2)
    if pattern == "... d -> (...) d":
        return x.reshape(-1, x.shape[-1])
    raise NotImplementedError(pattern)


def load(folder):
    """The package in `folder`; einops is replaced where it is not installed, torchaudio (unused) as well."""
    stand_ins = {"einops": dict(rearrange=_rearrange, repeat=None), "torchaudio": {}}
    for name, content in stand_ins.items():
        try:
            importlib.import_module(name)
        except ImportError:
            module = types.ModuleType(name)
            module.__dict__.update(content)
            sys.modules[name] = module
    sys.path.insert(0, str(folder))
    return importlib.import_module("encodec")


def uniform(name, count):
    """Numbers in [-1, 1), multiples of 2^-23: splitmix64 of an index, offset by the CRC-32 of a name."""
    with numpy.errstate(over="ignore"):
        x = numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        x += numpy.uint64(zlib.crc32(name.encode())) << numpy.uint64(32)
        x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        x ^= x >> numpy.uint64(31)
    return (x >> numpy.uint64(40)).astype(numpy.float64) * 2.0**-23 - 1.0


def offset_and_scale(name, shapes):
    """The mean and the largest deviation of a weight."""
    shape = shapes[name]
    if name.endswith(("inited", "cluster_size")):
        return 1.0, 0.0
    if name.endswith((".embed", ".embed_avg")):
        scale = 0.5
        for _ in range(int(name.split(".")[3])):
            scale *= 0.96
        return 0.0, scale
    if name.endswith("weight_g"):
        _, out, kernel = shapes[name[:-1] + "v"]
        gain = math.sqrt(out * kernel / (2 * shape[0])) if "convtr" in name else 1.0
        return gain, 0.2 * gain
    if name.endswith("weight_v"):
        return 0.0, 1.0
    if name.endswith("norm.weight"):
        return 1.0, 0.2
    if "convtr" in name and name.endswith("weight"):
        return 0.0, math.sqrt(3.0 / (2 * shape[0]))
    if len(shape) == 3:
        return 0.0, math.sqrt(3.0 / (shape[1] * shape[2]))
    if ".lstm.weight" in name:
        return 0.0, 1.0 / math.sqrt(shape[1])
    return 0.0, 0.1  # biases


def weights(shapes):
    """A state dict for names and shapes."""
    state = {}
    for name, shape in shapes.items():
        offset, scale = offset_and_scale(name, shapes)
        values = offset + scale * uniform(name, math.prod(shape))
        state[name] = torch.from_numpy(values.astype(numpy.float32)).reshape(shape)
    return state


def shapes_of(model):
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def model(package, name, filters=32, dimension=128):
    """`encodec_24khz` or `encodec_48khz`, at their own or a smaller width, with the weights above."""
    modules, quantization = package.model.m, package.model.qt
    large = name == "encodec_48khz"
    style = dict(norm="time_group_norm", causal=False) if large else dict(norm="weight_norm", causal=True)
    channels = 2 if large else 1
    networks = dict(channels=channels, n_filters=filters, dimension=dimension, **style)
    result = package.EncodecModel(
        modules.SEANetEncoder(**networks),
        modules.SEANetDecoder(**networks),
        quantization.ResidualVectorQuantizer(dimension=dimension, n_q=16 if large else 32, bins=1024),
        [3.0, 6.0, 12.0, 24.0] if large else [1.5, 3.0, 6.0, 12.0, 24.0],
        48000 if large else 24000,
        channels,
        normalize=large,
        segment=1.0 if large else None,
        name=name,
    )
    result.load_state_dict(weights(shapes_of(result)))
    return result.eval()


def signal(name, channels, length):
    """Noise whose level is noise, held for 50 samples each: `[1, channels, length]`."""
    rows = []
    for channel in range(channels):
        fine = uniform(f"{name}/{channel}/fine", length)
        level = numpy.repeat(uniform(f"{name}/{channel}/level", length // 50 + 1), 50)[:length]
        rows.append((0.5 * fine * level).astype(numpy.float32))
    return torch.from_numpy(numpy.stack(rows)).unsqueeze(0)
