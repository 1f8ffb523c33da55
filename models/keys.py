"""Ids made of natural keys: whoever writes a thing twice writes the same document."""

from __future__ import annotations

from hashlib import blake2b
from uuid import UUID, uuid5

NAMESPACE = UUID("6f1d3b0e-6e5c-4b86-9a53-1f5f4f2f7c10")


def line_id(tenant_id: UUID, cycle_id: UUID, stream: str, customer_id: UUID, product_id: UUID) -> UUID:
    """The id of a line, known before its first save."""
    return uuid5(NAMESPACE, f"line|{tenant_id}|{cycle_id}|{stream}|{customer_id}|{product_id}")


def sheet_id(tenant_id: UUID, cycle_id: UUID, customer_id: UUID, category: str | None) -> UUID:
    """The id of a sheet."""
    return uuid5(NAMESPACE, f"sheet|{tenant_id}|{cycle_id}|{customer_id}|{category or ''}")


def snapshot_row_id(cycle_id: UUID, close_number: int, stream: str, line: UUID) -> UUID:
    """The id of a snapshot row: a copy that runs twice writes the same rows."""
    return uuid5(NAMESPACE, f"snapshot|{cycle_id}|{close_number}|{stream}|{line}")


def version_line_id(sheet: UUID, number: int, line: UUID) -> UUID:
    """The id of a line of a version."""
    return uuid5(NAMESPACE, f"version|{sheet}|{number}|{line}")


def sale_id(tenant_id: UUID, invoice: str, item_key: str, line_number: int) -> UUID:
    """The id of a sales line: a UUID of 16 bytes of BLAKE2b, which takes half the time of UUIDv5."""
    return UUID(bytes=sale_key(tenant_id.bytes, invoice, item_key, line_number))


def sale_key(tenant: bytes, invoice: str, item_key: str, line_number: int) -> bytes:
    """The bytes of `sale_id`; `tenant` are the bytes of the tenant's id."""
    key = f"{invoice.strip().casefold()}\x1f{item_key}\x1f{line_number}".encode()
    return blake2b(key, digest_size=16, key=tenant).digest()


def budget_id(tenant_id: UUID, *parts: object) -> UUID:
    """The id of a budget entry: year, version, month and level, with keys in the form in which they are compared."""
    return uuid5(NAMESPACE, "\x1f".join(map(str, ("budget", tenant_id, *parts))))
