"""The kinds of import and their columns: one table each. A new kind is a new entry here and a writer in the imports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from models.customer import MAX_ALIASES
from planning.lifecycle import Status
from planning.numbers import MONEY, PRICE, QUANTITY
from planning.rates import RateKind
from services.import_kinds import cells
from services.import_kinds.cells import Parser
from services.persons import MAX_NAME


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


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name and synonyms. `default` fills blank cells and an absent column.

    `folded` columns are compared trimmed and case-folded in natural keys. `in_base_currency` columns are currencies
    that must be the company's own: sales and costs are added up as they come.
    """

    name: str
    parse: Parser
    required: bool = False
    synonyms: tuple[str, ...] = ()
    default: object = None
    folded: bool = False
    in_base_currency: bool = False


@dataclass(frozen=True, slots=True)
class KindTable:
    """`key` names the columns of the natural key; `ordered` pairs (from, to) must not run backwards; of each group in
    `any_of` at least one column must be filled; `ordinal` is numbered within the rest of the key where it is absent.
    """

    kind: ImportKind
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    ordered: tuple[tuple[str, str], ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()
    ordinal: str | None = None


ROLES = ("admin", "manager", "sales_rep", "viewer")
RATE_KINDS = tuple(kind.value for kind in RateKind)
LINE_TYPES = ("sale", "return", "price_credit", "rebate", "free_goods", "cancellation", "service")

_CUSTOMER = Column("customer_code", cells.code(), True, ("customer", "customer_id", "customer_no", "customer_number"),
                   folded=True)  # fmt: skip
_ITEM = Column("item_code", cells.code(), True,
               ("item", "product", "product_code", "sku", "stock_code", "stockcode", "item_no", "item_number"),
               folded=True)  # fmt: skip
_EMAIL = Column("email", cells.email(), True, ("e_mail", "mail", "user", "rep"))
_NAME = Column("name", cells.text(MAX_NAME), True)
_CURRENCY = Column("currency", cells.currency(), synonyms=("currency_code",))
_BASE_CURRENCY = replace(_CURRENCY, in_base_currency=True)
_VALID_TO = Column("valid_to", cells.day(), synonyms=("to", "until", "end_date"))
_VALID_FROM = Column("valid_from", cells.day(), synonyms=("from", "start_date"))
_STARTS = Column("valid_from", cells.day(), True, _VALID_FROM.synonyms)

_USERS = KindTable(
    ImportKind.USERS,
    (
        _EMAIL,
        _NAME,
        Column("role", cells.choice(*ROLES), True),
        Column("language", cells.language(), synonyms=("lang",)),
    ),
    key=("email",),
)
_CUSTOMERS = KindTable(
    ImportKind.CUSTOMERS,
    (
        _CUSTOMER,
        Column("name", cells.text(200), True, ("customer_name",)),
        Column("region", cells.text(100)),
        Column("group", cells.text(100), synonyms=("customer_group",)),
        Column("country", cells.text(100)),
        _CURRENCY,
        Column("status", cells.choice(*Status)),
        Column("aliases", cells.names(100, MAX_ALIASES), synonyms=("alias", "other_names")),
    ),
    key=("customer_code",),
)
_PRODUCTS = KindTable(
    ImportKind.PRODUCTS,
    (
        _ITEM,
        Column("name", cells.text(200), True, ("item_name", "product_name", "description")),
        Column("category", cells.text(100), synonyms=("product_category",)),
        Column("family", cells.text(100), synonyms=("product_family",)),
        Column("brand", cells.text(100)),
        Column("unit", cells.text(20), synonyms=("unit_of_measure", "uom")),
        Column("rounding_step", cells.above_zero(PRICE), synonyms=("case_size", "pack_size")),
        Column("list_price", cells.number(PRICE, minimum=0), synonyms=("price",)),
        Column("list_price_currency", cells.currency(), synonyms=("currency",)),
        Column("standard_cost", cells.number(PRICE, minimum=0), synonyms=("cost", "unit_cost")),
        Column("launch_month", cells.month(), synonyms=("launch", "launch_date")),
        Column("end_month", cells.month(), synonyms=("end", "end_of_life")),
        Column("successor", cells.code(), synonyms=("successor_code", "replaced_by")),
        Column("successor_from", cells.month(), synonyms=("successor_month",)),
        Column("successor_factor", cells.above_zero(PRICE)),
    ),
    key=("item_code",),
)
_ASSIGNMENTS = KindTable(
    ImportKind.ASSIGNMENTS,
    (
        _EMAIL,
        _CUSTOMER,
        Column("category", cells.text(100), synonyms=("product_category",), folded=True),
        _STARTS,
        _VALID_TO,
        Column("primary", cells.flag(), default=True, synonyms=("is_primary",)),
    ),
    key=("email", "customer_code", "category", "valid_from"),
    ordered=(("valid_from", "valid_to"),),
)
_MATRIX = KindTable(
    ImportKind.MATRIX,
    (_CUSTOMER, _ITEM, _VALID_FROM, _VALID_TO),
    key=("customer_code", "item_code", "valid_from"),
    ordered=(("valid_from", "valid_to"),),
)
_PRICES = KindTable(
    ImportKind.PRICES,
    (
        _CUSTOMER,
        _ITEM,
        Column("price", cells.number(PRICE, minimum=0), True, ("unit_price",)),
        _CURRENCY,
        _STARTS,
        _VALID_TO,
    ),
    key=("customer_code", "item_code", "valid_from"),
    ordered=(("valid_from", "valid_to"),),
)
_COSTS = KindTable(
    ImportKind.COSTS,
    (
        _ITEM,
        Column("cost", cells.number(PRICE, minimum=0), True, ("unit_cost", "standard_cost")),
        _BASE_CURRENCY,
        _STARTS,
        _VALID_TO,
    ),
    key=("item_code", "valid_from"),
    ordered=(("valid_from", "valid_to"),),
)
_FX_RATES = KindTable(
    ImportKind.FX_RATES,
    (
        Column("month", cells.month(), True, ("period",)),
        replace(_CURRENCY, required=True),
        Column("kind", cells.choice(*RATE_KINDS), default=RateKind.PLAN.value, synonyms=("rate_kind", "type")),
        Column("rate", cells.above_zero(PRICE), True, ("fx_rate", "exchange_rate")),
    ),
    key=("kind", "currency", "month"),
)
# The line number may be absent only where no invoice spans files: its ordinal would start again in each file.
_SALES = KindTable(
    ImportKind.SALES,
    (
        Column("invoice", cells.code(), True, ("invoice_no", "invoiceno", "invoice_number", "document"), folded=True),
        _ITEM,
        Column("line_number", cells.whole(1, 999_999), True, ("line", "line_no", "position")),
        _CUSTOMER,
        Column("invoice_date", cells.day(), True, ("invoicedate", "date")),
        Column("quantity", cells.number(QUANTITY), True, ("qty",)),
        Column("unit_price", cells.number(PRICE, minimum=0), synonyms=("unitprice", "price")),
        Column("net_revenue", cells.number(MONEY), synonyms=("revenue", "net_amount", "amount")),
        _BASE_CURRENCY,
        Column("line_type", cells.choice(*LINE_TYPES), default="sale", synonyms=("type",)),
        Column("order_date", cells.day(), synonyms=("ordered",)),
        Column("shipped_date", cells.day(), synonyms=("shipped", "ship_date")),
        Column("source", cells.source(), synonyms=("source_system",)),
    ),
    key=("invoice", "item_code", "line_number"),
    any_of=(("unit_price", "net_revenue"),),
    ordinal="line_number",
)

TABLES: Mapping[ImportKind, KindTable] = {
    table.kind: table
    for table in (_USERS, _CUSTOMERS, _PRODUCTS, _ASSIGNMENTS, _MATRIX, _PRICES, _COSTS, _FX_RATES, _SALES)
}
