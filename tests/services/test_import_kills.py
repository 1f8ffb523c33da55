"""An import, and an undo, that is killed by SIGKILL at random moments ends as one that nobody disturbed."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

import activities.imports
from core.context import tenant_scope
from tests import factories, killing
from tests.imported import counts, imported, undone
from tests.killing import HEADER, Server, contents, file_lines, killed_import, killed_undo, make_company

ROWS, KILLS, BATCH_ROWS = 4_000, 2, 400


@pytest.mark.usefixtures("mongo")
@pytest.mark.parametrize("seed", [1])
async def test_after_kills_everything_is_as_without_them(
    monkeypatch: pytest.MonkeyPatch, mongodb_uri: str, mongodb_database: str, seed: int
) -> None:
    limits = replace(activities.imports.LIMITS, batch_rows=BATCH_ROWS)
    monkeypatch.setattr(activities.imports, "LIMITS", limits)
    calm, killed = await factories.make_tenant(), await factories.make_tenant()
    server, chance = Server(mongodb_uri, mongodb_database, BATCH_ROWS), Random(seed)
    with tenant_scope(calm.id):
        await make_company(ROWS)
        before = await contents()
        expected = await imported("sales", HEADER, *file_lines(ROWS))
        after = await contents()
        expected_undo = await undone(expected.id)
        assert await contents() == before
    with tenant_scope(killed.id):
        await make_company(ROWS)
        job = await killed_import(server, killed.id, ROWS, KILLS, chance)
        assert (job.state, counts(job), job.findings) == ("succeeded", counts(expected), expected.findings)
        assert job.progress == expected.progress
        assert await contents() == after
        ended = await killed_undo(server, killed.id, job.id, KILLS, chance)
        assert (ended.state, ended.progress) == ("succeeded", expected_undo.progress)
        assert await contents() == before


def test_the_file_has_lines_of_every_sort() -> None:
    known = set(killing.before_lines(ROWS))
    lines = file_lines(ROWS)
    assert 0 < len(known.intersection(lines)) < len(known)
    assert any("NOBODY" in line for line in lines)
