"""Sales in other currencies than the company's own: revenue is stored in the base currency, beside what was said.

It is converted at the rate that its month came to have, or, until finance gives that, at the one that plans count with.
Importing the same lines again takes the rates as they are then.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InvalidInput
from core.mongo import RawDocument
from planning.net_revenue import TOO_LARGE
from planning.rates import RateKind, Rates, convert_money, rate_of_sale
from services.rates import load_rates

LAST_MONTH = "2999-12"


@dataclass(frozen=True, slots=True)
class Conversion:
    """The rates of all months, as they are now."""

    base: str
    actual: Rates
    plan: Rates

    def apply(self, line: RawDocument, *, keep_revenue: bool) -> str | None:
        """Fill `fx_rate` and `net_revenue` of a line in a foreign currency; `keep_revenue`: a person corrected that.

        What is expected instead of its currency where it can't be converted.
        """
        rate = rate_of_sale(self.actual, self.plan, line["currency"], line["month"])
        if rate is None:
            return f"{self.base}, or a currency with an exchange rate (actual or plan) for {line['month']}"
        line["fx_rate"] = rate.rate
        if not keep_revenue:
            try:
                line["net_revenue"] = convert_money(line["original_revenue"], rate.rate)
            except InvalidInput:
                return TOO_LARGE
        return None


async def load_conversion(base: str) -> Conversion:
    """The rates to the company's base currency."""
    return Conversion(base, await load_rates(RateKind.ACTUAL, LAST_MONTH), await load_rates(RateKind.PLAN, LAST_MONTH))
