"""Reading tables from spreadsheets: the side that trusts nothing. A child process reads, this process gets batches."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import orjson

from core.errors import InvalidInput, PayloadTooLarge, PlanwrightError, UnsupportedFile
from core.text import printable
from integrations.spreadsheets.frames import HEAD, MAX_FRAME_BYTES, Batch, BrokenFrame, read_batch, read_survey
from integrations.spreadsheets.limits import ReadLimits
from integrations.spreadsheets.reader import EXIT_MEMORY
from planning.table_places import TITLE_CHARS, Place, Preview, first_place

FileKind = Literal["csv", "xlsx"]

_ROOT = Path(__file__).resolve().parents[2]
_REFUSALS = {error.code(): error for error in (InvalidInput, PayloadTooLarge, UnsupportedFile)}
_TOO_MUCH = "The file needs more memory or time to read than is allowed; copy the table into a new file or split it."
_BROKEN = "The file could not be read; open it in Excel, save it as a new .xlsx and send that."


Choose = Callable[[Preview], Awaitable[Place]]


async def first_row(preview: Preview) -> Place:
    """The choice where nobody knows better: the first row that is not blank, of the first sheet, holds the titles."""
    return first_place(preview)


async def read_batches(
    path: Path,
    *,
    file_kind: FileKind,
    limits: ReadLimits | None = None,
    skip_rows: int = 0,
    sheet: str = "",
    choose: Choose = first_row,
) -> AsyncGenerator[Batch, None]:
    """The table in `path`, batch by batch; nothing when it has a header only. Memory holds about one batch.

    `choose` says where the table stands, having seen the tops of all visible sheets, or of the one that `sheet` names
    (by name, or by its place among the visible). The same choice gives the same batches. `skip_rows` data rows are
    passed over (to resume). Raises InvalidInput, PayloadTooLarge or UnsupportedFile with the reason, also after some
    batches were given. Close it (`contextlib.aclosing`) when leaving early: that ends the reader process.
    """
    limits = limits or ReadLimits()
    async with _reader(path, file_kind, limits, sheet) as process:
        place = await choose(await _survey(process, limits))
        titles = _checked_titles(place.titles)
        await _wish(process, {"sheet": place.sheet, "after": place.after, "width": len(titles), "skip_rows": skip_rows})
        async for batch in _batches(process, limits, titles):
            yield batch


async def read_cells(
    path: Path, *, file_kind: FileKind, sheet_number: int, sheet: str = "", limits: ReadLimits | None = None
) -> AsyncGenerator[Batch, None]:
    """All rows of a sheet that are not blank, titles and what stands above them included; errors as `read_batches`."""
    limits = limits or ReadLimits()
    async with _reader(path, file_kind, limits, sheet) as process:
        await _survey(process, limits)
        await _wish(process, {"sheet": sheet_number, "after": 0, "width": 0})
        async for batch in _batches(process, limits, []):
            yield batch


@contextlib.asynccontextmanager
async def _reader(
    path: Path, kind: FileKind, limits: ReadLimits, sheet: str
) -> AsyncGenerator[asyncio.subprocess.Process, None]:
    process = await _start(path, kind, limits, sheet)
    try:
        yield process
    except BrokenFrame as error:
        raise InvalidInput(_BROKEN) from error
    finally:
        await _stop(process)


async def _survey(process: asyncio.subprocess.Process, limits: ReadLimits) -> Preview:
    frame = await _good_frame(process, limits)
    return read_survey(frame.get("survey"))


async def _wish(process: asyncio.subprocess.Process, wish: dict[str, int]) -> None:
    assert process.stdin is not None
    # A reader that has died meanwhile says why at the next frame.
    with contextlib.suppress(ConnectionError):
        process.stdin.write(orjson.dumps(wish) + b"\n")
        await process.stdin.drain()


async def _batches(
    process: asyncio.subprocess.Process, limits: ReadLimits, titles: list[str]
) -> AsyncGenerator[Batch, None]:
    while True:
        frame = await _good_frame(process, limits)
        if "end" in frame:
            return
        yield read_batch(titles, frame.get("batch"))


def _checked_titles(titles: Sequence[str]) -> list[str]:
    if any(len(title) > TITLE_CHARS for title in titles):
        raise InvalidInput(
            f"A column title is longer than {TITLE_CHARS} characters; say with header_row where they are."
        )
    return list(titles)


async def _start(path: Path, kind: FileKind, limits: ReadLimits, sheet: str) -> asyncio.subprocess.Process:
    # The environment is built, not inherited: the reader gets no secret that a hostile file could make it give away.
    return await asyncio.create_subprocess_exec(
        sys.executable, "-B", "-P", "-X", "utf8", "-m", "integrations.spreadsheets.reader",
        kind, str(path), sheet, orjson.dumps(asdict(limits)).decode(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "MALLOC_ARENA_MAX": "1"},
        start_new_session=True,
    )  # fmt: skip


async def _good_frame(process: asyncio.subprocess.Process, limits: ReadLimits) -> dict[str, Any]:
    """The next frame; raises the refusal that it holds."""
    frame = await _next_frame(process, limits)
    if "refused" in frame:
        raise _refusal(frame["refused"])
    return frame


async def _next_frame(process: asyncio.subprocess.Process, limits: ReadLimits) -> dict[str, Any]:
    pipe = process.stdout
    assert pipe is not None
    try:
        async with asyncio.timeout(limits.wait_seconds):
            (size,) = HEAD.unpack(await pipe.readexactly(HEAD.size))
            if size > MAX_FRAME_BYTES:
                raise BrokenFrame
            frame = orjson.loads(await pipe.readexactly(size))
    except TimeoutError as error:
        raise PayloadTooLarge(_TOO_MUCH) from error
    except asyncio.IncompleteReadError as error:
        raise _death(await process.wait()) from error
    except orjson.JSONDecodeError as error:
        raise BrokenFrame from error
    if not isinstance(frame, dict):
        raise BrokenFrame
    return frame


def _refusal(value: Any) -> PlanwrightError:
    try:
        return _REFUSALS[value["code"]](printable(value["message"], max_length=500))
    except (KeyError, TypeError) as error:
        raise BrokenFrame from error


def _death(code: int) -> PlanwrightError:
    """What the end of the reader without a last word means."""
    if code in (EXIT_MEMORY, -signal.SIGXCPU, -signal.SIGKILL, -signal.SIGABRT, -signal.SIGSEGV):
        return PayloadTooLarge(_TOO_MUCH)
    return InvalidInput(_BROKEN)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    # Not `wait`: it comes back when the pipes are closed, and one that is full and paused never is unless it is read.
    await process.communicate()
