"""What the table of a kind consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from core.sheets import CellKind
from planning.access import Action
from services.import_kinds import cells
from services.import_kinds.cells import Parser


class ImportKind(StrEnum):
    """What a file holds; the value stands in the API."""

    USERS = "users"
    CUSTOMERS = "customers"
    PRODUCTS = "products"
    ASSIGNMENTS = "assignments"
    MATRIX = "matrix"
    PRICES = "prices"
    COSTS = "costs"
    FX_RATES = "fx-rates"
    SALES = "sales"
    FORECASTS = "forecasts"
    PAST_FORECASTS = "past-forecasts"
    BUDGET = "budget"


class OwnValues(StrEnum):
    """What a company has of its own, to be offered as a list where it is filled in."""

    REGION = "region"
    GROUP = "group"
    COUNTRY = "country"
    CATEGORY = "category"
    FAMILY = "family"
    BRAND = "brand"
    UNIT = "unit"
    CURRENCY = "currency"


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name and synonyms. `default` fills blank cells and an absent column.

    `folded` columns are compared trimmed and case-folded in natural keys. `in_base_currency` columns are currencies
    that must be the company's own: sales and costs are added up as they come.

    The rest is for templates and exports: how a cell shows, what the column means and what may stand in it (`choices`,
    or values that the company has already: `own`); `needs` is what somebody must be allowed to see it at all. What is
    not `stored`, because something else follows from it, stands in templates only. What is `kept` is not for changing:
    our own files say it for people, or to know them again.
    """

    name: str
    parse: Parser
    required: bool = False
    synonyms: tuple[str, ...] = ()
    default: object = None
    folded: bool = False
    in_base_currency: bool = False
    shown: CellKind = "text"
    about: str = ""
    examples: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    own: OwnValues | None = None
    needs: Action | None = None
    stored: bool = True
    kept: bool = False
    width: float | None = None


@dataclass(frozen=True, slots=True)
class Wide:
    """The layout with a column per month: what these columns hold (`month` is their pattern), and which other columns
    it has instead of those of the long one. A header that names a month is meant so (`services.import_kinds.layouts`).
    Columns up to `pinned` stay in view beside the months.
    """

    month: Column
    columns: tuple[Column, ...]
    instead_of: tuple[str, ...]
    pinned: str


@dataclass(frozen=True, slots=True)
class KindTable:
    """`key` names the columns of the natural key; `ordered` pairs (from, to) must not run backwards; of each group in
    `any_of` at least one column must be filled; of each in `some_of` the file must have a column, and the writer judges
    what a row must say; `ordinal` is numbered within the rest of the key where it is absent.

    `reads` is what somebody must be allowed to get a template or an export. `about` says what a row is. Columns up to
    `pinned` stay in view; "" = none.
    """

    kind: ImportKind
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    ordered: tuple[tuple[str, str], ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()
    some_of: tuple[tuple[str, ...], ...] = ()
    ordinal: str | None = None
    wide: Wide | None = None
    reads: Action = field(kw_only=True)
    about: str = field(kw_only=True)
    pinned: str = ""


CUSTOMER = Column(
    "customer_code", cells.code(), True, ("customer", "customer_id", "customer_no", "customer_number"), folded=True,
    shown="code", about="The customer's code as your systems write it.", examples=("00123", "C-2040"),
)  # fmt: skip
ITEM = Column(
    "item_code", cells.code(), True,
    ("item", "product", "product_code", "sku", "stock_code", "stockcode", "item_no", "item_number"), folded=True,
    shown="code", about="The product's item code as your systems write it.", examples=("85123A", "0042"),
)  # fmt: skip
