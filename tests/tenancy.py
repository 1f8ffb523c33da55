"""A listener that sees every command on its way to MongoDB, and notes those on tenant collections without a tenant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pymongo import monitoring

from core import context
from core.documents import TenantDocument
from models.registry import DOCUMENTS

TENANT_COLLECTIONS = {model.Settings.name for model in DOCUMENTS if issubclass(model, TenantDocument)}
FILTERS = {"find": "filter", "count": "query", "distinct": "query", "findAndModify": "query"}
BATCHES = {"update": "updates", "delete": "deletes"}


class TenancyListener(monitoring.CommandListener):
    """Collects violations in `found`; what runs inside a named system scope may look across tenants."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        collection = event.command.get(event.command_name)
        if not isinstance(collection, str) or collection not in TENANT_COLLECTIONS or in_system_scope():
            return
        if not all(_names_tenant(part) for part in _filters(event.command_name, event.command)):
            self.found.append(f"{event.command_name} on {collection}: {str(dict(event.command))[:300]}")

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to see."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to see."""


def in_system_scope() -> bool:
    """Whether the code that runs has said that it looks across tenants."""
    return isinstance(context._tenant.get(), context._System)


def _filters(name: str, command: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Everything in a command that must name the tenant."""
    if name in FILTERS:
        yield command.get(FILTERS[name]) or {}
    elif name in BATCHES:
        yield from (part["q"] for part in command[BATCHES[name]])
    elif name == "insert":
        yield from command["documents"]
    elif name == "aggregate":
        yield from _matches(command["pipeline"])


def _matches(pipeline: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The first `$match` of a pipeline and of every pipeline inside it that reads another collection."""
    yield pipeline[0].get("$match", {}) if pipeline else {}
    for stage in pipeline:
        for join in ("$lookup", "$unionWith"):
            if join in stage:
                yield from _matches(stage[join].get("pipeline", []))


def _names_tenant(part: Mapping[str, Any]) -> bool:
    return "tenant_id" in part or ("$and" in part and any(_names_tenant(inner) for inner in part["$and"]))


LISTENER = TenancyListener()
