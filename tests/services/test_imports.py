"""Importing: every kind, the same file twice, what a row may refer to, and what is said about bad rows."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from core.clock import now
from core.collections import scoped
from core.context import tenant_scope
from core.errors import InvalidInput, NotPermitted
from models.audit import AuditEvent
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.job import Mail
from models.product import Product
from models.sale import MonthStatus, SaleLine
from models.tenant import Tenant
from models.user import User
from planning.access import Actor
from planning.roles import Role
from services import imports
from services.import_kinds.tables import ImportKind
from tests import factories
from tests.imported import accepted, counts, errors, imported

CUSTOMERS = ("customer_code,name,region,group,currency", "C1,Northwind,North,Retail,EUR", "C2,Contoso,South,,")
PRODUCTS = (
    "item_code,name,category,unit,list_price,standard_cost,launch_month",
    "P1,Lamp,Light,PC,2.50,1.25,",
    "P2,Clock,Time,,10,,2026-03",
)
SALES = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price"


@pytest.fixture(autouse=True)
def company(tenant: Tenant) -> Iterator[Tenant]:
    with tenant_scope(tenant.id):
        yield tenant


async def make_masters() -> tuple[Customer, Product]:
    return await factories.make_customer("C1"), await factories.make_product("P1")


def only(inserted: int = 0, updated: int = 0, unchanged: int = 0, rejected: int = 0) -> dict[str, int]:
    return {"inserted": inserted, "updated": updated, "unchanged": unchanged, "rejected": rejected}


async def test_customers_arrive_with_all_that_the_file_says() -> None:
    job = await imported("customers", *CUSTOMERS)
    assert job.state == "succeeded"
    assert counts(job) == only(inserted=2)
    northwind, contoso = await scoped(Customer).documents(sort=[("code", 1)])
    assert (northwind.name, northwind.region, northwind.group, northwind.currency) == (
        "Northwind", "North", "Retail", "EUR",
    )  # fmt: skip
    assert northwind.search == ["c1", "northwind"]
    assert (contoso.group, contoso.currency, contoso.is_active) == (None, "EUR", True)


@pytest.mark.parametrize("kind", [kind for kind in ImportKind if kind is not ImportKind.FORECASTS])
async def test_the_same_file_twice_changes_nothing(kind: ImportKind, company: Tenant) -> None:
    await make_masters()
    await factories.make_product("P2")
    await scoped(Tenant).update_one({"_id": company.id}, {"$set": {"sheet_scope": "customer_category"}})
    rep = await factories.make_user("sales_rep", email=f"rep@{company.slug}.example")
    from_day = "email,customer_code,category,valid_from"
    people = "email,name,role,language"
    prices = "customer_code,item_code,price,valid_from,valid_to"
    past = "base_month,customer_code,item_code,month,quantity"
    files = {
        "users": (people, f"a@{company.slug}.example,A,admin,de", f"b@{company.slug}.example,B,viewer,"),
        "customers": CUSTOMERS,
        "products": PRODUCTS,
        "assignments": (from_day, f"{rep.email},C1,,2026-01-01", f"{rep.email},c1,Light,2026-01-01"),
        "matrix": ("customer_code,item_code,valid_to", "C1,P1,", "C1,p2,2026-12-31"),
        "costs": ("item_code,cost,valid_from", "P1,1.10,2026-01-01", "P2,1.20,2026-01-01"),
        "prices": (prices, "C1,P1,2.10,2026-01-01,2026-06-30", "C1,P1,2.20,2026-07-01,"),
        "fx-rates": ("month,currency,kind,rate", "2026-01,USD,,0.92", "2026-01,USD,budget,0.9"),
        "sales": (SALES, "I1,P1,1,C1,2026-01-05,3,2.5", "I1,P1,2,C1,2026-01-05,-1,2.5"),
        "past-forecasts": (past, "2025-11,C1,P1,2025-12,3", "2025-11,C1,P1,2026-01,4"),
        "budget": ("fiscal_year,month,customer_code,value", "2027,2027-01,C1,3", "2027,2027-02,,4"),
    }  # fmt: skip
    first = await imported(kind, *files[kind])
    assert counts(first)["rejected"] == 0
    second = await imported(kind, *files[kind])
    assert counts(second) == only(unchanged=2)
    assert await scoped(AuditEvent).count({"action": "import.applied"}) == 2


async def test_changed_rows_are_updated_and_fields_without_a_column_stay() -> None:
    await imported("products", *PRODUCTS)
    job = await imported("products", "item_code,name,list_price", "p1,Lamp,3.00", "P2,Clock,10")
    assert counts(job) == only(updated=1, unchanged=1)
    lamp = await scoped(Product).one({"code_key": "p1"})
    assert lamp is not None
    assert (lamp.code, lamp.list_price, lamp.standard_cost, lamp.category, lamp.rev) == (
        "P1", Decimal(3), Decimal("1.25"), "Light", 2,
    )  # fmt: skip


async def test_a_dry_run_says_the_same_and_writes_nothing() -> None:
    checked = await imported("customers", *CUSTOMERS, "C3,,,,", dry_run=True)
    assert checked.state == "succeeded"
    assert await scoped(Customer).count() == 0
    applied = await imported("customers", *CUSTOMERS, "C3,,,,")
    assert counts(checked) == counts(applied) == only(inserted=2, rejected=1)
    assert errors(checked) == errors(applied) == [(4, "name", "a value")]


async def test_all_errors_come_in_one_pass_with_the_row_that_excel_shows() -> None:
    await make_masters()
    job = await imported(
        "sales",
        SALES + ",currency",
        "I1,P1,1,C1,2026-01-05,3,2.5,EUR",
        "I1,P1,2,C9,2026-01-05,3,2.5,EUR",
        "",
        "I1,P9,3,C1,05/01/2026,x,2.5,EUR",
        "I2,P1,1,C1,2026-01-05,3,2.5,USD",
        "I1,P1,1,C1,2026-01-05,9,2.5,EUR",
    )
    assert counts(job) == only(inserted=1, rejected=4)
    assert [(row, column) for row, column, _ in errors(job)] == [
        (3, "customer_code"), (5, "invoice_date"), (5, "quantity"), (5, "item_code"), (6, "currency"), (7, "invoice"),
    ]  # fmt: skip
    assert job.findings[0]["value"] == "C9"
    assert job.findings[4]["expected"].startswith("EUR")
    assert (job.result or {})["errors"] == 6


async def test_a_header_that_does_not_fit_refuses_the_file() -> None:
    job = await imported("sales", "invoice,foo", "I1,1")
    assert job.state == "rejected"
    assert {finding["column"] for finding in job.findings} >= {"item_code", "customer_code", "quantity"}
    assert await scoped(SaleLine).count() == 0


async def test_sales_lines_are_exact_and_keyed_case_folded() -> None:
    customer, product = await make_masters()
    await imported(
        "sales", SALES + ",line_type", "I1,p1,1,c1,2026-01-05,3,2.333,", "C9,P1,1,C1,2026-02-01,-2,2.5,cancellation"
    )
    again = await imported("sales", SALES, "i1,P1,1,C1,2026-01-05,4,2.333")
    assert counts(again) == only(updated=1)
    first, second = await scoped(SaleLine).documents(sort=[("month", 1)])
    assert (first.customer_id, first.product_id, first.month, first.line_type) == (
        customer.id,
        product.id,
        "2026-01",
        "sale",
    )
    assert (first.quantity, first.unit_price, first.net_revenue) == (4_000, 233_300_000, 93_320)
    assert (second.line_type, second.quantity, second.net_revenue) == ("cancellation", -2_000, -50_000)
    assert first.import_id == again.id


async def test_lines_without_number_are_numbered_within_invoice_and_item() -> None:
    await make_masters()
    lines = ("invoice,item_code,customer_code,invoice_date,quantity,unit_price", *["I1,P1,C1,2026-01-05,3,2.5"] * 2)
    assert counts(await imported("sales", *lines)) == only(inserted=2)
    assert counts(await imported("sales", *lines)) == only(unchanged=2)
    assert sorted([line.line_number for line in await scoped(SaleLine).documents()]) == [1, 2]


async def test_the_month_follows_the_companys_basis() -> None:
    other = await factories.make_tenant(actuals_basis="delivery_date")
    with tenant_scope(other.id):
        await make_masters()
        header = SALES + ",shipped_date"
        await imported("sales", header, "I1,P1,1,C1,2026-01-31,1,1,2026-02-02", "I2,P1,1,C1,2026-01-31,1,1,")
        assert sorted([line.month for line in await scoped(SaleLine).documents()]) == ["2026-01", "2026-02"]


async def test_months_up_to_the_one_named_become_complete() -> None:
    await make_masters()
    lines = ("I1,P1,1,C1,2026-01-05,3,2.5", "I2,P1,1,C1,2026-03-05,3,2.5", "I3,P1,1,C1,2026-04-05,3,2.5")
    job = await imported("sales", SALES, *lines, complete_until="2026-03")
    assert (job.result or {})["completed_months"] == ["2026-01", "2026-02", "2026-03"]
    assert await scoped(MonthStatus).distinct("status") == ["complete"]
    again = await imported("sales", SALES, *lines, complete_until="2026-03")
    assert (again.result or {})["completed_months"] == []


async def test_matrix_prices_and_assignments_point_at_masters() -> None:
    customer, product = await make_masters()
    rep = await factories.make_user()
    await imported("matrix", "customer_code,item_code,valid_from", "C1,P1,2026-01-01", "C1,P7,2026-01-01")
    await imported("prices", "customer_code,item_code,price,valid_from,valid_to", "C1,P1,2.10,2026-01-01,2026-06-30")
    await imported("assignments", "email,customer_code,valid_from,primary", f"{rep.email.upper()},C1,2026-01-01,no")
    entry = await scoped(MatrixEntry).one({})
    assert entry is not None
    assert (entry.customer_id, entry.product_id, entry.valid_from) == (customer.id, product.id, "2026-01-01")
    price = await scoped(CustomerPrice).one({})
    assert price is not None
    assert (price.price, price.currency, price.valid_to) == (Decimal("2.1"), "EUR", "2026-06-30")
    assignment = await scoped(Assignment).one({})
    assert assignment is not None
    assert (assignment.user_id, assignment.customer_id, assignment.primary) == (rep.id, customer.id, False)


async def test_new_users_get_a_set_up_link_and_foreign_addresses_are_refused() -> None:
    elsewhere = await factories.make_tenant()
    with tenant_scope(elsewhere.id):
        taken = await factories.make_user()
    address = f"ann@{elsewhere.slug}.example"
    job = await imported("users", "email,name,role", f"{address},Ann,sales_rep", f"{taken.email},Eve,viewer")
    assert counts(job) == only(inserted=1, rejected=1)
    assert [(row, column) for row, column, _ in errors(job)] == [(3, "email")]
    ann = await scoped(User).one({"email_key": address})
    assert ann is not None
    (mail,) = await scoped(Mail).documents()
    assert (mail.user_id, mail.link_purpose) == (ann.id, "setup")


async def test_deleted_people_are_neither_changed_nor_assigned_by_a_file() -> None:
    gone = await factories.make_user("sales_rep", is_active=False, deleted_at=now())
    await factories.make_customer("C1")
    for kind, header, line in (
        ("users", "email,name,role", f"{gone.email},Another,sales_rep"),
        ("assignments", "email,customer_code,valid_from", f"{gone.email},C1,2026-01-01"),
    ):
        job = await imported(kind, header, line)
        assert counts(job) == only(rejected=1)
        assert [column for _, column, _ in errors(job)] == ["email"]
    assert (await scoped(User).get(gone.id)).name == gone.name


async def test_an_import_keeps_what_people_are_found_by() -> None:
    user = await factories.make_user("manager", name="Old Name", regions=["North"])
    job = await imported("users", "email,name,role", f"{user.email},Änn Lee,viewer")
    assert counts(job) == only(updated=1)
    changed = await scoped(User).get(user.id)
    assert (changed.name, changed.role, changed.regions, changed.rev) == ("Änn Lee", "viewer", [], 2)
    assert {"ann", "lee"} <= set(changed.search)


async def test_the_last_admin_can_not_be_imported_away() -> None:
    admin = await factories.make_user("admin")
    job = await imported("users", "email,name,role", f"{admin.email},{admin.name},viewer")
    assert counts(job) == only(rejected=1)
    assert "last admin who can sign in" in errors(job)[0][2]


async def test_another_companys_codes_are_unknown_here() -> None:
    other = await factories.make_tenant()
    with tenant_scope(other.id):
        await make_masters()
    job = await imported("sales", SALES, "I1,P1,1,C1,2026-01-05,3,2.5")
    assert counts(job) == only(rejected=1)
    assert {column for _, column, _ in errors(job)} == {"customer_code", "item_code"}


async def test_who_may_import_what() -> None:
    manager, admin = Actor(Role.MANAGER), Actor(Role.ADMIN)
    await imports.check_allowed(manager, ImportKind.SALES)
    await imports.check_allowed(admin, ImportKind.USERS)
    await imports.check_allowed(Actor(Role.MANAGER, frozenset({"keep_actuals"})), ImportKind.SALES, "2026-01")
    for actor, kind, month in (
        (manager, ImportKind.USERS, None),
        (manager, ImportKind.SALES, "2026-01"),
        (Actor(Role.SALES_REP), ImportKind.SALES, None),
    ):
        with pytest.raises(NotPermitted):
            await imports.check_allowed(actor, kind, month)
    for kind, month in ((ImportKind.PRICES, "2026-01"), (ImportKind.SALES, "2199-01")):
        with pytest.raises(InvalidInput):
            await imports.check_allowed(admin, kind, month)


async def test_an_import_is_read_with_counts_and_errors() -> None:
    job = await imported("customers", *CUSTOMERS, "C3,,,,")
    shown = await imports.read(job.id)
    assert (shown["state"], shown["counts"]["inserted"], shown["counts"]["rejected"]) == ("succeeded", 2, 1)
    assert shown["errors"] == [
        {"sheet": "", "row": 4, "column": "name", "letter": "B", "value": "", "expected": "a value", "conflict": False}
    ]
    waiting = await imports.read((await accepted("customers", *CUSTOMERS)).id)
    assert (waiting["state"], waiting["errors"]) == ("queued", [])
