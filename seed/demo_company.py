"""The demo company as values: who buys what at which price, and how demand behaves. The same seed number and reference
month always give the same company; nothing here touches the database.

Months are counted from the first month of history (0); the reference month is the one after the last. Prices are whole
cents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, exp
from random import Random

from planning.months import Month, add_months, month_range
from seed import demo_words as words
from seed.demo_words import CATEGORIES, Category

TOP_CUSTOMERS = 0.2
TOP_REVENUE = 0.75
"""A fifth of the customers makes about three quarters of the revenue."""
YEARLY_REVENUE_PER_CUSTOMER = 80_000.0
YEARLY_PRICE_RISE = 0.025


@dataclass(frozen=True, slots=True)
class DemoSize:
    """How much of everything there is."""

    customers: int = 300
    products: int = 400
    months: int = 36
    closed_cycles: int = 6


class Pattern(StrEnum):
    """How a product sells."""

    STEADY = "steady"
    SEASONAL = "seasonal"
    TRENDING = "trending"
    INTERMITTENT = "intermittent"


PATTERNS = (
    *(Pattern.STEADY,) * 6,
    *(Pattern.SEASONAL,) * 5,
    *(Pattern.TRENDING,) * 4,
    *(Pattern.INTERMITTENT,) * 5,
)
"""Of twenty products."""


@dataclass(frozen=True, slots=True)
class DemoUser:
    email: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class DemoProduct:
    """`launch` is the month it can first be sold in, None = always; without a list price its price comes from the
    customer or from what was paid."""

    code: str
    name: str
    category: Category
    pattern: Pattern
    cents: int
    has_list_price: bool
    cost_cents: int
    growth: float
    launch: int | None


@dataclass(frozen=True, slots=True)
class DemoCustomer:
    """`rank` 0 is the largest. `first` is the first month it buys in; None = a customer that has not bought yet."""

    code: str
    name: str
    group: str
    region: str
    country: str
    rep: int
    rank: int
    revenue: float
    first: int | None


@dataclass(frozen=True, slots=True)
class DemoLine:
    """A product that a customer may order. `monthly` is the usual quantity at the reference month, 0 = never bought;
    `chance` is how likely a month has an order; `last` is the last month it may be ordered in, None = no end."""

    customer: DemoCustomer
    product: DemoProduct
    monthly: float
    chance: float
    noise: float
    growth: float
    season: tuple[float, ...]
    discount: float | None
    last: int | None


@dataclass(frozen=True, slots=True)
class DemoCompany:
    """Everything that the tables and the cycles are made of."""

    seed: int
    reference_month: Month
    months: tuple[Month, ...]
    users: tuple[DemoUser, ...]
    products: tuple[DemoProduct, ...]
    customers: tuple[DemoCustomer, ...]
    lines: tuple[DemoLine, ...]

    def chance_for(self, *purpose: object) -> Random:
        """A source of chance of its own for each purpose, so that no part depends on the order of the others."""
        return chance_for(self.seed, *purpose)

    def month_at(self, index: int) -> Month:
        """The month of an index; the reference month follows the history."""
        return add_months(self.months[0], index)

    def expected(self, line: DemoLine, index: int) -> float:
        """The mean quantity of a month, past or to come, without the noise that makes a month differ from it."""
        first, launch = line.customer.first, line.product.launch
        if first is None or index < first or (line.last is not None and index > line.last):
            return 0.0
        ramp = 1.0
        if launch is not None:
            ramp = min(1.0, max(0.0, (index - launch + 1) / 6))
        years = (index - len(self.months)) / 12
        calendar = int(self.month_at(index)[5:]) - 1
        return float(line.monthly * ramp * line.season[calendar] * (1 + line.growth) ** years)

    def paid_cents(self, line: DemoLine, month: Month) -> int:
        """What a unit costs the customer in that month: prices rise every January."""
        years = int(self.reference_month[:4]) - int(month[:4])
        price = line.product.cents * (1 - (line.discount or 0.0)) / (1 + YEARLY_PRICE_RISE) ** years
        return max(1, round(price))


def chance_for(seed: int, *purpose: object) -> Random:
    """Seeded by text, which Python hashes the same way everywhere."""
    return Random(":".join(str(part) for part in (seed, *purpose)))


def make_company(seed: int, reference_month: Month, size: DemoSize, domain: str) -> DemoCompany:
    """The company as it stands at the beginning of the reference month; addresses are at `domain`."""
    products = _products(seed, size)
    customers = _customers(seed, size)
    return DemoCompany(
        seed=seed,
        reference_month=reference_month,
        months=month_range(add_months(reference_month, -size.months), size.months),
        users=_users(domain),
        products=products,
        customers=customers,
        lines=_lines(seed, size, customers, products),
    )


def rep_address(rep: int, domain: str) -> str:
    """The address of the sales rep 0, 1, …"""
    return f"rep{rep + 1:02}@{domain}"


def _users(domain: str) -> tuple[DemoUser, ...]:
    reps = [DemoUser(rep_address(at, domain), name, "sales_rep") for at, name in enumerate(words.REP_NAMES)]
    return (
        DemoUser(f"admin@{domain}", words.ADMIN_NAME, "admin"),
        DemoUser(f"manager@{domain}", words.MANAGER_NAMES[0], "manager"),
        DemoUser(f"manager2@{domain}", words.MANAGER_NAMES[1], "manager"),
        *reps,
        DemoUser(f"viewer@{domain}", words.VIEWER_NAME, "viewer"),
    )


def _products(seed: int, size: DemoSize) -> tuple[DemoProduct, ...]:
    chance = chance_for(seed, "products")
    names = {
        category.name: chance.sample([f"{style} {noun}" for noun in category.nouns for style in words.STYLES], 70)
        for category in CATEGORIES
    }
    patterns = [PATTERNS[at % len(PATTERNS)] for at in range(size.products)]
    chance.shuffle(patterns)
    products = []
    for at, pattern in enumerate(patterns):
        category, number = CATEGORIES[at % len(CATEGORIES)], at // len(CATEGORIES)
        known = names[category.name]
        series = "" if number < len(known) else f" {number // len(known) + 1}"
        euros = min(180.0, max(1.2, chance.lognormvariate(0.0, 0.55) * category.price))
        cents = round(euros * 20) * 5
        products.append(
            DemoProduct(
                code=f"{category.prefix}-{1001 + number}",
                name=known[number % len(known)] + series,
                category=category,
                pattern=pattern,
                cents=cents,
                has_list_price=at % 97 != 50,
                cost_cents=round(cents * chance.uniform(0.5, 0.7)),
                growth=_growth(chance, pattern),
                launch=_launch(size, at),
            )
        )
    return tuple(products)


def _growth(chance: Random, pattern: Pattern) -> float:
    """Per year."""
    if pattern is not Pattern.TRENDING:
        return chance.uniform(-0.04, 0.05)
    return chance.choice((-1, 1)) * chance.uniform(0.12, 0.28)


def _launch(size: DemoSize, at: int) -> int | None:
    """A few products are new: launched within the last two years, or in the months to come."""
    if at % 29 == 7:
        return size.months - 4 - at % 18
    return size.months + 2 + at % 3 if at % 83 == 11 else None


def _customers(seed: int, size: DemoSize) -> tuple[DemoCustomer, ...]:
    chance = chance_for(seed, "customers")
    pairs = [start + end for start in words.CUSTOMER_BEGINNINGS for end in words.CUSTOMER_ENDINGS]
    chance.shuffle(pairs)
    ranks = list(range(size.customers))
    chance.shuffle(ranks)
    revenues = _revenues(size.customers)
    customers = []
    for at, rank in enumerate(ranks):
        group = words.GROUPS[0] if rank < size.customers // 12 else words.GROUPS[chance.randrange(1, 4)]
        series = "" if at < len(pairs) else f" {at // len(pairs) + 1}"
        customers.append(
            DemoCustomer(
                code=f"C{10001 + at}",
                name=f"{pairs[at % len(pairs)]} {chance.choice(words.CUSTOMER_KINDS[group])}{series}",
                group=group,
                region=words.REGIONS[at % len(words.REGIONS)],
                country=words.COUNTRIES[chance.randrange(len(words.COUNTRIES))],
                rep=at % len(words.REP_NAMES),
                rank=rank,
                revenue=revenues[rank],
                first=_first_month(size, rank),
            )
        )
    return tuple(customers)


def _first_month(size: DemoSize, rank: int) -> int | None:
    """Most have always bought; some of the smaller ones began within the last year, a few have not bought yet."""
    if rank > size.customers // 2 and rank % 60 == 17:
        return None
    if rank > size.customers // 2 and rank % 40 == 5:
        return size.months - 3 - rank % 9
    return 0


def _revenues(count: int) -> tuple[float, ...]:
    """Yearly revenue by rank: falling with a power of the rank that gives the top customers their share."""
    top = ceil(count * TOP_CUSTOMERS)
    low, high = 0.0, 8.0
    for _ in range(60):
        power = (low + high) / 2
        weights = [(rank + 4) ** -power for rank in range(count)]
        if sum(weights[:top]) < TOP_REVENUE * sum(weights):
            low = power
        else:
            high = power
    total = count * YEARLY_REVENUE_PER_CUSTOMER
    return tuple(total * weight / sum(weights) for weight in weights)


def _lines(
    seed: int, size: DemoSize, customers: Sequence[DemoCustomer], products: Sequence[DemoProduct]
) -> tuple[DemoLine, ...]:
    lines: list[DemoLine] = []
    for customer in customers:
        chance = chance_for(seed, "lines", customer.code)
        chosen = _assortment(chance, size, customer, products)
        weights = [chance.lognormvariate(0.0, 0.7) for _ in chosen]
        for product, weight in zip(chosen, weights, strict=True):
            lines.append(_line(chance, size, customer, product, weight / sum(weights)))
    return tuple(lines)


def _assortment(
    chance: Random, size: DemoSize, customer: DemoCustomer, products: Sequence[DemoProduct]
) -> list[DemoProduct]:
    """Large customers buy many products; popular products are bought by many."""
    standing = 1 - customer.rank / size.customers
    count = min(len(products), round(5 + 20 * standing**4))
    # A weighted sample without replacement: the largest keys u^(1/weight), here as their logarithms.
    keys = [(chance.expovariate(1.0) * (1 + at % 50) ** 0.5, at) for at in range(len(products))]
    return [products[at] for _, at in sorted(keys)[:count]]


def _line(chance: Random, size: DemoSize, customer: DemoCustomer, product: DemoProduct, share: float) -> DemoLine:
    never = chance.random() < 0.1
    intermittent = product.pattern is Pattern.INTERMITTENT
    return DemoLine(
        customer=customer,
        product=product,
        monthly=0.0 if never else customer.revenue * share / 12 / (product.cents / 100),
        chance=chance.uniform(0.12, 0.4) if intermittent else 1.0,
        noise=chance.uniform(0.1, 0.3),
        growth=product.growth + chance.uniform(-0.03, 0.03),
        season=_season(product),
        discount=chance.choice((0.03, 0.05, 0.08, 0.1)) if customer.rank < size.customers * 0.4 else None,
        last=size.months - chance.randrange(1, 14) if chance.random() < 0.03 else None,
    )


def _season(product: DemoProduct) -> tuple[float, ...]:
    """The category's season, strong for what is seasonal and faint for the rest."""
    strength = 1.3 if product.pattern is Pattern.SEASONAL else 0.35
    return tuple(exp(strength * (factor - 1)) if factor > 1 else max(0.05, 1 + strength * (factor - 1))
                 for factor in product.category.season)  # fmt: skip
