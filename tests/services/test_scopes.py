"""Whose customers somebody sees: by assignment, by region, in somebody's place; and what finding out costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from bson.binary import Binary

from core.collections import scoped
from core.context import system_scope, tenant_scope
from core.errors import NotFound
from models.customer import Customer
from models.tenant import Tenant
from models.user import User
from services.scopes import demand_customer, ids_in, narrowed, scope_of
from tests import factories
from tests.companies import NOW

TODAY = NOW.date().isoformat()
TOMORROW = (NOW.date() + timedelta(days=1)).isoformat()


@pytest.fixture(autouse=True)
def company(tenant: Tenant) -> Iterator[Tenant]:
    with tenant_scope(tenant.id):
        yield tenant


async def seen(user: User) -> set[str]:
    """The codes of the customers that somebody sees, asked in each of the three ways."""
    scope = await scope_of(user.role, user.id, NOW)
    ids = await ids_in(scope)
    by_query = {row["code"] for row in await scoped(Customer).rows(await narrowed(scope), {"code": 1})}
    one_by_one = set()
    for customer in await scoped(Customer).documents():
        assert ids is None or (customer.id in ids) == (customer.code in by_query)
        try:
            one_by_one.add((await demand_customer(user.role, user.id, NOW, customer.id))["code"])
        except NotFound:
            continue
    assert one_by_one == by_query
    return by_query


async def test_a_manager_with_regions_sees_their_customers_however_they_are_written() -> None:
    for code, region in (("N1", "North"), ("N2", " NORTH"), ("S1", "South"), ("X1", None)):
        await factories.make_customer(code, region=region)
    assert await seen(await factories.make_user("manager", regions=["north "])) == {"N1", "N2"}
    assert await seen(await factories.make_user("manager", regions=["North", "SOUTH"])) == {"N1", "N2", "S1"}
    assert await seen(await factories.make_user("manager", regions=["Nowhere"])) == set()
    assert await seen(await factories.make_user("manager")) == {"N1", "N2", "S1", "X1"}
    assert await seen(await factories.make_user("viewer", regions=["North"])) == {"N1", "N2", "S1", "X1"}


async def test_a_manager_with_regions_sees_who_is_assigned_by_name_as_well() -> None:
    for code, region in (("N1", "North"), ("S1", "South"), ("S2", "South")):
        customer = await factories.make_customer(code, region=region)
    manager = await factories.make_user("manager", regions=["North"])
    await factories.assign(manager, customer)
    assert await seen(manager) == {"N1", "S2"}


async def test_standing_in_shows_the_others_customers_for_its_days_and_goes_one_step() -> None:
    people = [await factories.make_user("sales_rep") for _ in range(3)]
    for number, person in enumerate(people):
        await factories.assign(person, await factories.make_customer(f"C{number}"))
    first, second, third = people
    await factories.stand_in(second, first, TODAY, TODAY)
    await factories.stand_in(third, second, TODAY, TODAY)
    assert await seen(second) == {"C0", "C1"}
    assert await seen(third) == {"C1", "C2"}, "no further than one step"
    await factories.stand_in(first, third, TOMORROW, TOMORROW)
    assert await seen(first) == {"C0"}, "not before the first day"
    tomorrow = await scope_of("sales_rep", second.id, NOW + timedelta(days=1))
    assert len(tomorrow.customer_ids) == 1, "not after the last day"


async def test_regions_are_handed_on_to_a_manager_and_not_to_a_rep() -> None:
    for code, region in (("N1", "North"), ("S1", "South"), ("E1", "East")):
        await factories.make_customer(code, region=region)
    north = await factories.make_user("manager", regions=["North"])
    south = await factories.make_user("manager", regions=["South"])
    rep = await factories.make_user("sales_rep")
    for delegate in (south, rep):
        await factories.stand_in(delegate, north, TODAY, TODAY)
    assert await seen(south) == {"N1", "S1"}
    assert await seen(rep) == set()
    await factories.stand_in(south, await factories.make_user("admin"), TODAY, TODAY)
    assert await seen(south) == {"N1", "S1", "E1"}


async def test_a_customer_that_nobody_has_is_like_one_of_somebody_else() -> None:
    rep = await factories.make_user("sales_rep")
    other = await factories.make_customer("C1")
    for customer_id in (other.id, uuid4()):
        with pytest.raises(NotFound, match="no such customer among yours"):
            await demand_customer("sales_rep", rep.id, NOW, customer_id)


async def test_ids_are_narrowed_to_those_that_are_known_already() -> None:
    north, south = [await factories.make_customer(code, region=code) for code in ("North", "South")]
    manager = await factories.make_user("manager", regions=["North"])
    rep = await factories.make_user("sales_rep")
    await factories.assign(rep, south)
    both = [north.id, south.id]
    for user, expected in ((manager, frozenset({north.id})), (rep, frozenset({south.id}))):
        assert await ids_in(await scope_of(user.role, user.id, NOW), both) == expected
    assert await ids_in(await scope_of("admin", uuid4(), NOW), both) == frozenset(both)


async def test_a_page_of_a_region_reads_an_index_and_little_more_than_the_page(tenant: Tenant) -> None:
    for number in range(300):
        await factories.make_customer(f"C{number:03}", region="North" if number % 3 else "South")
    scope = await scope_of("manager", uuid4(), NOW, ["NORTH"])
    customers = scoped(Customer)
    query = customers.where(await narrowed(scope, {"is_active": True}))
    plan = await customers.raw.find(query).sort([("name", 1), ("_id", 1)]).limit(51).explain()
    stats = plan["executionStats"]
    assert stats["nReturned"] == 51
    assert stats["totalDocsExamined"] <= 52
    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
    distinct = {"distinct": "customers", "key": "region", "query": {"tenant_id": Binary.from_uuid(tenant.id)}}
    spelled = await customers.raw.database.command("explain", distinct, verbosity="executionStats")
    assert spelled["executionStats"]["totalDocsExamined"] <= 4


@pytest.mark.parametrize("role", ["admin", "manager", "viewer"])
async def test_whoever_sees_all_costs_nothing_to_find_out(role: str) -> None:
    """Without a company in context any query would raise."""
    with system_scope("shows that nothing is read"):
        scope = await scope_of(role, uuid4(), NOW, ())
        assert (scope.all_customers, scope.customer_ids) == (True, frozenset())
        assert await narrowed(scope, {"is_active": True}) == {"is_active": True}
        assert await ids_in(scope) is None
