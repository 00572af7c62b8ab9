"""What two sides that took turns come to."""

import statistics


def compared(first, second):
    """The medians of both sides' figures, a pair a turn, and a sentence on the ratio of the first to the second."""
    medians = statistics.median(first), statistics.median(second)
    ratios = [one / other for one, other in zip(first, second)]
    return *medians, (
        f"ratio of medians {medians[0] / medians[1]:.2f}, of the turns {min(ratios):.2f} to {max(ratios):.2f}"
    )
