"""Successors: for which product the plan and the sales of another one count, month by month.

From a link's month on, one unit of a product is sold and planned as `factor` units of its successor, which may have a
successor itself. In a month each product has one **heir**, itself where no link holds yet; what is planned, sold or
known of a product in that month counts as its heir's. So a month's plan stands on the history of everything whose
heir the product is in that month, and plan and actual of a chain meet under one product.

Factors are exact fractions. A quantity that is carried over is rounded half-even to 1/1000, once, over the whole chain;
money is carried over as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from uuid import UUID

from planning.months import Month
from planning.numbers import MAX_DIGITS, PRICE, divide_half_even

MAX_STEPS = 10
"""How many links a chain may have from its first product to its last."""

ONE = Fraction(1)
_LIMIT: int = 10**MAX_DIGITS - 1


@dataclass(frozen=True, slots=True)
class Link:
    """From the month `since` on, one unit of a product is `factor` (scaled 1/10^8) units of `successor`."""

    successor: UUID
    since: Month
    factor: int = PRICE.factor


@dataclass(frozen=True, slots=True)
class Heir:
    """For which product something counts, and how many of its units one unit is."""

    product: UUID
    factor: Fraction = ONE


@dataclass(frozen=True, slots=True)
class Span:
    """Planned months of a product, and whose history they stand on: factors by product, the product itself included.

    Without any source nothing is planned of the product in these months: its successor took over.
    """

    months: tuple[Month, ...]
    sources: Mapping[UUID, Fraction]


class Succession:
    """The links of a company's products. Products without a link, most of them, are their own heirs."""

    def __init__(self, links: Mapping[UUID, Link]) -> None:
        self.links = links
        self.predecessors: dict[UUID, list[UUID]] = {}
        for product, link in links.items():
            self.predecessors.setdefault(link.successor, []).append(product)
        self.involved = frozenset(links) | frozenset(self.predecessors)
        """The products with a successor or a predecessor."""

    def heir(self, product: UUID, month: Month) -> Heir:
        """The heir of a product in a month."""
        factor = ONE
        for _ in range(MAX_STEPS):
            link = self.links.get(product)
            if link is None or month < link.since:
                break
            product, factor = link.successor, factor * Fraction(link.factor, PRICE.factor)
        return Heir(product, factor)

    def with_predecessors(self, products: Iterable[UUID]) -> set[UUID]:
        """These products and all whose heirs they may be."""
        found: set[UUID] = set()
        ahead = list(products)
        while ahead:
            product = ahead.pop()
            if product not in found:
                found.add(product)
                ahead += self.predecessors.get(product, ())
        return found

    def spans(self, product: UUID, months: Iterable[Month]) -> tuple[Span, ...]:
        """The months in their order, in runs that stand on the same history."""
        every = tuple(months)
        if product not in self.involved:
            return (Span(every, {product: ONE}),)
        family = self.with_predecessors([product])
        runs: list[tuple[list[Month], dict[UUID, Fraction]]] = []
        for month in every:
            heirs = {source: self.heir(source, month) for source in family}
            sources = {source: heir.factor for source, heir in heirs.items() if heir.product == product}
            if runs and runs[-1][1] == sources:
                runs[-1][0].append(month)
            else:
                runs.append(([month], sources))
        return tuple(Span(tuple(run), sources) for run, sources in runs)


def carried(quantity: int, factor: Fraction) -> int:
    """A scaled quantity in the units of the heir: half-even, and cut to what a cell can hold."""
    if factor == ONE:
        return quantity
    converted = divide_half_even(quantity * factor.numerator, factor.denominator)
    return max(-_LIMIT, min(_LIMIT, converted))


def joined(quantities: Iterable[tuple[Mapping[Month, int], Fraction]]) -> dict[Month, int]:
    """Quantities by month of several products with their factors, as those of one."""
    total: dict[Month, int] = {}
    for by_month, factor in quantities:
        for month, quantity in by_month.items():
            total[month] = total.get(month, 0) + carried(quantity, factor)
    return total


def inherited(
    plans: Mapping[UUID, Mapping[Month, int | None]], succession: Succession
) -> dict[UUID, dict[Month, int | None]]:
    """Plans by product and month, each month put under its heir. Null stays null unless somebody said a number."""
    found: dict[UUID, dict[Month, int | None]] = {}
    for product, plan in plans.items():
        for month, quantity in plan.items():
            heir = succession.heir(product, month)
            own = found.setdefault(heir.product, {})
            standing = own.get(month)
            if quantity is None:
                own[month] = standing
            else:
                own[month] = (standing or 0) + carried(quantity, heir.factor)
    return found


def link_problem(product: UUID, successor: UUID, links: Mapping[UUID, Link]) -> str | None:
    """Why the product can't have this successor besides the links of all others; None when it can.

    A product is not its own successor, nor may a chain come back to where it began, or be longer than `MAX_STEPS`.
    """
    if product == successor:
        return "A product can't be its own successor; name another one."
    others = {key: link for key, link in links.items() if key != product}
    after = 1
    following = others.get(successor)
    while following is not None and after <= MAX_STEPS:
        if following.successor == product:
            return "The successor leads back to this product already, so the chain would run in a circle."
        after += 1
        following = others.get(following.successor)
    if _steps_before(product, others) + after > MAX_STEPS:
        return f"A chain of successors has at most {MAX_STEPS} steps; name the last product of the chain instead."
    return None


def _steps_before(product: UUID, links: Mapping[UUID, Link]) -> int:
    """The longest chain that leads to the product, counted no further than it matters."""
    steps = 0
    standing: Collection[UUID] = {product}
    while steps <= MAX_STEPS and (standing := {key for key, link in links.items() if link.successor in standing}):
        steps += 1
    return steps
