#!/usr/bin/env python3
"""Speed of a training step of the paper's drums+bass model: Partita beside the reference Python.

    python3 scripts/benchmarks/train_step.py --reference DIR --partita build/release/src/cli/partita

DIR holds the reference's folders networks/ and models/. Both sides train the same networks (U-Net and semantic
encoders of configs/paper-drums-bass.toml) on batches of the same shape with AdamW, on the same number of threads
and in turns, so that other work on the machine meets both. Partita is run as its users run it: `partita train
decomposition` on a latent store, whose log gives the speed; the first steps of each run warm up and do not
count. Printed are clips a second (medians over the turns), their ratios and what Partita's come to in FLOP/s, as direct
sums of the convolutions, three times those of a forward pass. On a GPU, which prepares no audio, with a store that is
brought there:

    python3 scripts/benchmarks/train_step.py --reference DIR --partita build/gpu/src/cli/partita --device cuda \
        --store STORE --steps 200 --log-every 50 --key 'cuda_graph = true' [--key 'precision = "bfloat16"']
"""

import argparse
import csv
import importlib.util
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts" / "golden"))
import reference
from sounds import write_wav
from turns import compared

RATE = 24000
WARM_UP = 2


def golden(name):
    """A script of scripts/golden under a name that the reference's own folder networks/ does not take."""
    path = ROOT / "scripts" / "golden" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"golden_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Reference:
    """The reference's step: networks, loss c and both clippings as in its models/iadb.py."""

    def __init__(self, folder, batch, frames, device):
        ref = reference.load(folder)
        networks = golden("networks")
        self.model = ref.unet.DecompUNet(n_comp=2, comp_function="mean", **networks.PAPER_UNET)
        self.encoder = networks.make_encoder(ref, networks.PAPER_ENCODER)
        self.model.to(device)
        self.encoder.to(device)
        parameters = list(self.model.parameters()) + list(self.encoder.parameters())
        self.optimizer = torch.optim.AdamW(parameters, lr=1e-4)
        self.x = torch.randn(batch, 128, frames, device=device)
        self.model.train()
        self.encoder.train()

    def step(self):
        x = self.x
        alpha = torch.rand(x.shape[0], 1, 1, device=x.device)
        base = torch.randn_like(x)
        cond = self.encoder(x)
        x_alpha = alpha * x + (1 - alpha) * base
        prediction = self.model(x_alpha, alpha.squeeze(2).squeeze(1), cond=cond)["out"]
        loss = ((prediction - x) ** 2).flatten(1).mean(1).mean()
        self.optimizer.zero_grad()
        loss.backward()
        for module in (self.model, self.encoder):
            torch.nn.utils.clip_grad_norm_(module.parameters(), float("inf"), error_if_nonfinite=True)
        self.optimizer.step()
        return loss

    def flop_per_clip(self):
        """Of a step's convolutions and linear layers: forward, and twice that backward."""
        total = 0

        def count(module, inputs, output):
            nonlocal total
            transposed = isinstance(module, torch.nn.ConvTranspose1d)
            positions = (inputs[0] if transposed else output).numel()
            each = module.weight.numel() / module.weight.shape[0]
            total += 2 * positions * each

        modules = [*self.model.modules(), *self.encoder.modules()]
        kinds = (torch.nn.Conv1d, torch.nn.ConvTranspose1d, torch.nn.Linear)
        hooks = [module.register_forward_hook(count) for module in modules if isinstance(module, kinds)]
        self.step()
        for hook in hooks:
            hook.remove()
        return 3 * total / self.x.shape[0]

    def clips_per_second(self, steps):
        start = time.perf_counter()
        for _ in range(steps):
            loss = self.step()
        loss.item()  # waits for a GPU
        return steps * self.x.shape[0] / (time.perf_counter() - start)


class Partita:
    def __init__(self, arguments, folder):
        self.program, self.folder, self.arguments = str(arguments.partita.resolve()), folder, arguments
        if arguments.store:
            (folder / "store").symlink_to(arguments.store.resolve())
            return
        (folder / "mixtures").mkdir()
        noise = 0.25 * torch.randn(60 * RATE, 1).clamp(-3, 3)
        for name in ("a", "b", "c", "d"):
            write_wav(folder / "mixtures" / f"{name}.wav", noise, RATE)
        self.run("prepare", "--mixtures", "mixtures", "-o", "store", "--seconds", "7")

    def run(self, *words):
        command = [self.program, "--threads", str(self.arguments.threads), "--quiet", *words]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL)

    def clips_per_second(self, steps, turn, keys):
        text = (ROOT / "configs" / "paper-drums-bass.toml").read_text()
        for before, after in (
            ("data/paper-drums-bass-store", "store"),
            ("runs/paper-drums-bass", f"run-{turn}"),
            ("batch_size = 64", f"batch_size = {self.arguments.batch}\n" + "\n".join(keys)),
            ("crop_frames = 512", f"crop_frames = {self.arguments.frames}"),
            ("diffusion_epochs = 250", f"diffusion_steps = {WARM_UP * self.arguments.log_every + steps}"),
            ("log_every = 100", f"log_every = {self.arguments.log_every}"),
            ("validation_clips = 16", "validation_clips = 1"),
        ):
            assert before in text, before
            text = text.replace(before, after)
        (self.folder / "run.toml").write_text(text)
        self.run("train", "decomposition", "run.toml", "--device", self.arguments.device)
        with open(self.folder / f"run-{turn}" / "log.csv") as file:
            speeds = [float(row["examples_per_second"]) for row in csv.DictReader(file)][WARM_UP:]
        return statistics.harmonic_mean(speeds)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reference", type=pathlib.Path, required=True, help="the reference's folder")
    parser.add_argument("--partita", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--frames", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5, help="of each side in a turn")
    parser.add_argument("--log-every", type=int, default=1, help="steps a row of Partita's log; a GPU waits for each row")
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--device", default="cpu", help="of both sides")
    parser.add_argument("--store", type=pathlib.Path, help="latents of 128 channels, in place of those of noise")
    parser.add_argument("--key", action="append", default=[], help="a line for [training], such as 'fused = false'")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    theirs = Reference(arguments.reference.resolve(), arguments.batch, arguments.frames, arguments.device)
    theirs.clips_per_second(WARM_UP)
    flop_per_clip = theirs.flop_per_clip()
    pairs = []
    with tempfile.TemporaryDirectory() as temporary:
        ours = Partita(arguments, pathlib.Path(temporary))
        for turn in range(arguments.turns):
            pairs.append((theirs.clips_per_second(arguments.steps),
                          ours.clips_per_second(arguments.steps, turn, arguments.key)))
            print(f"turn {turn}: reference {pairs[-1][0]:.2f}, Partita {pairs[-1][1]:.2f} clips/s", flush=True)
    python, partita = zip(*pairs)
    partita, python, ratio = compared(partita, python)
    print(f"reference {python:.2f}, Partita {partita:.2f} clips/s; {ratio}")
    print(f"Partita: {partita * flop_per_clip / 1e9:.0f} GFLOP/s")


if __name__ == "__main__":
    main()
