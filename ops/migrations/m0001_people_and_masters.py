"""People and masters became editable: versions, aliases, conversions, successors, sources of sales.

Fields whose absence reads the same as null (`deleted_at`, `merged_into`, …) are left absent.
"""

from __future__ import annotations

from bson import Decimal128

from core.mongo import RawDocument
from core.search import search_words
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.forecast import Sheet
from models.product import Product
from models.sale import MonthStatus, SaleLine
from models.tenant import Tenant
from models.user import User
from ops.migrations.steps import NOW, Migration, absent, computed, rewritten


def _words(user: RawDocument) -> list[str]:
    return search_words(user["name"], user["email"])


MIGRATION = Migration(
    number=1,
    why="people and masters get versions and the fields of this release",
    steps=(
        absent(
            Tenant,
            month_pattern="calendar",
            working_weekdays=[1, 2, 3, 4, 5],
            count_working_days=False,
            rev=1,
            updated_at=NOW,
        ),
        absent(User, regions=[], notifications={}, rev=1),
        computed(User, "search", ("name", "email"), _words),
        absent(Customer, aliases=[], matrix_rev=0, price_rev=0),
        # A prospect used to be stored as not active; now only an inactive customer is (`planning.lifecycle`).
        rewritten(Customer, {"status": "prospect", "is_active": False}, {"$set": {"is_active": True}}),
        absent(Product, conversions=[], successor_factor=Decimal128("1")),
        absent(Assignment, rev=1, created_at=NOW, updated_at=NOW),
        absent(MatrixEntry, rev=1, created_at=NOW, updated_at=NOW),
        absent(CustomerPrice, rev=1, created_at=NOW, updated_at=NOW),
        absent(MonthStatus, control_totals=[], rev=1),
        absent(SaleLine, source="file"),
        absent(Sheet, superseded=0),
    ),
)
