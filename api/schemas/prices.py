"""Customer prices, and what the price chain says, at the edge."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator
from pydantic_core import PydanticCustomError

from api.numbers import Amount
from api.schemas.items import FIRST_DAY, LAST_DAY, MAX_ENTRIES, ItemView
from api.texts import Body, Currency, Day, Id, Month
from planning.months import month_range
from services.price_answers import Question

MAX_PRODUCTS = 500
MAX_MONTHS = 36


class NewPrice(Body):
    """What the customer pays for one unit from a day on."""

    product_id: Id
    price: Amount
    currency: Annotated[Currency, Field(description="The customer's; another one is refused.")] | None = None
    valid_from: Annotated[Day, FIRST_DAY]
    valid_to: Annotated[Day, LAST_DAY] | None = None


class NewPrices(Body):
    """One or many; all are added, or none."""

    entries: Annotated[list[NewPrice], Field(min_length=1, max_length=MAX_ENTRIES)]

    def drafts(self) -> list[dict[str, Any]]:
        """What the service is asked for."""
        return [dict(entry) for entry in self.entries]


class PricePatch(Body):
    """Another price or other days; only `valid_to` can be null (an open end)."""

    price: Amount | None = None
    valid_from: Annotated[Day, FIRST_DAY] | None = None
    valid_to: Annotated[Day, LAST_DAY] | None = None

    @field_validator("price", "valid_from", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("null", "must not be null; leave it out to keep it as it is")
        return value

    @model_validator(mode="after")
    def _says_something(self) -> PricePatch:
        if not self.model_fields_set:
            raise PydanticCustomError("empty_change", "must name at least one field to change")
        return self


class PriceView(ItemView):
    """What the customer pays for one unit of a product."""

    price: float = Field(examples=[2.55])
    currency: str = Field(examples=["EUR"])
    valid_from: str = Field(examples=["2026-01-01"])


def _ids(text: Any) -> list[UUID]:
    try:
        ids = [UUID(part.strip()) for part in str(text).split(",")]
    except ValueError as error:
        raise PydanticCustomError("ids", "must be an id, or several with commas between them") from error
    if len(ids) > MAX_PRODUCTS:
        raise PydanticCustomError("ids", "must be at most {most} ids", {"most": MAX_PRODUCTS})
    return list(dict.fromkeys(ids))


class ResolveQuery(BaseModel):
    """Whose prices, of which products and months. Without a product: all that the customer may order meanwhile."""

    model_config = ConfigDict(extra="forbid")

    customer_id: UUID
    product_id: (
        Annotated[
            list[UUID],
            BeforeValidator(_ids),
            WithJsonSchema(
                {
                    "type": "string",
                    "description": f"An id, or up to {MAX_PRODUCTS} with commas between them.",
                    "examples": ["1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"],
                }
            ),
        ]
        | None
    ) = None
    month: Annotated[Month, Field(description="The first month.")]
    months: Annotated[int, Field(ge=1, le=MAX_MONTHS, description="How many months, beginning with `month`.")] = 1
    cycle_id: Annotated[UUID, Field(description="Counts the own prices of this cycle's cells.")] | None = None

    def question(self, customer: dict[str, Any]) -> Question:
        """What the service is asked."""
        return Question(customer, month_range(self.month, self.months), self.product_id, self.cycle_id)


class PassedOver(BaseModel):
    """A step of the chain that had nothing to say."""

    step: str = Field(examples=["customer"])
    why: str = Field(examples=["no price of this customer is valid on the first day of the month"])


class RateOfMonth(BaseModel):
    """A plan rate, and the month that it was given for."""

    rate: float = Field(examples=[0.92])
    given_for: str = Field(examples=["2026-12"])
    taken_over: bool = Field(description="The month has no rate of its own, so the last one counts.")


class CurrencyConversion(BaseModel):
    """The price in its own currency, and the plan rate that converted it; null = there is none for this month."""

    step: str = Field(examples=["customer"])
    price: float = Field(examples=[2.99])
    currency: str = Field(examples=["USD"])
    rate: RateOfMonth | None


class PriceSpan(BaseModel):
    """The price of consecutive months that share one answer. `price` null = missing, and `problem` says why."""

    model_config = ConfigDict(populate_by_name=True)

    first: str = Field(alias="from", examples=["2027-01"])
    to: str = Field(examples=["2027-12"])
    price: float | None = Field(examples=[2.55])
    source: str = Field(examples=["list"], description="override, customer, list, average or missing")
    problem: str | None = Field(examples=[None])
    passed_over: list[PassedOver]
    conversion: CurrencyConversion | None = Field(description="Only for a price in another currency.")


class ProductPrices(BaseModel):
    """What the chain says of one product."""

    product_id: UUID
    item_code: str = Field(examples=["85123A"])
    name: str = Field(examples=["White hanging heart T-light holder"])
    prices: list[PriceSpan]


class PricedCustomer(BaseModel):
    """Whose prices."""

    id: UUID
    code: str = Field(examples=["C1"])
    currency: str = Field(examples=["USD"])


class ResolvedPrices(BaseModel):
    """Prices in `currency`, which is the plan's, by product in the order of their codes."""

    customer: PricedCustomer
    currency: str = Field(examples=["EUR"])
    months: list[str] = Field(examples=[["2027-01"]])
    products: list[ProductPrices]
