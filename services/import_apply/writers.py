"""Which writer writes which kind."""

from __future__ import annotations

from collections.abc import Mapping

from services.import_apply.assignments import AssignmentWriter
from services.import_apply.base import Writer
from services.import_apply.budgets import BudgetWriter
from services.import_apply.costs import CostWriter
from services.import_apply.forecasts import ForecastWriter
from services.import_apply.items import MatrixWriter, PriceWriter
from services.import_apply.masters import CustomerWriter
from services.import_apply.past_forecasts import PastForecastWriter
from services.import_apply.people import UserWriter
from services.import_apply.products import ProductWriter
from services.import_apply.rates import RateWriter
from services.import_apply.sales_lines import SalesWriter
from services.import_kinds.tables import ImportKind

WRITERS: Mapping[ImportKind, type[Writer]] = {
    ImportKind.USERS: UserWriter,
    ImportKind.CUSTOMERS: CustomerWriter,
    ImportKind.PRODUCTS: ProductWriter,
    ImportKind.ASSIGNMENTS: AssignmentWriter,
    ImportKind.MATRIX: MatrixWriter,
    ImportKind.PRICES: PriceWriter,
    ImportKind.COSTS: CostWriter,
    ImportKind.FX_RATES: RateWriter,
    ImportKind.SALES: SalesWriter,
    ImportKind.FORECASTS: ForecastWriter,
    ImportKind.PAST_FORECASTS: PastForecastWriter,
    ImportKind.BUDGET: BudgetWriter,
}
