#!/usr/bin/env python3
"""Golden checkpoints for io::read_torch_checkpoint.

    python3 scripts/golden/torch_checkpoint.py --out tests/golden

Needs PyTorch. Writes what torch.save makes of the same state in its two formats, and the state's tensors:
  checkpoint_zip.pt           the format since PyTorch 1.6
  checkpoint_legacy.pt        the format before it
  checkpoint.safetensors      values as float32 or int64; dtypes, strides and offsets in the metadata
The same call gives the same bytes.
"""

import argparse
import collections
import pathlib

import torch

import safetensors_io


def state():
    """Every dtype, views that share storages, parameters, nested dicts and values that are no tensors."""
    generator = torch.Generator().manual_seed(20221024)
    base = torch.randn(6, 5, generator=generator)
    count = torch.arange(-3, 9)
    module = collections.OrderedDict()
    module["conv.weight"] = torch.nn.Parameter(torch.randn(4, 3, 2, generator=generator))
    module["conv.bias"] = torch.nn.Parameter(torch.zeros(4), requires_grad=False)
    module["whole"] = base
    module["transposed"] = base.t()
    module["part"] = base[1:5:2, 2:]
    module["row"] = base[3]
    module["half"] = base.half()
    module["brain"] = base.bfloat16()
    module["double"] = base.double()
    module["count"] = count
    module["even"] = count[1::2]
    module["int"] = count.int()
    module["short"] = count.short()
    module["char"] = count.char()
    module["byte"] = torch.arange(250, 256, dtype=torch.uint8)
    module["mask"] = count > 2
    module["scalar"] = torch.tensor(2.5)
    module["step"] = torch.tensor(7)
    module["empty"] = torch.empty(0, 3)
    module._metadata = collections.OrderedDict([("", {"version": 1})])
    return {
        "best_state": module,
        "ema": [{"decay": 0.99, "shadow": torch.ones(2)}, (torch.full((1,), 3.0), None)],
        "epoch": 12,
        "loss": -0.25,
        "config": "sample_rate = 24000",
        "big": [2**40, -(2**40), 70000, -1],
        "finished": True,
    }


def flatten(value, name=""):
    if torch.is_tensor(value):
        yield name, value.detach()
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from flatten(below, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for index, below in enumerate(value):
            yield from flatten(below, f"{name}.{index}" if name else str(index))


def save_legacy(path, value):
    """The older format names storages by their addresses: here by numbers, in order of appearance."""
    names = {}

    class Numbered(str):
        def __new__(cls, address):
            return names.setdefault(address, f"{len(names):03}")

    torch.serialization.str = Numbered
    with open(path, "wb") as file:
        torch.save(value, file, _use_new_zipfile_serialization=False)
    del torch.serialization.str


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    value = state()
    torch.save(value, out / "checkpoint_zip.pt")
    save_legacy(out / "checkpoint_legacy.pt", value)
    tensors, metadata = {}, {}
    for name, tensor in flatten(value):
        tensors[name] = tensor.float() if tensor.is_floating_point() else tensor.long()
        metadata[name] = f"{tensor.dtype} {list(tensor.stride())} {tensor.storage_offset()}"
    safetensors_io.write(out / "checkpoint.safetensors", tensors, metadata)


if __name__ == "__main__":
    main()
