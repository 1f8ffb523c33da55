"""Cycles and forecasts over HTTP where a client might be surprised."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from core.collections import scoped
from core.context import tenant_scope
from models.audit import AuditEvent
from models.customer import Customer
from models.keys import line_id
from models.tenant import Tenant
from services import cycles
from tests import factories
from tests.api import test_forecasts
from tests.api.conftest import SignIn
from tests.api.test_forecasts import FORECASTS, Desk
from tests.companies import draft_cycle
from tests.people import signed_in

desk = test_forecasts.desk


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, ""),
        ({"name": None}, "name"),
        ({"entry_closes_at": None}, "entry_closes_at"),
        ({"auto_close": None}, "auto_close"),
    ],
)
async def test_a_patch_that_changes_nothing_is_refused(
    tenant: Tenant, sign_in: SignIn, change: dict[str, Any], field: str
) -> None:
    with tenant_scope(tenant.id):
        draft = await draft_cycle()
    async with await sign_in("manager") as manager:
        refused = await manager.patch(f"/api/v1/sop/cycles/{draft.id}", json=change)
    assert refused.status_code == 422, refused.text
    assert [detail["field"] for detail in refused.json()["error"]["details"]] == [field or "body"]
    with tenant_scope(tenant.id):
        assert (await cycles.get(draft.id)).rev == draft.rev
        assert await scoped(AuditEvent).count({"action": "cycle.rescheduled"}) == 0


async def test_a_line_put_under_the_name_of_another_does_not_exist(desk: Desk) -> None:
    await desk.save(desk.cell())
    company, cycle = desk.company, desk.cycle
    key = line_id(cycle.tenant_id, cycle.id, "sales", company.customer.id, company.tea.id)
    cells = [{"month": cycle.months[0], "base_rev": 1, "quantity": 4}]
    other = {**desk.sheet, "product_id": str(company.cups.id), "cells": cells}
    assert (await desk.rep.put(f"{FORECASTS}/{key}", json=other)).status_code == 404
    assert (await desk.rep.put(f"{FORECASTS}/{key}", json={"cells": cells})).status_code == 200


async def test_for_a_customer_who_left_no_sheet_is_begun(app: FastAPI, tenant: Tenant, desk: Desk) -> None:
    with tenant_scope(tenant.id):
        left = await factories.make_customer("LEFT")
        await factories.assign(desk.company.rep, left)
        await factories.allow(left, desk.company.tea)
        await scoped(Customer).update_one({"_id": left.id}, {"$set": {"is_active": False}})
    sheet = {**desk.sheet, "customer_id": str(left.id)}
    async with await signed_in(app, desk.company.rep) as rep:
        grid = await rep.get(FORECASTS, params=sheet)
        assert grid.json()["data"]["lines"] == []
        for path, body in ((FORECASTS, {**sheet, "cells": [desk.cell()]}), (f"{FORECASTS}/submit", sheet)):
            refused = await rep.post(path, json=body)
            assert refused.status_code == 409
            assert "not active" in refused.json()["error"]["message"]
