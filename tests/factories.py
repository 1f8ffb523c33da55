"""Plain functions that make things with fixed values; what a test cares about it names itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from core.collections import scoped
from models.customer import Assignment, Customer, CustomerPrice, MatrixEntry
from models.product import Product
from models.rate import FxRate
from models.sale import MonthStatus, SalesRollup
from models.tenant import Tenant
from models.user import Delegate, LoginIndex, User


async def make_tenant(**changes: Any) -> Tenant:
    """A company with euros as base currency in London time."""
    values = {"slug": f"t-{uuid4().hex[:12]}", "name": "Acme", "base_currency": "EUR", "time_zone": "Europe/London"}
    return await scoped(Tenant).insert(Tenant(**{**values, **changes}))


async def make_user(role: str = "sales_rep", *, email: str | None = None, **changes: Any) -> User:
    """A user of the tenant in context, without a password."""
    address = email or f"{role}-{uuid4().hex[:8]}@acme.example"
    values = {"email": address, "email_key": address.lower(), "name": f"A {role}", "role": role}
    user = await scoped(User).insert(User(**{**values, **changes}))
    await scoped(LoginIndex).insert(LoginIndex(email_key=user.email_key, tenant_id=user.tenant_id, user_id=user.id))
    return user


async def make_customer(code: str = "C1", **changes: Any) -> Customer:
    values = {"code": code, "code_key": code.casefold(), "name": f"Customer {code}", "currency": "EUR"}
    return await scoped(Customer).insert(Customer(**{**values, **changes}))


async def make_product(code: str = "P1", *, list_price: str | None = "2.50", **changes: Any) -> Product:
    values = {
        "code": code,
        "code_key": code.casefold(),
        "name": f"Product {code}",
        "currency": "EUR",
        "list_price": None if list_price is None else Decimal(list_price),
    }
    return await scoped(Product).insert(Product(**{**values, **changes}))


async def allow(customer: Customer, product: Product, **changes: Any) -> MatrixEntry:
    """Put the product on the customer's list."""
    return await scoped(MatrixEntry).insert(MatrixEntry(customer_id=customer.id, product_id=product.id, **changes))


async def assign(user: User, customer: Customer, **changes: Any) -> Assignment:
    """Make the customer the user's own since 2020."""
    values = {"user_id": user.id, "customer_id": customer.id, "valid_from": "2020-01-01"}
    return await scoped(Assignment).insert(Assignment(**{**values, **changes}))


async def stand_in(delegate: User, person: User, valid_from: str, valid_to: str) -> Delegate:
    """Let the delegate stand in for the person on these days."""
    ids = {"user_id": person.id, "delegate_id": delegate.id}
    return await scoped(Delegate).insert(Delegate(**ids, valid_from=valid_from, valid_to=valid_to))


async def price(customer: Customer, product: Product, amount: str, **changes: Any) -> CustomerPrice:
    values = {
        "customer_id": customer.id,
        "product_id": product.id,
        "price": Decimal(amount),
        "currency": "EUR",
        "valid_from": "2020-01-01",
    }
    return await scoped(CustomerPrice).insert(CustomerPrice(**{**values, **changes}))


async def rate(currency: str, month: str, amount: str, kind: str = "plan") -> FxRate:
    """What one unit of the currency is worth in euros."""
    return await scoped(FxRate).insert(FxRate(kind=kind, currency=currency, month=month, rate=Decimal(amount)))


async def sold(customer: Customer, product: Product, month: str, quantity: int, revenue: int) -> None:
    """A rollup as sales of that month would leave it; quantity in 1/1000, revenue in 1/10000."""
    key: dict[str, UUID | str] = {"t": customer.tenant_id, "c": customer.id, "p": product.id, "m": month}
    row = {"customer_id": customer.id, "product_id": product.id, "month": month}
    numbers = {"quantity": quantity, "revenue": revenue, "lines": 1, "claim": 1}
    await scoped(SalesRollup).insert_rows([{"_id": key, **row, **numbers}])


async def complete(*months: str) -> None:
    """Say that the actuals of these months are all there."""
    for month in months:
        await scoped(MonthStatus).insert(MonthStatus(month=month, status="complete"))
