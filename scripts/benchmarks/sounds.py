"""Sounds for both sides of a benchmark."""

import wave


def write_wav(path, samples, rate):
    """[sample, channel] in -1 to 1 as 16-bit WAV."""
    import numpy  # late: benchmarks choose its threads first

    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((numpy.asarray(samples) * 32767).round().clip(-32768, 32767).astype("<i2").tobytes())
