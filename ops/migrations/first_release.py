"""What the first release made and did not write down. Nothing here ever changes."""

from __future__ import annotations

from collections.abc import Mapping

INDEXES: Mapping[str, tuple[str, ...]] = {
    "assignments": ("tenant_user_customer", "tenant_customer"),
    "audit_events": ("tenant_at", "tenant_entity"),
    "customer_prices": ("tenant_customer_product_from",),
    "customers": ("tenant_code", "tenant_active_name", "tenant_search"),
    "cycles": ("tenant_start", "one_in_entry", "stage_of_all_tenants"),
    "files": ("tenant_created", "expiry"),
    "idempotency": ("key", "ttl"),
    "jobs": ("tenant_kind", "state_of_all_tenants", "ttl"),
    "lines": ("tenant_line",),
    "login_guards": ("key", "ttl"),
    "login_index": ("email",),
    "mails": ("tenant_cause", "tenant_due", "due_of_all_tenants"),
    "matrix": ("tenant_customer_product",),
    "months": ("tenant_month",),
    "operations": ("tenant_target", "ttl"),
    "order_rollups": ("tenant_customer_month",),
    "password_tokens": ("hash", "user", "ttl"),
    "products": ("tenant_code", "tenant_name", "tenant_search"),
    "rate_buckets": ("key", "ttl"),
    "refresh_tokens": ("hash", "ttl"),
    "rollup_states": ("tenant_customer", "tenant_dirty"),
    "sales": ("tenant_customer_month", "tenant_month"),
    "sales_rollups": ("tenant_customer_month", "tenant_month"),
    "sessions": ("tenant_user", "ttl"),
    "sheets": ("tenant_cycle_customer",),
    "snapshot_rows": ("tenant_snapshot_line",),
    "snapshots": ("tenant_close",),
    "tenants": ("slug",),
    "users": ("tenant_email", "tenant_role"),
    "version_lines": ("tenant_version_line",),
    "versions": ("tenant_sheet",),
}
"""Names of indexes by collection: those that no model names any more are dropped."""
