"""Documents of older versions are brought to what the models say: once, in batches, and from where it was cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from bson import Decimal128
from pymongo import IndexModel

from core.clock import now
from core.collections import scoped
from core.context import tenant_scope
from core.documents import TenantDocument
from core.mongo import Mongo, RawDocument
from core.settings import Settings
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.product import Product
from models.registry import DOCUMENTS
from models.sale import MonthStatus, SaleLine
from models.tenant import Tenant
from models.user import User
from ops.errors import OpsError
from ops.migrations.indexes import MADE, bring_up_to_date
from ops.migrations.registry import MIGRATIONS
from ops.migrations.runner import LOG, migrate
from ops.migrations.steps import Migration, absent
from ops.setup import set_up
from services import revisions


class Crash(Exception):
    """The process ends here."""


class Thing(TenantDocument):
    """A collection with indexes of its own, for these tests."""

    name: str = ""

    class Settings:
        name = "migrated_things"
        indexes = [
            IndexModel([("tenant_id", 1), ("name", 1)], name="tenant_name"),
            IndexModel([("tenant_id", 1), ("size", 1)], name="tenant_size"),
        ]


@pytest.fixture
async def old(mongo: Mongo) -> AsyncIterator[Mongo]:
    """A database that no migration has run on."""
    await mongo.database[LOG].delete_many({})
    await mongo.database["system_state"].delete_many({})
    yield mongo
    await mongo.database[LOG].delete_many({})
    await mongo.database["system_state"].delete_many({})


def silent(_: str) -> None:
    """Nobody listens."""


async def _store(mongo: Mongo, collection: str, tenant_id: UUID, **fields: Any) -> UUID:
    id = uuid4()
    await mongo.database[collection].insert_one({"_id": id, "tenant_id": tenant_id, **fields})
    return id


async def _store_first_release(mongo: Mongo, tenant: Tenant) -> dict[str, UUID]:
    """One document of each collection in the shape that the first release wrote."""
    at, one, two = now(), uuid4(), uuid4()
    dates = {"created_at": at, "updated_at": at}
    fields = ("month_pattern", "working_weekdays", "count_working_days", "rev", "updated_at")
    await mongo.database["tenants"].update_one({"_id": tenant.id}, {"$unset": dict.fromkeys(fields, "")})
    customer = {"search": ["c1"], "currency": "EUR", "rev": 3, **dates}
    pair = {"customer_id": one, "product_id": two}

    async def store(collection: str, **stored: Any) -> UUID:
        return await _store(mongo, collection, tenant.id, **stored)

    return {
        "users": await store(
            "users",
            email="Ann@acme.example",
            email_key=f"ann-{one}@acme.example",
            name="Ann Lee",
            role="manager",
            grants=[],
            language="en",
            is_active=True,
            password_hash=None,
            token_version=0,
            last_login_at=None,
            **dates,
        ),
        "customers": await store("customers", code="C1", code_key="c1", name="One", status="active", **customer),
        "prospects": await store(
            "customers", code="C2", code_key="c2", name="Two", status="prospect", is_active=False, **customer
        ),
        "products": await store(
            "products",
            code="P1",
            code_key="p1",
            name="Tea",
            search=["tea"],
            unit="EA",
            rounding_step=Decimal128("1"),
            currency="EUR",
            is_active=True,
            rev=2,
            **dates,
        ),
        "assignments": await store(
            "assignments", user_id=two, customer_id=one, category=None, valid_from="2020-01-01", primary=True
        ),
        "matrix": await store("matrix", **pair, valid_from=None, valid_to=None),
        "customer_prices": await store(
            "customer_prices", **pair, price=Decimal128("2.5"), currency="EUR", valid_from="2020-01-01", valid_to=None
        ),
        "months": await store("months", month="2026-10", status="complete", completed_at=at, completed_by=None),
        "sales": await store(
            "sales",
            **pair,
            invoice="I1",
            line_number=1,
            invoice_date="2026-10-02",
            month="2026-10",
            line_type="sale",
            quantity=1000,
            net_revenue=25_000,
            currency="EUR",
        ),
    }


async def test_documents_of_the_first_release_are_read_and_changed_by_this_one(
    old: Mongo, settings: Settings, tenant: Tenant
) -> None:
    ids = await _store_first_release(old, tenant)
    await set_up(settings, silent)
    said: list[str] = []
    await set_up(settings, said.append)
    await old.start(DOCUMENTS)
    assert not any(line.startswith("Migration") for line in said)
    with tenant_scope(tenant.id):
        for model, name in ((Assignment, "assignments"), (MatrixEntry, "matrix"), (CustomerPrice, "customer_prices")):
            row = await scoped(model).row({"_id": ids[name], "rev": 1})
            assert row is not None
            assert row["created_at"].tzinfo is not None
            assert await revisions.change(model, ids[name], 1, {"valid_to": "2027-12-31"}, entity="entry")
        assert [user.id for user in await scoped(User).documents({"search": {"$regex": "^lee"}})] == [ids["users"]]
        assert await scoped(User).exists({"_id": ids["users"], "rev": 1, "regions": [], "notifications": {}})
        assert (await scoped(Customer).get(ids["customers"])).rev == 3
        assert (await scoped(Customer).get(ids["prospects"])).is_active
        assert await scoped(Customer).exists({"_id": ids["customers"], "aliases": [], "matrix_rev": 0, "price_rev": 0})
        assert await scoped(Product).exists({"_id": ids["products"], "conversions": [], "successor_factor": 1})
        assert await scoped(MonthStatus).exists({"_id": ids["months"], "rev": 1, "control_totals": []})
        assert await scoped(SaleLine).exists({"_id": ids["sales"], "source": "file"})
        assert await scoped(Tenant).exists({"_id": tenant.id, "rev": 1, "month_pattern": "calendar"})
        assert (await scoped(Tenant).get(tenant.id)).working_weekdays == [1, 2, 3, 4, 5]


async def test_what_is_stored_is_never_written_over(old: Mongo, tenant: Tenant) -> None:
    id = await _store(old, "months", tenant.id, month="2026-10", status="complete", rev=7)
    await migrate(old, MIGRATIONS, silent)
    row = await old.database["months"].find_one({"_id": id, "tenant_id": tenant.id})
    assert row is not None
    assert row["rev"] == 7
    assert row["control_totals"] == []


def _fill(number: int = 900) -> Migration:
    return Migration(number, "things get a size", (absent(Thing, size=1), absent(Thing, colour=None)))


async def _things(mongo: Mongo, tenant: Tenant, count: int) -> None:
    await mongo.start((*DOCUMENTS, Thing))
    await mongo.database["migrated_things"].delete_many({"tenant_id": {"$ne": None}})
    rows: list[RawDocument] = [{"_id": uuid4(), "tenant_id": tenant.id, "name": str(at)} for at in range(count)]
    await mongo.database["migrated_things"].insert_many(rows)


async def test_a_migration_that_was_cut_off_goes_on_where_it_was(old: Mongo, tenant: Tenant) -> None:
    await _things(old, tenant, 25)
    batches: list[int] = []

    def crash_in_the_third_batch(changed: int) -> None:
        batches.append(changed)
        if len(batches) == 3:
            raise Crash

    with pytest.raises(Crash):
        await migrate(old, [_fill()], silent, batch=4, told=crash_in_the_third_batch)
    assert await old.database["migrated_things"].count_documents({"tenant_id": tenant.id, "size": 1}) == 12
    again: list[int] = []
    assert await migrate(old, [_fill()], silent, batch=4, told=again.append) == 50
    assert batches == [4, 4, 4]
    assert again == [4, 4, 4, 1, 4, 4, 4, 4, 4, 4, 1]


async def test_a_migration_settles_once_it_finds_nothing(old: Mongo, tenant: Tenant) -> None:
    """Processes of the version before write on until they are replaced; the next set-up finds what they wrote."""
    await _things(old, tenant, 3)
    said: list[str] = []
    assert await migrate(old, [_fill()], said.append) == 6
    assert said == ["Migration 0900: 6 documents changed (things get a size)."]
    late = await _store(old, "migrated_things", tenant.id, name="of the version before")
    assert await migrate(old, [_fill()], silent) == 2
    assert await old.database["migrated_things"].count_documents({"_id": late, "tenant_id": tenant.id, "size": 1}) == 1
    assert await migrate(old, [_fill()], silent) == 0
    noted = await old.database[LOG].find_one({"_id": "0900"})
    assert noted is not None
    assert (noted["runs"], noted["changed_in_all"], noted["settled_at"] is None) == (3, 8, False)
    batches: list[int] = []
    assert await migrate(old, [_fill()], silent, told=batches.append) == 0
    assert batches == []


async def test_an_empty_database_needs_nothing(old: Mongo) -> None:
    await old.start((*DOCUMENTS, Thing))
    await old.database["migrated_things"].drop()
    assert await migrate(old, [_fill()], silent) == 0
    noted = await old.database[LOG].find_one({"_id": "0900"})
    assert noted is not None
    assert noted["settled_at"] is not None


def test_migrations_are_in_order_and_numbered_once() -> None:
    numbers = [migration.number for migration in MIGRATIONS]
    assert numbers == sorted(set(numbers))


async def _indexes(mongo: Mongo) -> dict[str, Any]:
    return {name: index["key"] for name, index in (await mongo.database["migrated_things"].index_information()).items()}


async def test_indexes_follow_the_models_and_leave_an_operators_own_alone(old: Mongo) -> None:
    things = old.database["migrated_things"]
    await things.drop()
    await old.database["system_state"].insert_one({"_id": MADE, "collections": {"migrated_things": ["tenant_gone"]}})
    await things.create_index([("tenant_id", 1), ("colour", 1)], name="tenant_gone")
    await things.create_index([("tenant_id", 1), ("name", -1)], name="tenant_name")
    await things.create_index([("tenant_id", 1), ("size", 1)], name="size_by_another_name")
    await things.create_index([("tenant_id", 1), ("weight", 1)], name="an_operators_own")
    said: list[str] = []
    for _ in range(2):
        await bring_up_to_date(old, [Thing], said.append)
    assert await _indexes(old) == {
        "_id_": [("_id", 1)],
        "tenant_name": [("tenant_id", 1), ("name", 1)],
        "tenant_size": [("tenant_id", 1), ("size", 1)],
        "an_operators_own": [("tenant_id", 1), ("weight", 1)],
    }
    assert len(said) == 3


async def test_an_index_of_the_first_release_that_was_replaced_is_dropped(old: Mongo) -> None:
    await old.database["products"].create_index([("tenant_id", 1), ("name", 1), ("_id", 1)], name="tenant_name")
    await bring_up_to_date(old, DOCUMENTS)
    names = set(await old.database["products"].index_information())
    assert names == {"_id_", *(index.document["name"] for index in Product.Settings.indexes)}


async def test_every_model_gets_exactly_its_indexes_and_nothing_is_made_twice(old: Mongo) -> None:
    await bring_up_to_date(old, DOCUMENTS)
    said: list[str] = []
    await bring_up_to_date(old, DOCUMENTS, said.append)
    assert said == []
    for model in DOCUMENTS:
        stored = await old.database[model.Settings.name].index_information()
        wanted = {index.document["name"] for index in model.Settings.indexes}
        assert set(stored) == {"_id_", *wanted}


async def test_a_unique_index_over_documents_that_are_the_same_is_one_sentence(old: Mongo, tenant: Tenant) -> None:
    class Unique(TenantDocument):
        class Settings:
            name = "migrated_things"
            indexes = [IndexModel([("tenant_id", 1), ("name", 1)], unique=True, name="tenant_unique")]

    await old.database["migrated_things"].drop()
    for _ in range(2):
        await _store(old, "migrated_things", tenant.id, name="the same")
    with pytest.raises(OpsError, match="migrated_things holds documents that are the same"):
        await bring_up_to_date(old, [Unique])
