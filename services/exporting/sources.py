"""Which source gives the rows of which kind, as somebody asks for them."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import Detail, InvalidInput
from services.exporting.base import Asked, RowSource
from services.exporting.masters import CustomerSource, ProductSource, RateSource, UserSource
from services.exporting.owned import AssignmentSource, CostSource, MatrixSource, PriceSource
from services.exporting.plans import BudgetSource, ForecastSource, PastForecastSource
from services.exporting.sales_lines import SalesSource
from services.import_kinds.tables import ImportKind

SOURCES: Mapping[ImportKind, type[RowSource]] = {
    ImportKind.USERS: UserSource,
    ImportKind.CUSTOMERS: CustomerSource,
    ImportKind.PRODUCTS: ProductSource,
    ImportKind.ASSIGNMENTS: AssignmentSource,
    ImportKind.MATRIX: MatrixSource,
    ImportKind.PRICES: PriceSource,
    ImportKind.COSTS: CostSource,
    ImportKind.FX_RATES: RateSource,
    ImportKind.SALES: SalesSource,
    ImportKind.FORECASTS: ForecastSource,
    ImportKind.PAST_FORECASTS: PastForecastSource,
    ImportKind.BUDGET: BudgetSource,
}


def source_of(kind: ImportKind, asked: Asked) -> RowSource:
    """The rows of the kind. Raises InvalidInput for filters and a layout that it does not have."""
    source = SOURCES[kind]
    problems = [
        Detail(f"filters.{name}", f"does not apply to {kind}; leave it out")
        for name in sorted(asked.filters.named() - source.filters)
    ]
    if asked.layout not in source.layouts:
        problems.append(Detail("layout", f"must be {' or '.join(source.layouts)} for {kind}"))
    if problems:
        raise InvalidInput(details=problems)
    return source(asked)
