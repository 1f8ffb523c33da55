"""One call of an operation: with the ids of a world, or some of them replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import httpx

from tests.api.matrix.base import Operation
from tests.api.matrix.world import Id, World


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent. `with_…` give another call with something replaced."""

    operation: Operation
    ids: Mapping[str, Id]
    sent: Mapping[str, Any]
    """`json`, `params`, `files` and `data`, as httpx takes them."""

    @classmethod
    def of(cls, operation: Operation, world: World) -> Call:
        """The call that the row describes, about the things of this world."""
        row = operation.row
        sent: dict[str, Any] = {} if row.form is None else dict(row.form(world))
        if row.query is not None:
            sent["params"] = dict(row.query(world))
        if row.body is not None:
            sent["json"] = dict(row.body(world))
        missing = [name for name in operation.parameters("path") if name not in world.ids]
        assert not missing, f'{operation.id}: `make` must set world.ids["{missing[0]}"]'
        ids = world.ids if row.ids is None else {**world.ids, **row.ids(world)}
        return cls(operation, ids, _as_text(sent))

    @classmethod
    def empty(cls, operation: Operation, ids: Mapping[str, Id]) -> Call:
        """With nothing in it, so that nothing but the door can refuse it with 403."""
        bodies: dict[str, dict[str, Any]] = {
            "multipart/form-data": {"files": {"file": ("a.csv", b"a\n")}},
            "application/json": {"json": {}},
        }
        return cls(operation, ids, bodies.get(operation.media_type, {}))

    def with_ids(self, ids: Mapping[str, Id]) -> Call:
        return Call(self.operation, {**self.ids, **ids}, self.sent)

    def with_link(self, path: str, value: Id) -> Call:
        """With another id in a field of the body, the query or the form."""
        sent = deepcopy({name: part for name, part in self.sent.items() if name != "files"})
        holder, name = _holder(sent, path)
        holder[name] = str(value)
        return Call(self.operation, self.ids, {**self.sent, **sent})

    def link(self, path: str) -> str:
        """The id that stands in this field."""
        holder, name = _holder(self.sent, path)
        return str(holder[name])

    async def send(self, client: httpx.AsyncClient, **more: Any) -> httpx.Response:
        path = re.sub(r"\{([^}]+)\}", lambda found: str(self.ids[found[1]]), self.operation.path)
        declared = {name.lower() for name in self.operation.parameters("header")}
        headers = {"If-Match": '"1"'} if "if-match" in declared else {}
        return await client.request(self.operation.method, path, headers=headers, **{**self.sent, **more})


def _holder(sent: Mapping[str, Any], path: str) -> tuple[Any, str | int]:
    """Where a dotted path leads: the object or list, and the name or place in it."""
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for part in ("json", "params", "data"):
        holder = sent.get(part)
        if holder is not None and (way or [last])[0] in holder:
            for step in way:
                holder = holder[step]
            return holder, last
    raise AssertionError(f"the row sends no {path}")


def _as_text(node: Any) -> Any:
    """Ids as texts, everywhere."""
    if isinstance(node, dict):
        return {name: _as_text(inner) for name, inner in node.items()}
    if isinstance(node, list):
        return [_as_text(inner) for inner in node]
    return node if node is None or isinstance(node, (bool, int, float, str, bytes, tuple)) else str(node)
