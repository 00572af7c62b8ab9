#!/usr/bin/env python3
"""The speed of BSS Eval v4: Partita beside the Python package museval, the same files.

    python3 scripts/benchmarks/museval.py --package DIR --partita build/release/src/cli/partita

DIR holds the package's folder museval/ (its metrics.py needs NumPy and SciPy alone). A seeded track of stereo stems
and leaking estimates is written as 16-bit WAV; or --references and --estimates name folders of stems, whose WAV files
both sides read. Partita's time is the program's, reading included; museval's is that of metrics.bss_eval alone. Both
run on the same number of threads, in turns; the least of each is printed with their ratio, and the largest
difference of a source's medians over frames.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import tempfile
import time
import wave

from sounds import write_wav

FIGURES = ("sdr", "isr", "sir", "sar")


def load(package):
    spec = importlib.util.spec_from_file_location("metrics", package / "museval" / "metrics.py")
    metrics = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(metrics)
    return metrics


def read_wav(path):
    import numpy

    with wave.open(str(path), "rb") as file:
        data = numpy.frombuffer(file.readframes(file.getnframes()), "<i2")
        return data.reshape(-1, file.getnchannels()) / 32768.0, file.getframerate()


def write_track(folder, arguments):
    import numpy

    generator = numpy.random.default_rng(5)
    count = int(arguments.seconds * arguments.rate)
    stems = []
    for _ in range(arguments.sources):
        level = numpy.repeat(generator.uniform(0.2, 1.0, count // 4000 + 1), 4000)[:count, None]
        white = generator.standard_normal((count + 1, 2))
        stems.append(0.05 * level * (white[1:] + generator.uniform(0.2, 0.9) * white[:-1]))
    mixture = sum(stems)
    for side in ("references", "estimates"):
        (folder / side).mkdir()
    for index, stem in enumerate(stems):
        write_wav(folder / "references" / f"stem{index}.wav", stem, arguments.rate)
        estimate = 0.8 * stem + 0.1 * numpy.roll(stem, 7, 0) + 0.1 * mixture
        estimate += 0.003 * generator.standard_normal(stem.shape)
        write_wav(folder / "estimates" / f"stem{index}.wav", estimate, arguments.rate)


def partita(arguments, references, estimates):
    command = [arguments.partita, "evaluate", "stems", "--references", references, "--estimates", estimates]
    command += ["--window", arguments.window, "--hop", arguments.hop, "--threads", arguments.threads]
    command += ["--quiet", "--json", "-"]
    start = time.perf_counter()
    result = subprocess.run([str(word) for word in command], check=True, capture_output=True)
    seconds = time.perf_counter() - start
    rows = json.loads(result.stdout)["rows"]
    return seconds, {row["source"]: [row[figure]["mean"] for figure in FIGURES] for row in rows}


def museval(metrics, arguments, references, estimates):
    import numpy

    names = sorted(path.stem for path in references.glob("*.wav") if path.stem not in ("mixture", "mix"))
    true, rate = zip(*(read_wav(references / f"{name}.wav") for name in names))
    found = [read_wav(estimates / f"{name}.wav")[0] for name in names]
    start = time.perf_counter()
    figures = metrics.bss_eval(
        numpy.stack(true), numpy.stack(found), arguments.window * rate[0], arguments.hop * rate[0]
    )[:4]
    seconds = time.perf_counter() - start
    medians = numpy.nanmedian(numpy.stack(figures), axis=2)
    return seconds, {name: medians[:, index].tolist() for index, name in enumerate(names)}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--package", type=pathlib.Path, required=True, help="folder that holds museval/")
    parser.add_argument("--partita", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--references", type=pathlib.Path, help="folder of 16-bit WAV stems")
    parser.add_argument("--estimates", type=pathlib.Path, help="folder of their estimates")
    parser.add_argument("--sources", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=44100)
    parser.add_argument("--window", type=float, default=2.0)
    parser.add_argument("--hop", type=float, default=1.5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[variable] = str(arguments.threads)  # read when NumPy is loaded
    metrics = load(arguments.package.resolve())
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        references = arguments.references or folder / "references"
        estimates = arguments.estimates or folder / "estimates"
        if not arguments.references:
            write_track(folder, arguments)
        times = {"museval": [], "Partita": []}
        for _ in range(arguments.turns):
            seconds, ours = partita(arguments, references, estimates)
            times["Partita"].append(seconds)
            seconds, theirs = museval(metrics, arguments, references, estimates)
            times["museval"].append(seconds)
    difference = max(abs(a - b) for name in theirs for a, b in zip(theirs[name], ours[name]))
    least = {side: min(values) for side, values in times.items()}
    print(
        f"museval {least['museval']:.1f} s, Partita {least['Partita']:.1f} s: ratio of the least "
        f"{least['museval'] / least['Partita']:.1f}; largest difference of medians {difference:.1e} dB"
    )


if __name__ == "__main__":
    main()
