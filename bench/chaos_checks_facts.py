"""What must hold of imports, rollups and mails after a chaos run: read from MongoDB, held against the ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from uuid import UUID

from bench.chaos_checks import Check
from bench.chaos_ledger import Ledger, Row, counts_of
from bench.chaos_servers import Mailbox, Servers
from core.collections import scoped
from models.audit import AuditEvent
from models.customer import Customer
from models.forecast import SnapshotMarker
from models.job import Job, Mail
from models.product import Product
from models.sale import OrderRollup, RollupState, SaleLine, SalesRollup
from models.user import User

MARK_SPAN = 5.0
"""How many seconds after the server's OK a dead worker or database may have kept a mail from being marked as sent."""
DEMAND = {"sale", "return", "free_goods"}
REVENUE = {"sale", "return", "rebate"}
ORDERS = {"sale", "free_goods"}


async def check_imports(ledger: Ledger) -> Check:
    """Each accepted file is one job that succeeded, with exactly the counts of the file and one audit event."""
    check = Check("accepted imports end with exactly the counts of their file")
    jobs = await scoped(Job).rows({"kind": "import", "params.kind": "sales"})
    by_id = {row["_id"]: row for row in jobs}
    names = Counter(row["params"]["file_name"] for row in jobs)
    events = Counter(
        row["entity_id"] for row in await scoped(AuditEvent).rows({"action": "import.applied"}, {"entity_id": 1})
    )
    for upload in ledger.uploads:
        check.see(names[upload.name] == 1 or upload.import_id is None, f"{upload.name}: {names[upload.name]} jobs")
        if upload.import_id is None:
            continue
        job = by_id.get(upload.import_id, {})
        counts = counts_of(job.get("result") or {})
        check.see(
            job.get("state") == "succeeded" and counts == upload.counts,
            f"{upload.name} {job.get('state')} with {counts}, not {upload.counts}",
        )
        check.see(len(job.get("findings", [])) == upload.counts["rejected"], f"{upload.name}: row errors are missing")
        check.see(events[str(upload.import_id)] == 1, f"{upload.name}: {events[str(upload.import_id)]} audit events")
    for job in jobs:
        check.see(job["state"] == "succeeded", f"{job['params']['file_name']} is {job['state']}: {job.get('error')}")
    return check


async def check_sales(expected: Mapping[tuple[str, str, int], Row], sent: int) -> Check:
    """The stored lines are exactly the rows of the files, and so is the revenue."""
    check = Check("stored sales are exactly the rows of the files")
    customers = {row["_id"]: row["code"] for row in await scoped(Customer).rows({}, {"code": 1})}
    products = {row["_id"]: row["code"] for row in await scoped(Product).rows({}, {"code": 1})}
    stored: dict[tuple[str, str, int], Row] = {}
    for row in await scoped(SaleLine).rows({"invoice": {"$ne": "SETUP"}}):
        key = (row["invoice"], products[row["product_id"]], row["line_number"])
        amounts = (row["quantity"], row["net_revenue"], row["line_type"])
        stored[key] = Row(*key, customers[row["customer_id"]], row["invoice_date"], *amounts)
    for key, wanted in expected.items():
        check.see(stored.get(key) == wanted, f"{key}: {stored.get(key)} instead of {wanted}")
    check.see(len(stored) == len(expected), f"{len(stored):,} lines of {len(expected):,} in {sent} files")
    revenue, wanted_revenue = (sum(row.revenue for row in rows.values()) for rows in (stored, expected))
    check.see(revenue == wanted_revenue, f"revenue {revenue / 1e4:,.2f} instead of {wanted_revenue / 1e4:,.2f}")
    return check


async def check_rollups() -> Check:
    """Rollups say what the lines say, added up here on its own."""
    check = Check("rollups say what the lines say")
    sums: dict[tuple[UUID, UUID, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    invoices: dict[tuple[UUID, str], set[str]] = defaultdict(set)
    for row in await scoped(SaleLine).rows():
        total = sums[row["customer_id"], row["product_id"], row["month"]]
        total[0] += row["quantity"] if row["line_type"] in DEMAND else 0
        total[1] += row["net_revenue"] if row["line_type"] in REVENUE else 0
        total[2] += 1
        if row["line_type"] in ORDERS:
            invoices[row["customer_id"], row["month"]].add(row["invoice"])
    stored = {
        (row["customer_id"], row["product_id"], row["month"]): [row["quantity"], row["revenue"], row["lines"]]
        for row in await scoped(SalesRollup).rows()
    }
    for key in sums.keys() | stored.keys():
        check.see(stored.get(key) == sums.get(key), f"{key}: {stored.get(key)} instead of {sums.get(key)}")
    orders = {(row["customer_id"], row["month"]): row["orders"] for row in await scoped(OrderRollup).rows()}
    counted = {key: len(found) for key, found in invoices.items()}
    for place in counted.keys() | orders.keys():
        said = f"{orders.get(place)} orders instead of {counted.get(place)}"
        check.see(orders.get(place) == counted.get(place), f"{place}: {said}")
    dirty = await scoped(RollupState).count({"dirty": True})
    check.see(dirty == 0, f"{dirty} customers are still dirty")
    return check


async def check_mails(mailbox: Mailbox, opened: int) -> Check:
    """Each mail that an event asked for exists, was marked as sent, and was delivered."""
    check = Check("every mail was sent and delivered")
    mails = await scoped(Mail).rows()
    for mail in mails:
        times = len(mailbox.deliveries.get(mail["message_id"], []))
        check.see(mail["state"] == "sent" and times > 0, f"{mail['cause']}: {mail['state']}, delivered {times} times")
    causes = Counter(mail["cause"] for mail in mails)
    managers = await scoped(User).count({"role": {"$in": ["manager", "admin"]}})
    for marker in await scoped(SnapshotMarker).rows():
        cause = f"cycle-closed:{marker['cycle_id']}:{marker['close_number']}"
        check.see(causes[cause] == managers, f"{cause}: {causes[cause]} mails to {managers} managers")
    reps = await scoped(User).count({"role": "sales_rep"})
    told = sum(count for cause, count in causes.items() if cause.startswith("cycle-opened:"))
    check.see(told == reps * opened, f"{told} mails of {opened} openings to {reps} reps")
    unknown = set(mailbox.deliveries) - {mail["message_id"] for mail in mails}
    check.see(not unknown, f"deliveries that no mail asked for: {sorted(unknown)[:3]}")
    return check


def check_doubles(mailbox: Mailbox, servers: Servers) -> tuple[Check, int]:
    """A second delivery is allowed only where a death fell between the server's OK and our mark; and their number."""
    check = Check("a second delivery only where a death fell between OK and mark")
    doubles = 0
    for message_id, times in mailbox.deliveries.items():
        for before in times[:-1]:
            doubles += 1
            excused = servers.was_out(("worker", "mongod"), before, before + MARK_SPAN)
            check.see(excused, f"{message_id} was delivered {len(times)} times with nobody dead in between")
    return check, doubles
