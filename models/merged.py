"""Customers that turned out to be other ones: their history and their closed plans stay stored under the old id, and
are read as the other one's. This is the one place that knows how; readers load it once per call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from core.collections import scoped
from models.customer import IS_MERGED, Customer


@dataclass(frozen=True, slots=True)
class Merged:
    """`targets`: source -> the customer that it is now. Chains are flat: no target is a source."""

    targets: Mapping[UUID, UUID] = field(default_factory=dict)

    def owner(self, customer_id: UUID) -> UUID:
        """Whose numbers the numbers stored under this customer are."""
        return self.targets.get(customer_id, customer_id)

    def with_sources(self, customer_ids: Iterable[UUID]) -> list[UUID]:
        """These customers, and whoever was merged into one of them: under which ids their numbers are stored."""
        wanted = list(customer_ids)
        if not self.targets:
            return wanted
        chosen = set(wanted)
        return wanted + [source for source, target in self.targets.items() if target in chosen and source not in chosen]

    def standing(self, customer_ids: Iterable[UUID]) -> list[UUID]:
        """Those of them that were not merged into another one. The numbers of the others are those of whoever they are
        now, whom not everybody sees who sees them."""
        return [id for id in customer_ids if id not in self.targets]

    def without(self, sources: Collection[UUID]) -> Merged:
        """The same, with these customers standing for themselves."""
        return Merged({source: target for source, target in self.targets.items() if source not in sources})


async def load_merged() -> Merged:
    """All merged customers of the tenant: as a rule a handful."""
    rows = await scoped(Customer).rows(IS_MERGED, {"merged_into": 1})
    return Merged({row["_id"]: row["merged_into"] for row in rows})
