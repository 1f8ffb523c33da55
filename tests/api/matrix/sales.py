"""Rows of sales: a line of the rep's own customer, and one of another's."""

from __future__ import annotations

from uuid import uuid4

from core.collections import scoped
from models.keys import sale_id
from models.sale import SaleLine
from planning.access import Action
from tests.api.matrix.base import Row
from tests.api.matrix.world import World

ROWS = {
    "list_sales": Row(
        Action.READ_SALES,
        query=lambda world: {"customer_id": world.own.id, "product_id": world.product.id},
        quiet_links=("customer_id", "product_id"),
    ),
    "sales_statistics": Row(
        Action.READ_SALES,
        query=lambda world: {"by": "customer", "customer_id": world.own.id, "product_id": world.product.id},
        quiet_links=("customer_id", "product_id"),
        asks={Action.SEE_COST: {"params": {"by": "month", "rank_by": "gross_profit"}}},
    ),
    "sales_chart_data": Row(
        Action.READ_SALES,
        query=lambda world: {"by": "month", "customer_id": world.own.id, "product_id": world.product.id},
        quiet_links=("customer_id", "product_id"),
        asks={Action.SEE_COST: {"params": {"by": "month", "measure": "cost"}}},
    ),
    "read_sale": Row(Action.READ_SALES, scoped=True),
    "correct_sale": Row(
        Action.CORRECT_SALES,
        body=lambda world: {"reason": "Typed wrong", "customer_id": world.own.id, "product_id": world.product.id},
        links=("customer_id", "product_id"),
        scoped=True,
    ),
}


async def make(world: World) -> None:
    for ids, customer, product, word in (
        (world.ids, world.own, world.product, world.mark),
        (world.others, world.other, world.hidden_product, world.hidden),
    ):
        invoice = f"{word}-{uuid4().hex[:6]}"
        line = SaleLine(
            id=sale_id(world.tenant.id, invoice, product.code_key, 1),
            invoice=invoice,
            line_number=1,
            customer_id=customer.id,
            product_id=product.id,
            invoice_date=f"{world.ids['month']}-05",
            month=str(world.ids["month"]),
            line_type="sale",
            quantity=10_000,
            unit_price=250_000_000,
            net_revenue=250_000,
            currency="EUR",
        )
        ids["sale_id"] = (await scoped(SaleLine).insert(line)).id
