"""Documents that people edit: changed from the version they read, with what differs in the audit event."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from core.collections import scoped
from core.context import tenant_scope
from core.errors import NotFound, StaleVersion
from models.audit import AuditEvent
from models.customer import MatrixEntry
from models.product import Product
from models.tenant import Tenant
from services import revisions
from tests import factories


async def test_a_change_raises_the_version_and_tells_what_differs(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        product = await factories.make_product("P1", list_price="2.50")
        said = {"name": "Tea", "list_price": Decimal("2.500"), "conversions": [{"unit": "CS", "factor": Decimal("12")}]}
        assert await revisions.change(Product, product.id, 1, said, entity="product")
        assert (await scoped(Product).get(product.id)).rev == 2
        (event,) = await scoped(AuditEvent).documents({"entity_id": str(product.id)})
    assert event.action == "product.changed"
    assert event.before == {"name": "Product P1", "conversions": []}
    assert event.after == {"name": "Tea", "conversions": [{"unit": "CS", "factor": "12"}]}


async def test_what_was_changed_since_is_not_overwritten(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        product = await factories.make_product("P1")
        await revisions.change(Product, product.id, 1, {"name": "Tea"}, entity="product")
        with pytest.raises(StaleVersion):
            await revisions.change(Product, product.id, 1, {"name": "Coffee"}, entity="product")
        with pytest.raises(NotFound):
            await revisions.change(Product, uuid4(), 1, {"name": "Coffee"}, entity="product")
        assert (await scoped(Product).get(product.id)).name == "Tea"


async def test_saying_the_same_again_changes_nothing(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        product = await factories.make_product("P1")
        assert not await revisions.change(Product, product.id, 1, {"name": product.name}, entity="product")
        assert (await scoped(Product).get(product.id)).rev == 1
        assert await scoped(AuditEvent).count() == 0


async def test_an_entry_is_removed_from_the_version_that_was_read(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        entry = await factories.allow(await factories.make_customer(), await factories.make_product())
        with pytest.raises(StaleVersion):
            await revisions.remove(MatrixEntry, entry.id, 2, entity="matrix_entry")
        await revisions.remove(MatrixEntry, entry.id, 1, entity="matrix_entry")
        assert not await scoped(MatrixEntry).exists({"_id": entry.id})
        (event,) = await scoped(AuditEvent).documents()
    assert event.action == "matrix_entry.removed"
    assert event.before is not None
    assert event.before["customer_id"] == str(entry.customer_id)
