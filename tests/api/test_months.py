"""Months of actuals over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from core.context import tenant_scope
from models.tenant import Tenant
from tests import factories
from tests.api.conftest import SignIn
from tests.imported import imported

MONTHS = "/api/v1/months"
SALES = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price,source"


async def sell(tenant: Tenant, *rows: str) -> None:
    with tenant_scope(tenant.id):
        await imported("sales", SALES, *rows)


@pytest.fixture(autouse=True)
async def sold(tenant: Tenant) -> None:
    """Two lines of January 2026 from the accounting, one from the web shop."""
    with tenant_scope(tenant.id):
        await factories.make_customer("C1")
        await factories.make_product("P1")
    rows = ("I1,P1,1,C1,2026-01-05,4,2.5,erp", "I2,P1,1,C1,2026-01-06,4,2.5,erp", "I3,P1,1,C1,2026-01-07,1,2.5,web")
    await sell(tenant, *rows)


async def test_finance_checks_and_completes_a_month_and_sees_it_restated(tenant: Tenant, sign_in: SignIn) -> None:
    path = f"{MONTHS}/2026-01"
    async with await sign_in("viewer", grants=["keep_actuals"]) as finance:
        before = (await finance.get(path)).json()["data"]
        assert (before["status"], before["rev"], before["rows"], before["revenue"]) == ("open", 0, 3, 22.5)
        assert [(one["source"], one["revenue"], one["agrees"]) for one in before["sources"]] == [
            ("erp", 20, None), ("web", 2.5, None),
        ]  # fmt: skip

        entered = await finance.put(f"{path}/control-totals/erp", json={"revenue": 25.0, "rows": 3})
        assert entered.status_code == 200, entered.text
        completed = await finance.post(f"{path}/complete")
        assert completed.status_code == 200
        data = completed.json()["data"]
        assert (data["status"], data["agrees"]) == ("complete", False), "a mismatch is answered and blocks nothing"
        erp = data["sources"][0]
        assert (erp["difference"], erp["rows_difference"], erp["control_total"]["revenue"]) == (-5, -1, 25)

        await sell(tenant, "I4,P1,1,C1,2026-01-08,2,2.5,erp")
        restated = (await finance.get(path)).json()["data"]
        assert (restated["status"], restated["agrees"], restated["sources"][0]["rows"]) == ("restated", True, 3)
        assert restated["restated_at"] is not None

        listed = (await finance.get(MONTHS, params={"status": "restated"})).json()
        assert [row["month"] for row in listed["data"]] == ["2026-01"]
        assert (await finance.post(f"{path}/complete")).json()["data"]["status"] == "complete"


async def test_a_control_total_is_removed_from_the_version_that_was_read(sign_in: SignIn) -> None:
    path = f"{MONTHS}/2026-01/control-totals/erp"
    async with await sign_in("admin") as admin:
        tag = (await admin.put(path, json={"revenue": 20})).headers["ETag"]
        assert (await admin.delete(path)).status_code == 428
        assert (await admin.delete(path, headers={"If-Match": '"9"'})).status_code == 412
        removed = await admin.delete(path, headers={"If-Match": tag})
        assert removed.json()["data"]["sources"][0]["control_total"] is None
        assert (await admin.delete(path, headers={"If-Match": removed.headers["ETag"]})).status_code == 404


async def test_a_month_is_reopened_with_a_reason(sign_in: SignIn) -> None:
    path = f"{MONTHS}/2026-01"
    async with await sign_in("admin") as admin:
        body = {"reason": "Credit notes are missing."}
        assert (await admin.post(f"{path}/reopen", json=body)).status_code == 409
        await admin.post(f"{path}/complete")
        assert (await admin.post(f"{path}/reopen", json={"reason": ""})).status_code == 422
        assert (await admin.post(f"{path}/reopen", json=body)).json()["data"]["status"] == "open"


async def test_a_month_that_has_not_ended_is_refused(sign_in: SignIn) -> None:
    async with await sign_in("admin") as admin:
        refused = await admin.post(f"{MONTHS}/2099-01/complete")
        assert refused.status_code == 409
        assert "has not ended yet" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("2026-13/control-totals/erp", {"revenue": 1}),
        ("2026-01/control-totals/ERP", {"revenue": 1}),
        ("2026-01/control-totals/$erp", {"revenue": 1}),
        ("2026-01/control-totals/erp", {}),
        ("2026-01/control-totals/erp", {"revenue": "1"}),
        ("2026-01/control-totals/erp", {"revenue": 0.00001}),
        ("2026-01/control-totals/erp", {"revenue": 1, "rows": -1}),
        ("2026-01/control-totals/erp", {"revenue": 1, "rows": 1.5}),
        ("2026-01/control-totals/erp", {"revenue": 1, "source": "web"}),
    ],
)
async def test_what_does_not_fit_is_refused(sign_in: SignIn, path: str, body: dict[str, Any]) -> None:
    async with await sign_in("admin") as admin:
        assert (await admin.put(f"{MONTHS}/{path}", json=body)).status_code == 422


async def test_a_rep_sees_the_state_and_no_figures_of_other_customers(sign_in: SignIn) -> None:
    async with await sign_in("sales_rep") as rep, await sign_in("manager") as manager:
        row = (await rep.get(f"{MONTHS}/2026-01")).json()["data"]
        assert row["status"] == "open"
        assert {"revenue", "rows", "sources", "agrees"}.isdisjoint(row)
        (listed, *_) = (await rep.get(MONTHS, params={"order": "asc"})).json()["data"]
        assert (listed["month"], "sources" in listed) == ("2026-01", False)
        assert (await rep.post(f"{MONTHS}/2026-01/complete")).status_code == 403
        assert (await manager.post(f"{MONTHS}/2026-01/complete")).status_code == 403
