"""Spreading a total over parts without losing or inventing anything: the largest remainder method."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import InvalidInput


def spread(total: int, weights: Sequence[int], step: int = 1) -> tuple[int, ...]:
    """Parts in proportion to the weights that sum to `total` exactly, each a multiple of `step`.

    All are integers of one scale (a quantity in 1/1000 with a rounding step of one piece has `step` 1000). Steps left
    over go to the largest remainders, the earlier part first among equals. What of the total is finer than a step can't
    be spread and goes to the part with the largest weight. Weights that are all 0 count as equal. InvalidInput without
    weights, with a negative one, or with a step below 1.
    """
    if not weights or min(weights) < 0:
        raise InvalidInput("Spreading needs at least one weight, and none below 0.")
    if step < 1:
        raise InvalidInput("The rounding step must be above 0.")
    if total < 0:
        return tuple(-part for part in spread(-total, weights, step))
    shares = weights if any(weights) else [1] * len(weights)
    steps, finer = divmod(total, step)
    parts = [step * count for count in _largest_remainder(steps, shares)]
    parts[shares.index(max(shares))] += finer
    return tuple(parts)


def _largest_remainder(units: int, weights: Sequence[int]) -> list[int]:
    whole = sum(weights)
    quotas = [divmod(units * weight, whole) for weight in weights]
    counts = [count for count, _ in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda index: -quotas[index][1])
    for index in by_remainder[: units - sum(counts)]:
        counts[index] += 1
    return counts
