"""What merging two customers does, in counts."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from api.texts import Body, Id
from models.customer import Customer
from planning.stages import Stage, phase_of
from services.merge_plans import Moves, SheetPlan
from services.merges import Preview


class MergeBody(Body):
    """Into whom."""

    customer_id: Annotated[
        Id,
        Field(description="The customer that this one really is.", examples=["8d3c7a1e-2f50-4b8e-9a6d-3c1f0e5b7a92"]),
    ]


class MergedCustomer(BaseModel):
    """One of the two."""

    id: UUID
    code: str = Field(examples=["C-1001"])
    name: str = Field(examples=["Northwind Traders"])


class MovedEntries(BaseModel):
    """`moved`: the other customer gets them, or the days for which it had nothing; `kept`: it had its own."""

    moved: int = Field(examples=[12])
    kept: int = Field(examples=[1])


class MergedSheet(BaseModel):
    """What becomes of the two drafts in one open cycle; states are null where there is no sheet."""

    cycle_id: UUID
    name: str = Field(examples=["December 2026"])
    phase: str | None = Field(examples=["entry"])
    lines_moved: int = Field(description="Lines that only the merged customer has.", examples=[3])
    lines_summed: int = Field(description="Lines that both have.", examples=[20])
    cells_moved: int = Field(description="Cells for which only the merged customer says a quantity.", examples=[48])
    cells_summed: int = Field(description="Cells for which both say a quantity.", examples=[320])
    source_state: str | None = Field(examples=["draft"])
    target_state: str | None = Field(examples=["submitted"])
    target_state_after: str | None = Field(examples=["draft"])


class MergeView(BaseModel):
    """What a merge would do, or did. With `obstacles` it is refused."""

    source: MergedCustomer
    target: MergedCustomer
    possible: bool
    obstacles: list[str] = Field(examples=[[]])
    sales_lines: int = Field(description="Stay as they are and count as the other's.", examples=[240])
    closed_cycles: int = Field(description="Stay as they are and are read as the other's.", examples=[6])
    assignments: MovedEntries
    matrix: MovedEntries
    prices: MovedEntries
    new_aliases: list[str] = Field(description="Names that find the other customer from now on.")
    merged_before: int = Field(description="Customers that were merged into this one.", examples=[0])
    planned_as: int = Field(description="Customers that are planned as this one.", examples=[0])
    open_cycles: list[MergedSheet]


def show_merge(shown: Preview) -> MergeView:
    """The counts as callers see them."""
    plan = shown.plan
    return MergeView(
        source=_customer(plan.source),
        target=_customer(plan.target),
        possible=not plan.obstacles,
        obstacles=list(plan.obstacles),
        sales_lines=shown.kept.sales_lines,
        closed_cycles=shown.kept.closed_cycles,
        assignments=_moves(plan.assignments),
        matrix=_moves(plan.matrix),
        prices=_moves(plan.prices),
        new_aliases=list(plan.fresh_aliases),
        merged_before=len(plan.flattened),
        planned_as=plan.planned_as,
        open_cycles=[_sheet(sheet) for sheet in plan.sheets],
    )


def _customer(customer: Customer) -> MergedCustomer:
    return MergedCustomer(id=customer.id, code=customer.code, name=customer.name)


def _moves(moves: Moves) -> MovedEntries:
    return MovedEntries(moved=moves.moved, kept=moves.kept)


def _sheet(sheet: SheetPlan) -> MergedSheet:
    return MergedSheet(
        cycle_id=sheet.cycle.id,
        name=sheet.cycle.name,
        phase=phase_of(Stage(sheet.cycle.stage)),
        lines_moved=sheet.lines_moved,
        lines_summed=sheet.lines_summed,
        cells_moved=sheet.cells.moved,
        cells_summed=sheet.cells.summed,
        source_state=sheet.source.state if sheet.source else None,
        target_state=sheet.target.state if sheet.target else None,
        target_state_after=sheet.state_after,
    )
