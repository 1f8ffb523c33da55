"""Undoing imports: everything is as before, whatever the kind; what came after the import is never undone with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from activities.imports import undo_import_job
from core.clock import now
from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import Conflict, NotFound, Unavailable
from core.mongo import RawDocument
from core.sheets import FileFormat
from models.audit import AuditEvent
from models.customer import Customer, CustomerPrice, MatrixEntry
from models.imports import JournalBatch
from models.job import Job
from models.product import Product, ProductCost
from models.sale import MonthStatus, OrderRollup, RollupState, SaleLine, SalesRollup
from models.tenant import Tenant
from models.user import User
from services import jobs, months, revisions, rollups, sale_corrections, undo
from services.import_apply.writers import WRITERS
from services.import_journal import JOURNALED
from services.import_kinds.tables import ImportKind
from services.undo_documents import Documents, DocumentStep
from services.undo_step import Undoing
from tests import factories
from tests.exported import exported
from tests.imported import a_caller, accepted, counts, imported, undone
from tests.interrupted import Killed

SALES = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price"
BUDGET = "fiscal_year,month,customer_code,item_code,quantity,value"
BOOKKEEPING = ("rev", "updated_at", "matrix_rev", "price_rev")

REP = "rep@{slug}.example"
FILES: dict[str, tuple[tuple[str, ...], tuple[str, ...], dict[str, int]]] = {
    "customers": (
        ("customer_code,name,region,aliases", "N1,Northwind,North,NW;Nord", "N2,Contoso,South,"),
        ("customer_code,name,region,status", "n1,Northwind Ltd,,inactive", "N2,Contoso,South,", "N3,New,East,"),
        {"removed": 1, "restored": 1},
    ),
    "products": (
        ("item_code,name,list_price,unit", "N1,Lamp,2.50,PC", "N2,Clock,10,PC"),
        (
            "item_code,name,list_price,unit,successor,successor_from",
            "N1,Lamp,3,PC,N3,2027-01", "N2,Clock,10,PC,,", "N3,Better lamp,4,PC,,",
        ),
        {"removed": 1, "restored": 1},
    ),
    "assignments": (
        ("email,customer_code,valid_from", f"{REP},C1,2026-01-01"),
        (
            "email,customer_code,valid_from,valid_to",
            f"{REP},C1,2026-01-01,2026-06-30", f"{REP},C1,2026-07-01,", f"{REP},C2,2026-01-01,",
        ),
        {"removed": 2, "restored": 1},
    ),
    "matrix": (
        ("customer_code,item_code,valid_to", "C1,P1,", "C1,P2,2026-12-31"),
        ("customer_code,item_code,valid_to", "C1,P1,2027-01-31", "C1,P2,2026-12-31", "C2,P1,"),
        {"removed": 1, "restored": 1},
    ),
    "prices": (
        ("customer_code,item_code,price,valid_from", "C1,P1,2.10,2026-01-01", "C1,P2,7,2026-01-01"),
        (
            "customer_code,item_code,price,valid_from,valid_to",
            "C1,P1,2.10,2026-01-01,2026-06-30", "C1,P1,2.20,2026-07-01,", "C1,P2,7,2026-01-01,",
        ),
        {"removed": 1, "restored": 1},
    ),
    "costs": (
        ("item_code,cost,valid_from", "P1,1.10,2026-01-01", "P2,1.20,2026-01-01"),
        (
            "item_code,cost,valid_from,valid_to",
            "P1,1.15,2026-01-01,2026-06-30", "P1,1.30,2026-07-01,", "P2,1.20,2026-01-01,",
        ),
        {"removed": 1, "restored": 1},
    ),
    "fx-rates": (
        ("kind,currency,month,rate", "plan,USD,2026-01,0.9", "plan,USD,2026-02,0.91"),
        ("kind,currency,month,rate", "plan,USD,2026-01,0.95", "plan,USD,2026-02,0.91", "plan,GBP,2026-01,1.2"),
        {"removed": 1, "restored": 1},
    ),
    "sales": (
        (SALES, "I1,P1,1,C1,2026-01-05,3,2.5", "I1,P2,1,C1,2026-01-05,1,2.5", "I2,P1,1,C2,2026-02-05,4,2"),
        (SALES, "I1,P1,1,C2,2026-03-05,9,2.5", "I1,P2,1,C1,2026-01-05,1,2.5", "I3,P1,1,C2,2026-02-07,1,2"),
        {"removed": 1, "restored": 1},
    ),
    "budget": (
        (BUDGET, "2026,2026-01,C1,P1,5,100", "2026,2026-02,C1,,,70"),
        (
            BUDGET,
            "2026,2026-01,C1,P1,,120", "2026,2026-02,C1,,,70", "2026,2026-01,,P2,3,",
        ),
        {"removed": 1, "restored": 1},
    ),
}  # fmt: skip
"""By kind: what is there, the file that is undone, and what undoing it does."""
OF_PLANS = {"forecasts", "past-forecasts"}
"""Kinds that are undone cell by cell: `test_undo_plans`."""
NOTHING = {"removed": 0, "restored": 0, "put_back": 0, "blocked": 0}


@pytest.fixture(autouse=True)
async def company(tenant: Tenant) -> AsyncIterator[Tenant]:
    with tenant_scope(tenant.id):
        for code in ("C1", "C2"):
            await factories.make_customer(code)
        for code in ("P1", "P2"):
            await factories.make_product(code, unit="PC")
        await factories.make_user("sales_rep", email=REP.format(slug=tenant.slug))
        yield tenant


async def everything() -> dict[str, dict[UUID, RawDocument]]:
    """All that imports may change, without what only counts changes."""
    found = {}
    for name, model in JOURNALED.items():
        rows = await scoped(model).rows()
        found[name] = {row["_id"]: {k: v for k, v in row.items() if k not in BOOKKEEPING} for row in rows}
    return found


async def figures() -> list[Any]:
    """The rollups, after those that are behind were computed."""
    await rollups.refresh()
    hidden = ("_id", "claim", "tenant_id")
    return [
        sorted(repr({k: v for k, v in row.items() if k not in hidden}) for row in await scoped(model).rows())
        for model in (SalesRollup, OrderRollup)
    ]


def lines(kind: str, which: int, company: Tenant) -> list[str]:
    rows: tuple[str, ...] = FILES[kind][which]  # type: ignore[assignment]
    return [row.replace("{slug}", company.slug) for row in rows]


def test_every_kind_can_be_undone_or_says_why_not() -> None:
    kinds = {str(kind) for kind, writer in WRITERS.items() if writer.journaled}
    assert kinds == set(FILES) | OF_PLANS


@pytest.mark.parametrize("kind", sorted(FILES))
async def test_after_an_undo_everything_is_as_before(kind: str, company: Tenant) -> None:
    first = await imported(kind, *lines(kind, 0, company))
    assert counts(first)["rejected"] == 0, first.findings
    before, sold = await everything(), await figures()
    job = await imported(kind, *lines(kind, 1, company))
    assert counts(job)["rejected"] == 0, job.findings
    assert await everything() != before
    planned = await undo.preview(job.id, now())
    assert (planned.refusal, planned.blocked) == (None, [])
    ended = await undone(job.id)
    expected = NOTHING | FILES[kind][2]
    assert ended.state == "succeeded"
    assert {name: (ended.result or {})[name] for name in expected} == expected
    assert ended.progress == expected
    assert await everything() == before
    assert await figures() == sold


@pytest.mark.parametrize("file_format", ["xlsx", "csv"])
@pytest.mark.parametrize("kind", sorted(FILES))
async def test_after_an_undo_exports_are_the_same_byte_for_byte(
    kind: str, file_format: FileFormat, company: Tenant
) -> None:
    await imported(kind, *lines(kind, 0, company))
    before = await exported(ImportKind(kind), file_format)
    job = await imported(kind, *lines(kind, 1, company))
    assert await exported(ImportKind(kind), file_format) != before
    await undone(job.id)
    assert await exported(ImportKind(kind), file_format) == before


@pytest.mark.parametrize("kind", sorted(FILES))
async def test_what_was_undone_can_be_imported_and_undone_again(kind: str, company: Tenant) -> None:
    await imported(kind, *lines(kind, 0, company))
    before = await everything()
    job = await imported(kind, *lines(kind, 1, company))
    after = await everything()
    await undone(job.id)
    again = await imported(kind, *lines(kind, 1, company))
    assert counts(again) == counts(job)
    assert [len(rows) for rows in (await everything()).values()] == [len(rows) for rows in after.values()]
    await undone(again.id)
    assert await everything() == before


@pytest.mark.parametrize("kind", sorted(FILES))
async def test_imports_are_undone_like_a_pile_the_newest_first(kind: str, company: Tenant) -> None:
    before = await everything()
    first = await imported(kind, *lines(kind, 0, company))
    second = await imported(kind, *lines(kind, 1, company))
    with pytest.raises(Conflict, match="something newer touched them"):
        await undo.request(first.id, now())
    await undone(second.id)
    await undone(first.id)
    assert await everything() == before


async def test_an_undo_is_told_once_and_is_done_once() -> None:
    actor = await factories.make_user("admin")
    job = await imported("customers", "customer_code,name", "N1,New")
    with acting_as(actor.id):
        await undone(job.id)
    with pytest.raises(Conflict, match="undone already"):
        await undo.request(job.id, now())
    stored = await scoped(Job).get(job.id)
    assert (stored.undone_by, stored.undone_at is None) == (actor.id, False)
    (event,) = await scoped(AuditEvent).documents({"action": "import.undone"})
    assert (event.actor_id, event.entity_id) == (actor.id, str(job.id))
    assert event.after == {"kind": "customers", **NOTHING, "removed": 1}


@pytest.mark.parametrize(
    ("options", "reason"), [({"dry_run": True}, "dry run"), ({"state": "running"}, "not ended"), ({}, "no journal")]
)
async def test_some_imports_can_never_be_undone(options: dict[str, Any], reason: str) -> None:
    job = await imported("customers", "customer_code,name", "N1,New", dry_run=options.get("dry_run", False))
    if "state" in options:
        await scoped(Job).update_one({"_id": job.id}, {"$set": options})
    elif not options:
        await scoped(Job).update_one({"_id": job.id}, {"$unset": {"params.mode": ""}})
    with pytest.raises(Conflict, match=reason):
        await undo.preview(job.id, now())


async def test_people_stay(company: Tenant) -> None:
    job = await imported("users", "email,name,role", f"new@{company.slug}.example,New,viewer")
    with pytest.raises(Conflict, match="people got mails"):
        await undo.request(job.id, now())


async def test_an_import_that_changed_nothing_has_nothing_to_undo() -> None:
    await imported("customers", "customer_code,name", "N1,New")
    again = await imported("customers", "customer_code,name", "N1,New")
    with pytest.raises(Conflict, match="changed nothing"):
        await undo.request(again.id, now())


async def test_what_is_no_import_is_not_there() -> None:
    report = await jobs.create("report", {})
    for id in (report.id, uuid4()):
        with pytest.raises(NotFound):
            await undo.preview(id, now())


# Something newer ------------------------------------------------------------------------------------------------------


async def test_a_person_who_changed_a_row_is_named() -> None:
    person = await factories.make_user("manager", name="Max Manager")
    await imported("customers", "customer_code,name", "N1,Old name", "N2,Other")
    job = await imported("customers", "customer_code,name", "N1,New name", "N2,Other name", "N3,Third")
    customer = await scoped(Customer).one({"code": "N1"})
    assert customer is not None
    with acting_as(person.id):
        await revisions.change(Customer, customer.id, None, {"region": "North"}, entity="customer")
    found = await undo.preview(job.id, now())
    assert found.refusal == "1 row of 3 can't be set back, because something newer touched them; see the preview."
    assert (found.counts.removed, found.counts.restored, found.counts.blocked) == (1, 1, 1)
    (row,) = found.blocked
    assert (row["entity"], row["label"], row["obstacle"]) == ("customer", "N1", "changed")
    assert (row["action"], row["by"], row["by_name"]) == ("customer.changed", person.id, "Max Manager")
    with pytest.raises(Conflict) as refused:
        await undo.request(job.id, now())
    assert [detail.message for detail in refused.value.details] == ["N1: was changed since"]
    await revisions.change(Customer, customer.id, None, {"region": None}, entity="customer")
    await undone(job.id)
    assert (await scoped(Customer).get(customer.id)).name == "Old name"


async def test_a_newer_import_is_named() -> None:
    await imported("sales", SALES, "I1,P1,1,C1,2026-01-05,3,2.5")
    job = await imported("sales", SALES, "I1,P1,1,C1,2026-01-05,4,2.5", "I2,P1,1,C1,2026-01-05,1,2.5")
    newer = await imported("sales", SALES, "I1,P1,1,C1,2026-01-05,5,2.5")
    (row,) = (await undo.preview(job.id, now())).blocked
    assert (row["label"], row["action"], row["import_id"]) == ("C1 P1 I1 1", "import", newer.id)
    await undone(newer.id)
    await undone(job.id)
    (line,) = await scoped(SaleLine).documents()
    assert line.quantity == 3_000


async def test_a_newer_import_of_a_budget_is_named() -> None:
    title = "fiscal_year,month,customer_code,item_code,value"
    job = await imported("budget", title, "2026,2026-01,C1,P1,100", "2026,2026-01,C1,,200")
    newer = await imported("budget", title, "2026,2026-01,c1,p1,110")
    found = await undo.preview(job.id, now())
    assert (found.counts.removed, found.counts.blocked) == (1, 1)
    (row,) = found.blocked
    assert (row["entity"], row["label"], row["obstacle"]) == ("budget_entry", "2026 1 2026-01 C1 P1", "changed")
    assert (row["action"], row["import_id"]) == ("import", newer.id)
    with pytest.raises(Conflict, match="1 row of 2"):
        await undo.request(job.id, now())


async def test_a_correction_stands_in_the_way() -> None:
    job = await imported("sales", SALES, "I1,P1,1,C1,2026-01-05,3,2.5")
    (line,) = await scoped(SaleLine).documents()
    await sale_corrections.correct(a_caller(), line.id, line.rev, {"quantity": 2_000}, "miscounted", now())
    found = await undo.preview(job.id, now())
    assert [(row["obstacle"], row["action"]) for row in found.blocked] == [("changed", "sale.corrected")]


async def test_a_row_that_somebody_removed_stands_in_the_way() -> None:
    job = await imported("costs", "item_code,cost,valid_from", "P1,1.10,2026-01-01", "P2,1.20,2026-01-01")
    cost = (await scoped(ProductCost).documents())[0]
    await revisions.remove(ProductCost, cost.id, None, entity="product_cost")
    (row,) = (await undo.preview(job.id, now())).blocked
    assert (row["obstacle"], row["action"], row["id"]) == ("removed", "product_cost.removed", cost.id)


Use = Callable[[Customer, Product], Any]
USES: dict[str, tuple[str, Use]] = {
    "matrix": ("it stands in the matrix", lambda customer, product: factories.allow(customer, product)),
    "prices": ("there are customer prices of it", lambda customer, product: factories.price(customer, product, "2")),
    "sales": (
        "there are sales of it",
        lambda customer, product: imported("sales", SALES, f"I1,{product.code},1,{customer.code},2026-01-05,3,2.5"),
    ),
    "costs": (
        "there are dated costs of it",
        lambda _, product: imported("costs", "item_code,cost,valid_from", f"{product.code},1,2026-01-01"),
    ),
    "successor": (
        "P1 refers to it",
        lambda _, product: scoped(Product).update_one({"code": "P1"}, {"$set": {"successor_id": product.id}}),
    ),
    "merged": (
        "C1 refers to it",
        lambda customer, _: scoped(Customer).update_one({"code": "C1"}, {"$set": {"merged_into": customer.id}}),
    ),
}
OF_PRODUCTS, OF_CUSTOMERS = ("matrix", "prices", "sales", "costs", "successor"), ("matrix", "prices", "sales", "merged")


@pytest.mark.parametrize(
    ("kind", "use"), [("products", use) for use in OF_PRODUCTS] + [("customers", use) for use in OF_CUSTOMERS]
)
async def test_a_new_master_that_is_used_since_stays(kind: str, use: str) -> None:
    code = "item_code" if kind == "products" else "customer_code"
    job = await imported(kind, f"{code},name", "N1,New", "N2,Newer")
    customer = await scoped(Customer).one({"code": "N1" if kind == "customers" else "C1"})
    product = await scoped(Product).one({"code": "N1" if kind == "products" else "P1"})
    assert customer is not None
    assert product is not None
    reason, make = USES[use]
    await make(customer, product)
    found = await undo.preview(job.id, now())
    assert (found.counts.removed, found.counts.blocked) == (1, 1)
    assert [(row["label"], row["message"]) for row in found.blocked] == [("N1", f"is used since: {reason}")]


@pytest.mark.parametrize("kind", ["prices", "costs"])
async def test_days_that_somebody_took_since_are_not_given_back(kind: str, company: Tenant) -> None:
    await imported(kind, *lines(kind, 0, company))
    title, *rows = lines(kind, 1, company)
    job = await imported(kind, title, rows[0])
    await imported(kind, title, rows[1])
    found = await undo.preview(job.id, now())
    assert [row["obstacle"] for row in found.blocked] == ["in_the_way"]
    assert "its days were taken by an entry that holds from 2026-07-01" in found.blocked[0]["message"]


async def test_a_scope_that_somebody_got_since_is_not_given_back(company: Tenant) -> None:
    other = await factories.make_user("sales_rep", email=f"other@{company.slug}.example")
    await imported("assignments", *lines("assignments", 0, company))
    title, *rows = lines("assignments", 1, company)
    job = await imported("assignments", title, rows[0])
    await imported("assignments", title, f"{other.email},C1,2026-07-01,")
    assert [row["obstacle"] for row in (await undo.preview(job.id, now())).blocked] == ["in_the_way"]


async def test_a_unit_that_is_fixed_since_is_not_given_back() -> None:
    job = await imported("products", "item_code,name,unit", "P1,Product P1,KG")
    await factories.sold(await _one(Customer, "C1"), await _one(Product, "P1"), "2026-01", 1_000, 1)
    (row,) = (await undo.preview(job.id, now())).blocked
    assert row["message"].startswith("can't be as it was before: The product has sales")


async def _one(model: type[Any], code: str) -> Any:
    return await scoped(model).one({"code": code})


async def test_a_successor_that_would_run_in_a_circle_is_not_given_back() -> None:
    named = "item_code,name,successor,successor_from"
    await imported("products", named, "P1,Product P1,P2,2027-01")
    job = await imported("products", named, "P1,Product P1,,")
    await imported("products", named, "P2,Product P2,P1,2027-01")
    (row,) = (await undo.preview(job.id, now())).blocked
    assert "circle" in row["message"]


async def test_a_currency_that_has_prices_since_is_not_taken_away() -> None:
    job = await imported("customers", "customer_code,name,currency", "C1,Customer C1,GBP")
    if counts(job)["rejected"]:
        pytest.skip("currencies of customers are the company's own")
    await factories.price(await _one(Customer, "C1"), await _one(Product, "P1"), "2", currency="GBP")
    (row,) = (await undo.preview(job.id, now())).blocked
    assert "prices in the currency" in row["message"]


async def test_what_somebody_changes_while_it_runs_stays_and_is_counted() -> None:
    await imported("matrix", "customer_code,item_code,valid_to", "C1,P1,2026-01-31")
    job = await imported("matrix", "customer_code,item_code,valid_to", "C1,P1,2026-12-31", "C1,P2,2026-12-31")
    queued = await undo.request(job.id, now())
    new = {"product_id": (await _one(Product, "P2")).id}
    await scoped(MatrixEntry).update_one(new, {"$set": {"valid_to": "2027-01-31"}})
    await undo_import_job(queued.id)
    ended = await scoped(Job).get(queued.id)
    assert ended.progress == NOTHING | {"restored": 1, "blocked": 1}
    assert sorted(await scoped(MatrixEntry).distinct("valid_to")) == ["2026-01-31", "2027-01-31"]


# Beside other work ----------------------------------------------------------------------------------------------------


async def test_nothing_is_imported_while_masters_are_taken_back() -> None:
    job = await imported("customers", "customer_code,name", "N1,New")
    waiting = await accepted("sales", SALES, "I1,P1,1,N1,2026-01-05,3,2.5")
    with pytest.raises(Conflict, match="An import is running"):
        await undo.request(job.id, now())
    await scoped(Job).update_one({"_id": waiting.id}, {"$set": {"state": "failed"}})
    await undo.request(job.id, now())
    with pytest.raises(Unavailable, match="being undone"):
        await imported("sales", SALES, "I1,P1,1,N1,2026-01-05,3,2.5")


async def test_of_two_who_undo_at_once_one_does() -> None:
    job = await imported("customers", "customer_code,name", "N1,New")
    await undo.request(job.id, now())
    with pytest.raises(Conflict, match="being undone"):
        await undo.request(job.id, now())


async def test_an_undo_that_failed_can_be_asked_for_again() -> None:
    job = await imported("customers", "customer_code,name", "N1,New")
    queued = await undo.request(job.id, now())
    await jobs.fail(queued.id, "The database was away.")
    await undone(job.id)
    assert not await scoped(Customer).exists({"code": "N1"})


async def test_undoing_sales_restates_complete_months() -> None:
    job = await imported("sales", SALES, "I1,P1,1,C1,2026-01-05,3,2.5", "I2,P1,1,C1,2026-02-05,3,2.5")
    await months.complete(["2026-01"])
    ended = await undone(job.id)
    assert (ended.result or {})["restated_months"] == ["2026-01"]
    assert await scoped(MonthStatus).distinct("month", {"status": "restated"}) == ["2026-01"]
    assert await scoped(RollupState).exists({"dirty": True})


async def test_a_version_never_comes_back() -> None:
    await imported("products", "item_code,name", "P1,First")
    product = await scoped(Product).one({"code": "P1"})
    assert product is not None
    job = await imported("products", "item_code,name", "P1,Second")
    await undone(job.id)
    after = await scoped(Product).get(product.id)
    assert (after.name, after.rev) == ("First", product.rev + 2)
    assert after.updated_at > product.updated_at


async def test_the_journal_is_kept_as_long_as_its_import() -> None:
    job = await imported("customers", "customer_code,name", "N1,New")
    (kept,) = await scoped(JournalBatch).documents()
    assert job.expires_at is not None
    assert timedelta(0) < kept.expires_at - job.expires_at < timedelta(days=2)
    await scoped(Job).update_one({"_id": job.id}, {"$set": {"expires_at": now()}})
    with pytest.raises(NotFound):
        await undo.preview(job.id, now())


# Killed ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["before", "in", "after"])
@pytest.mark.parametrize("kind", ["sales", "costs"])
async def test_a_killed_undo_is_gone_on_with(
    monkeypatch: pytest.MonkeyPatch, kind: str, where: str, company: Tenant
) -> None:
    await imported(kind, *lines(kind, 0, company))
    before, sold = await everything(), await figures()
    job = await imported(kind, *lines(kind, 1, company))
    await rollups.refresh()
    queued = await undo.request(job.id, now())
    original = Documents.write

    async def dying(self: Documents, undoing: Undoing, step: DocumentStep) -> None:
        if where == "in":
            await original(self, undoing, step)
        raise Killed

    async def dying_after(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if where == "after":
            patch.setattr(undo._Progress, "read", dying_after)
        else:
            patch.setattr(Documents, "write", dying)
        with pytest.raises(Killed):
            await undo_import_job(queued.id)
    await rollups.refresh()
    await undo_import_job(queued.id)
    ended = await scoped(Job).get(queued.id)
    assert (ended.state, ended.progress) == ("succeeded", NOTHING | FILES[kind][2])
    assert await everything() == before
    assert await figures() == sold


async def test_a_price_that_was_restored_is_the_same_decimal() -> None:
    await imported("prices", "customer_code,item_code,price,valid_from", "C1,P1,2.10,2026-01-01")
    job = await imported("prices", "customer_code,item_code,price,valid_from", "C1,P1,3,2026-01-01")
    await undone(job.id)
    (stored,) = await scoped(CustomerPrice).documents()
    assert stored.price == Decimal("2.10")
    assert await scoped(User).count() == 1
