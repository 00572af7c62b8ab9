#!/usr/bin/env python3
"""Whether the seams of what is longer than a window can be heard.

    partita generate --seconds 180 --seed 4 -o made
    python3 scripts/benchmarks/seams.py made/drums-bass/1/mix.wav

Windows of 512 latent frames (6.83 s) overlap by half, so that one ends and another begins every 3.41 s. Within 0.1 s
of these points: by how much the spectrum changes from one hundredth of a second to the next (RMS over bins of the
difference of log magnitudes), and the level; beside both on grids laid at 23 other phases, evenly spread.
"""

import argparse

import numpy
import soundfile

PERIOD = 256 / 75  # seconds from seam to seam
AROUND = 0.1  # seconds on either side
PHASES = 24
FLOOR = 1e-4


def spectra(samples, rate):
    """Log magnitudes [hundredth of a second, bin] and the level of each."""
    hop = rate // 100
    window = numpy.hanning(2 * hop)
    count = len(samples) // hop - 1
    frames = numpy.stack([samples[i * hop : i * hop + 2 * hop] for i in range(count)])
    magnitudes = numpy.abs(numpy.fft.rfft(frames * window)) / hop
    return numpy.log(magnitudes + FLOOR), numpy.square(frames).mean(1)


def near(points, count):
    """Hundredths of a second within reach of the points."""
    times = (numpy.arange(count) + 1) / 100
    return (numpy.abs(times[:, None] - points[None]) <= AROUND).any(1)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("song")
    arguments = parser.parse_args()
    samples, rate = soundfile.read(arguments.song, always_2d=True)
    logs, power = spectra(samples.mean(1), rate)
    change = numpy.sqrt(numpy.square(numpy.diff(logs, axis=0)).mean(1))
    rows = []
    for phase in range(PHASES):
        points = numpy.arange(PERIOD * (1 + phase / PHASES), len(samples) / rate - AROUND, PERIOD)
        rows.append(
            (change[near(points, len(change))].mean(), 10 * numpy.log10(power[near(points, len(power))].mean()))
        )
    (seam, level), others = rows[0], numpy.array(rows[1:])
    print(
        f"change at seams {seam:.3f}; elsewhere {others[:, 0].mean():.3f} (standard deviation {others[:, 0].std():.3f})"
    )
    print(
        f"level at seams {level:.1f} dB; elsewhere {others[:, 1].mean():.1f} ({others[:, 1].std():.1f}), "
        f"{others[:, 1].min():.1f} to {others[:, 1].max():.1f}"
    )


if __name__ == "__main__":
    main()
