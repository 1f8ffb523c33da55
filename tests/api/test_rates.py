"""Exchange rates: given by month and kind, and what counts in a month that has none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.collections import scoped
from core.context import tenant_scope
from models.audit import AuditEvent
from models.rate import FxRate
from models.tenant import Tenant
from tests.api.conftest import SignIn

RATES = "/api/v1/fx-rates"


def rate(month: str, number: Any, currency: str = "USD", kind: str = "plan") -> dict[str, Any]:
    return {"month": month, "rate": number, "currency": currency, "kind": kind}


async def test_a_rate_is_given_changed_and_taken_back(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    made = await manager.post(RATES, json=rate("2027-01", 0.92))
    assert made.status_code == 201
    one = made.headers["location"]
    assert (await manager.get(one)).json()["data"]["rate"] == 0.92
    again = await manager.post(RATES, json=rate("2027-01", 0.95))
    assert again.status_code == 409
    assert made.json()["data"]["id"] in again.json()["error"]["message"]
    assert (await manager.post(RATES, json=rate("2027-01", 0.95, kind="budget"))).status_code == 201
    assert (await manager.patch(one, json={"rate": 0.93})).status_code == 428
    changed = await manager.patch(one, json={"rate": 0.93}, headers={"If-Match": '"1"'})
    assert (changed.json()["data"]["rate"], changed.headers["etag"]) == (0.93, '"2"')
    assert (await manager.delete(one, headers={"If-Match": '"1"'})).status_code == 412
    assert (await manager.delete(one, headers={"If-Match": '"2"'})).status_code == 204
    assert (await manager.get(one)).status_code == 404
    with tenant_scope(tenant.id):
        actions = await scoped(AuditEvent).distinct("action", {"entity": "fx_rate"})
    assert sorted(actions) == ["fx_rate.changed", "fx_rate.created", "fx_rate.removed"]


async def test_many_months_are_saved_at_once(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    await manager.put(RATES, json={"rates": [rate("2027-01", 0.92), rate("2027-02", 0.92)]})
    again = [rate("2027-01", 0.92), rate("2027-02", 0.94), rate("2027-03", 0.95), rate("2027-01", 1.15, "GBP")]
    saved = await manager.put(RATES, json={"rates": again})
    assert saved.json()["data"] == {"inserted": 2, "updated": 1, "unchanged": 1}
    listed = (await manager.get(RATES)).json()
    assert [(row["currency"], row["month"], row["rate"], row["rev"]) for row in listed["data"]] == [
        ("GBP", "2027-01", 1.15, 1),
        ("USD", "2027-01", 0.92, 1),
        ("USD", "2027-02", 0.94, 2),
        ("USD", "2027-03", 0.95, 1),
    ]
    with tenant_scope(tenant.id):
        events = await scoped(AuditEvent).documents({"action": "fx_rate.saved"}, sort=[("at", 1)])
    assert [len((event.after or {})["rates"]) for event in events] == [2, 3]
    nothing = await manager.put(RATES, json={"rates": again})
    assert nothing.json()["data"] == {"inserted": 0, "updated": 0, "unchanged": 4}
    with tenant_scope(tenant.id):
        assert await scoped(AuditEvent).count({"action": "fx_rate.saved"}) == 2


async def test_a_list_is_filtered_and_sorted(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    many = [rate("2027-01", 1, "USD"), rate("2027-02", 2, "GBP"), rate("2027-03", 3, "USD", "actual")]
    await manager.put(RATES, json={"rates": many})

    async def found(**query: str) -> list[float]:
        answer = await manager.get(RATES, params=query)
        assert answer.status_code == 200
        return [row["rate"] for row in answer.json()["data"]]

    assert await found(kind="plan") == [2, 1]
    assert await found(currency="USD") == [3, 1]
    assert await found(month_from="2027-02") == [3, 2]
    assert await found(month_from="2027-02", month_to="2027-02") == [2]
    assert await found(sort_by="month") == [1, 2, 3]
    assert await found(sort_by="month", order="desc", limit="1") == [3]


async def test_what_counts_in_a_month_without_a_rate_is_said(sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    await manager.put(RATES, json={"rates": [rate("2027-01", 0.92), rate("2027-02", 0.94)]})
    asked = {"month": "2026-12", "months": "4"}
    answer = (await manager.get(f"{RATES}/months", params=asked)).json()["data"]
    assert (answer["base_currency"], answer["kind"]) == ("EUR", "plan")
    (dollars,) = answer["currencies"]
    assert dollars["currency"] == "USD"
    assert [(one["month"], one["rate"], one["given_for"], one["taken_over"]) for one in dollars["months"]] == [
        ("2026-12", None, None, False),
        ("2027-01", 0.92, "2027-01", False),
        ("2027-02", 0.94, "2027-02", False),
        ("2027-03", 0.94, "2027-02", True),
    ]
    unknown = (await manager.get(f"{RATES}/months", params={"month": "2027-01", "currency": "CHF"})).json()["data"]
    assert unknown["currencies"][0]["months"] == [
        {"month": "2027-01", "rate": None, "given_for": None, "taken_over": False}
    ]
    assert (await manager.get(f"{RATES}/months", params={**asked, "kind": "budget"})).json()["data"]["currencies"] == []


@pytest.mark.parametrize(
    "bad", [rate("2027-1", 1), rate("2027-13", 1), rate("2027-01", 0), rate("2027-01", -1), rate("2027-01", "0.9"),
            rate("2027-01", 1, "usd"), rate("2027-01", 1, "EUR"), rate("2027-01", 1, kind="guess"),
            {**rate("2027-01", 1), "source": "x"}]
)  # fmt: skip
async def test_what_is_no_rate_is_refused(sign_in: SignIn, bad: dict[str, Any]) -> None:
    manager = await sign_in("manager")
    assert (await manager.post(RATES, json=bad)).status_code == 422
    assert (await manager.put(RATES, json={"rates": [rate("2027-05", 1), bad]})).status_code == 422


async def test_a_month_that_is_named_twice_is_refused(sign_in: SignIn) -> None:
    twice = {"rates": [rate("2027-01", 1), rate("2027-02", 1), rate("2027-01", 2)]}
    refused = await (await sign_in("manager")).put(RATES, json=twice)
    assert refused.json()["error"]["details"] == [
        {"field": "rates.2.month", "message": "is the same month, kind and currency as rates.0"}
    ]


async def test_of_fifty_who_give_the_same_month_a_rate_one_makes_it(tenant: Tenant, sign_in: SignIn) -> None:
    manager = await sign_in("manager")
    answers = await asyncio.gather(*(manager.post(RATES, json=rate("2027-01", 1 + at)) for at in range(50)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    saves = await asyncio.gather(*(manager.put(RATES, json={"rates": [rate("2027-02", 1 + at)]}) for at in range(20)))
    assert {answer.status_code for answer in saves} == {200}
    with tenant_scope(tenant.id):
        assert await scoped(FxRate).count({}) == 2


async def test_everybody_reads_rates_and_managers_change_them(sign_in: SignIn) -> None:
    rep = await sign_in("sales_rep")
    assert (await rep.get(RATES)).status_code == 200
    assert (await rep.put(RATES, json={"rates": [rate("2027-01", 1)]})).status_code == 403
