#!/usr/bin/env python3
"""The speed of the classical baselines: Partita beside nussl 1.1.9 (with librosa and scikit-learn), the same files.

    python3 scripts/benchmarks/classical.py --nussl DIR --partita build/release/src/cli/partita

DIR holds the package's folder nussl/; librosa 0.9, scikit-learn, SciPy, NumPy and PyTorch are found as Python
finds them. A seeded stereo track of 44.1 kHz (bass, chords, hits and noise) is written as 16-bit WAV; or --song names
a file whose first seconds are taken. Each side is a process of its own that separates a second of the track, to be
warm, and then the track, from file to files of two stems; sides take turns, on the same number of threads. The
medians over the turns are printed with their ratio: of the separation by each side's own clock (reading and writing
included, imports and the start not), and of the whole process (--warm 0 leaves the first second out of it).

Both sides see the track as one (--segment of Partita's is set to hold it; --default-segment leaves it as it comes).
NMF is what nussl has of it (NMFMixin: scikit-learn's multiplicative updates), 50 templates and 50 iterations,
clustered as in NMF_MFCC of nussl 0.1 by librosa's MFCCs and scikit-learn's k-means.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from unittest import mock

import numpy

from turns import compared

RATE = 44100
SYSTEMS = ("hpss", "nmf", "rpca", "repet-sim", "ft2d")
# What nussl loads and its separators have no use for.
UNUSED = """ffmpeg ffmpy gpytorch ignite ignite.contrib ignite.contrib.handlers
    ignite.contrib.handlers.tensorboard_logger ignite.contrib.handlers.tqdm_logger ignite.engine ignite.handlers
    ignite.metrics importlib_resources jams musdb museval norbert numcodecs pandas pyloudnorm sox soxbindings
    tensorboard termtables torch.utils.tensorboard zarr"""


def track(seconds):
    """[sample, channel] in -1 to 1: notes of a bass and of chords, hits twice a second, noise."""
    generator = numpy.random.default_rng(11)
    count, beat = int(seconds * RATE), RATE // 4
    sound = 0.002 * generator.standard_normal((count, 2))
    time_ = numpy.arange(2 * beat) / RATE
    for index, start in enumerate(range(0, count, beat)):
        pan = generator.uniform(0.3, 1.0, 2)
        pitch = 55 * 2 ** (generator.integers(0, 12) / 12) * (1 if index % 2 else 4)
        partials = sum(numpy.sin(2 * numpy.pi * k * pitch * time_) / k for k in range(1, 9))
        note = 0.1 * partials * numpy.exp(-3 * time_)
        hit = 0.2 * generator.standard_normal(len(time_)) * numpy.exp(-time_ * (30 if index % 2 else 90))
        event = (note + generator.uniform(0.5, 1.0) * hit)[:, None] * pan
        sound[start : start + len(event)] += event[: count - start]
    return sound / numpy.abs(sound).max() * 0.9


def nmf_class(nussl):
    """NMF_MFCC of nussl 0.1, on the factors that nussl 1.1.9 finds."""
    import librosa
    from sklearn.cluster import KMeans

    class NMF(nussl.separation.base.MaskSeparationBase, nussl.separation.base.NMFMixin):
        def run(self):
            _, templates, activations = self.fit(
                self.audio_signal, 50, l1_ratio=0.0, solver="mu", init="random", max_iter=50, tol=0.0, random_state=0
            )
            scaled = templates / templates.max(axis=1, keepdims=True)
            mel = librosa.feature.melspectrogram(S=scaled.T**2, sr=self.sample_rate)
            mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=14)[1:]
            label = KMeans(2, n_init=10, random_state=0).fit(mfcc.T).labels_
            parts = [self.inverse_transform(templates[label == k], activations[label == k]) for k in (0, 1)]
            total = sum(parts) + 1e-16
            self.result_masks = [self.mask_type(part / total) for part in parts]
            return self.result_masks

    return NMF


def nussl_worker(arguments):
    """Separates files one after the other and prints how long each took."""
    import warnings

    warnings.simplefilter("ignore")
    numpy.bool = bool  # gone since NumPy 1.24, and nussl asks for it
    sys.modules.update({name: mock.MagicMock() for name in UNUSED.split()})
    sys.path.insert(0, str(arguments.nussl))
    import nussl
    import soundfile

    classes = {
        "hpss": nussl.separation.primitive.HPSS,
        "nmf": nmf_class(nussl),
        "rpca": nussl.separation.factorization.RPCA,
        "repet-sim": nussl.separation.primitive.RepetSim,
        "ft2d": nussl.separation.primitive.FT2D,
    }
    times = []
    for path in arguments.files:
        start = time.perf_counter()
        samples, rate = soundfile.read(path)
        signal = nussl.AudioSignal(audio_data_array=samples, sample_rate=rate)
        estimates = classes[arguments.worker](signal)()
        for index, estimate in enumerate(estimates):
            soundfile.write(f"{path}.{index}.wav", estimate.audio_data.T, rate, "PCM_16")
        times.append(time.perf_counter() - start)
    print(json.dumps(times))


def process(command):
    """What a command prints, as JSON, and how many seconds it took."""
    start = time.perf_counter()
    result = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE)
    return json.loads(result.stdout), time.perf_counter() - start


def nussl_times(arguments, system, files, folder):
    command = [sys.executable, __file__, "--nussl", arguments.nussl, "--partita", arguments.partita]
    times, whole = process([*command, "--worker", system, *files])
    return times[-1], whole


def partita_times(arguments, system, files, folder):
    command = [arguments.partita, "separate", *files, "-n", system, "-o", folder / "stems", "--quiet"]
    command += [] if arguments.default_segment else ["--segment", max(10.0, arguments.seconds + 3.0)]
    result, whole = process([*command, "--threads", arguments.threads, "--json", "-"])
    return result["songs"][-1]["seconds"], whole


def write_files(arguments, folder):
    import soundfile

    if arguments.song:
        sound, rate = soundfile.read(arguments.song, int(arguments.seconds * RATE), always_2d=True)
        if rate != RATE or sound.shape[1] != 2:
            sys.exit(f"{arguments.song}: expected 44.1 kHz and two channels, found {rate} Hz and {sound.shape[1]}")
    else:
        sound = track(arguments.seconds)
    soundfile.write(folder / "track.wav", sound, RATE, "PCM_16")
    soundfile.write(folder / "warm.wav", sound[:RATE], RATE, "PCM_16")
    return [folder / name for name in (("warm.wav",) if arguments.warm else ()) + ("track.wav",)]


def compare(arguments, system, files, folder):
    sides = {"nussl": nussl_times, "Partita": partita_times}
    times = {side: [] for side in sides}
    for _ in range(arguments.turns):
        for side, measure in sides.items():
            times[side].append(measure(arguments, system, files, folder))
    for index, what in enumerate(("separation", "whole process")):
        nussl, partita, ratio = compared(*([pair[index] for pair in pairs] for pairs in times.values()))
        print(
            f"{system} {arguments.seconds:g} s, {what}: nussl {nussl:.2f} s, Partita {partita:.3f} s; {ratio}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nussl", type=pathlib.Path, required=True, help="folder that holds nussl/")
    parser.add_argument("--partita", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--song", type=pathlib.Path, help="stereo file of 44.1 kHz")
    parser.add_argument("--seconds", type=float, default=7.0)
    parser.add_argument("--default-segment", action="store_true", help="Partita's own stretches of a song")
    parser.add_argument("--warm", type=int, default=1, help="0: without a second of the track before it")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--worker", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.partita = arguments.partita.resolve()
    if arguments.worker:
        nussl_worker(arguments)
        return
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[variable] = str(arguments.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        files = write_files(arguments, folder)
        for system in arguments.systems.split(","):
            compare(arguments, system, files, folder)


if __name__ == "__main__":
    main()
