#!/usr/bin/env python3
"""What has to hold on a GPU before it is trusted, and how fast it is, for the first steps of a configuration:

    python3 scripts/gpu-check.py build/gpu/src/cli/partita configs/drums-bass-masks.toml --device cuda --seconds 20

Trains it from the same beginning as it is, with the optimiser's kernel of one pass, with the step recorded as a CUDA
graph, and all that in bfloat16, each for so many seconds, and compares the losses (means of 10 steps): in float32 they
may differ by rounding alone. Printed are clips a second; the exit status is 1 where losses differ. Nothing is kept.
With --device cpu the same is rehearsed without a GPU. Needs Python alone.
"""

import argparse
import csv
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

LOG_EVERY = 10
VARIANTS = {
    "plain": {"fused": "false", "cuda_graph": "false"},
    "fused": {"fused": "true", "cuda_graph": "false"},
    "graph": {"fused": "true", "cuda_graph": "true"},
    "graph, bfloat16": {"fused": "true", "cuda_graph": "true", "precision": '"bfloat16"'},
}


def kind_of(config):
    for table, kind in (("remix", "masks"), ("masking", "prior"), ("vocoder", "codec")):
        if re.search(rf"^\[{table}\]", config, re.MULTILINE):
            return kind
    return "decomposition"


def trained(arguments, name, keys, folder):
    """Losses and clips a second of the rows of its log."""
    run = folder / name.replace(", ", "-")
    settings = {
        **keys,
        "output": f'"{run}"',
        "log_every": LOG_EVERY,
        "validate_every": 10**9,
        "checkpoint_every": 10**9,
        "validation_clips": 1,
    }
    command = [arguments.partita, "--quiet", "train", kind_of(arguments.config.read_text()), arguments.config]
    command += ["--device", arguments.device, "--minutes", str(arguments.seconds / 60.0)]
    for key, value in settings.items():
        command += ["--set", f"training.{key}={value}"]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    with open(run / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    if len(rows) < 3:
        sys.exit(f"{name}: {len(rows)} rows of {LOG_EVERY} steps in {arguments.seconds} s are too few: give more seconds")
    return [float(row["loss"]) for row in rows], [float(row["examples_per_second"]) for row in rows]


def furthest(losses, others):
    """The largest difference of two logs, where both have rows, as a share of the loss."""
    return max(abs(a - b) / abs(a) for a, b in zip(losses, others))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("partita", type=pathlib.Path, help="the program")
    parser.add_argument("config", type=pathlib.Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each variant")
    parser.add_argument("--rows", type=int, default=5, help="of the log, from the first, whose losses are compared")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="relative, of float32 losses")
    arguments = parser.parse_args()
    failed = False
    plain = None
    print(f"{'':16} clips/s  ratio  loss differs by")
    with tempfile.TemporaryDirectory() as temporary:
        for name, keys in VARIANTS.items():
            losses, speeds = trained(arguments, name, keys, pathlib.Path(temporary))
            speed = statistics.median(speeds[1:])  # the first row warms up
            plain = plain or (losses, speed)
            difference = furthest(plain[0][: arguments.rows], losses)
            wrong = "precision" not in keys and not difference <= arguments.tolerance
            failed = failed or wrong
            print(f"{name:16} {speed:7.1f} {speed / plain[1]:6.2f}  {difference:.1e}{' TOO MUCH' if wrong else ''}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
