"""The matrix: what every operation of the API is asked, for every role and across tenants.

The operations come from the OpenAPI document. A noun says what the tests can't know in `tests/api/matrix/<noun>.py`:

    ROWS = {
        "list_things": Row(
            Action.READ_THINGS, query=lambda world: {"customer_id": world.own.id}, quiet_links=("customer_id",)
        ),
        "create_thing": Row(
            Action.CHANGE_THINGS, body=lambda world: {"product_id": world.product.id}, links=("product_id",)
        ),
        "read_thing": Row(Action.READ_THINGS, scoped=True),
        "read_own_settings": Row(None),
    }

    async def make(world: World) -> None:
        world.ids["thing_id"] = (await scoped(Thing).insert(Thing(customer_id=world.own.id, …))).id
        world.others["thing_id"] = (await scoped(Thing).insert(Thing(customer_id=world.other.id, …))).id

Keys of `ROWS` are operation ids, which are the names of the route functions. Modules are found by themselves; every
operation must have one row, and every row an operation. `make` (optional) runs once for each tenant, in its context:
it adds the noun's things, and their ids under the names of the path parameters. See `tests.api.matrix.world.World` for
what is there already. A parameter that is no id but a natural key (a month) goes into `ids` as well.
Put `world.mark` into codes and names that you make, `world.hidden` into those that the rep must not see.

The tests fill the rest: ids into the path, `If-Match: "1"` where it is declared, a random id or another tenant's in
place of each link, each role, a disabled user, nobody.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from planning.access import Action
from tests.api import matrix
from tests.api.matrix.world import World
from tests.contract import operations

Maker = Callable[[World], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """What must be known of one operation to ask it.

    `action`: what a role must be allowed; None = everybody who is signed in. `public`: nobody needs to be.

    `body` (JSON), `query`, `form` (`files` and `data`, as httpx takes them): what would be accepted, made of the ids of
    the world that asks. It must be right in all but the ids, so that a 404 is not preempted by a 422;
    `test_an_operation_takes_what_its_row_sends` says whether it is.

    `links`: fields of body, query or form that name other things, as dotted paths (`cells.0.product_id`). With another
    tenant's id, or anybody's, the answer is 404 or 422 and nothing is linked. `quiet_links`: the same for those that
    are answered as an id that nobody has, with success: a filter that finds nothing, an entry that is refused.

    `scoped`: the things in the path or the links belong to customers (or, for reports and operations, to who asked for
    them): for those in `world.others` somebody whom the security document grants `own` gets 404.

    `asks`: further actions, by what is sent (httpx arguments) that makes the operation ask them.

    `ids`: other things for the path than the world's, where the noun needs them: the entries of a rep, say, and not
    those of the user that `user_id` usually is.

    `not_taken`: why what the row sends can't be taken here; then nobody tries.
    """

    action: Action | None
    public: bool = False
    body: Maker | None = None
    query: Maker | None = None
    form: Maker | None = None
    links: tuple[str, ...] = ()
    quiet_links: tuple[str, ...] = ()
    scoped: bool = False
    asks: Mapping[Action, Mapping[str, Any]] = field(default_factory=dict)
    ids: Maker | None = None
    not_taken: str = ""


PUBLIC = Row(None, public=True)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the OpenAPI document with its row."""

    id: str
    method: str
    path: str
    declared: Mapping[str, Any]
    row: Row

    @property
    def changes(self) -> bool:
        return self.method != "GET"

    def parameters(self, place: str) -> dict[str, Mapping[str, Any]]:
        """The declared parameters in `path`, `query` or `header`, by name."""
        return {one["name"]: one for one in self.declared.get("parameters", []) if one["in"] == place}

    @property
    def path_ids(self) -> list[str]:
        """The parameters of the path that are ids; the others are natural keys, which every tenant has."""
        declared = self.parameters("path")
        return [name for name, one in declared.items() if one["schema"].get("format") == "uuid"]

    @property
    def media_type(self) -> str:
        """Of the body; empty without one."""
        return next(iter(self.declared.get("requestBody", {}).get("content", {})), "")

    @property
    def is_list(self) -> bool:
        """Whether it answers in pages."""
        return {"page", "limit"} <= set(self.parameters("query"))


def declared_operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """(METHOD, path, operation) by operation id, of everything in the document."""
    return {operation["operationId"]: (method, path, operation) for method, path, operation in operations()}


@cache
def nouns() -> dict[str, Any]:
    """The modules of this package that hold rows, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(matrix.__path__))
    found = {name: import_module(f"{matrix.__name__}.{name}") for name in names if not name.startswith("test_")}
    return {name: module for name, module in found.items() if hasattr(module, "ROWS")}


def rows() -> list[tuple[str, Row]]:
    """All rows by operation id, as the modules say them."""
    return [(operation_id, row) for module in nouns().values() for operation_id, row in module.ROWS.items()]


def makers() -> list[Callable[[World], Awaitable[None]]]:
    """What the nouns add to a world."""
    return [module.make for module in nouns().values() if hasattr(module, "make")]


def matrix_operations() -> list[Operation]:
    """The operations that have a row; `test_every_operation_has_one_row` says that these are all."""
    declared = declared_operations()
    return [Operation(name, *declared[name], row) for name, row in rows() if name in declared]
