"""Companies: how one begins."""

from __future__ import annotations

import re
from uuid import UUID
from zoneinfo import available_timezones

from core.collections import scoped, transaction
from core.context import tenant_scope
from core.errors import Conflict, Detail, InvalidInput, NotFound
from core.text import text_problem
from models.tenant import Tenant
from planning.defaults import DEFAULTS
from services import audit, holiday_table

MAX_NAME = 120

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_CURRENCY = re.compile(r"[A-Z]{3}")


async def create_tenant(
    slug: str,
    name: str,
    *,
    base_currency: str = DEFAULTS.base_currency,
    time_zone: str = DEFAULTS.time_zone,
    holiday_country: str | None = None,
    holiday_subdivision: str | None = None,
    is_active: bool = True,
) -> Tenant:
    """Make a company with a copy of the defaults. Raises `InvalidInput`, or `Conflict` when the slug is taken.

    While a company is not active nobody can sign in to it and upkeep starts nothing for it.
    """
    problems = _problems(slug, name, base_currency, time_zone)
    problems += filter(None, [holiday_table.problem(holiday_country, holiday_subdivision)])
    if problems:
        raise InvalidInput(details=problems)
    tenant = Tenant(
        slug=slug,
        name=name.strip(),
        base_currency=base_currency,
        time_zone=time_zone,
        fiscal_year_start_month=DEFAULTS.fiscal_year_start_month,
        month_pattern=DEFAULTS.month_pattern,
        working_weekdays=list(DEFAULTS.working_weekdays),
        holiday_country=holiday_country,
        holiday_subdivision=holiday_subdivision,
        count_working_days=DEFAULTS.count_working_days,
        actuals_basis=DEFAULTS.actuals_basis,
        sheet_scope=DEFAULTS.sheet_scope,
        horizon=DEFAULTS.horizon,
        mandatory_months=DEFAULTS.mandatory_months,
        entry_days=DEFAULTS.entry_days,
        review_days=DEFAULTS.review_days,
        reminder_offsets_days=list(DEFAULTS.reminder_offsets_days),
        auto_close=DEFAULTS.auto_close,
        auto_close_share_percent=int(DEFAULTS.auto_close_share * 100),
        is_active=is_active,
    )

    await _add(tenant)
    return tenant


async def _add(tenant: Tenant) -> None:
    async def action() -> None:
        if await scoped(Tenant).exists({"slug": tenant.slug}):
            raise Conflict(f"A company with the short name {tenant.slug!r} exists already.")
        await scoped(Tenant).insert(tenant)
        with tenant_scope(tenant.id):
            await audit.record("tenant.created", "tenant", tenant.id, after={"slug": tenant.slug, "name": tenant.name})

    await transaction(action)


async def activate(tenant_id: UUID) -> None:
    """Let people sign in to a company that was made inactive, and upkeep start its work. Twice is once."""

    async def action() -> None:
        changed = await scoped(Tenant).update_one({"_id": tenant_id, "is_active": False}, {"$set": {"is_active": True}})
        if changed.modified_count:
            with tenant_scope(tenant_id):
                await audit.record("tenant.activated", "tenant", tenant_id)

    await transaction(action)


async def tenant_id_of(slug: str) -> UUID:
    """The id of the company with this short name; raises `NotFound`."""
    row = await scoped(Tenant).row({"slug": slug}, {"_id": 1})
    if row is None:
        raise NotFound(f"There is no company with the short name {slug!r}.")
    found: UUID = row["_id"]
    return found


def _problems(slug: str, name: str, base_currency: str, time_zone: str) -> list[Detail]:
    problems: list[Detail] = []
    if not _SLUG.fullmatch(slug):
        problems.append(Detail("slug", "Use 1 to 40 small letters, digits and hyphens, like acme-trading."))
    expected = text_problem(name, max_length=MAX_NAME) or (None if name.strip() else "a name")
    if expected:
        problems.append(Detail("name", f"Send {expected}."))
    if not _CURRENCY.fullmatch(base_currency):
        problems.append(Detail("base_currency", "Use the three letters of ISO 4217, like EUR."))
    if time_zone not in available_timezones():
        problems.append(Detail("time_zone", "Use an IANA time zone, like Europe/London."))
    return problems
