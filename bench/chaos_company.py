"""The company of a chaos run: few enough to be small, enough that everybody has own customers."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from core.collections import scoped
from core.context import tenant_scope
from models.customer import Assignment, Customer, MatrixEntry
from models.product import Product
from services import invitations, months, tenants

PASSWORD = "correct-horse-battery-staple"
REPS = 5
CUSTOMERS_PER_REP = 6
ITEMS = ("I1", "I2", "I3", "I4")
HISTORY = tuple(f"{year}-{month:02}" for year in (2025, 2026) for month in range(1, 13))[:22]
"""Complete months, in which everything is sold."""


@dataclass(slots=True)
class Company:
    """What the load needs to know of the company: ids of customers by rep."""

    tenant_id: UUID
    customers: dict[str, list[UUID]] = field(default_factory=dict)


async def found_company() -> Company:
    """A tenant with an admin, a manager, reps with own customers, products with prices, and complete months."""
    tenant = await tenants.create_tenant("chaos", "Chaos Trading")
    company = Company(tenant.id)
    with tenant_scope(tenant.id):
        await months.complete(HISTORY)
        products = [await _product(code) for code in ITEMS]
        for role in ("admin", "manager"):
            await invitations.create_user(f"{role}@chaos.example", f"The {role}", role, password=PASSWORD)
        for number in range(REPS):
            email = f"rep{number}@chaos.example"
            user = await invitations.create_user(email, f"Rep {number}", "sales_rep", password=PASSWORD)
            own = [await _customer(f"C{number}{at}", products) for at in range(CUSTOMERS_PER_REP)]
            for customer in own:
                await scoped(Assignment).insert(
                    Assignment(user_id=user.id, customer_id=customer.id, valid_from="2020-01-01")
                )
            company.customers[email] = [customer.id for customer in own]
    return company


async def codes_of(company: Company) -> list[str]:
    """The codes of all customers."""
    with tenant_scope(company.tenant_id):
        return [row["code"] for row in await scoped(Customer).rows({}, {"code": 1}, sort=[("code", 1)])]


async def _product(code: str) -> Product:
    product = Product(code=code, code_key=code.casefold(), name=f"Item {code}", currency="EUR")
    product.list_price = Decimal("2.50")
    return await scoped(Product).insert(product)


async def _customer(code: str, products: list[Product]) -> Customer:
    customer = Customer(code=code, code_key=code.casefold(), name=f"Customer {code}", currency="EUR")
    await scoped(Customer).insert(customer)
    for product in products:
        await scoped(MatrixEntry).insert(MatrixEntry(customer_id=customer.id, product_id=product.id))
    return customer
