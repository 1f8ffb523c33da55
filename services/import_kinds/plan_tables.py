"""The tables of plans: forecasts, past ones, and budgets."""

from __future__ import annotations

from dataclasses import replace

from planning.access import Action
from planning.forecast_files import CLEAR_WORD
from planning.numbers import MONEY, PRICE, QUANTITY
from services.import_kinds import cells
from services.import_kinds.columns import CUSTOMER, ITEM, Column, ImportKind, KindTable, OwnValues, Wide

PAST_STREAMS = ("sales", "naive", "statistical", "consensus", "approved")

_CYCLE = Column(
    "cycle", cells.text(200), synonyms=("cycle_name", "round", "planning_cycle"), folded=True, width=16,
    about="The name or the id of the cycle; blank is the one in entry.", examples=("December 2026", ""),
)  # fmt: skip
_MONTH = Column(
    "month",
    cells.month(),
    True,
    ("period",),
    shown="month",
    about="The planned month.",
    examples=("2027-01", "2027-02"),
)
_QUANTITY = Column(
    "quantity", cells.number(QUANTITY, minimum=0), synonyms=("qty", "units"), shown="quantity",
    about="Units that will be sold.", examples=("120", "0"),
)  # fmt: skip
_VALUE = Column(
    "value", cells.number(MONEY, minimum=0), synonyms=("amount", "revenue"), shown="money",
    about="What they are worth, in the company's currency.", examples=("354", ""),
)  # fmt: skip
_SHOWN = tuple(
    Column(name, cells.unread(), kept=True, width=width, about=about, examples=("", ""))
    for name, width, about in (
        ("customer_name", 24, "For you; it is not read."),
        ("item_name", 24, "For you; it is not read."),
        ("unit", 8, "What quantities count; it is not read."),
    )
)
_CLEARS = f"Blank says nothing; {CLEAR_WORD} takes back what stands."

_FORECASTS = KindTable(
    ImportKind.FORECASTS,
    (
        _CYCLE,
        CUSTOMER,
        _SHOWN[0],
        ITEM,
        *_SHOWN[1:],
        _MONTH,
        replace(_QUANTITY, parse=cells.or_clear(_QUANTITY.parse), about=f"Units that will be sold. {_CLEARS}"),
        replace(
            _VALUE,
            parse=cells.or_clear(_VALUE.parse),
            about=f"Instead of a quantity: what will be sold, in the plan's currency. {_CLEARS}",
            examples=("", ""),
        ),
        Column("price", cells.or_clear(cells.number(PRICE, minimum=0)), synonyms=("own_price",), shown="price",
               about=f"A price of your own for the month, with a reason. {_CLEARS}", examples=("", "2.4")),
        Column("reason", cells.or_clear(cells.text(500)), synonyms=("comment",), width=30,
               about=f"Why. {_CLEARS}", examples=("", "Promotion")),
        Column("base_rev", cells.whole(0, 2**31), shown="int", kept=True,
               about="What stood here when the file was made; so nobody's change is overwritten.", examples=("", "")),
    ),
    key=("cycle", "customer_code", "item_code", "month"),
    wide=Wide(
        month=replace(_QUANTITY, parse=cells.or_clear(_QUANTITY.parse), synonyms=(), width=11,
                      about=f"Units that will be sold in this month. {_CLEARS}"),
        columns=(
            Column("base_revs", cells.revisions(), kept=True, width=12, examples=("", ""),
                   about="What stood in the months when the file was made; so nobody's change is overwritten."),
        ),
        instead_of=("month", "quantity", "value", "price", "reason", "base_rev"),
        pinned="item_name",
    ),
    reads=Action.READ_FORECAST,
    about="A row is a month of a product that a customer buys; or a product, with a column for each month, titled like "
    "2027-01.",
)  # fmt: skip
_PAST_FORECASTS = KindTable(
    ImportKind.PAST_FORECASTS,
    (
        replace(_CYCLE, about="How the cycle was called; not needed beside base_month.",
                examples=("November 2025", "November 2025")),
        Column("base_month", cells.month(), synonyms=("run_in", "forecast_month"), shown="month",
               about="The month that the cycle was run in.", examples=("2025-11", "2025-11")),
        CUSTOMER,
        ITEM,
        replace(_MONTH, synonyms=("period", "target_month"), examples=("2025-12", "2026-01")),
        replace(_QUANTITY, required=True, about="Units that were forecast."),
        replace(_VALUE, about="What they were worth, in the company's currency."),
        Column("stream", cells.choice(*PAST_STREAMS), default="sales", choices=PAST_STREAMS, width=12,
               about="Whose number it was; blank is sales.", examples=("sales", "approved")),
    ),
    key=("cycle", "base_month", "customer_code", "item_code", "month", "stream"),
    any_of=(("cycle", "base_month"),),
    reads=Action.READ_FORECAST,
    about="A row is what a cycle, that was run before this system, forecast for a month.",
)  # fmt: skip
_BUDGET = KindTable(
    ImportKind.BUDGET,
    (
        Column("fiscal_year", cells.whole(1990, 2199), True, ("year",), shown="int",
               about="The fiscal year, named by the calendar year that it ends in.", examples=("2027", "2027")),
        Column("version", cells.text(60), default="1", synonyms=("budget_version",), folded=True, width=10,
               about="The name of the version; blank is 1.", examples=("1", "Low")),
        _MONTH,
        replace(CUSTOMER, required=False, about="Whose budget it is: name a customer, or one of the next three, or "
                "none of them for all customers.", examples=("", "C-2040")),
        Column("group", cells.text(100), folded=True, own=OwnValues.GROUP, width=16,
               about="A group of customers.", examples=("", "")),
        Column("region", cells.text(100), folded=True, own=OwnValues.REGION, width=16,
               about="A region.", examples=("North", "")),
        Column("country", cells.text(100), folded=True, own=OwnValues.COUNTRY, width=16,
               about="A country.", examples=("", "")),
        replace(ITEM, required=False, about="Of what: name a product, or one of the next three, or none of them for "
                "all products.", examples=("", "0042")),
        Column("category", cells.text(100), folded=True, own=OwnValues.CATEGORY, width=16,
               about="A product category.", examples=("Lighting", "")),
        Column("family", cells.text(100), folded=True, own=OwnValues.FAMILY, width=16,
               about="A product family.", examples=("", "")),
        Column("brand", cells.text(100), folded=True, own=OwnValues.BRAND, width=16,
               about="A brand.", examples=("", "")),
        replace(_QUANTITY, about="Units; products of several units take a value only."),
        _VALUE,
    ),
    key=(
        *("fiscal_year", "version", "month", "customer_code", "group", "region", "country"),
        *("item_code", "category", "family", "brand"),
    ),
    any_of=(("quantity", "value"),),
    reads=Action.READ_FORECAST,
    about="A row is a month of a budget, at the level at which it was decided.",
)  # fmt: skip

PLAN_TABLES = (_FORECASTS, _PAST_FORECASTS, _BUDGET)
