#!/usr/bin/env python3
"""Golden vectors of the vocoder's network: Vocos's backbone (arXiv:2306.00814) written anew.

    python3 scripts/golden/vocoder.py --out tests/golden

Needs PyTorch 1.13 or later. The same call gives the same bytes.
"""

import argparse
import pathlib

import torch
from torch import nn

import safetensors_io

IN, CHANNELS, EXPANSION, BLOCKS, KERNEL, OUT = 5, 8, 12, 2, 7, 6


class Block(nn.Module):
    """ConvNeXt (Liu et al. 2022) on frames."""

    def __init__(self):
        super().__init__()
        self.dwconv = nn.Conv1d(CHANNELS, CHANNELS, KERNEL, padding=KERNEL // 2, groups=CHANNELS)
        self.norm = nn.LayerNorm(CHANNELS, eps=1e-6)
        self.pwconv1 = nn.Linear(CHANNELS, EXPANSION)
        self.pwconv2 = nn.Linear(EXPANSION, CHANNELS)
        self.gamma = nn.Parameter(torch.ones(CHANNELS))

    def forward(self, x):
        h = self.norm(self.dwconv(x).transpose(1, 2))
        h = self.gamma * self.pwconv2(nn.functional.gelu(self.pwconv1(h)))
        return x + h.transpose(1, 2)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(IN, CHANNELS)
        self.norm = nn.LayerNorm(CHANNELS, eps=1e-6)
        self.convnext = nn.ModuleList([Block() for _ in range(BLOCKS)])
        self.final_layer_norm = nn.LayerNorm(CHANNELS, eps=1e-6)
        self.out = nn.Linear(CHANNELS, OUT)

    def forward(self, x):
        h = self.norm(self.embed(x.transpose(1, 2))).transpose(1, 2)
        for block in self.convnext:
            h = block(h)
        return self.out(self.final_layer_norm(h.transpose(1, 2))).transpose(1, 2)


def as_convolution(name, tensor):
    """Partita's pointwise layers are convolutions of kernel 1."""
    return tensor.unsqueeze(-1) if tensor.dim() == 2 and "norm" not in name else tensor


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    torch.manual_seed(1)
    backbone = Backbone()
    for parameter in backbone.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    x = torch.randn(2, IN, 11)
    y = backbone(x)
    precise = Backbone().double()
    precise.load_state_dict(backbone.state_dict())
    precise(x.double()).square().mean().backward()
    tensors = {"x": x, "y": y}
    for name, parameter in precise.named_parameters():
        tensors[f"weights/{name}"] = as_convolution(name, backbone.state_dict()[name])
        tensors[f"gradients/{name}"] = as_convolution(name, parameter.grad.float())
    safetensors_io.write(out / "vocoder.safetensors", tensors)


if __name__ == "__main__":
    main()
