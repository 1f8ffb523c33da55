"""What the database looks at for a page of masters: the rows that it shows, in every order, with every filter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from api.schemas.customers import CustomerQuery, CustomerSort
from api.schemas.products import ProductQuery, ProductSort
from core.collections import Scoped, dump, scoped
from core.context import tenant_scope
from core.documents import PlanwrightDocument
from core.mongo import Mongo
from core.search import search_words
from models.customer import Customer
from models.product import Product
from models.tenant import Tenant
from services import customers, products
from tests import factories

COUNT = 1_200
PAGE = 51
WORDS = ("Trading", "Stores", "Holding", "Traders")
FILTERS: list[dict[str, Any]] = [{}, {"search": "trad"}, {"search": "mark"}, {"currency": "EUR"}]
OF_CUSTOMERS = [*FILTERS, {"region": "A"}, {"group": "B"}, {"country": "A"}, {"status": "active"}]
OF_PRODUCTS = [*FILTERS, {"category": "A"}, {"family": "B"}, {"brand": "A"}, {"unit": "EA"}]


@pytest.fixture(scope="module")
async def stocked(mongo: Mongo) -> Tenant:
    """A company with so many customers and products; every filter keeps a third of them or more."""
    tenant = await factories.make_tenant()
    with tenant_scope(tenant.id):
        await scoped(Customer).insert_rows([_customer(number) for number in range(COUNT)])
        await scoped(Product).insert_rows([_product(number) for number in range(COUNT)])
    return tenant


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", list(CustomerSort))
@pytest.mark.parametrize("asked", OF_CUSTOMERS, ids=str)
async def test_a_page_of_customers(stocked: Tenant, asked: dict[str, Any], sort: CustomerSort, order: str) -> None:
    query = CustomerQuery.model_validate({**asked, "sort_by": sort, "order": order})
    with tenant_scope(stocked.id):
        await _examines_what_it_shows(scoped(Customer), query, query.filter().query(), customers.SHOWN, sort.field)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", list(ProductSort))
@pytest.mark.parametrize("asked", OF_PRODUCTS, ids=str)
async def test_a_page_of_products(stocked: Tenant, asked: dict[str, Any], sort: ProductSort, order: str) -> None:
    query = ProductQuery.model_validate({**asked, "sort_by": sort, "order": order})
    with tenant_scope(stocked.id):
        await _examines_what_it_shows(scoped(Product), query, query.filter().query(), products.SHOWN, sort.field)


async def _examines_what_it_shows(
    door: Scoped[PlanwrightDocument] | Scoped[Any],
    query: Any,
    where: dict[str, Any],
    shown: dict[str, Any],
    field: str,
) -> None:
    explained = await door.find(where, shown, sort=query.window(field).sort, limit=PAGE).explain()
    run = explained["executionStats"]
    assert run["nReturned"] == PAGE
    assert run["totalDocsExamined"] <= 1.2 * PAGE
    assert "COLLSCAN" not in str(explained["queryPlanner"]["winningPlan"])


def _customer(number: int) -> dict[str, Any]:
    values = {"region": "AB"[number % 2], "group": "AB"[number // 2 % 2], "country": "AB"[number // 3 % 2]}
    return dump(Customer(**_master("C", number), **values))


def _product(number: int) -> dict[str, Any]:
    values = {"category": "AB"[number % 2], "family": "AB"[number // 2 % 2], "brand": "AB"[number // 3 % 2]}
    return dump(Product(**_master("P", number), **values))


def _master(letter: str, number: int) -> dict[str, Any]:
    code, name = f"{letter}-{number * 7 % COUNT:05}", f"Market {number * 11 % COUNT:05} {WORDS[number % 4]}"
    at = datetime(2026, 1, 1, tzinfo=UTC).replace(minute=number % 60, hour=number // 60 % 24)
    words = search_words(code, name)
    return {
        "code": code,
        "code_key": code.casefold(),
        "name": name,
        "search": words,
        "currency": "EUR",
        "updated_at": at,
    }
