"""The demo company: a wholesaler with three years of sales, closed planning rounds and one that is open.

It is generated from a seed number and a reference month, imported like any company's data, and planned through the
same services as people use. Until it is complete its tenant is not active: nobody can sign in, and nothing else moves
its cycles. So an interrupted run is simply run again: what is there stays, the rest follows.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from core.collections import scoped
from core.context import tenant_scope
from core.errors import InvalidInput, PlanwrightError
from models.calendar import CompanyDay
from models.tenant import Tenant
from models.user import User
from planning.months import Month, add_months, month_in_zone, parse_month
from seed.demo_company import DemoCompany, DemoSize, make_company
from seed.demo_cycles import find_cast, play_closed_cycle, play_open_cycle
from seed.demo_tables import CURRENCY, write_tables
from seed.demo_words import COMPANY_NAME, STOCKTAKING
from seed.importing import Step, import_table, refresh_rollups
from services import company_days, findings, invitations, tenants
from services.import_kinds.tables import ImportKind

SLUG = "demo"
TIME_ZONE = "Europe/Berlin"
COUNTRY, SUBDIVISION = "DE", "BE"
SEED = 20


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """Which demo company is wanted. `reference_month` None = the running month, or that of the run to be finished."""

    seed: int = SEED
    reference_month: Month | None = None
    slug: str = SLUG
    size: DemoSize = field(default_factory=DemoSize)

    @property
    def domain(self) -> str:
        """Where the company's addresses are."""
        return f"{self.slug}.example"


async def plant(order: DemoOrder, password: str, at: datetime, tell: Step = lambda *_: None) -> bool:
    """Make the demo company; False when it is there already. Everybody in it signs in with `password`.

    `at` is the time at which its open cycle opens. Raises InvalidInput for a reference month that lies ahead or a
    password that is not accepted.
    """
    tenant = await scoped(Tenant).one({"slug": order.slug})
    if tenant is not None and tenant.is_active:
        return False
    reference = _reference_month(order, at, at if tenant is None else tenant.created_at)
    if tenant is None:
        tenant = await tenants.create_tenant(
            order.slug,
            COMPANY_NAME,
            base_currency=CURRENCY,
            time_zone=TIME_ZONE,
            holiday_country=COUNTRY,
            holiday_subdivision=SUBDIVISION,
            is_active=False,
        )
    company = make_company(order.seed, reference, order.size, order.domain)
    with tenant_scope(tenant.id):
        await _add_users(company, password)
        await _add_stocktaking(reference)
        await _import(company, order, tell)
        cast = await find_cast(company)
        for step in range(order.size.closed_cycles, 0, -1):
            await play_closed_cycle(cast, add_months(reference, -step), tell)
        await play_open_cycle(cast, reference, tell, at)
        await findings.request()  # looked for by the first worker, once the company is active
        await tenants.activate(tenant.id)
    return True


def _reference_month(order: DemoOrder, at: datetime, begun_at: datetime) -> Month:
    running = month_in_zone(at, TIME_ZONE)
    reference = parse_month(order.reference_month or month_in_zone(begun_at, TIME_ZONE))
    if reference > running:
        raise InvalidInput(f"The reference month {reference} lies ahead; take {running} or an earlier one.")
    return reference


async def _add_stocktaking(reference: Month) -> None:
    """On the last day of the year nobody sells: everything is counted."""
    day = f"{reference[:4]}-12-31"
    if not await scoped(CompanyDay).exists({"day": day}):
        await company_days.add(day, STOCKTAKING, working=False)


async def _add_users(company: DemoCompany, password: str) -> None:
    """Those who are missing; hashing runs in threads, so all at once."""
    known = set(await scoped(User).distinct("email"))
    await asyncio.gather(
        *(
            invitations.create_user(user.email, user.name, user.role, password=password, invite=False)
            for user in company.users
            if user.email not in known
        )
    )


async def _import(company: DemoCompany, order: DemoOrder, tell: Step) -> None:
    """Everything the company sold is there from the start; its months become complete as the rounds are played."""
    complete_until = add_months(company.reference_month, -order.size.closed_cycles - 1)
    tell("generating", 0, 1)
    with tempfile.TemporaryDirectory(prefix="planwright-demo-") as directory:
        counts_by_kind = write_tables(company, Path(directory), order.domain)
        tell("generating", 1, 1)
        for kind, rows in counts_by_kind.items():
            until = complete_until if kind is ImportKind.SALES else None
            counts = await import_table(kind, Path(directory) / f"{kind}.csv", rows, tell, complete_until=until)
            if counts["rejected"]:
                raise PlanwrightError(f"{counts['rejected']} generated {kind} were rejected.")
    await refresh_rollups(tell)
