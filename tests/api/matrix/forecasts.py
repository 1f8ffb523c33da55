"""Rows of forecasts. The product of a cell is answered cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planning.access import Action
from tests.api.matrix.base import Row
from tests.api.matrix.world import World


def sheet(world: World) -> Mapping[str, Any]:
    return {"cycle_id": world.running.id, "customer_id": world.own.id}


def cell(world: World) -> Mapping[str, Any]:
    return {"month": world.running.months[0], "base_rev": 0, "quantity": 7}


SHEET = ("cycle_id", "customer_id")

ROWS = {
    "read_forecast": Row(Action.READ_FORECAST, query=sheet, links=SHEET, scoped=True),
    "save_forecast": Row(
        Action.WRITE_FORECAST,
        body=lambda world: {**sheet(world), "cells": [{**cell(world), "product_id": world.product.id}]},
        links=SHEET,
        quiet_links=("cells.0.product_id",),
        scoped=True,
    ),
    "save_forecast_line": Row(
        Action.WRITE_FORECAST,
        body=lambda world: {**sheet(world), "product_id": world.product.id, "cells": [cell(world)]},
        links=(*SHEET, "product_id"),
        scoped=True,
    ),
    "submit_forecast": Row(
        Action.SUBMIT_FORECAST,
        body=lambda world: {**sheet(world), "confirm_zero": True},
        links=SHEET,
        scoped=True,
    ),
}
