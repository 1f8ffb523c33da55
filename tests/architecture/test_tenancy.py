"""T17: the listener that guards every test does notice, and nothing slips through the doors that the models offer."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from core.collections import scoped, scoped_binary
from core.context import NoTenant, system_scope, tenant_scope
from core.documents import TenantDocument
from models.customer import Customer
from models.product import Product
from models.registry import DOCUMENTS, GLOBAL_COLLECTIONS
from models.tenant import Tenant
from tests import factories
from tests.tenancy import LISTENER


async def test_a_command_without_a_tenant_is_noticed(tenant: Tenant) -> None:
    raw = scoped(Customer).raw
    await raw.find_one({"code": "C1"})
    await raw.update_one({"code": "C1"}, {"$set": {"name": "x"}})
    await raw.delete_many({"code": "C1"})
    await (await raw.aggregate([{"$match": {"code": "C1"}}])).to_list()
    await raw.distinct("code", {})
    own = {"$match": {"tenant_id": tenant.id}}
    await (await raw.aggregate([own, {"$lookup": {"from": "products", "pipeline": [], "as": "p"}}])).to_list()
    assert [violation.split(" on ")[0] for violation in LISTENER.found] == [
        "find",
        "update",
        "delete",
        "aggregate",
        "distinct",
        "aggregate",
    ]
    LISTENER.found.clear()


async def test_looking_across_tenants_must_be_said(tenant: Tenant) -> None:
    with pytest.raises(NoTenant):
        await scoped(Customer).rows({})
    with system_scope("a test looks across tenants"):
        await scoped(Customer).rows({"code": str(uuid4())})


async def test_beanies_own_queries_name_the_tenant_too(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        assert await Product.get(uuid4()) is None
        assert await Product.find(Product.code == "P1").to_list() == []
        assert await Product.find_one(Product.code == "P1") is None
        with pytest.raises(NotImplementedError):
            await Product.distinct("code")


async def test_the_tenant_in_context_wins_over_one_that_a_query_names(tenant: Tenant) -> None:
    other = await factories.make_tenant()
    with tenant_scope(other.id):
        await factories.make_customer("C1")
    with tenant_scope(tenant.id):
        for door in (scoped(Customer), scoped_binary(Customer)):
            assert await door.rows({"tenant_id": other.id}) == []
    assert LISTENER.found == []


@pytest.mark.parametrize("stage", ["$graphLookup", "$merge", "$out"])
async def test_a_pipeline_never_leaves_the_tenant(tenant: Tenant, stage: str) -> None:
    with tenant_scope(tenant.id):
        beyond: dict[str, Any] = {stage: {}}
        for plain in (beyond, {"$lookup": {"from": "customers", "pipeline": [beyond]}}):
            with pytest.raises(ValueError, match="other tenants"):
                await anext(aiter(scoped(Product).aggregate([plain])))
        with pytest.raises(ValueError, match="other tenants"):
            await anext(aiter(scoped_binary(Product).aggregate([{"$lookup": {"from": "customers"}}])))


def test_every_collection_belongs_to_a_tenant_or_says_why_not() -> None:
    of_no_tenant = {model.Settings.name for model in DOCUMENTS if not issubclass(model, TenantDocument)}
    assert of_no_tenant <= set(GLOBAL_COLLECTIONS)


def test_every_index_of_a_tenant_starts_with_the_tenant() -> None:
    for model in DOCUMENTS:
        if not issubclass(model, TenantDocument):
            continue
        for index in model.Settings.indexes:
            keys, name = list(index.document["key"]), index.document["name"]
            upkeep = "expireAfterSeconds" in index.document or name.endswith(("_of_all_tenants", "expiry"))
            assert keys[0] == "tenant_id" or upkeep, f"{model.__name__}.{name}"
