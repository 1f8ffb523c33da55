"""The kinds of import and their columns: one table each. A new kind is a new entry here and a writer in the imports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from models.customer import MAX_ALIASES
from planning.access import Action
from planning.lifecycle import Status
from planning.numbers import MONEY, PRICE, QUANTITY
from planning.rates import RateKind
from services.import_kinds import cells
from services.import_kinds.columns import CUSTOMER, ITEM, Column, ImportKind, KindTable, OwnValues
from services.import_kinds.plan_tables import PLAN_TABLES
from services.persons import MAX_NAME

__all__ = ["TABLES", "Column", "ImportKind", "KindTable", "OwnValues"]

ROLES = ("admin", "manager", "sales_rep", "viewer")
RATE_KINDS = tuple(kind.value for kind in RateKind)
LINE_TYPES = ("sale", "return", "price_credit", "rebate", "free_goods", "cancellation", "service")
YES_NO = ("yes", "no")
FIRST_DAY_YEAR = 1900
"""Validity may begin long before there were sales: 1900-01-01 stands for always."""

_EMAIL = Column(
    "email", cells.email(), True, ("e_mail", "mail", "user", "rep"), width=34,
    about="The address that the person signs in with.", examples=("rosa@acme.example", "max@acme.example"),
)  # fmt: skip
_NAME = Column(
    "name", cells.text(MAX_NAME), True, width=28, about="The person's name.", examples=("Rosa Rep", "Max Manager")
)
_CURRENCY = Column(
    "currency", cells.currency(), synonyms=("currency_code",), own=OwnValues.CURRENCY, width=10,
    about="The ISO code of the currency; blank is the company's own.", examples=("EUR", ""),
)  # fmt: skip
_BASE_CURRENCY = replace(_CURRENCY, in_base_currency=True)
_VALID_TO = Column(
    "valid_to", cells.day(FIRST_DAY_YEAR), synonyms=("to", "until", "end_date"), shown="date",
    about="The last day, included; blank is an open end.", examples=("2026-12-31", ""),
)  # fmt: skip
_VALID_FROM = Column(
    "valid_from", cells.day(FIRST_DAY_YEAR), synonyms=("from", "start_date"), shown="date",
    about="The first day, included; blank is always.", examples=("2026-01-01", ""),
)  # fmt: skip
_STARTS = Column(
    "valid_from", cells.day(FIRST_DAY_YEAR), True, _VALID_FROM.synonyms, shown="date",
    about="The first day, included.", examples=("2026-01-01", "2027-01-01"),
)  # fmt: skip

_USERS = KindTable(
    ImportKind.USERS,
    (
        _EMAIL,
        _NAME,
        Column("role", cells.choice(*ROLES), True, choices=ROLES, width=12,
               about="What the person may do.", examples=("sales_rep", "manager")),
        Column("language", cells.language(), synonyms=("lang",), width=10,
               about="The language of mails, as two letters; blank changes nothing.", examples=("en", "de")),
    ),
    key=("email",),
    reads=Action.READ_USERS,
    about="A row is a person. A new one is invited by mail and chooses a password with the link in it.",
)  # fmt: skip
_CUSTOMERS = KindTable(
    ImportKind.CUSTOMERS,
    (
        CUSTOMER,
        Column("name", cells.text(200), True, ("customer_name",), width=36,
               about="The customer's name.", examples=("Northwind Stores", "Harbour Cafes")),
        Column("region", cells.text(100), own=OwnValues.REGION, width=16,
               about="The sales region; managers may be narrowed to regions.", examples=("North", "South")),
        Column("group", cells.text(100), synonyms=("customer_group",), own=OwnValues.GROUP, width=16,
               about="What kind of customer it is, for reports.", examples=("Retail", "")),
        Column("country", cells.text(100), own=OwnValues.COUNTRY, width=16,
               about="The country, for reports.", examples=("Germany", "")),
        replace(_CURRENCY, about="The currency that the customer pays in; blank is the company's own, or stays."),
        Column("status", cells.choice(*Status), choices=tuple(Status), width=12,
               about="A prospect is none of yours yet; inactive is out of use. Blank is active, or stays.",
               examples=("active", "prospect")),
        Column("aliases", cells.names(200, MAX_ALIASES), synonyms=("alias", "other_names"),
               about="Other names, separated by semicolons; blank changes nothing.", examples=("NWS; Northwind", "")),
    ),
    key=("customer_code",),
    reads=Action.READ_CUSTOMERS,
    about="A row is a customer, found by its code.",
)  # fmt: skip
_PRODUCTS = KindTable(
    ImportKind.PRODUCTS,
    (
        ITEM,
        Column("name", cells.text(200), True, ("item_name", "product_name", "description"), width=36,
               about="The product's name.", examples=("White hanging heart T-light holder", "Tea cup")),
        Column("category", cells.text(100), synonyms=("product_category",), own=OwnValues.CATEGORY, width=16,
               about="The product category; it may part a customer's sheet.", examples=("Lighting", "Kitchen")),
        Column("family", cells.text(100), synonyms=("product_family",), own=OwnValues.FAMILY, width=16,
               about="The product family, for reports.", examples=("T-lights", "")),
        Column("brand", cells.text(100), own=OwnValues.BRAND, width=16,
               about="The brand, for reports.", examples=("Hearth", "")),
        Column("unit", cells.text(20), synonyms=("unit_of_measure", "uom"), own=OwnValues.UNIT, width=8,
               about="The unit that quantities are counted in; blank is EA, or stays.", examples=("EA", "")),
        Column("rounding_step", cells.above_zero(PRICE), synonyms=("case_size", "pack_size"), shown="price",
               about="The smallest amount that a spread gives: a case; blank is 1, or stays.", examples=("12", "")),
        Column("list_price", cells.number(PRICE, minimum=0), synonyms=("price",), shown="price",
               about="The price of one unit for customers without an own price.", examples=("2.55", "")),
        Column("list_price_currency", cells.currency(), synonyms=("currency",),
               own=OwnValues.CURRENCY, width=18,
               about="The currency of the list price; blank is the company's own, or stays.",
               examples=("EUR", "")),
        Column("standard_cost", cells.number(PRICE, minimum=0), synonyms=("cost", "unit_cost"), shown="price",
               needs=Action.SEE_COST, about="What one unit costs on days without a dated cost.", examples=("1.1", "")),
        Column("launch_month", cells.month(), synonyms=("launch", "launch_date"), shown="month",
               about="The first month that the product is sold in.", examples=("2026-03", "")),
        Column("end_month", cells.month(), synonyms=("end", "end_of_life"), shown="month",
               about="The last month that the product is sold in.", examples=("2027-12", "")),
        Column("successor", cells.code(), synonyms=("successor_code", "replaced_by"), shown="code",
               about="The item code of the product that takes this one's place.", examples=("0042", "")),
        Column("successor_from", cells.month(), synonyms=("successor_month",), shown="month",
               about="The month from which the successor is sold instead.", examples=("2028-01", "")),
        Column("successor_factor", cells.above_zero(PRICE), shown="price",
               about="How many units of the successor replace one of this; blank is 1, or stays.", examples=("1", "")),
    ),
    key=("item_code",),
    reads=Action.READ_PRODUCTS,
    about="A row is a product, found by its item code. Rows may name each other as successors.",
)  # fmt: skip
_ASSIGNMENTS = KindTable(
    ImportKind.ASSIGNMENTS,
    (
        replace(_EMAIL, about="The address of the person who plans the customer."),
        CUSTOMER,
        Column("category", cells.text(100), synonyms=("product_category",), folded=True, own=OwnValues.CATEGORY,
               width=16, about="Only this product category, where the company plans by category; blank is all.",
               examples=("", "")),
        _STARTS,
        _VALID_TO,
        Column("primary", cells.flag(), default=True, synonyms=("is_primary",), shown="flag", choices=YES_NO,
               about="Whether the customer's plan bears this person's name; blank is yes.", examples=("yes", "no")),
    ),
    key=("email", "customer_code", "category", "valid_from"),
    ordered=(("valid_from", "valid_to"),),
    reads=Action.READ_ASSIGNMENTS,
    about="A row says who plans a customer from a day to a day.",
)  # fmt: skip
_MATRIX = KindTable(
    ImportKind.MATRIX,
    (CUSTOMER, ITEM, _VALID_FROM, _VALID_TO),
    key=("customer_code", "item_code", "valid_from"),
    ordered=(("valid_from", "valid_to"),),
    reads=Action.READ_MATRIX,
    about="A row is a product that a customer may order from a day to a day.",
)
_PRICES = KindTable(
    ImportKind.PRICES,
    (
        CUSTOMER,
        ITEM,
        Column("price", cells.number(PRICE, minimum=0), True, ("unit_price",), shown="price",
               about="What the customer pays for one unit.", examples=("2.35", "7.95")),
        replace(_CURRENCY, about="The customer's currency; blank is that."),
        _STARTS,
        _VALID_TO,
    ),
    key=("customer_code", "item_code", "valid_from"),
    ordered=(("valid_from", "valid_to"),),
    reads=Action.READ_PRICES,
    about="A row is what a customer pays for a product from a day to a day.",
)  # fmt: skip
_COSTS = KindTable(
    ImportKind.COSTS,
    (
        ITEM,
        Column("cost", cells.number(PRICE, minimum=0), True, ("unit_cost", "standard_cost"), shown="price",
               about="What one unit costs.", examples=("1.1", "3.25")),
        _BASE_CURRENCY,
        _STARTS,
        _VALID_TO,
    ),
    key=("item_code", "valid_from"),
    ordered=(("valid_from", "valid_to"),),
    reads=Action.SEE_COST,
    about="A row is what one unit of a product costs from a day to a day.",
)  # fmt: skip
_FX_RATES = KindTable(
    ImportKind.FX_RATES,
    (
        Column("month", cells.month(), True, ("period",), shown="month",
               about="The month that the rate holds in.", examples=("2026-01", "2026-01")),
        replace(_CURRENCY, required=True, about="The ISO code of the foreign currency.", examples=("USD", "GBP")),
        Column("kind", cells.choice(*RATE_KINDS), default=RateKind.PLAN.value, synonyms=("rate_kind", "type"),
               choices=RATE_KINDS, width=10, about="What the rate is for; blank is plan.", examples=("plan", "budget")),
        Column("rate", cells.above_zero(PRICE), True, ("fx_rate", "exchange_rate"), shown="price",
               about="What one unit of it is worth in the company's own currency.", examples=("0.92", "1.16")),
    ),
    key=("kind", "currency", "month"),
    reads=Action.READ_RATES,
    about="A row is what a currency is worth in a month.",
)  # fmt: skip
# The line number may be absent only where no invoice spans files: its ordinal would start again in each file.
_SALES = KindTable(
    ImportKind.SALES,
    (
        Column("invoice", cells.code(), True, ("invoice_no", "invoiceno", "invoice_number", "document"), folded=True,
               shown="code", about="The number of the invoice or credit note.", examples=("536365", "C536379")),
        ITEM,
        Column("line_number", cells.whole(1, 999_999), True, ("line", "line_no", "position"), shown="int",
               about="The line of the invoice. Without the column, lines of one item are numbered as they come.",
               examples=("1", "1")),
        CUSTOMER,
        Column("invoice_date", cells.day(), True, ("invoicedate", "date"), shown="date",
               about="The date on the invoice.", examples=("2026-01-15", "2026-01-20")),
        Column("quantity", cells.number(QUANTITY), True, ("qty",), shown="quantity",
               about="Units sold; below zero where goods came back, 0 for a price credit.", examples=("24", "-6")),
        Column("unit_price", cells.number(PRICE, minimum=0), synonyms=("unitprice", "price"), shown="price",
               about="The net price of one unit. It, revenue or total is needed, but for free goods.",
               examples=("2.55", "2.55")),
        Column("net_revenue", cells.number(MONEY), synonyms=("revenue", "net_amount", "amount"), shown="money",
               about="After discount, without tax and freight; blank follows from the total, or quantity times price.",
               examples=("61.2", "")),
        Column("gross_amount", cells.number(MONEY), synonyms=("gross", "gross_total", "amount_with_tax"), shown="money",
               stored=False, about="What the customer pays for the line, with tax and freight.", examples=("", "")),
        Column("discount", cells.number(MONEY), synonyms=("line_discount", "discount_amount"), shown="money",
               stored=False, about="Taken off quantity times price.", examples=("", "")),
        Column("tax", cells.number(MONEY), synonyms=("vat", "tax_amount", "sales_tax"), shown="money",
               stored=False, about="In the gross amount.", examples=("", "")),
        Column("freight", cells.number(MONEY), synonyms=("shipping", "freight_amount", "delivery_charge"),
               shown="money", stored=False, about="In the gross amount.", examples=("", "")),
        _CURRENCY,
        Column("line_type", cells.choice(*LINE_TYPES), default="sale", synonyms=("type",), choices=LINE_TYPES, width=14,
               about="What the line counts as; blank is a sale.", examples=("sale", "return")),
        Column("order_date", cells.day(), synonyms=("ordered",), shown="date",
               about="When it was ordered.", examples=("2026-01-12", "")),
        Column("requested_date", cells.day(), synonyms=("requested", "requested_delivery_date", "due_date"),
               shown="date", about="When the customer wanted it.", examples=("2026-01-13", "")),
        Column("shipped_date", cells.day(), synonyms=("shipped", "ship_date"), shown="date",
               about="When it left.", examples=("2026-01-14", "")),
        Column("unit_cost", cells.number(PRICE, minimum=0), synonyms=("cost", "cost_price"), shown="price",
               needs=Action.SEE_COST, about="What one unit cost, in the company's currency; blank is the product's.",
               examples=("1.1", "")),
        Column("source", cells.source(), synonyms=("source_system",), width=14,
               about="The system that the line came from; blank is file, or stays.", examples=("erp", "")),
    ),
    key=("invoice", "item_code", "line_number"),
    some_of=(("unit_price", "net_revenue", "gross_amount"),),  # free goods owe nothing
    ordinal="line_number",
    reads=Action.READ_SALES,
    about="A row is a line of an invoice or credit note.",
)  # fmt: skip

TABLES: Mapping[ImportKind, KindTable] = {
    table.kind: table
    for table in (
        *(_USERS, _CUSTOMERS, _PRODUCTS, _ASSIGNMENTS, _MATRIX, _PRICES, _COSTS, _FX_RATES, _SALES),
        *PLAN_TABLES,
    )
}
