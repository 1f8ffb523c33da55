"""Importing who plans which customers: one primary per scope and day, whatever is there already."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest

from core.collections import scoped
from core.context import tenant_scope
from core.errors import Conflict
from models.customer import Assignment, Customer
from models.job import Job
from models.tenant import Tenant
from models.user import User
from services.assignments import NewAssignment, add
from services.identity import Caller
from services.import_apply import assignments as writing
from tests import factories
from tests.companies import NOW
from tests.imported import counts, errors, imported

COLUMNS = "email,customer_code,valid_from,valid_to,primary"


@pytest.fixture(autouse=True)
def company(tenant: Tenant) -> Iterator[Tenant]:
    with tenant_scope(tenant.id):
        yield tenant


@pytest.fixture
async def anna(company: Tenant) -> User:
    return await factories.make_user("sales_rep", email=f"anna@{company.slug}.example")


@pytest.fixture
async def ben(company: Tenant) -> User:
    return await factories.make_user("sales_rep", email=f"ben@{company.slug}.example")


@pytest.fixture
async def customer(company: Tenant) -> Customer:
    return await factories.make_customer("C1")


async def entries() -> set[tuple[str, str | None, bool]]:
    return {(one.valid_from, one.valid_to, one.primary) for one in await scoped(Assignment).documents()}


async def test_two_primaries_in_one_file_are_refused_by_row(anna: User, ben: User, customer: Customer) -> None:
    lines = (f"{anna.email},C1,2026-01-01,,", f"{ben.email},c1,2026-07-01,,", f"{ben.email},C1,2026-07-01,,no")
    for dry_run in (True, False):
        job = await imported("assignments", COLUMNS, *lines[:2], dry_run=dry_run)
        assert counts(job) == {"inserted": 1, "updated": 0, "unchanged": 0, "rejected": 1}
        assert errors(job) == [
            (3, "valid_from", f"one primary at a time; row 2 names {anna.email} for from 2026-01-01")
        ]
    helping = await imported("assignments", COLUMNS, lines[2])
    assert counts(helping)["inserted"] == 1
    assert await entries() == {("2026-01-01", None, True), ("2026-07-01", None, False)}


async def test_an_entry_that_is_there_is_named(anna: User, ben: User, customer: Customer) -> None:
    await factories.assign(anna, customer, valid_to="2026-12-31")
    job = await imported("assignments", COLUMNS, f"{ben.email},C1,2026-07-01,,", f"{anna.email},C1,2026-08-01,,no")
    assert [(row, words) for row, _, words in errors(job)] == [
        (2, f"one primary at a time; an entry that is there already names {anna.email} for 2020-01-01 to 2026-12-31"),
        (3, "one entry of a person at a time; an entry that is there already is for 2020-01-01 to 2026-12-31"),
    ]


@pytest.mark.parametrize("turned", [False, True])
async def test_a_file_may_hand_over_in_any_order(anna: User, ben: User, customer: Customer, turned: bool) -> None:
    standing = await factories.assign(anna, customer)
    lines = [f"{anna.email},C1,2020-01-01,2026-06-30,", f"{ben.email},C1,2026-07-01,,"]
    job = await imported("assignments", COLUMNS, *(reversed(lines) if turned else lines))
    assert counts(job) == {"inserted": 1, "updated": 1, "unchanged": 0, "rejected": 0}
    assert await entries() == {("2020-01-01", "2026-06-30", True), ("2026-07-01", None, True)}
    ended = await scoped(Assignment).get(standing.id)
    assert (ended.rev, ended.updated_at > standing.updated_at) == (2, True)


async def test_categories_are_refused_where_whole_customers_are_planned(
    company: Tenant, anna: User, customer: Customer
) -> None:
    line = f"{anna.email},C1,Light,2026-01-01"
    job = await imported("assignments", "email,customer_code,category,valid_from", line)
    [(row, column, words)] = errors(job)
    assert (row, column) == (2, "category")
    assert "plans whole customers" in words
    await scoped(Tenant).update_one({"_id": company.id}, {"$set": {"sheet_scope": "customer_category"}})
    assert counts(await imported("assignments", "email,customer_code,category,valid_from", line))["inserted"] == 1


async def test_whoever_can_not_plan_is_not_assigned_and_what_stands_stays(anna: User, customer: Customer) -> None:
    viewer = await factories.make_user("viewer")
    gone = await factories.make_user("sales_rep", is_active=False)
    await factories.assign(gone, customer, valid_to="2020-12-31")
    lines = (
        f"{viewer.email},C1,2026-01-01,,",
        f"{gone.email},C1,2026-01-01,,",
        f"{gone.email},C1,2020-01-01,2020-12-31,",
    )
    job = await imported("assignments", COLUMNS, *lines)
    assert counts(job) == {"inserted": 0, "updated": 0, "unchanged": 1, "rejected": 2}
    assert [(row, column) for row, column, _ in errors(job)] == [(2, "email"), (3, "email")]


async def test_what_somebody_entered_since_the_plan_is_in_the_way(
    anna: User, ben: User, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan finds nothing; before the batch is written somebody assigns the customer by hand."""
    planned = writing.AssignmentWriter.plan

    async def then_somebody(self: writing.AssignmentWriter, batch: object) -> object:
        plan = await planned(self, batch)  # type: ignore[arg-type]
        if not await scoped(Assignment).exists({}):
            await add(manager(customer), anna.id, NewAssignment(customer.id, "2026-01-01"), NOW)
        return plan

    monkeypatch.setattr(writing.AssignmentWriter, "plan", then_somebody)
    job = await imported("assignments", COLUMNS, f"{ben.email},C1,2026-07-01,,")
    assert counts(job) == {"inserted": 0, "updated": 0, "unchanged": 0, "rejected": 1}
    assert [row for row, _, _ in errors(job)] == [2]
    assert await scoped(Assignment).distinct("user_id") == [anna.id]


async def test_files_and_people_at_once_leave_one_primary(anna: User, ben: User, customer: Customer) -> None:
    by_file = [
        imported("assignments", COLUMNS, f"{one.email},C1,2026-01-0{day},,") for one in (anna, ben) for day in (1, 2)
    ]
    caller = manager(customer)
    by_hand = [
        add(caller, one.id, NewAssignment(customer.id, "2026-01-01"), NOW) for one in (anna, ben) for _ in range(5)
    ]
    done = await asyncio.gather(*by_file, *by_hand, return_exceptions=True)
    assert {type(one) for one in done} <= {Job, dict, Conflict}
    assert await scoped(Assignment).count({}) == 1


def manager(customer: Customer) -> Caller:
    """Somebody who sees all customers."""
    return Caller(uuid4(), customer.tenant_id, uuid4(), role="manager", grants=frozenset(), name="M", language="en")  # type: ignore[arg-type]
