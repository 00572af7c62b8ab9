"""Imports the reference's networks and samplers as they are, with small stand-ins for the packages
that are missing: gin (its decorator), einops (the patterns that the reference uses), and what
models/iadb.py imports for logging and metrics only."""

import importlib
import sys
import types

import torch
from torch import nn


def _missing(name):
    try:
        importlib.import_module(name)
    except ImportError:
        return True
    return False


def _module(name, **members):
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module
    return module


def _configurable(function=None, **_):
    return function if function is not None else lambda decorated: decorated


def _rearrange(x, pattern, **sizes):
    if pattern == "b c -> b c 1":
        return x.unsqueeze(-1)
    if pattern == "b c t -> b t c" or pattern == "b t c -> b c t":
        return x.transpose(1, 2)
    if pattern == "b n c t -> (b n) c t":
        return x.flatten(0, 1)
    if pattern == "(b n) c t -> b n c t":
        return x.unflatten(0, (-1, sizes["n"]))
    if pattern == "b (n c) t -> b n c t":
        return x.unflatten(1, (sizes["n"], -1))
    raise NotImplementedError(pattern)


def _repeat(x, pattern, **sizes):
    if pattern == "b c t -> (b n) c t" or pattern == "b -> (b n) ":
        return x.repeat_interleave(sizes["n"], dim=0)
    if pattern == " -> b 1 1":
        return x.reshape(1, 1, 1).repeat(sizes["b"], 1, 1)
    raise NotImplementedError(pattern)


def _reduce(x, pattern, operation):
    functions = {"sum": torch.sum, "mean": torch.mean, "min": torch.amin, "max": torch.amax}
    if pattern == "b n c t -> b c t":
        return functions[operation](x, dim=1)
    if pattern == "b ... -> b":
        return functions[operation](x.flatten(1), dim=1)
    raise NotImplementedError(pattern)


class _Rearrange(nn.Module):
    def __init__(self, pattern, **sizes):
        super().__init__()
        self.pattern, self.sizes = pattern, sizes

    def forward(self, x):
        return _rearrange(x, self.pattern, **self.sizes)


class _Range:
    def __init__(self, count, **_):
        self.count = count

    def __iter__(self):
        return iter(range(self.count))

    def set_postfix(self, _):
        pass


def _accept_several_dimensions():
    """Tensor.squeeze of a tuple of dimensions, which PyTorch 1 lacks."""
    squeeze = torch.Tensor.squeeze

    def squeeze_each(self, *dims):
        if len(dims) != 1 or not isinstance(dims[0], tuple):
            return squeeze(self, *dims)
        for dim in sorted(dims[0], reverse=True):
            self = squeeze(self, dim)
        return self

    torch.Tensor.squeeze = squeeze_each


def _install_stand_ins(folder):
    if _missing("gin"):
        _module("gin", configurable=_configurable, config=_module("gin.config"))
    if _missing("einops"):
        _module("einops", rearrange=_rearrange, repeat=_repeat, reduce=_reduce)
        _module("einops.layers")
        _module("einops.layers.torch", Rearrange=_Rearrange)
    _module("tqdm")
    _module("tqdm.auto", trange=_Range, tqdm=_Range)
    _module("museval")
    _module("museval.metrics", bss_eval=None)
    models = _module("models", Encodec=object, SonyAE=object)
    models.__path__ = [f"{folder}/models"]
    _module("models.base", Base=object)
    _module("models.msstft", AudioDistance=None, MultiScaleSTFT=None)
    _module("models.utils", embedding_l2_distances=None)


def load(folder):
    """The modules blocks, unet, encoder and iadb of the reference in `folder`."""
    _install_stand_ins(folder)
    if torch.__version__.startswith("1."):
        _accept_several_dimensions()
    sys.path.insert(0, str(folder))
    names = {"blocks": "networks.blocks", "unet": "networks.unet", "encoder": "networks.encoder",
             "iadb": "models.iadb"}
    return types.SimpleNamespace(**{key: importlib.import_module(name) for key, name in names.items()})


def described_time_embedding(unet):
    """TimeEmbedding with what its author meant: endpoint and factor passed to the sinusoids by name
    (the published code passes them in each other's place)."""

    class TimeEmbedding(unet.TimeEmbedding):
        def __init__(self, num_channels, max_positions=10_000, endpoint=False, factor=1.0):
            super().__init__(num_channels, max_positions, endpoint, factor)
            self.layers[0] = unet.PositionalEmbedding(
                num_channels, max_positions, factor=factor, endpoint=endpoint
            )

    return TimeEmbedding


def snake_forward(self, x):
    """SnakeBeta for `[batch, channel]` too, which the published one cannot take (FiLM needs it)."""
    alpha, beta = self.alpha.exp(), self.beta.exp()
    if x.dim() > 2:
        alpha, beta = alpha.unsqueeze(-1), beta.unsqueeze(-1)
    return x + torch.sin(x * alpha) ** 2 / (beta + self.no_div_by_zero)
