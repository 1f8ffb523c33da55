"""Where an import's table stands in its file and which title means which column: found once, and kept in the job.

The reader shows the tops of the sheets, `settle` answers. What it found is part of the job from then on, so that every
try reads the same, whatever was saved or released in between, and the answer can show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.collections import scoped
from core.errors import Detail, InvalidInput
from core.sheets import column_letters
from models.job import Job
from planning.column_titles import Said
from planning.table_places import Place, Preview, best_place
from planning.written_dates import DateOrder
from planning.written_numbers import DecimalSign
from services.import_kinds.cells import Writing
from services.import_kinds.tables import ImportKind
from services.import_kinds.titles import header_matching, header_problems, judge_of, table_said

Layout = dict[str, Any]
"""As a job keeps it: sheet, header rows, titles, columns by position, and what does not fit."""


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """What its sender says of a file. `mapping` goes before `saved`, the mapping of the `source`."""

    sheet: str = ""
    header_row: int | None = None
    decimal: DecimalSign | None = None
    date_order: DateOrder | None = None
    source: str | None = None
    mapping: Said = field(default_factory=dict)
    saved: Said = field(default_factory=dict)

    def params(self) -> dict[str, Any]:
        """As a job keeps them; titles are values there, because a key may hold neither dot nor dollar."""
        return {
            "sheet": self.sheet,
            "header_row": self.header_row,
            "decimal": None if self.decimal is None else str(self.decimal),
            "date_order": None if self.date_order is None else str(self.date_order),
            "source": self.source,
            "mapping": pairs_of(self.mapping),
            "saved": pairs_of(self.saved),
        }


def pairs_of(said: Said) -> list[dict[str, str | None]]:
    """A mapping as it is stored and shown."""
    return [{"title": title, "column": column} for title, column in said.items()]


def said_of(pairs: list[dict[str, Any]]) -> dict[str, str | None]:
    """A stored mapping, title -> column."""
    return {pair["title"]: pair["column"] for pair in pairs}


def options_of(job: Job) -> ReadingOptions:
    """What was said of the file of this job; nothing for jobs of an older release."""
    params: Mapping[str, Any] = job.params.get("reading") or {}
    decimal, order = params.get("decimal"), params.get("date_order")
    return ReadingOptions(
        sheet=params.get("sheet", ""),
        header_row=params.get("header_row"),
        decimal=DecimalSign(decimal) if decimal else None,
        date_order=DateOrder(order) if order else None,
        source=params.get("source"),
        mapping=said_of(params.get("mapping", [])),
        saved=said_of(params.get("saved", [])),
    )


async def settle(job: Job, preview: Preview) -> Place:
    """The place of the table of a running import. The first answer is kept and stays.

    Raises InvalidInput, a detail per column, when no header fits; what was found nevertheless is kept and shown.
    """
    if job.layout is None:
        job.layout = find_layout(ImportKind(job.params["kind"]), options_of(job), preview)
        await scoped(Job).update_one({"_id": job.id, "state": "running"}, {"$set": {"layout": job.layout}})
    return place_of(job.layout)


def find_layout(kind: ImportKind, options: ReadingOptions, preview: Preview) -> Layout:
    """Where the table stands and what its titles mean, also where they don't fit (then it says so in `problems`).

    Raises InvalidInput when there is nothing to read.
    """
    said = (options.mapping, options.saved)
    place, others = best_place(preview, judge_of(kind, *said), options.header_row)
    titles = list(place.titles)
    matching = header_matching(kind, titles, *said)
    columns = [
        {"column": one.column, "position": one.position, "how": str(one.how), "score": one.score}
        for one in sorted(matching.matched.values(), key=lambda one: one.position)
    ]
    problems = header_problems(table_said(kind, titles, *said), titles, matching)
    return {
        "sheet": next(sheet.name for sheet in preview.sheets if sheet.number == place.sheet),
        "sheet_number": place.sheet,
        "other_sheets": others,
        "header_rows": list(place.header_rows),
        "titles": titles,
        "columns": columns,
        "problems": [{"field": one.field, "message": one.message} for one in problems],
        "from_1904": preview.from_1904,
        "delimiter": preview.delimiter,
    }


def place_of(layout: Layout) -> Place:
    """The place to read from; raises InvalidInput, a detail per column, where the header does not fit."""
    if layout["problems"]:
        shown = "row" if len(layout["header_rows"]) == 1 else "rows"
        numbers = " and ".join(map(str, layout["header_rows"]))
        raise InvalidInput(
            f"The header does not fit ({shown} {numbers}): see the details.",
            details=[Detail(problem["field"], problem["message"]) for problem in layout["problems"]],
        )
    return Place(layout["sheet_number"], tuple(layout["header_rows"]), tuple(layout["titles"]))


def positions_of(layout: Layout | None) -> dict[str, int] | None:
    """Column -> place in the header, as it was settled; None for a table whose place nobody settled."""
    return None if layout is None else {one["column"]: one["position"] for one in layout["columns"]}


def writing_of(options: ReadingOptions, layout: Layout | None, currency: str) -> Writing:
    """How the file writes numbers and dates.

    Between commas a decimal comma would have to be quoted, so there a point is taken for the decimal sign.
    """
    known = layout or {"delimiter": ",", "from_1904": False}
    return Writing(
        decimal=options.decimal,
        date_order=options.date_order,
        hint=DecimalSign.POINT if known["delimiter"] == "," else None,
        from_1904=known["from_1904"],
        currency=currency,
    )


def shown_layout(job: Job) -> dict[str, Any]:
    """What an answer says of the reading of the file."""
    result = job.result or {}
    layout = job.layout or {"sheet": None, "other_sheets": [], "header_rows": [], "columns": [], "titles": []}
    return {
        "sheet": layout["sheet"],
        "other_sheets": layout["other_sheets"],
        "header_rows": layout["header_rows"],
        "columns": _shown_columns(layout),
        "source": options_of(job).source,
        "totals": result.get("totals", 0),
        "left_out": result.get("left_out", []),
        "has_errors_file": job.result_file_id is not None,
    }


def _shown_columns(layout: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The mapping as it is shown: every title in the order of the file; `column` null where it is ignored."""
    found = {one["position"]: one for one in layout["columns"]}
    ignored = {"column": None, "how": None, "score": None}
    return [
        {
            "title": title,
            "letter": column_letters(at),
            **{name: found.get(at, ignored)[name] for name in ignored},
        }
        for at, title in enumerate(layout["titles"])
        if title
    ]


def shown_errors(findings: list[dict[str, Any]], layout: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Row errors with the sheet and the letters of their columns."""
    letters: dict[str, str] = {}
    if layout is not None:
        letters = {layout["titles"][one["position"]]: column_letters(one["position"]) for one in layout["columns"]}
    sheet = layout["sheet"] if layout is not None else ""
    return [
        {"sheet": sheet, "conflict": False, **finding, "letter": letters.get(finding["column"], "")}
        for finding in findings
    ]
