"""The calendar over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from models.tenant import Tenant
from tests import factories
from tests.api.conftest import SignIn
from tests.people import somebody

CALENDAR = "/api/v1/calendar"
DAYS = f"{CALENDAR}/days"


async def test_everybody_reads_the_calendar_and_an_admin_changes_it(sign_in: SignIn) -> None:
    async with await sign_in("admin") as admin, await sign_in("sales_rep") as rep:
        before = await rep.get(CALENDAR, params={"from_month": "2026-12", "to_month": "2026-12"})
        assert before.headers["ETag"] == '"1"'
        assert before.json()["data"]["months"] == [
            {
                "month": "2026-12", "first_day": "2026-12-01", "last_day": "2026-12-31", "days": 31, "working_days": 23,
                "fiscal_year": 2026, "fiscal_quarter": 4, "fiscal_period": 12,
            }
        ]  # fmt: skip
        body = {
            "holiday_country": "DE",
            "holiday_subdivision": "BE",
            "month_pattern": "4-4-5",
            "working_weekdays": [5, 1],
        }
        changed = await admin.patch(CALENDAR, json=body, headers={"If-Match": before.headers["ETag"]})
        assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
        assert changed.json()["data"]["working_weekdays"] == [1, 5]
        (december,) = (await rep.get(CALENDAR, params={"from_month": "2026-12", "to_month": "2026-12"})).json()["data"][
            "months"
        ]
        assert (december["first_day"], december["last_day"], december["days"]) == ("2026-11-23", "2027-01-03", 42)
        assert december["working_days"] == 12 - 2, "six weeks of two days without Christmas Day and New Year's Day"
        assert len((await rep.get(CALENDAR)).json()["data"]["months"]) == 12
        refused = await rep.patch(CALENDAR, json=body, headers={"If-Match": '"2"'})
        assert refused.status_code == 403


async def test_a_change_names_the_version_that_was_read(sign_in: SignIn) -> None:
    async with await sign_in("admin") as admin:
        body = {"count_working_days": True}
        assert (await admin.patch(CALENDAR, json=body)).status_code == 428
        assert (await admin.patch(CALENDAR, json=body, headers={"If-Match": '"7"'})).status_code == 412
        assert (await admin.patch(CALENDAR, json=body, headers={"If-Match": "latest"})).status_code == 422
        assert (await admin.patch(CALENDAR, json=body, headers={"If-Match": '"1"'})).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"time_zone": None}, "time_zone"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"base_currency": "euro"}, "base_currency"),
        ({"fiscal_year_start_month": 13}, "fiscal_year_start_month"),
        ({"fiscal_year_start_month": "4"}, "fiscal_year_start_month"),
        ({"month_pattern": "4-4-4"}, "month_pattern"),
        ({"working_weekdays": []}, "working_weekdays"),
        ({"working_weekdays": [0]}, "working_weekdays"),
        ({"working_weekdays": [1, 1]}, "working_weekdays"),
        ({"working_weekdays": [True]}, "working_weekdays"),
        ({"holiday_country": "de"}, "holiday_country"),
        ({"holiday_country": "ZZ"}, "holiday_country"),
        ({"holiday_country": "DE", "holiday_subdivision": "Texas"}, "holiday_subdivision"),
        ({"count_working_days": 1}, "count_working_days"),
        ({"rev": 2}, "rev"),
        ({"facts_begun": 0}, "facts_begun"),
    ],
)
async def test_settings_that_do_not_fit_are_refused_by_name(sign_in: SignIn, body: dict[str, Any], field: str) -> None:
    async with await sign_in("admin") as admin:
        refused = await admin.patch(CALENDAR, json=body, headers={"If-Match": '"1"'})
        assert refused.status_code == 422, refused.text
        assert refused.json()["error"]["details"][0]["field"].split(".")[0] == field


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from_month": "2026-13"}, "from_month"),
        ({"from_month": "2026-12", "to_month": "2026-11"}, "to_month"),
        ({"from_month": "2000-01", "to_month": "2099-12"}, "to_month"),
        ({"year": "2026"}, "year"),
    ],
)
async def test_a_span_that_does_not_fit_is_refused(sign_in: SignIn, query: dict[str, str], field: str) -> None:
    async with await sign_in("viewer") as viewer:
        refused = await viewer.get(CALENDAR, params=query)
        assert refused.status_code == 422
        assert refused.json()["error"]["details"][0]["field"] == field


async def test_what_sales_fix_can_not_change_and_says_why(tenant: Tenant, sign_in: SignIn) -> None:
    async with await sign_in("admin") as admin:
        created = await admin.post("/api/v1/sop/cycles", json={"name": "x", "opens_at": "2099-12-01T07:00:00Z"})
        assert created.status_code == 201, created.text
        refused = await admin.patch(CALENDAR, json={"month_pattern": "4-4-5"}, headers={"If-Match": '"1"'})
        assert refused.status_code == 409
        assert "there are cycles" in refused.json()["error"]["message"]


async def test_deadlines_that_nobody_said_are_counted_and_reminders_shown(sign_in: SignIn) -> None:
    async with await sign_in("admin") as admin:
        settings = {"time_zone": "Europe/Berlin", "holiday_country": "DE", "holiday_subdivision": "BE"}
        await admin.patch(CALENDAR, json=settings, headers={"If-Match": '"1"'})
        body: dict[str, Any] = {"name": "x", "opens_at": "2098-12-15T08:00:00Z", "reminder_offsets_days": [2, 1]}
        body["count_working_days"] = True
        created = await admin.post("/api/v1/sop/cycles", json=body)
        assert created.status_code == 201, created.text
        cycle = created.json()["data"]
        # From Monday the 15th: 16-19, 22-24, 29-31 are ten working days; then 2 January (a Friday) and 5-8.
        assert (cycle["entry_closes_at"], cycle["closes_at"]) == ("2098-12-31T08:00:00Z", "2099-01-08T08:00:00Z")
        assert cycle["reminder_times"] == ["2098-12-29T08:00:00Z", "2098-12-30T08:00:00Z"]
        (listed,) = (await admin.get("/api/v1/sop/cycles")).json()["data"]
        assert listed["reminder_times"] == cycle["reminder_times"]
        neither = await admin.post("/api/v1/sop/cycles", json={"name": "x"})
        assert neither.status_code == 422
        assert neither.json()["error"]["details"][0]["field"] == "entry_closes_at"


async def _added(client: httpx.AsyncClient, day: str, **changes: Any) -> dict[str, Any]:
    answer = await client.post(DAYS, json={"day": day, "name": "Stocktaking", **changes})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def test_days_of_the_company_are_added_listed_changed_and_removed(sign_in: SignIn) -> None:
    async with await sign_in("admin") as admin, await sign_in("manager") as manager:
        key = {"Idempotency-Key": uuid4().hex}
        body = {"day": "2026-12-31", "name": "Stocktaking"}
        answers = [await admin.post(DAYS, json=body, headers=key) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        first = await manager.get(answers[0].headers["Location"])
        assert (first.headers["ETag"], first.json()["data"]["working"]) == ('"1"', False)
        again = await admin.post(DAYS, json=body)
        assert again.status_code == 409
        await _added(admin, "2027-05-01", working=True)
        listed = await manager.get(DAYS, params={"year": 2026})
        assert [row["day"] for row in listed.json()["data"]] == ["2026-12-31"]
        worked = await manager.get(DAYS, params={"working": "true"})
        assert [row["day"] for row in worked.json()["data"]] == ["2027-05-01"]
        newest = await manager.get(DAYS, params={"order": "desc", "limit": 1})
        assert (newest.json()["data"][0]["day"], newest.json()["meta"]["total"]) == ("2027-05-01", 2)
        path = answers[0].headers["Location"]
        changed = await admin.patch(path, json={"name": "Counting"}, headers={"If-Match": '"1"'})
        assert (changed.json()["data"]["name"], changed.headers["ETag"]) == ("Counting", '"2"')
        assert (await admin.delete(path)).status_code == 428
        assert (await admin.delete(path, headers={"If-Match": '"1"'})).status_code == 412
        assert (await admin.delete(path, headers={"If-Match": '"2"'})).status_code == 204
        assert (await admin.get(path)).status_code == 404
        assert (await admin.patch(path, json={"name": "x"}, headers={"If-Match": '"2"'})).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"day": "2026-02-30", "name": "x"}, "day"),
        ({"day": "31.12.2026", "name": "x"}, "day"),
        ({"day": "2026-12-31", "name": " "}, "name"),
        ({"day": "2026-12-31"}, "name"),
        ({"day": "2026-12-31", "name": "x", "working": "no"}, "working"),
        ({"day": {"$ne": None}, "name": "x"}, "day"),
        ({"day": "2026-12-31", "name": "x", "tenant_id": str(uuid4())}, "tenant_id"),
    ],
)
async def test_a_day_that_does_not_fit_is_refused(sign_in: SignIn, body: dict[str, Any], field: str) -> None:
    async with await sign_in("admin") as admin:
        refused = await admin.post(DAYS, json=body)
        assert refused.status_code == 422
        assert field in [detail["field"].split(".")[0] for detail in refused.json()["error"]["details"]]


async def test_another_companys_day_is_not_there(app: FastAPI, sign_in: SignIn) -> None:
    other = await factories.make_tenant()
    async with await sign_in("admin") as admin:
        day = await _added(admin, "2026-12-31")
        _, stranger = await somebody(app, other.id, "admin")
        path = f"{DAYS}/{day['id']}"
        assert (await stranger.get(path)).status_code == 404
        assert (await stranger.patch(path, json={"name": "x"}, headers={"If-Match": '"1"'})).status_code == 404
        assert (await stranger.delete(path, headers={"If-Match": '"1"'})).status_code == 404
        await _added(stranger, "2026-12-31")
        assert (await admin.get(path)).json()["data"] == day


async def test_public_holidays_and_countries_are_listed(sign_in: SignIn) -> None:
    async with await sign_in("viewer") as viewer:
        none = (await viewer.get(f"{CALENDAR}/holidays", params={"year": 2026})).json()["data"]
        assert none == {"year": 2026, "country": None, "subdivision": None, "days": []}
        england = await viewer.get(f"{CALENDAR}/holidays", params={"year": 2026, "country": "GB", "subdivision": "ENG"})
        assert "Boxing Day" in [day["name"] for day in england.json()["data"]["days"]]
        for query in ("", "year=1999", "year=2026&country=XX", "year=2026&subdivision=ENG"):
            assert (await viewer.get(f"{CALENDAR}/holidays?{query}")).status_code == 422
        found = (await viewer.get(f"{CALENDAR}/countries", params={"name": "united king"})).json()
        assert [(row["code"], row["name"]) for row in found["data"]] == [("GB", "United Kingdom")]
        second = (await viewer.get(f"{CALENDAR}/countries", params={"page": 2, "limit": 100})).json()
        assert (len(second["data"]), second["meta"]["has_next"]) == (100, True)
