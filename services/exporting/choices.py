"""What a company has of its own, to be offered as lists: the caller sees what stands on customers of theirs only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

from core.collections import scoped
from core.context import current_tenant
from models.customer import Customer
from models.product import Product
from models.rate import FxRate
from models.tenant import Tenant
from planning.access import Scope
from services.import_kinds.tables import Column, OwnValues
from services.scopes import narrowed

MOST = 1_000
"""A longer list helps nobody: then nothing is offered."""


async def choices_of(columns: Iterable[Column], scope: Scope) -> dict[str, tuple[str, ...]]:
    """What each column offers, by its name; columns that offer nothing are absent."""
    offered: dict[str, tuple[str, ...]] = {}
    for column in columns:
        if column.choices:
            offered[column.name] = column.choices
        elif column.own is not None:
            values = await _values(column, scope)
            if 0 < len(values) <= MOST:
                offered[column.name] = tuple(sorted(values, key=str.casefold))
    return offered


def is_closed(column: Column) -> bool:
    """Whether an import takes nothing besides what is offered."""
    return bool(column.choices) or column.in_base_currency


async def _values(column: Column, scope: Scope) -> set[str]:
    if column.own is OwnValues.CURRENCY:
        base = (await scoped(Tenant).get(current_tenant())).base_currency
        return {base} if column.in_base_currency else {base, *await _currencies(scope)}
    assert column.own is not None
    return {value for value in await _OF[column.own](scope) if value is not None}


async def _currencies(scope: Scope) -> Iterable[str]:
    rated = await scoped(FxRate).distinct("currency")
    return [*await _of_customers("currency", scope), *rated]


async def _of_customers(field: str, scope: Scope) -> Iterable[str | None]:
    return await scoped(Customer).distinct(field, await narrowed(scope, {"is_active": True}))


async def _of_products(field: str, _: Scope) -> Iterable[str | None]:
    return await scoped(Product).distinct(field, {"is_active": True})


_OF: Mapping[OwnValues, Callable[[Scope], Awaitable[Iterable[str | None]]]] = {
    **{own: partial(_of_customers, own.value) for own in (OwnValues.REGION, OwnValues.GROUP, OwnValues.COUNTRY)},
    **{
        own: partial(_of_products, own.value)
        for own in (OwnValues.CATEGORY, OwnValues.FAMILY, OwnValues.BRAND, OwnValues.UNIT)
    },
}
