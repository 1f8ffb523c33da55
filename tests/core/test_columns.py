"""Rows as columns: the same values that documents have, and no other layout taken for the one that was asked for."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from bson import Binary, Int64, encode

from core.collections import scoped_binary
from core.columns import FixedRows, Long, Text, Uuid
from core.context import tenant_scope
from models.sale import SalesRollup
from models.tenant import Tenant
from tests import factories

ROWS = FixedRows({"id": Uuid("$_id.p"), "month": Text("$_id.m", 7), "quantity": Long("$quantity")})


def document(id: UUID, month: str, quantity: int) -> bytes:
    return encode({"id": Binary.from_uuid(id), "month": month, "quantity": Int64(quantity)})


def test_a_batch_is_read_as_it_is() -> None:
    ids = [uuid4(), UUID(int=256)]
    rows = ROWS.read(document(ids[0], "2026-01", -5) + document(ids[1], "2026-12", 10**17))
    assert [bytes(one).ljust(16, b"\0") for one in rows["id"]] == [id.bytes for id in ids]
    assert rows["month"].tolist() == [b"2026-01", b"2026-12"]
    assert rows["quantity"].tolist() == [-5, 10**17]
    assert len(ROWS.read(b"")) == 0


@pytest.mark.parametrize(
    "batch",
    [
        document(uuid4(), "2026-1", 1),
        encode({"id": Binary.from_uuid(uuid4()), "month": "2026-01", "quantity": 1.5}),
        encode({"id": Binary.from_uuid(uuid4()), "month": "2026-01", "another!": Int64(1)}),
        encode({"id": None, "month": "2026-01", "quantity": Int64(1)}),
        document(uuid4(), "2026-01", 1)[:-1],
    ],
    ids=["short text", "another type", "another name", "without a value", "cut off"],
)
def test_another_layout_is_not_taken_for_it(batch: bytes) -> None:
    with pytest.raises(ValueError, match="layout"):
        ROWS.read(batch)


async def test_a_pipeline_gives_the_rows_of_its_tenant(tenant: Tenant) -> None:
    for company in (tenant, await factories.make_tenant()):
        with tenant_scope(company.id):
            customer, product = await factories.make_customer(), await factories.make_product()
            for month in ("2026-01", "2026-02"):
                await factories.sold(customer, product, month, 3_000, 7)
    with tenant_scope(tenant.id):
        read = scoped_binary(SalesRollup).fixed_rows([{"$match": {"month": "2026-02"}}], ROWS)
        (batch,) = [one async for one in read]
    assert batch["quantity"].tolist() == [3_000]
    assert batch["month"].tolist() == [b"2026-02"]
