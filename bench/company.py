"""What the HTTP bench reads: some thousands of customers, and one whose sheet has a hundred active lines."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from core.collections import dump, scoped
from core.context import acting_as, tenant_scope
from core.search import search_words
from core.security.kit import kit
from models.customer import Customer
from models.product import Product
from models.sale import SalesRollup
from models.user import User
from planning.cells import CellChange
from planning.months import add_months, month_range
from services import cycle_moves, forecasts, opening
from services.forecasts import LineChange
from tests import factories
from tests.companies import DURING_ENTRY, FIRST, OPENS, UNITS, draft_cycle, ignore
from tests.people import access_token

CUSTOMERS = 3_000
LINES = 100
HISTORY_MONTHS = 24
TYPED_PRODUCTS = 20
REGIONS = ("North", "South", "East", "West")


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who asks: the ids, and a token with them in it."""

    tenant_id: UUID
    user_id: UUID
    session_id: UUID
    token: str


@dataclass(frozen=True, slots=True)
class BenchCompany:
    """A manager, who sees every customer, and a rep with a full sheet."""

    manager: Reader
    rep: Reader
    customer_id: UUID
    cycle_id: UUID


async def make() -> BenchCompany:
    """A tenant of its own, made through the services; the cycle is in entry and part of the sheet is typed in."""
    tenant = await factories.make_tenant()
    with tenant_scope(tenant.id):
        rep = await factories.make_user("sales_rep", name="Rita Rep")
        manager = await factories.make_user("manager", name="Max Manager")
        customer = await factories.make_customer("FULL", region="North", group="Retail")
        await factories.assign(rep, customer)
        products = [await _product(number, customer) for number in range(LINES)]
        await factories.complete(*_history())
        await _other_customers()
        cycle = await draft_cycle()
        await opening.prepare(cycle.id, ignore)
        await cycle_moves.open_entry(cycle.id, OPENS, None)
        typed = [
            LineChange(product.id, CellChange(add_months(FIRST, month), 0, quantity=(month + 1) * UNITS))
            for product in products[:TYPED_PRODUCTS]
            for month in range(12)
        ]
        with acting_as(rep.id):
            await forecasts.save(cycle.id, customer.id, typed, DURING_ENTRY)
    return BenchCompany(await _reader(manager), await _reader(rep), customer.id, cycle.id)


async def _reader(user: User) -> Reader:
    token = await access_token(user)
    return Reader(user.tenant_id, user.id, kit().access_tokens.read(token).session_id, token)


def _history() -> tuple[str, ...]:
    return month_range(add_months(FIRST, -HISTORY_MONTHS - 1), HISTORY_MONTHS)


async def _product(number: int, customer: Customer) -> Product:
    """A product on the customer's list that sold in every month of the history."""
    product = await factories.make_product(f"P-{number:04}", list_price="2.50", category=f"Category {number % 8}")
    await factories.allow(customer, product)
    sold = {"customer_id": customer.id, "product_id": product.id, "quantity": 10 * UNITS, "revenue": 25 * 10_000}
    await scoped(SalesRollup).insert_rows(
        [
            {
                "_id": {"t": customer.tenant_id, "c": customer.id, "p": product.id, "m": month},
                **sold,
                "month": month,
                "lines": 1,
                "claim": 1,
            }
            for month in _history()
        ]
    )
    return product


async def _other_customers() -> None:
    rows = []
    for number in range(CUSTOMERS - 1):
        code, name = f"C-{number:05}", f"Customer number {number * 7919 % CUSTOMERS:05}"
        customer = Customer(code=code, code_key=code.casefold(), name=name, currency="EUR", country="Germany")
        customer.search, customer.region, customer.group = search_words(code, name), REGIONS[number % 4], "Retail"
        rows.append(dump(customer))
    await scoped(Customer).insert_rows(rows)
