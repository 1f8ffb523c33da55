"""What statistics of sales know of customers, products and reps: to which row something sold belongs, and how that row
is called. Ids are BSON binaries, as rollups are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from bson.binary import Binary

from core.collections import as_binary, scoped
from models.assigned import as_rule
from models.customer import Assignment, Customer
from models.dated_costs import read_dated_costs
from models.merged import Merged, load_merged
from models.product import Product
from models.succession import read_succession
from models.user import User
from planning import access
from planning.access import category_key, primary_rep
from planning.costs import DatedCost, resolve_cost
from planning.months import Month
from planning.numbers import PRICE
from planning.sales_statistics import HAVE_ONE_CUSTOMER, Dimension, ProductWanted, SalesQuestion, name_key
from planning.succession import Succession

Id = Binary
Key = str | None
"""Which row: the text of an id, a name in the form in which names are compared, or None = nobody said."""


@dataclass(frozen=True, slots=True)
class Label:
    """How a row is called. `id` of customers, products and reps; `code` of the first two."""

    name: str
    code: str | None = None
    id: UUID | None = None


@dataclass(slots=True)
class ProductFacts:
    """A product as it is today."""

    id: UUID
    code: str
    name: str
    unit: str
    texts: Mapping[str, str | None]
    standard: int | None
    dated: list[DatedCost]
    costs: dict[Month, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """A customer as it is today."""

    id: UUID
    code: str
    name: str
    texts: Mapping[str, str | None]


UNKNOWN = ProductFacts(UUID(int=0), "", "", "", {}, None, [])
NO_PRODUCT = as_binary(UNKNOWN.id)


class Masters:
    """Everything at once, for one question."""

    def __init__(
        self,
        question: SalesQuestion,
        products: dict[Id, ProductFacts],
        customers: dict[Id, CustomerFacts],
        merged: Merged,
        succession: Succession,
    ) -> None:
        self.question = question
        self.products = products
        self.customers = customers
        self.succession = succession
        self.merged = merged
        self.owners = {as_binary(source): as_binary(target) for source, target in merged.targets.items()}
        self.involved = frozenset(map(as_binary, succession.involved))
        self.labels: dict[Key, Label] = {}
        self.reps: Reps | None = None
        self.by_customer = question.entities in HAVE_ONE_CUSTOMER or question.entities is Dimension.REP
        """Whether it matters whose something is."""
        self.of_customer: dict[Id, Key] = {}
        self.of_product: dict[Id, Key] = {}

    def cost_of(self, product: ProductFacts, month: Month) -> int | None:
        """What a unit cost in a month, where its line does not say; None = nobody knows."""
        if month not in product.costs:
            product.costs[month] = resolve_cost(month, product.dated, product.standard, self.question.rule).cost
        return product.costs[month]

    def key_of(self, customer: Id | None, product: Id) -> Key:
        """The row that belongs to what this customer bought of this product (an heir, if it has one)."""
        entities = self.question.entities
        if entities is None:
            return None
        if self.reps is not None and customer is not None:
            return self._of_rep(self.reps, customer, product)
        if customer is None or not self.by_customer:
            if product not in self.of_product:
                self.of_product[product] = self._product_key(entities, self.products.get(product, UNKNOWN))
            return self.of_product[product]
        if customer not in self.of_customer:
            self.of_customer[customer] = self._customer_key(entities, customer)
        return self.of_customer[customer]

    def wanted(self, product: Id) -> bool:
        """Whether the question is about this product (as an heir)."""
        return self.question.products.is_any or _fits(self.question.products, self.products.get(product, UNKNOWN))

    def product_ids(self) -> list[UUID] | None:
        """Under which products that is stored which the question is about; None = under any."""
        if self.question.products.is_any:
            return None
        wanted = [facts.id for facts in self.products.values() if _fits(self.question.products, facts)]
        return sorted(self.succession.with_predecessors(wanted))

    def _named(self, key: Key, label: Label) -> Key:
        self.labels.setdefault(key, label)
        return key

    def _product_key(self, by: Dimension, facts: ProductFacts) -> Key:
        if by is Dimension.PRODUCT:
            return self._named(str(facts.id), Label(facts.name, facts.code, facts.id))
        return self._text_key(facts.texts.get(by))

    def _customer_key(self, by: Dimension, customer: Id) -> Key:
        facts = self.customers.get(self.owners.get(customer, customer))
        if facts is None:
            return self._named(None, Label(""))
        if by is Dimension.CUSTOMER:
            return self._named(str(facts.id), Label(facts.name, facts.code, facts.id))
        return self._text_key(facts.texts.get(by))

    def _text_key(self, text: str | None) -> Key:
        """Names that differ in case only are one; what is shown is the first spelling that is met."""
        return self._named(name_key(text), Label((text or "").strip()))

    def _of_rep(self, reps: Reps, customer: Id, product: Id) -> Key:
        owner = self.owners.get(customer, customer)
        rep = reps.of(owner, self.products.get(product, UNKNOWN).texts.get("category"))
        return self._named(None if rep is None else str(rep), Label(reps.names.get(rep, "") if rep else "", id=rep))


class Reps:
    """Who is whose primary rep on a day."""

    def __init__(self, assignments: Mapping[Id, list[access.Assignment]], names: Mapping[UUID, str], day: date) -> None:
        self.assignments = assignments
        self.names = names
        self.day = day
        self._found: dict[tuple[Id, str | None], UUID | None] = {}

    def of(self, customer: Id, category: str | None) -> UUID | None:
        asked = (customer, category_key(category))
        if asked not in self._found:
            found = self.assignments.get(customer, ())
            self._found[asked] = primary_rep(found, customer.as_uuid(), self.day, category)
        return self._found[asked]


async def load_masters(question: SalesQuestion) -> Masters:
    """What the question needs of them."""
    products = await _products(with_cost=question.with_cost)
    customers = await _customers() if question.entities in HAVE_ONE_CUSTOMER else {}
    masters = Masters(question, products, customers, await load_merged(), await read_succession())
    if question.entities is Dimension.REP:
        masters.reps = await _reps(question.day)
    return masters


async def _products(*, with_cost: bool) -> dict[Id, ProductFacts]:
    texts = ("category", "family", "brand")
    fields = dict.fromkeys(("code", "name", "unit", "standard_cost", *texts), 1)
    dated = await read_dated_costs() if with_cost else {}
    found = {}
    async for row in scoped(Product).find({}, fields, batch_size=10_000):
        cost = row.get("standard_cost")
        found[as_binary(row["_id"])] = ProductFacts(
            id=row["_id"],
            code=row["code"],
            name=row["name"],
            unit=row["unit"],
            texts={name: row.get(name) for name in texts},
            standard=None if cost is None else PRICE.round_scaled(cost.to_decimal()),
            dated=dated.get(row["_id"], []),
        )
    return found


async def _customers() -> dict[Id, CustomerFacts]:
    texts = ("region", "country", "group")
    rows = scoped(Customer).find({}, dict.fromkeys(("code", "name", *texts), 1), batch_size=10_000)
    return {
        as_binary(row["_id"]): CustomerFacts(
            row["_id"], row["code"], row["name"], {name: row.get(name) for name in texts}
        )
        async for row in rows
    }


async def _reps(day: date) -> Reps:
    text = day.isoformat()
    holds = {"valid_from": {"$lte": text}, "$or": [{"valid_to": None}, {"valid_to": {"$gte": text}}]}
    found: dict[Id, list[access.Assignment]] = {}
    people: set[UUID] = set()
    async for row in scoped(Assignment).find({**holds, "primary": True}, batch_size=10_000):
        people.add(row["user_id"])
        found.setdefault(as_binary(row["customer_id"]), []).append(as_rule(row))
    users = await scoped(User).rows({"_id": {"$in": sorted(people)}}, {"name": 1})
    return Reps(found, {row["_id"]: row["name"] for row in users}, day)


def _fits(wanted: ProductWanted, facts: ProductFacts) -> bool:
    if wanted.product_id is not None and wanted.product_id != facts.id:
        return False
    asked = {"category": wanted.category, "family": wanted.family, "brand": wanted.brand}
    if any(text is not None and name_key(facts.texts.get(name)) != name_key(text) for name, text in asked.items()):
        return False
    return wanted.unit is None or wanted.unit == facts.unit
