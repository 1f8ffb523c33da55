"""Correcting one sales line by hand: with a reason, audited before and after, and so that an import that repeats what
the source said does not undo it (`services.sales.keep_correction`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from core.collections import as_binary, scoped, transaction
from core.errors import Detail, InvalidInput, NotPermitted, StaleVersion
from core.mongo import RawDocument
from models.merged import load_merged
from models.product import Product
from models.sale import SaleLine
from planning.access import Action, may
from planning.calendar import MonthRule
from planning.net_revenue import TOO_LARGE, SaidAmounts, net_revenue
from planning.sales_types import SalesType, line_cost, line_problems
from services import audit, calendar, months, rollups
from services.identity import Caller
from services.sale_currencies import load_conversion
from services.sale_events import as_said
from services.sale_lists import demand_line, sees_customer
from services.sales import CORRECTABLE, DATE_OF_BASIS, FOLLOWS, lines_of, said_before

OF_REVENUE = frozenset(("quantity", "unit_price", "line_type"))
"""What revenue follows from, where it is quantity x unit price."""

Fields = Mapping[str, Any]


async def correct(caller: Caller, sale_id: UUID, rev: int, said: Fields, reason: str, at: datetime) -> None:
    """Set the named fields (scaled numbers, ISO dates) of a line that is still at `rev`; saying what stands changes
    nothing. Its month, its cost, rollups and complete months follow.

    NotFound outside the caller's scope, StaleVersion; InvalidInput for numbers that the line's type can't have, for
    customers and products that are not there, and for a revenue that must be said as well. NotPermitted for a cost that
    the caller may not see.
    """
    before = await demand_line(caller, sale_id, at)
    if (before.get("rev") or 1) != rev:
        raise StaleVersion()
    decision = may(caller.actor, Action.SEE_COST)
    if "unit_cost" in said and not decision.allowed:
        raise NotPermitted(decision.reason)
    after = await _after(caller, before, said, at)
    changed = [name for name in (*CORRECTABLE, *FOLLOWS) if after.get(name) != before.get(name)]
    if not changed:
        return
    update = {name: after[name] for name in changed} | _mark(before, after, said, at) | {"rev": rev + 1}
    customers = {one["customer_id"] for one in (before, after)}
    of_months = {before["month"], after["month"]}
    why = f"A line of the invoice {before['invoice']} was corrected: {reason}"
    told = [name for name in changed if name in CORRECTABLE or name == "month"]

    async def write() -> None:
        as_read = {"_id": sale_id, "rev": before.get("rev")}
        if (await scoped(SaleLine).update_one(as_read, {"$set": update})).matched_count == 0:
            raise StaleVersion()
        words = {"before": as_said(before, told), "after": as_said(after, told)}
        await audit.record("sale.corrected", "sale", sale_id, **words, reason=reason)
        # Nobody corrects again what is corrected: after a kill right behind this nobody else would mark.
        await rollups.mark_within(customers)
        await months.restate(of_months, why)

    async with lines_of(map(as_binary, customers), of_months, why):
        await transaction(write)


async def _after(caller: Caller, before: RawDocument, said: Fields, at: datetime) -> RawDocument:
    """The line as it would be; InvalidInput with a detail for each field that is wrong."""
    after = {**before, **said}
    if "customer_id" in said:
        after["customer_id"] = await _customer(caller, said["customer_id"], at)
    if "product_id" in said and not await scoped(Product).exists({"_id": said["product_id"]}):
        raise _refused("product_id", "must be a product that exists")
    if "net_revenue" not in said and OF_REVENUE & said.keys():
        after["net_revenue"] = _following_revenue(before, after)
    sales_type = SalesType(after["line_type"])
    problems = line_problems(sales_type, after["quantity"], after["net_revenue"])
    if problems:
        raise InvalidInput(details=[Detail(field, f"must be {expected}") for field, expected in problems])
    tenant = await calendar.settings()
    basis = DATE_OF_BASIS.get(tenant.actuals_basis, "invoice_date")
    after["dated_by"] = basis if after.get(basis) is not None else "invoice_date"
    (after["month"],) = MonthRule.of(tenant).months_of([after[after["dated_by"]]])
    after["cost"] = _cost(sales_type, after)
    if after["month"] != before["month"] and after.get("original_revenue") is not None:
        await _convert(tenant.base_currency, after, keep_revenue="net_revenue" in _by_hand(before, said))
    return after


def _by_hand(before: RawDocument, said: Fields) -> set[str]:
    """The fields of which a person says something, now or before."""
    return {*said, *(before.get("imported") or {})}


async def _convert(base: str, line: RawDocument, *, keep_revenue: bool) -> None:
    """Revenue in another currency at the rate of the month that the line counts in now, as an import would."""
    expected = (await load_conversion(base)).apply(line, keep_revenue=keep_revenue)
    if expected is not None:
        raise _refused(line["dated_by"], f"must fall into another month: what is needed is {expected}")


async def _customer(caller: Caller, customer_id: UUID, at: datetime) -> UUID:
    """The customer to store: of a merged one, who it is now."""
    owner = (await load_merged()).owner(customer_id)
    if not await sees_customer(caller, owner, at):
        raise _refused("customer_id", "must be a customer among yours")
    return owner


def _following_revenue(before: RawDocument, after: RawDocument) -> int:
    """Revenue that was quantity x unit price is that of the corrected ones; of other revenue nobody knows."""
    stands: int = before["net_revenue"]
    if stands == _valued(before):
        follows = _valued(after)
        if follows is not None:
            return follows
    if all(before.get(name) == after.get(name) for name in ("quantity", "unit_price")):
        return stands
    raise _refused("net_revenue", "must be said as well: it was not just quantity x unit price")


def _valued(line: RawDocument) -> int | None:
    """Quantity x unit price in the base currency; None where there is no price, or one in another currency."""
    if line.get("unit_price") is None or line.get("original_revenue") is not None:
        return None
    return net_revenue(SalesType(line["line_type"]), line["quantity"], SaidAmounts(unit_price=line["unit_price"]))


def _cost(sales_type: SalesType, line: RawDocument) -> int | None:
    try:
        return line_cost(sales_type, line["quantity"], line.get("unit_cost"))
    except InvalidInput:
        raise _refused("unit_cost", f"must be part of {TOO_LARGE}") from None


def _mark(before: RawDocument, after: RawDocument, said: Fields, at: datetime) -> dict[str, Any]:
    """What the source says of the fields that differ from it now; nothing differs = the line is not corrected. Revenue
    that was converted at another rate is still what the source says."""
    converted = after.get("original_revenue") is not None and "net_revenue" not in _by_hand(before, said)
    names = [name for name in CORRECTABLE if not (converted and name == "net_revenue")]
    differs = {name: said_before(before, name) for name in names if after.get(name) != said_before(before, name)}
    return {"imported": differs or None, "corrected_at": at if differs else None}


def _refused(field: str, problem: str) -> InvalidInput:
    return InvalidInput(f"{field} {problem}.", details=[Detail(field, problem)])
