"""The price list of a customer, 500 products x 16 months in one call, against the raw queries under it.

What is timed is the route without HTTP: scope, products of the list, dated customer prices, list prices, average prices
of what has neither, the price chain of 8,000 cells with its reasons, and the answer's bytes. The floor is everything
that it reads, in the same order, asked of PyMongo and dumped by orjson (`bench.raw`); nothing is computed there.

    python -m bench.prices

Exit code 1 when it takes more than 1.4 times the floor.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from decimal import Decimal

import orjson
from pydantic import SecretStr
from pymongo import monitoring
from rich.console import Console
from rich.table import Table

from api.routes.prices import resolve_customer_prices
from api.schemas.prices import ResolveQuery
from bench import raw
from core.clock import now
from core.collections import dump, scoped
from core.context import tenant_scope
from core.mongo import Mongo
from core.settings import MongoSettings, load_settings
from models.customer import Customer, CustomerPrice, MatrixEntry
from models.product import Product
from models.registry import DOCUMENTS
from planning.months import add_months, month_range
from services import identity
from services.identity import Caller
from tests import factories
from tests.people import access_token
from tests.servers import running_mongod

PRODUCTS, MONTHS = 500, 16
FIRST = "2027-01"
CHANGES = "2027-07-01"
"""The day on which a quarter of the customer's prices change."""
ROUNDS = 15
MAX_RATIO = 1.4
COMMANDS = raw.Commands()


async def measure(uri: str) -> bool:
    """Print the figures; whether the limit is kept."""
    mongo = Mongo(MongoSettings(mongodb_uri=SecretStr(uri), mongodb_database="bench-prices"))
    await mongo.start(DOCUMENTS, indexes=True)
    tenant = await factories.make_tenant()
    with tenant_scope(tenant.id):
        customer = await _fill()
        caller = await identity.identify(await access_token(await factories.make_user("admin")))
        good = await _measure(mongo, customer, caller)
    await mongo.close()
    return good


async def _measure(mongo: Mongo, customer: Customer, caller: Caller) -> bool:
    query = ResolveQuery.model_validate({"customer_id": str(customer.id), "month": FIRST, "months": MONTHS})

    async def resolve() -> bytes:
        return bytes((await resolve_customer_prices(query, caller, now())).body)

    sent = await COMMANDS.of(resolve)

    async def read() -> bytes:
        return await raw.replay(mongo.database, sent)

    answer = await resolve()
    cells = len(orjson.loads(answer)["data"]["products"]) * MONTHS
    rounds = [await raw.in_turns(resolve, read) for _ in range(ROUNDS)]
    table = Table("what", "ms", "bytes", title=f"{PRODUCTS} products x {MONTHS} months")
    sizes = len(answer), len(await read())
    for name, ms, size in zip(("resolved", "raw queries"), raw.typical(rounds), sizes, strict=True):
        table.add_row(name, f"{ms:.2f}", f"{size:,}")
    console = Console(width=120)
    console.print(table)
    found = raw.ratio(rounds)
    console.print(
        f"prices: {cells:,} cells from {len(sent)} queries, {found:.2f} times the raw queries (at most {MAX_RATIO})",
        highlight=False,
    )
    return found <= MAX_RATIO


async def _fill() -> Customer:
    """Half of the products have a customer price, a quarter one that changes, the others their list price; one in
    twenty has neither, and is sold at an average."""
    customer = await factories.make_customer("PRICED")
    history = month_range(add_months(FIRST, -12), 12)
    await factories.complete(*history)
    products = [_product(number) for number in range(PRODUCTS)]
    await scoped(Product).insert_rows([dump(product) for product in products])
    entries = [MatrixEntry(customer_id=customer.id, product_id=product.id) for product in products]
    await scoped(MatrixEntry).insert_rows([dump(entry) for entry in entries])
    prices = [price for number, product in enumerate(products) for price in _prices(customer, product, number)]
    await scoped(CustomerPrice).insert_rows([dump(price) for price in prices])
    for product in products:
        if product.list_price is None:
            for month in history:
                await factories.sold(customer, product, month, 10_000, 250_000)
    return customer


def _product(number: int) -> Product:
    code = f"P-{number:04}"
    product = Product(code=code, code_key=code.casefold(), name=f"Product {code}", currency="EUR")
    product.list_price = None if number % 20 == 19 else Decimal("2.50")
    return product


def _prices(customer: Customer, product: Product, number: int) -> list[CustomerPrice]:
    own = {"customer_id": customer.id, "product_id": product.id, "currency": "EUR"}
    if number % 4 == 0:
        return [
            CustomerPrice(**own, price=Decimal("2.20"), valid_from="2025-01-01", valid_to="2027-06-30"),
            CustomerPrice(**own, price=Decimal("2.30"), valid_from=CHANGES),
        ]
    return [CustomerPrice(**own, price=Decimal("2.25"), valid_from="2025-01-01")] if number % 4 == 2 else []


def main() -> bool:
    """Whether the limit is kept."""
    os.environ.update({"PLANWRIGHT_ENV": "dev", "JWT_SECRET": secrets.token_urlsafe(48)})
    load_settings.cache_clear()
    monitoring.register(COMMANDS)
    with running_mongod() as uri:
        return asyncio.run(measure(uri))


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
