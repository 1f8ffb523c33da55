"""What an export holds: the rows and columns that its requester sees, in order, whatever the size of the pieces."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import openpyxl
import pytest

from core.clock import now
from core.collections import scoped
from core.context import acting_as, tenant_scope
from core.errors import Conflict, InvalidInput, NotFound, NotPermitted
from core.listing import Window
from core.sheets import FileFormat, FileTable
from models.audit import AuditEvent
from models.customer import Customer
from models.job import Job, StoredFile
from models.product import Product
from models.tenant import Tenant
from models.user import User
from planning.access import Actor, Scope
from planning.roles import Role
from reports.filled import EXPLAINING, open_file
from services import exports, files, jobs, templates
from services.exporting import base, owned, sales_lines
from services.exporting.base import Filters
from services.exporting.owned import together
from services.exports import Wanted
from services.identity import Caller
from services.import_kinds.tables import TABLES, ImportKind
from tests import factories
from tests.exported import brought_back, cells_of, exported
from tests.imported import counts, errors, imported

SALE = "invoice,item_code,line_number,customer_code,invoice_date,quantity,unit_price"


@pytest.fixture(autouse=True)
async def in_tenant(tenant: Tenant) -> AsyncIterator[None]:
    with tenant_scope(tenant.id):
        yield


async def customer(code: str, **changes: Any) -> Customer:
    return await factories.make_customer(code, **changes)


def column(content: bytes, name: str) -> list[Any]:
    """The cells of one column."""
    title, *rows = cells_of(content)
    return [row[title.index(name)] for row in rows]


async def caller_of(user: User) -> Caller:
    return Caller(
        user_id=user.id,
        tenant_id=user.tenant_id,
        session_id=uuid4(),
        role=Role(user.role),
        grants=frozenset(user.grants),
        name=user.name,
        language="en",
        regions=tuple(user.regions),
    )


async def requested(user: User, wanted: Wanted) -> Job:
    with acting_as(user.id):
        return await exports.request(await caller_of(user), wanted, now())


async def made(user: User, wanted: Wanted) -> Job:
    """An export that was run, as the database shows it afterwards."""
    job = await requested(user, wanted)
    with acting_as(user.id):
        await exports.run(job.id, open_file)
    return await scoped(Job).get(job.id)


async def test_the_rows_are_those_of_the_customers_in_scope() -> None:
    own, other = await customer("OWN", region="North"), await customer("OTHER", region="South")
    product = await factories.make_product("P1")
    for one in (own, other):
        await factories.allow(one, product)
        await factories.price(one, product, "2.5")
        await factories.assign(await factories.make_user(), one)
        await imported("sales", SALE, f"{one.code},P1,1,{one.code},2026-01-05,1,2.5")
    scopes = (
        Scope(all_customers=False, customer_ids=frozenset({own.id})),
        Scope(all_customers=False, regions=frozenset({"north"})),
    )
    for kind in ("customers", "assignments", "matrix", "prices", "sales"):
        for scope in scopes:
            assert column(await exported(ImportKind(kind), scope=scope), "customer_code") == ["OWN"], kind
        assert column(await exported(ImportKind(kind)), "customer_code") == ["OTHER", "OWN"], kind
    nobody = Scope(all_customers=False)
    assert cells_of(await exported(ImportKind.SALES, scope=nobody))[1:] == []


async def test_a_column_that_one_may_not_see_is_not_there() -> None:
    await factories.make_product("P1", standard_cost="1.25")
    for actor, seen in (
        (Actor(Role.MANAGER), True),
        (Actor(Role.VIEWER), False),
        (Actor(Role.VIEWER, frozenset({"see_cost"})), True),
    ):
        titles = cells_of(await exported(ImportKind.PRODUCTS, actor=actor))[0]
        assert ("standard_cost" in titles) == seen
        table = templates.columns_for(TABLES[ImportKind.PRODUCTS], actor)
        assert ("standard_cost" in [one.name for one in table]) == seen


@pytest.mark.parametrize(("kind", "role"), [("users", "sales_rep"), ("costs", "viewer"), ("assignments", "viewer")])
async def test_a_kind_that_one_may_not_read_is_refused(kind: str, role: str) -> None:
    user = await factories.make_user(role)
    with pytest.raises(NotPermitted, match=f"The role {role} may not"):
        await requested(user, Wanted(ImportKind(kind)))
    with pytest.raises(NotPermitted):
        await templates.template_of(await caller_of(user), ImportKind(kind), now())


async def test_lists_offer_what_stands_on_own_customers_only() -> None:
    own = await customer("OWN", region="North", currency="USD")
    await customer("OTHER", region="South", currency="CHF")
    await factories.make_product("P1", category="Food")
    rep = await factories.make_user("sales_rep")
    await factories.assign(rep, own)
    table = await templates.template_of(await caller_of(rep), ImportKind.CUSTOMERS, now())
    offered = {one.name: one.choices for one in table.columns if one.choices}
    assert offered == {"region": ("North",), "currency": ("EUR", "USD"), "status": ("prospect", "active", "inactive")}
    closed = {one.name for one in table.columns if one.closed}
    assert closed == {"status"}
    products = await templates.template_of(await caller_of(rep), ImportKind.PRODUCTS, now())
    assert {one.name: one.choices for one in products.columns}["category"] == ("Food",)


async def test_filters_keep_what_they_say() -> None:
    a, b = await customer("A", region="North"), await customer("B", region="South")
    await customer("GONE", is_active=False, status="inactive")
    tea = await factories.make_product("TEA", category="Food")
    cup = await factories.make_product("CUP", category="Home")
    for one in (a, b):
        for product in (tea, cup):
            await factories.price(one, product, "1", valid_from="2026-01-01", valid_to="2026-06-30")
    await factories.allow(a, tea)
    await factories.allow(a, cup, valid_from="2027-01-01")
    await imported("sales", SALE, "1,TEA,1,A,2026-01-05,1,1", "2,TEA,1,B,2026-02-05,1,1", "3,CUP,1,A,2026-03-05,1,1")

    async def found(kind: str, name: str, **filters: Any) -> list[Any]:
        return column(await exported(ImportKind(kind), filters=Filters(**filters)), name)

    assert await found("customers", "customer_code") == ["A", "B"]
    assert await found("customers", "customer_code", include_inactive=True) == ["A", "B", "GONE"]
    assert await found("customers", "customer_code", region="South") == ["B"]
    assert await found("customers", "customer_code", customer_ids=(a.id,)) == ["A"]
    assert await found("products", "item_code", category="Food") == ["TEA"]
    assert await found("products", "item_code", product_ids=(cup.id,)) == ["CUP"]
    assert await found("prices", "item_code", customer_ids=(a.id,)) == ["CUP", "TEA"]
    assert await found("prices", "customer_code", product_ids=(tea.id,)) == ["A", "B"]
    assert await found("prices", "customer_code", valid_on="2026-07-01") == []
    assert await found("matrix", "item_code", valid_on="2026-07-01") == ["TEA"]
    assert await found("matrix", "item_code", valid_on="2027-07-01") == ["CUP", "TEA"]
    assert await found("sales", "invoice", from_month="2026-02") == ["3", "2"]
    assert await found("sales", "invoice", to_month="2026-02") == ["1", "2"]
    assert await found("sales", "invoice", from_month="2026-02", to_month="2026-02", category="Food") == ["2"]


async def test_a_filter_or_layout_that_the_kind_does_not_have_is_refused() -> None:
    admin = await factories.make_user("admin")
    wanted = Wanted(ImportKind.USERS, layout="wide", filters=Filters(region="North", valid_on="2026-01-01"))
    with pytest.raises(InvalidInput) as refused:
        await requested(admin, wanted)
    assert [one.field for one in refused.value.details] == ["filters.region", "filters.valid_on", "layout"]


async def test_ids_that_are_not_there_are_refused_and_not_passed_over() -> None:
    own, other = await customer("OWN"), await customer("OTHER")
    rep = await factories.make_user("sales_rep")
    await factories.assign(rep, own)
    for ids in ((other.id,), (own.id, uuid4())):
        with pytest.raises(InvalidInput) as refused:
            await requested(rep, Wanted(ImportKind.PRICES, filters=Filters(customer_ids=ids, product_ids=(uuid4(),))))
        assert [one.field for one in refused.value.details] == ["filters.customer_ids", "filters.product_ids"]


async def test_a_long_table_comes_whole_and_in_order_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in ("C2", "C1", "c3"):
        await customer(code)
    for code in ("P2", "P1"):
        await factories.make_product(code)
    lines = [
        f"{number},P{number % 2 + 1},1,{buyer},2026-0{number % 3 + 1}-1{number % 5},1,2.5"
        for number, buyer in enumerate(("C1", "C2", "c3", "C1") * 15)
    ]
    await imported("sales", SALE, *lines)
    whole = await exported(ImportKind.SALES)
    for module in (base, owned, sales_lines):
        monkeypatch.setattr(module, "PIECE", 7)
    monkeypatch.setattr(owned.together, "__defaults__", (7,))
    assert await exported(ImportKind.SALES) == whole
    title, *rows = cells_of(whole)
    at = [title.index(name) for name in ("customer_code", "invoice_date", "invoice")]
    assert [row[at[0]] for row in rows] == ["C1"] * 30 + ["C2"] * 15 + ["c3"] * 15
    keys = [[row[place] for place in at] for row in rows]
    assert keys == sorted(keys)
    assert len(rows) == 60
    for kind in ("customers", "products"):
        assert len(cells_of(await exported(ImportKind(kind)))) == {"customers": 4, "products": 3}[kind]


def test_small_owners_share_a_piece_and_a_large_one_stands_alone() -> None:
    assert together({"a": 2, "b": 3, "c": 9, "d": 1, "e": 4, "f": 1}, 5) == [["a", "b"], ["c"], ["d", "e"], ["f"]]
    assert together({}, 5) == []


async def test_what_a_merged_customer_bought_is_told_as_the_other_ones_and_changes_nothing() -> None:
    old, new = await customer("OLD"), await customer("NEW")
    await factories.make_product("P1")
    await imported("sales", SALE, "1,P1,1,OLD,2026-01-05,1,2.5", "2,P1,1,NEW,2026-01-06,1,2.5")
    inactive = {"merged_into": new.id, "status": "inactive", "is_active": False}
    await scoped(Customer).update_one({"_id": old.id}, {"$set": inactive})
    content = await exported(ImportKind.SALES)
    assert column(content, "customer_code") == ["NEW", "NEW"]
    assert counts(await brought_back(ImportKind.SALES, content))["unchanged"] == 2
    only_new = Filters(customer_ids=(new.id,))
    assert column(await exported(ImportKind.SALES, filters=only_new), "invoice") == ["1", "2"]
    assert column(await exported(ImportKind.CUSTOMERS, filters=Filters(include_inactive=True)), "customer_code") == [
        "NEW"
    ]


async def test_what_went_out_of_use_does_not_stop_an_untouched_file() -> None:
    """A successor that is inactive by now, a price in the currency that the customer had before."""
    await imported("products", "item_code,name,successor,successor_from", "A,Old,B,2027-01", "B,New,,")
    await imported("customers", "customer_code,name,currency", "C1,One,USD")
    await imported("prices", "customer_code,item_code,price,valid_from", "C1,A,2.5,2026-01-01")
    await scoped(Product).update_one({"code": "B"}, {"$set": {"is_active": False}})
    await scoped(Customer).update_one({"code": "C1"}, {"$set": {"currency": "CHF"}})
    for kind in (ImportKind.PRODUCTS, ImportKind.PRICES):
        job = await brought_back(kind, await exported(kind))
        assert (errors(job), counts(job)["unchanged"]) == ([], 1)
    job = await imported("products", "item_code,name,successor,successor_from", "C,Other,B,2027-01")
    assert [column for _, column, _ in errors(job)] == ["successor"]
    job = await imported("prices", "customer_code,item_code,price,currency,valid_from", "C1,A,3,USD,2027-01-01")
    assert errors(job) == [(2, "currency", "CHF, the currency of this customer")]


async def test_an_export_ends_with_a_file_for_a_week_and_an_event() -> None:
    admin = await factories.make_user("admin")
    await customer("C1", region="North")
    job = await made(admin, Wanted(ImportKind.CUSTOMERS, "csv", filters=Filters(region="North")))
    assert job.state == "succeeded"
    assert job.result is not None
    file = job.result["file"]
    assert (job.result["rows"], file["name"].endswith(".csv"), file["name"].startswith("customers-20")) == (
        1,
        True,
        True,
    )
    assert 6 < (file["expires_at"] - now()).days + 1 < 8
    (event,) = await scoped(AuditEvent).documents({"action": "export.made"})
    assert event.after == {"kind": "customers", "format": "csv", "rows": 1, "region": "North"}
    stored, content = await exports.open_export(await caller_of(admin), job.id)
    body = b"".join([part async for part in content])
    assert (len(body), stored.content_type) == (file["size"], "text/csv; charset=utf-8")
    assert body.startswith(b"\xef\xbb\xbfcustomer_code,name,region")
    await scoped(StoredFile).update_one({"_id": stored.id}, {"$set": {"expires_at": now()}})
    with pytest.raises(NotFound, match="no longer kept"):
        await exports.open_export(await caller_of(admin), job.id)
    await files.delete_expired()
    assert not await scoped(StoredFile).exists({"_id": stored.id})


async def test_a_second_run_changes_nothing_and_one_that_was_killed_is_made_anew() -> None:
    admin = await factories.make_user("admin")
    await customer("C1")
    job = await requested(admin, Wanted(ImportKind.CUSTOMERS))

    class Killed(Exception):
        pass

    def dies(path: Path, file_format: FileFormat, table: FileTable) -> Any:
        raise Killed

    with acting_as(admin.id):
        with pytest.raises(Killed):
            await exports.run(job.id, dies)
        with pytest.raises(Conflict, match="is running"):
            await exports.open_export(await caller_of(admin), job.id)
        await exports.run(job.id, open_file)
        first = await jobs.get(job.id)
        await exports.run(job.id, open_file)
    assert (await jobs.get(job.id)) == first
    assert first.state == "succeeded"


async def test_rights_are_those_of_the_moment_when_it_runs() -> None:
    rep = await factories.make_user("sales_rep", grants=["see_cost"])
    await factories.make_product("P1", standard_cost="1")
    costs, gone = await requested(rep, Wanted(ImportKind.COSTS)), await requested(rep, Wanted(ImportKind.PRODUCTS))
    await scoped(User).update_one({"_id": rep.id}, {"$set": {"grants": []}})
    await exports.run(costs.id, open_file)
    assert (await _ended(costs.id)) == (
        "rejected",
        "The role sales_rep may not see cost and gross profit; ask somebody with the role admin or manager.",
    )
    await scoped(User).update_one({"_id": rep.id}, {"$set": {"is_active": False}})
    await exports.run(gone.id, open_file)
    assert (await _ended(gone.id)) == ("rejected", "Whoever asked for the export is no longer an active user.")


async def _ended(job_id: UUID) -> tuple[str, str]:
    job = await jobs.get(job_id)
    assert job.error is not None
    return job.state, job.error["message"]


async def test_an_export_is_read_by_who_asked_and_by_those_who_see_everything() -> None:
    rep, other = await factories.make_user("sales_rep", grants=["see_cost"]), await factories.make_user("sales_rep")
    manager = await factories.make_user("manager")
    regional = await factories.make_user("manager", regions=["North"])
    job = await made(rep, Wanted(ImportKind.PRODUCTS))
    people = await made(manager, Wanted(ImportKind.USERS))

    async def sees(user: User, wanted: Job) -> bool:
        caller = await caller_of(user)
        listing = await exports.list_exports(caller, Window(), now())
        listed = str(wanted.id) in [row["id"] for row in listing.rows]
        try:
            await exports.read(caller, wanted.id)
        except NotFound:
            assert not listed
            return False
        assert listed
        return True

    assert [await sees(user, job) for user in (rep, manager, other, regional)] == [True, True, False, False]
    assert [await sees(user, people) for user in (rep, manager, other, regional)] == [False, True, False, False]
    without = rep.model_copy(update={"grants": []})
    assert not await sees(without, job), "the columns of cost are no longer theirs to see"
    wide = await made(manager, Wanted(ImportKind.CUSTOMERS))
    narrowed = manager.model_copy(update={"regions": ["North"]})
    assert not await sees(narrowed, wide), "it shows all customers"
    other_kind = await jobs.create("import", {"kind": "sales"})
    with pytest.raises(NotFound):
        await exports.read(await caller_of(manager), other_kind.id)
    await jobs.fail(other_kind.id, "No worker of another test may find it.")


async def test_more_rows_than_a_sheet_holds_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "SHEET_ROWS", 1)
    admin = await factories.make_user("admin")
    for code in ("A", "B"):
        await customer(code)
    with pytest.raises(InvalidInput) as refused:
        await requested(admin, Wanted(ImportKind.CUSTOMERS))
    assert "take csv" in refused.value.details[0].message
    assert (await made(admin, Wanted(ImportKind.CUSTOMERS, "csv"))).state == "succeeded"


async def test_the_workbook_says_what_it_is_a_part_of() -> None:
    one, other = await customer("A", region="North"), await customer("B", region="North", is_active=False)

    async def told(**filters: Any) -> list[Any]:
        book = openpyxl.load_workbook(io.BytesIO(await exported(ImportKind.CUSTOMERS, filters=Filters(**filters))))
        notes = [row[0].value for row in book[EXPLAINING].iter_rows()]
        assert list(exports.EXPORT_NOTES) == notes[2 : 2 + len(exports.EXPORT_NOTES)]
        return notes[2 + len(exports.EXPORT_NOTES) : notes.index(None)]

    assert await told() == []
    assert await told(region="North", customer_ids=(one.id, other.id), include_inactive=True) == [
        "Only a part: 2 customers chosen, region North.",
        "Also what is out of use.",
    ]
