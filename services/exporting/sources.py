"""Which source gives the rows of which kind. A kind without one has a template and no export."""

from __future__ import annotations

from collections.abc import Mapping

from services.exporting.base import RowSource
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
