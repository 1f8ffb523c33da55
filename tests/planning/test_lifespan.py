"""The months in which a product is planned."""

from __future__ import annotations

import pytest

from planning.lifespan import ALWAYS, Lifespan, lifespan
from planning.months import month_range

MONTHS = month_range("2026-01", 4)


@pytest.mark.parametrize(
    ("launch", "end", "successor_from", "life"),
    [
        (None, None, None, ALWAYS),
        ("2026-02", None, None, Lifespan("2026-02", None)),
        (None, "2026-03", None, Lifespan(None, "2026-03")),
        (None, None, "2026-03", Lifespan(None, "2026-02")),
        (None, "2026-01", "2026-03", Lifespan(None, "2026-01")),
        (None, "2026-12", "2026-03", Lifespan(None, "2026-02")),
        ("2026-02", "2026-02", None, Lifespan("2026-02", "2026-02")),
    ],
)
def test_a_product_lives_from_its_launch_to_its_end_or_its_heir(
    launch: str | None, end: str | None, successor_from: str | None, life: Lifespan
) -> None:
    assert lifespan(launch, end, successor_from) == life


@pytest.mark.parametrize(
    ("life", "months"),
    [
        (ALWAYS, MONTHS),
        (Lifespan("2026-02", "2026-03"), MONTHS[1:3]),
        (Lifespan("2026-03", None), MONTHS[2:]),
        (Lifespan(None, "2025-12"), ()),
        (Lifespan("2026-03", "2026-02"), ()),
    ],
)
def test_both_ends_belong_to_it(life: Lifespan, months: tuple[str, ...]) -> None:
    assert life.of(MONTHS) == months
