"""T14, T15, T16: for the people of one company nothing of another one exists, whatever they ask in whatever way.

For a rep nothing exists of customers that are not theirs.
"""

from __future__ import annotations

import re
from io import BytesIO
from itertools import combinations
from typing import Any
from uuid import UUID, uuid4
from zipfile import ZipFile

import httpx
import pytest

from core.context import tenant_scope
from planning.roles import Role
from tests import imported
from tests.api.matrix.base import Operation, matrix_operations
from tests.api.matrix.calls import Call
from tests.api.matrix.world import World
from tests.security_document import promise_of

OPERATIONS = {operation.id: operation for operation in matrix_operations()}
SIGNED_IN = {name: operation for name, operation in OPERATIONS.items() if not operation.row.public}
WITH_IDS = [name for name, operation in SIGNED_IN.items() if operation.path_ids]
LINKS = [(name, link) for name, operation in SIGNED_IN.items() for link in operation.row.links]
QUIET_LINKS = [(name, link) for name, operation in SIGNED_IN.items() for link in operation.row.quiet_links]
READ = [name for name, operation in SIGNED_IN.items() if not operation.changes and not operation.row.not_taken]
LISTS = [name for name in READ if OPERATIONS[name].is_list]
SEARCHES = [name for name in READ if "search" in OPERATIONS[name].parameters("query")]

UUID_TEXT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _owned(operation: Operation) -> list[Role]:
    """The roles that may do it to what is their own only."""
    if not operation.row.scoped or operation.row.action is None:
        return []
    answers = promise_of(operation.row.action).answers
    return [role for role in Role if answers[role] == "own"]


SCOPED = [(name, role) for name, operation in SIGNED_IN.items() for role in _owned(operation)]


@pytest.mark.parametrize("name", WITH_IDS)
async def test_t14_anothers_id_is_nobodys_id(a: World, b: World, name: str) -> None:
    """Each id of the path alone, and all of them at once."""
    before = await b.contents()
    for names in _some_of(OPERATIONS[name].path_ids):
        call = Call.of(OPERATIONS[name], a)
        theirs = await call.with_ids({each: b.ids[each] for each in names}).send(a.admin)
        random = await call.with_ids({each: uuid4() for each in names}).send(a.admin)
        assert theirs.status_code == 404, theirs.text
        assert _told(theirs) == _told(random), names
    assert await b.contents() == before


@pytest.mark.parametrize(("name", "link"), LINKS)
async def test_t15_anothers_id_in_what_is_sent_is_nobodys_id(a: World, b: World, name: str, link: str) -> None:
    theirs = await _linked(a, b, name, link)
    assert theirs.status_code in (404, 422), theirs.text


@pytest.mark.parametrize(("name", "link"), QUIET_LINKS)
async def test_t15_anothers_id_finds_and_links_nothing(a: World, b: World, name: str, link: str) -> None:
    theirs = await _linked(a, b, name, link)
    assert b.mark not in _everything(theirs)


async def test_t15_anothers_codes_in_a_file_are_nobodys_codes(fresh: World, b: World) -> None:
    before = await b.contents()
    line = f"{b.own.code},{b.product.code}"
    with tenant_scope(fresh.tenant.id):
        job = await imported.imported("matrix", "customer_code,item_code", line)
    assert imported.counts(job) == {"inserted": 0, "updated": 0, "unchanged": 0, "rejected": 1}
    assert await b.contents() == before


@pytest.mark.parametrize("name", READ)
async def test_t16_no_answer_holds_anything_of_another_company(a: World, b: World, name: str) -> None:
    answer = await Call.of(OPERATIONS[name], a).send(a.admin)
    foreign = {b.mark, *_ids_of(await b.contents())} - _ids_of(await a.contents())
    shown = _everything(answer)
    assert [word for word in foreign if word in shown] == []


@pytest.mark.parametrize("name", LISTS)
async def test_t16_a_count_leaves_other_companies_out(a: World, b: World, name: str) -> None:
    """`meta.total` is the number of rows that one can page through."""
    call = Call.of(OPERATIONS[name], a)
    query = {**call.sent.get("params", {}), "limit": "100", "count": "true"}
    answer = (await call.send(a.admin, params=query)).json()
    rows = answer["data"]
    page = answer
    while page["meta"]["has_next"]:
        query["page"] = str(page["meta"]["page"] + 1)
        page = (await call.send(a.admin, params=query)).json()
        rows += page["data"]
    assert answer["meta"]["total"] == len(rows)
    assert b.mark not in str(rows)


@pytest.mark.parametrize("name", SEARCHES)
async def test_t16_a_search_finds_nothing_of_another_company(a: World, b: World, name: str) -> None:
    async def found(world: World, word: str) -> str:
        call = Call.of(OPERATIONS[name], world)
        return _everything(await call.send(world.admin, params={**call.sent.get("params", {}), "search": word}))

    assert b.mark in await found(b, b.mark)
    shown = await found(a, b.mark)
    assert str(b.own.id) not in shown
    assert b.own.code not in shown
    assert b.product.code not in shown


@pytest.mark.parametrize(("name", "role"), SCOPED)
async def test_what_is_not_ones_own_is_nobodys(a: World, name: str, role: Role) -> None:
    call = Call.of(OPERATIONS[name], a)
    ids = {each: a.others[each] for each in OPERATIONS[name].path_ids if each in a.others}
    named = {link: link.rpartition(".")[2] for link in (*OPERATIONS[name].row.links, *OPERATIONS[name].row.quiet_links)}
    links = {link: a.others[field] for link, field in named.items() if field in a.others}
    assert ids or links, f"the row is scoped, but `others` holds none of {[*OPERATIONS[name].path_ids, *named]}"
    before = await a.contents()
    hidden = await _put(call, ids, links).send(a.clients[role])
    random = await _put(call, dict.fromkeys(ids, uuid4()), dict.fromkeys(links, uuid4())).send(a.clients[role])
    assert hidden.status_code == 404, hidden.text
    assert _told(hidden) == _told(random)
    assert await a.contents() == before


@pytest.mark.parametrize("name", READ)
async def test_no_answer_to_a_rep_holds_anything_of_other_customers(a: World, name: str) -> None:
    answer = await Call.of(OPERATIONS[name], a).send(a.rep)
    shown = _everything(answer)
    assert a.hidden not in shown
    assert str(a.other.id) not in shown


async def _linked(a: World, b: World, name: str, link: str) -> httpx.Response:
    """The answer to another tenant's id in the link; it is the one to an id that nobody has, and nothing was linked."""
    before = await b.contents()
    call, of_b = Call.of(OPERATIONS[name], a), Call.of(OPERATIONS[name], b)
    theirs = await call.with_link(link, of_b.link(link)).send(a.admin)
    random = await call.with_link(link, uuid4()).send(a.admin)
    assert _told(theirs) == _told(random)
    assert theirs.status_code == random.status_code
    stored = b"".join(row for rows in (await a.contents()).values() for row in rows.values())
    assert UUID(of_b.link(link)).bytes not in stored
    assert of_b.link(link).encode() not in stored
    assert await b.contents() == before
    return theirs


def _put(call: Call, ids: dict[str, Any], links: dict[str, Any]) -> Call:
    call = call.with_ids(ids)
    for link, value in links.items():
        call = call.with_link(link, value)
    return call


def _some_of(names: list[str]) -> list[tuple[str, ...]]:
    """Each name alone, then all together."""
    return [*combinations(names, 1), *([tuple(names)] if len(names) > 1 else [])]


def _told(answer: httpx.Response) -> tuple[int, str]:
    """Status and body, but for the request's id and whatever ids the body repeats."""
    request_id = answer.headers.get("x-request-id", "")
    return answer.status_code, UUID_TEXT.sub(
        "an id", answer.text.replace(request_id, "") if request_id else answer.text
    )


def _everything(answer: httpx.Response) -> str:
    """Headers and body of a good answer as one text, a workbook unpacked."""
    assert answer.status_code < 300 or answer.status_code == 403, answer.text
    body = answer.content
    if body.startswith(b"PK"):
        book = ZipFile(BytesIO(body))
        body = b"".join(book.read(name) for name in book.namelist())
    return f"{dict(answer.headers)} {body.decode(errors='replace')}"


def _ids_of(contents: dict[str, dict[str, bytes]]) -> set[str]:
    return {key for rows in contents.values() for key in rows if UUID_TEXT.fullmatch(key)}
