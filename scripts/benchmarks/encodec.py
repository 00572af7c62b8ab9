#!/usr/bin/env python3
"""EnCodec's speed: Partita beside the official Python package, full width, pseudo-random weights.

    python3 scripts/benchmarks/encodec.py --package DIR --partita build/release/src/cli/partita

DIR holds the package's folder encodec/. Both sides code the same noise on the same number of threads, in
turns, so that other work on the machine meets both. Times are those of encoding and of decoding alone,
without loading, files and the first, warming run; the medians over the turns are printed with their ratios
and the real-time factors (seconds a second of sound, less is faster).
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
import encodec_package
import safetensors_io
from sounds import write_wav
from turns import compared


def python_times(model, x):
    with torch.no_grad():
        start = time.perf_counter()
        frames = model.encode(x)
        middle = time.perf_counter()
        model.decode(frames)
        return middle - start, time.perf_counter() - middle


def partita_times(arguments, folder, name):
    command = [arguments.partita, "codec", "roundtrip", folder / "noise.wav", "-o", folder / "out.wav"]
    command += ["--codec", name, "--weights", folder / "weights.safetensors", "--bandwidth", arguments.bandwidth]
    command += ["--bfloat16"] if arguments.bfloat16 else []
    command += ["--threads", arguments.threads, "--quiet", "--json", "-"]
    result = json.loads(subprocess.run([str(word) for word in command], check=True, capture_output=True).stdout)
    return result["encode_seconds"], result["decode_seconds"]


def compare(package, name, arguments):
    model = encodec_package.model(package, name)
    model.set_target_bandwidth(arguments.bandwidth)
    samples = int(arguments.seconds * model.sample_rate)
    x = encodec_package.signal("benchmark", model.channels, samples)
    times = {"python": [], "partita": []}
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        safetensors_io.write(folder / "weights.safetensors", model.state_dict())
        write_wav(folder / "noise.wav", x[0].T, model.sample_rate)
        python_times(model, x[:, :, : model.sample_rate])
        for _ in range(arguments.turns):
            times["python"].append(python_times(model, x))
            times["partita"].append(partita_times(arguments, folder, name))
    for index, work in enumerate(("encode", "decode")):
        python, partita, ratio = compared(*([pair[index] for pair in pairs] for pairs in times.values()))
        print(
            f"{name} {work}: Python {python / arguments.seconds:.4f}, Partita "
            f"{partita / arguments.seconds:.4f} s/s; {ratio}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--package", type=pathlib.Path, required=True, help="folder that holds encodec/")
    parser.add_argument("--partita", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--models", default="encodec_24khz,encodec_48khz")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--bandwidth", type=float, default=24.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bfloat16", action="store_true", help="Partita's convolutions in bfloat16")
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    package = encodec_package.load(arguments.package.resolve())
    for name in arguments.models.split(","):
        compare(package, name, arguments)


if __name__ == "__main__":
    main()
