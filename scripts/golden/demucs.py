#!/usr/bin/env python3
"""Golden vectors of Demucs, version 2, from the original Python code with random weights.

    python3 scripts/golden/demucs.py --package DIR --julius DIR --out tests/golden

The first DIR is a checkout of facebookresearch/demucs at tag v2 (or any commit before version 3), the other one of
adefossez/julius; diffq and tqdm, which separation does not use, need not be installed. Needs PyTorch 1.13 or
later. For each case writes its weights, a mixture "x" with the network's sources "y" and the gradients of their
mean square (in double precision), "lengths" with their "valid_lengths", and "song" with what apply_model makes
of it in segments, "stems"; and demucs_unittest.txt, the names and shapes of the smallest official checkpoint. The
same call gives the same bytes on the same processor.
"""

import argparse
import importlib
import pathlib
import sys
import types

import torch

import safetensors_io

LENGTHS = [1, 2, 7, 8, 9, 100, 339, 1000, 44100, 441000]
SONG = 2000  # samples: two whole segments of 800 and a third that is cut off
SEGMENT = 800
CASES = {
    "plain": dict(sources=["drums", "bass"], audio_channels=1, channels=3, depth=3, resample=False, normalize=True),
    "resampled": dict(sources=["a", "b", "c"], audio_channels=2, channels=4, depth=2, resample=True, growth=1.5),
    "bare": dict(sources=["a"], audio_channels=1, channels=4, depth=2, resample=False, lstm_layers=0, context=1,
                 kernel_size=5, stride=3, rescale=0),
}


def load(package, julius):
    """The modules model and utils."""
    stand_ins = {"diffq": dict(UniformQuantizer=None, DiffQuantizer=None), "tqdm": dict(tqdm=None)}
    for name, content in stand_ins.items():
        module = sys.modules.setdefault(name, types.ModuleType(name))
        module.__dict__.update(content)
    demucs = types.ModuleType("demucs")  # its own __init__ is left out
    demucs.__path__ = [str(package / "demucs")]
    sys.modules["demucs"] = demucs
    sys.path.insert(0, str(julius))
    return importlib.import_module("demucs.model"), importlib.import_module("demucs.utils")


def case(model_module, utils, options):
    options = dict(options, samplerate=SEGMENT, segment_length=SEGMENT)
    model = model_module.Demucs(**options)
    for parameter in model.parameters():  # biases begin small
        parameter.data += 0.05 * torch.randn_like(parameter)
    channels = options["audio_channels"]
    x = torch.randn(2, channels, model.valid_length(333) + 3)
    song = torch.randn(channels, SONG) * torch.linspace(0.1, 2, SONG)
    with torch.no_grad():
        y = model(x)
    stems = utils.apply_model(model, song, split=True, overlap=0.25)
    precise = model_module.Demucs(**options).double()
    precise.load_state_dict(model.state_dict())
    precise(x.double()).square().mean().backward()
    tensors = {"x": x, "y": y, "song": song, "stems": stems, "lengths": torch.tensor(LENGTHS),
               "valid_lengths": torch.tensor([model.valid_length(length) for length in LENGTHS])}
    for name, parameter in precise.named_parameters():
        tensors[f"weights/{name}"] = model.state_dict()[name]
        tensors[f"gradients/{name}"] = parameter.grad.float()
    return tensors


def names_and_shapes(model):
    """As golden::expect_names reads them."""
    lines = [f"# {sum(parameter.numel() for parameter in model.parameters())} parameters"]
    for name, tensor in model.state_dict().items():
        lines.append(f"{name} {'x'.join(str(size) for size in tensor.shape)}")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--package", type=pathlib.Path, required=True, help="checkout of demucs, version 2")
    parser.add_argument("--julius", type=pathlib.Path, required=True, help="checkout of julius")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the golden vectors")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model, utils = load(arguments.package.resolve(), arguments.julius.resolve())
    tensors = {}
    for number, (name, options) in enumerate(CASES.items()):
        torch.manual_seed(number)
        tensors.update({f"{name}/{key}": value for key, value in case(model, utils, options).items()})
    safetensors_io.write(arguments.out / "demucs.safetensors", tensors)
    unittest = model.Demucs(["drums", "bass", "other", "vocals"], channels=4)
    (arguments.out / "demucs_unittest.txt").write_text(names_and_shapes(unittest))


if __name__ == "__main__":
    main()
