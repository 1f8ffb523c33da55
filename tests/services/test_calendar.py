"""The company's calendar: what its settings make of months and days, and which of them can still change."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from core.collections import scoped
from core.context import tenant_scope
from core.errors import Conflict, InvalidInput, NotFound, StaleVersion
from core.listing import Window
from models.audit import AuditEvent
from models.calendar import CompanyDay
from models.customer import Customer
from models.cycle import Cycle
from models.forecast import Line
from models.product import Product
from models.sale import SaleLine
from models.tenant import Tenant
from planning.calendar import MonthPattern, MonthRule
from services import calendar, company_days, cycle_moves, cycles, holiday_table, price_answers, tenants
from services.cycles import CycleDraft
from tests import factories
from tests.companies import ENTRY_CLOSES, NOW, OPENS, draft_cycle, make_company, open_cycle
from tests.imported import accepted, counts, imported

SALES = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price"
WEEKS = {"month_pattern": "4-4-5"}
IN_BERLIN = {"time_zone": "Europe/Berlin", "holiday_country": "DE", "holiday_subdivision": "BE"}


@pytest.fixture(autouse=True)
def company(tenant: Tenant) -> Iterator[Tenant]:
    with tenant_scope(tenant.id):
        yield tenant


async def decide(**changes: Any) -> Tenant:
    """Change settings from their current version."""
    return await calendar.change_settings((await calendar.settings()).rev, changes)


async def make_masters() -> tuple[Customer, Product]:
    return await factories.make_customer("C1"), await factories.make_product("P1")


async def test_months_have_working_days_by_weekdays_holidays_and_own_days() -> None:
    await decide(**IN_BERLIN)
    await company_days.add("2026-12-31", "Stocktaking", working=False)
    await company_days.add("2026-12-26", "Sale", working=True)
    found = await calendar.overview("2026-12", "2026-12", NOW)
    (december,) = found["months"]
    # 23 weekdays without Christmas Day (a Friday) and the 31st, with the Saturday that is worked.
    assert (december["first_day"], december["last_day"], december["working_days"]) == ("2026-12-01", "2026-12-31", 22)
    assert found["running_month"] == "2026-11"


async def test_by_default_the_running_fiscal_year_is_shown() -> None:
    await decide(fiscal_year_start_month=4)
    months = (await calendar.overview(None, None, NOW))["months"]
    assert (months[0]["month"], months[-1]["month"], len(months)) == ("2026-04", "2027-03", 12)
    assert {month["fiscal_year"] for month in months} == {2027}
    assert [month["month"] for month in (await calendar.overview("2027-02", None, NOW))["months"]] == [
        "2027-02", "2027-03",
    ]  # fmt: skip
    assert len((await calendar.overview(None, "2026-05", NOW))["months"]) == 2


@pytest.mark.parametrize(("first", "last"), [("2026-12", "2026-11"), ("2001-01", "2021-01")])
async def test_a_span_must_run_forwards_and_end(first: str, last: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await calendar.overview(first, last, NOW)
    assert [detail.field for detail in refusal.value.details] == ["to_month"]


async def test_a_change_of_settings_is_told_and_made_from_the_version_that_was_read(company: Tenant) -> None:
    changed = await decide(month_pattern="4-4-5", working_weekdays=[1, 2, 3, 4])
    assert (changed.month_pattern, changed.working_weekdays, changed.rev) == ("4-4-5", [1, 2, 3, 4], 2)
    assert await calendar.month_rule() == MonthRule(MonthPattern.WEEKS_4_4_5, 1)
    (event,) = await scoped(AuditEvent).documents({"action": "tenant.calendar_changed"})
    assert event.before == {"month_pattern": "calendar", "working_weekdays": [1, 2, 3, 4, 5]}
    with pytest.raises(StaleVersion):
        await calendar.change_settings(1, {"count_working_days": True})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"holiday_country": "XX"}, "holiday_country"),
        ({"holiday_country": "DE", "holiday_subdivision": "TX"}, "holiday_subdivision"),
        ({"holiday_country": "AW", "holiday_subdivision": "TX"}, "holiday_subdivision"),
        ({"holiday_subdivision": "BE"}, "holiday_subdivision"),
    ],
)
async def test_what_does_not_exist_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await decide(**changes)
    assert [detail.field for detail in refusal.value.details] == [field]


async def test_another_country_is_the_whole_country() -> None:
    await decide(**IN_BERLIN)
    assert (await decide(holiday_country="GB")).holiday_subdivision is None
    assert (await decide(holiday_country=None)).holiday_country is None


@pytest.mark.parametrize("fact", ["cycle", "sale", "import"])
@pytest.mark.parametrize("changes", [{"base_currency": "GBP"}, WEEKS])
async def test_currency_and_months_are_fixed_by_the_first_fact(changes: dict[str, Any], fact: str) -> None:
    await make_masters()
    if fact == "cycle":
        await draft_cycle()
    elif fact == "sale":
        await imported("sales", SALES, "I1,P1,1,C1,2026-01-05,3,2.5")
    else:
        await accepted("sales", SALES, "I1,P1,1,C1,2026-01-05,3,2.5")
    with pytest.raises(Conflict, match="can't change any more"):
        await decide(**changes)
    unchanged = {"base_currency": "EUR", "month_pattern": "calendar"}
    assert (await decide(**unchanged, fiscal_year_start_month=7, time_zone="Europe/Paris")).rev == 2


async def test_with_weeks_the_start_of_the_year_is_fixed_too() -> None:
    await decide(**WEEKS)
    await draft_cycle()
    with pytest.raises(Conflict):
        await decide(fiscal_year_start_month=4)
    with pytest.raises(Conflict):
        await decide(month_pattern="calendar")


async def test_a_first_cycle_and_a_change_at_the_same_time_do_not_pass_each_other_by() -> None:
    done = await asyncio.gather(draft_cycle(), decide(**WEEKS), draft_cycle("second"), return_exceptions=True)
    tenant = await calendar.settings()
    refused = [one for one in done if isinstance(one, Exception)]
    assert all(isinstance(one, Conflict) for one in refused)
    assert {cycle.month_pattern for cycle in await scoped(Cycle).documents()} == {tenant.month_pattern}


async def test_sales_fall_into_the_companys_months() -> None:
    await make_masters()
    await decide(**WEEKS)
    # 4-4-5 from January: 2026-01 ends on Sunday 25 January, 2026-12 on Sunday 3 January 2027.
    rows = [
        f"I{at},P1,1,C1,{day},3,2.5" for at, day in enumerate(("2025-12-29", "2026-01-25", "2026-01-26", "2027-01-03"))
    ]
    assert counts(await imported("sales", SALES, *rows))["inserted"] == 4
    found = {
        row["invoice_date"]: row["month"] for row in await scoped(SaleLine).rows({}, {"invoice_date": 1, "month": 1})
    }
    assert found == {
        "2025-12-29": "2026-01", "2026-01-25": "2026-01", "2026-01-26": "2026-02", "2027-01-03": "2026-12",
    }  # fmt: skip


async def test_the_date_that_decides_falls_into_them_as_well(company: Tenant) -> None:
    await make_masters()
    await scoped(Tenant).update_one({"_id": company.id}, {"$set": {"actuals_basis": "delivery_date"}})
    await decide(**WEEKS)
    header = f"{SALES},shipped_date"
    await imported("sales", header, "I1,P1,1,C1,2026-01-05,3,2.5,2026-01-26", "I2,P1,1,C1,2026-01-05,3,2.5,")
    assert sorted(await scoped(SaleLine).distinct("month")) == ["2026-01", "2026-02"]


async def test_a_price_counts_when_it_is_valid_on_the_first_day_of_the_companys_month() -> None:
    """2027-01 begins on Monday 4 January 2027 in weeks, and on the 1st by the calendar."""
    prices = {}
    for pattern in ("calendar", "4-4-5"):
        other = await factories.make_tenant(month_pattern=pattern)
        with tenant_scope(other.id):
            company = await make_company()
            await factories.price(company.customer, company.tea, "9.00", valid_from="2027-01-02")
            cycle = await open_cycle()
            line = await scoped(Line).one({"cycle_id": cycle.id, "product_id": company.tea.id})
            assert line is not None
            prices[pattern] = [(cell.price_source, cell.price) for cell in line.cells[:2]]
    assert prices["calendar"] == [("list", 250_000_000), ("customer", 900_000_000)]
    assert prices["4-4-5"] == [("customer", 900_000_000)] * 2


async def test_a_product_is_planned_when_it_may_be_ordered_within_the_companys_months() -> None:
    for pattern, planned in (("calendar", 1), ("4-4-5", 0)):
        other = await factories.make_tenant(month_pattern=pattern)
        with tenant_scope(other.id):
            customer, product = await make_masters()
            await factories.allow(customer, product, valid_to="2027-01-03")
            cycle = await open_cycle()
            assert await scoped(Line).count({"cycle_id": cycle.id}) == planned


async def test_a_cycle_starts_with_the_companys_month_after_entry_closes() -> None:
    await decide(**WEEKS)
    # 2026-11-23 is the first day of the month 2026-12 in weeks.
    entry_closes = datetime(2026, 11, 23, 17, tzinfo=UTC)
    cycle = await cycles.create(CycleDraft("x", entry_closes), NOW)
    assert (cycle.base_month, cycle.start_month, cycle.month_pattern) == ("2026-12", "2027-01", "4-4-5")


async def test_without_entry_closes_at_the_days_of_entry_are_counted_from_the_opening() -> None:
    await decide(time_zone="Europe/Berlin")
    opens = datetime(2027, 3, 22, 16, tzinfo=UTC)  # 17:00 in winter time; summer time begins on the 28th
    cycle = await cycles.create(CycleDraft("x", opens_at=opens), NOW)
    assert cycle.entry_closes_at == datetime(2027, 4, 1, 15, tzinfo=UTC)
    assert cycle.closes_at == datetime(2027, 4, 6, 15, tzinfo=UTC)
    assert cycle.count_working_days is False


async def test_deadlines_and_reminders_count_working_days_when_asked() -> None:
    await decide(**IN_BERLIN, count_working_days=True)
    await company_days.add("2026-12-23", "Works outing", working=False)
    opens = datetime(2026, 12, 14, 16, tzinfo=UTC)
    cycle = await cycles.create(CycleDraft("x", opens_at=opens), NOW)
    # 10 working days after Monday the 14th, and 5 more: no weekends, no 23rd, no Christmas Day, no New Year's Day.
    assert cycle.entry_closes_at == datetime(2026, 12, 30, 16, tzinfo=UTC)
    assert cycle.closes_at == datetime(2027, 1, 7, 16, tzinfo=UTC)
    assert cycle.reminder_offsets_days == []
    other = await cycles.create(CycleDraft("y", opens_at=opens, reminder_offsets_days=(7, 3, 1)), NOW)
    assert [at.day for at in other.reminder_times] == [17, 24, 29]
    every_day = await cycles.create(
        CycleDraft("z", opens_at=opens, count_working_days=False, reminder_offsets_days=(1,)), NOW
    )
    assert every_day.entry_closes_at == datetime(2026, 12, 24, 16, tzinfo=UTC)
    assert [at.day for at in every_day.reminder_times] == [23]


async def test_a_cycle_without_any_deadline_is_refused_with_what_to_send() -> None:
    with pytest.raises(InvalidInput) as refusal:
        await cycles.create(CycleDraft("x"), NOW)
    (detail,) = refusal.value.details
    assert detail.field == "entry_closes_at"
    assert "opens_at" in detail.message


async def test_reminders_follow_moved_deadlines_and_new_offsets_and_nothing_else() -> None:
    cycle = await draft_cycle(reminder_offsets_days=(3,))
    assert cycle.reminder_times == [ENTRY_CLOSES - timedelta(days=3)]
    await decide(count_working_days=True, working_weekdays=[1])
    renamed = (await cycle_moves.reschedule(cycle.id, NOW, {"name": "other"}, None)).cycle
    assert renamed.reminder_times == cycle.reminder_times
    later = {"entry_closes_at": ENTRY_CLOSES + timedelta(days=1)}
    moved = (await cycle_moves.reschedule(cycle.id, NOW, later, None)).cycle
    assert moved.reminder_times == [ENTRY_CLOSES - timedelta(days=2)]
    fewer = (await cycle_moves.reschedule(cycle.id, NOW, {"reminder_offsets_days": [1, 9]}, None)).cycle
    assert fewer.reminder_times == [ENTRY_CLOSES - timedelta(days=8), ENTRY_CLOSES]
    opened = (await cycle_moves.reschedule(cycle.id, NOW, {"opens_at": OPENS + timedelta(days=4)}, None)).cycle
    assert opened.reminder_times == [ENTRY_CLOSES]


async def test_a_day_of_the_company_is_there_once() -> None:
    day = await company_days.add("2026-12-31", "Stocktaking", working=False)
    with pytest.raises(Conflict, match="2026-12-31 already"):
        await company_days.add("2026-12-31", "Party", working=False)
    other = await company_days.add("2026-12-30", "Party", working=False)
    with pytest.raises(Conflict):
        await company_days.change(other.id, 1, {"day": "2026-12-31"})
    changed = await company_days.change(day.id, 1, {"name": "Counting", "working": True})
    assert (changed.name, changed.working, changed.rev) == ("Counting", True, 2)
    with pytest.raises(StaleVersion):
        await company_days.remove(day.id, 1)
    await company_days.remove(day.id, 2)
    with pytest.raises(NotFound):
        await company_days.get(day.id)
    actions = await scoped(AuditEvent).distinct("action", {"entity": "company_day"})
    assert sorted(actions) == ["company_day.changed", "company_day.created", "company_day.removed"]


async def test_of_many_who_add_one_day_one_succeeds() -> None:
    tries = (company_days.add("2026-12-31", f"Day {at}", working=False) for at in range(10))
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, CompanyDay) for one in done) == 1
    assert all(isinstance(one, CompanyDay | Conflict) for one in done)


async def test_public_holidays_are_shown_with_what_the_company_makes_of_them() -> None:
    assert (await company_days.holidays(2026, None, None))["days"] == []
    await decide(**IN_BERLIN)
    await company_days.add("2026-05-01", "Spring fair", working=True)
    found = await company_days.holidays(2026, None, None)
    assert (found["country"], found["subdivision"]) == ("DE", "BE")
    days = {day["day"]: day for day in found["days"]}
    assert days["2026-12-25"] == {"day": "2026-12-25", "name": "Christmas Day", "weekday": 5, "worked": False}
    assert days["2026-05-01"]["worked"] is True
    assert "2026-03-08" in days, "International Women's Day, in Berlin only"
    assert "2026-03-08" not in [day["day"] for day in (await company_days.holidays(2026, "DE", "BY"))["days"]]
    with pytest.raises(InvalidInput) as refusal:
        await company_days.holidays(2026, "DE", "TX")
    assert [detail.field for detail in refusal.value.details] == ["subdivision"]


async def test_countries_are_listed_and_found() -> None:
    page = await company_days.list_countries(None, Window(limit=3, sort=[("name", -1)]))
    assert [row["name"] for row in page.rows] == ["Zimbabwe", "Zambia", "Yemen"]
    assert (page.has_next, (page.total or 0) > 200) == (True, True)
    (germany,) = (await company_days.list_countries("germ", Window())).rows
    assert germany["code"] == "DE"
    assert {"code": "BE", "name": "Berlin"} in germany["subdivisions"]


@pytest.mark.parametrize("year", [holiday_table.FIRST_YEAR, 2026, holiday_table.LAST_YEAR])
def test_every_country_answers_for_every_year(year: int) -> None:
    """Also where the library knows a few decades only and warns about it."""
    for country in holiday_table.countries():
        for day, name in holiday_table.public_holidays(country.code, None, year).items():
            assert isinstance(day, date)
            assert name


async def test_a_company_may_begin_in_a_country() -> None:
    made = await tenants.create_tenant(
        f"x-{(await calendar.settings()).id.hex[:12]}", "X", holiday_country="DE", holiday_subdivision="BE"
    )
    assert (made.holiday_country, made.holiday_subdivision, made.month_pattern) == ("DE", "BE", "calendar")
    with pytest.raises(InvalidInput):
        await tenants.create_tenant("another", "X", holiday_country="XX")


async def test_a_price_is_told_for_the_first_day_of_the_companys_month_and_what_may_be_ordered_in_it() -> None:
    """In weeks 2026-12 goes from 23 November to 3 January."""
    customer, product = await make_masters()
    await factories.allow(customer, product, valid_from="2027-01-02")
    await factories.price(customer, product, "9.00", valid_from="2026-11-24")

    async def told(**settings: str) -> list[str]:
        await decide(**settings)
        row = {"_id": customer.id, "code": customer.code, "currency": "EUR"}
        found = await price_answers.answer(price_answers.Question(row, ["2026-12"]))
        return [span["source"] for line in found["products"] for span in line["prices"]]

    assert await told(month_pattern="calendar") == []
    assert await told(**WEEKS) == ["list"]
