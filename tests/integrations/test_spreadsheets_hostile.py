"""Hostile files (T33-T36): each is refused with a reason, in a process that is limited and gone afterwards.

Seconds and megabytes are printed; what is asserted is the mechanism that bounds them.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.errors import InvalidInput, PayloadTooLarge, PlanwrightError, UnsupportedFile
from integrations.spreadsheets import tables
from integrations.spreadsheets.limits import ReadLimits
from integrations.spreadsheets.tables import FileKind, read_batches
from tests import spreadsheet_files as files
from tests.eventually import eventually

MEBIBYTE = 1024 * 1024
WELL_AHEAD = 190_000
"""Bytes that a reader has written when the stream has stopped to take them (at 128 KB), and its pipe is about full."""


@pytest.fixture
def frames_seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every frame that the parent gets."""
    seen: list[dict[str, Any]] = []
    next_frame = tables._next_frame

    async def spy(*arguments: Any) -> dict[str, Any]:
        seen.append(await next_frame(*arguments))
        return seen[-1]

    monkeypatch.setattr(tables, "_next_frame", spy)
    return seen


async def refusal(path: Path, kind: FileKind = "xlsx", limits: ReadLimits | None = None) -> PlanwrightError:
    with pytest.raises((InvalidInput, PayloadTooLarge, UnsupportedFile)) as caught:
        async for _ in read_batches(path, file_kind=kind, limits=limits):
            pass
    error = caught.value
    assert isinstance(error, PlanwrightError)
    return error


def readers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "integrations.spreadsheets.reader" in _words(child)]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


@pytest.mark.parametrize("make", files.HOSTILE_BOOKS, ids=lambda make: make.__name__)
async def test_a_hostile_workbook_is_refused(
    make: Callable[[], bytes], tmp_path: Path, frames_seen: list[dict[str, Any]]
) -> None:
    path = tmp_path / "hostile.xlsx"
    path.write_bytes(make())
    started = time.perf_counter()
    error = await refusal(path)
    seconds = time.perf_counter() - started
    peak = frames_seen[-1]["peak_kib"] // 1024
    print(f"{make.__name__}: {path.stat().st_size // 1024} KB, {seconds:.2f} s, {peak} MB")
    print(f"    {error.message}")
    assert frames_seen[-1]["peak_kib"] * 1024 <= ReadLimits().memory_bytes
    assert "root:" not in error.message
    assert error.message.endswith(".")
    assert not readers()


def test_the_reader_may_never_use_200_megabytes() -> None:
    assert ReadLimits().memory_bytes < 200_000_000


async def test_the_reader_limits_itself_before_it_opens_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from outside while it waits for its first batches to be taken."""
    path = tmp_path / "table.csv"
    path.write_text("a\n" + "1\n" * 200_000)
    started: list[int] = []
    start = tables._start

    async def spy(*arguments: object) -> object:
        process = await start(*arguments)  # type: ignore[arg-type]
        started.append(process.pid)
        return process

    monkeypatch.setattr(tables, "_start", spy)
    limits = ReadLimits(cpu_seconds=77, batch_rows=10)
    async with aclosing(read_batches(path, file_kind="csv", limits=limits)) as batches:
        await anext(batches)
        reader = psutil.Process(started[0])
        assert reader.rlimit(psutil.RLIMIT_AS) == (limits.memory_bytes, limits.memory_bytes)
        assert reader.rlimit(psutil.RLIMIT_CPU) == (77, 77)
        assert reader.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
        assert reader.rlimit(psutil.RLIMIT_CORE) == (0, 0)
        assert set(reader.environ()) <= {"PYTHONPATH", "LC_ALL", "PATH", "MALLOC_ARENA_MAX"}
    assert not readers()


async def test_a_reader_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "many.xlsx"
    texts = files.shared("".join(f"<si><t>text number {n}</t></si>" for n in range(400_000)))
    path.write_bytes(files.book(files.sheet(files.PLAIN_ROWS), texts=texts))
    error = await refusal(path, limits=ReadLimits(memory_bytes=56 * MEBIBYTE))
    assert isinstance(error, PayloadTooLarge)
    assert "memory or time" in error.message


async def test_a_reader_that_needs_too_much_processor_time_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + "1,2\n" * 2_000_000)
    error = await refusal(path, "csv", ReadLimits(cpu_seconds=1, rows=10_000_000))
    assert isinstance(error, PayloadTooLarge)
    assert not readers()


async def test_a_reader_that_stalls_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a\n1\n")
    error = await refusal(path, "csv", ReadLimits(wait_seconds=0.001))
    assert isinstance(error, PayloadTooLarge)
    assert not readers()


async def test_leaving_early_ends_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a\n" + "1\n" * 100_000)
    async with aclosing(read_batches(path, file_kind="csv", limits=ReadLimits(batch_rows=10))) as batches:
        await anext(batches)
        assert len(readers()) == 1

    assert not readers()


async def is_well_ahead() -> bool:
    return all(reader.io_counters().write_chars > WELL_AHEAD for reader in readers())


async def test_leaving_a_reader_that_is_far_ahead_ends_it_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a\n" + "1\n" * 200_000)
    async with asyncio.timeout(60):
        async with aclosing(read_batches(path, file_kind="csv", limits=ReadLimits(batch_rows=10))) as batches:
            await anext(batches)
            # More than the pipe and the stream hold: from here on nobody reads what the reader writes.
            await eventually(is_well_ahead)

    assert not readers()


_SURVEY_OF_NUMBERS = (
    'import sys, struct; body = b\'{"survey": {"sheets": [{"number": 1, "name": "a", "rows": [[1, [2]]], '
    '"refused": null}], "delimiter": "", "from_1904": false}}\'; '
    "sys.stdout.buffer.write(struct.pack('>I', len(body)) + body)"
)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('not a frame')", "could not be read"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xff\\xff\\xff')", "could not be read"),
        ("import sys; sys.stdout.buffer.write(b'\\x00\\x00\\x00\\x02[]')", "could not be read"),
        ("import sys; sys.stdout.buffer.write(b'\\x00\\x00\\x00\\x0e{\"survey\": [1]}')", "could not be read"),
        (_SURVEY_OF_NUMBERS, "could not be read"),
        ("import sys; sys.stdout.buffer.write(b'\\x00\\x00\\x00\\x0b{\"batch\":1}')", "could not be read"),
        ("import sys; sys.stdout.buffer.write(b'\\x00\\x00\\x00\\x0d{\"refused\":1}')", "could not be read"),
        ("import os; os.abort()", "memory or time"),
        ("import sys; sys.exit(3)", "memory or time"),
    ],
)
async def test_what_a_taken_over_reader_sends_is_refused(
    code: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent trusts no byte of the pipe."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nulimit -c 0\nexec {sys.executable} -c {_quoted(code)}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    error = await refusal(tmp_path / "any.csv", "csv")
    assert message in error.message


def _quoted(code: str) -> str:
    return "'" + code.replace("'", "'\"'\"'") + "'"


async def test_a_table_wider_or_longer_than_allowed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(",".join(f"c{n}" for n in range(300)) + "\n")
    assert "256 columns" in (await refusal(path, "csv")).message
    path.write_text("a\n" + "1\n" * 11)
    assert "more than 10 rows" in (await refusal(path, "csv", ReadLimits(rows=10))).message
    path.write_text("a,b\n" + "x" * 40_000 + ",1\n")
    assert "32,767 characters" in (await refusal(path, "csv")).message
    path.write_text('a,b\n"' + "never closed,1\n" * 4_000)
    assert "not closed" in (await refusal(path, "csv")).message
    path.write_bytes(b"a,b\n\x81\x8d,1\n")
    assert "encodings" in (await refusal(path, "csv")).message
    path.write_text("\n\n  ,\n")
    assert "every row is blank" in (await refusal(path, "csv")).message
