"""Reading tables from spreadsheets: the side that trusts nothing. A child process reads, this process gets batches."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncGenerator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import orjson

from core.errors import InvalidInput, PayloadTooLarge, PlanwrightError, UnsupportedFile
from core.text import printable
from integrations.spreadsheets.frames import HEAD, MAX_FRAME_BYTES, Batch, BrokenFrame, read_batch
from integrations.spreadsheets.limits import ReadLimits
from integrations.spreadsheets.reader import EXIT_MEMORY

FileKind = Literal["csv", "xlsx"]

_ROOT = Path(__file__).resolve().parents[2]
_REFUSALS = {error.code(): error for error in (InvalidInput, PayloadTooLarge, UnsupportedFile)}
_TOO_MUCH = "The file needs more memory or time to read than is allowed; copy the table into a new file or split it."
_BROKEN = "The file could not be read; open it in Excel, save it as a new .xlsx and send that."


async def read_batches(
    path: Path, *, file_kind: FileKind, limits: ReadLimits | None = None, skip_rows: int = 0
) -> AsyncGenerator[Batch, None]:
    """The table in `path`, batch by batch; nothing when it has a header only. Memory holds about one batch.

    The header is the first row that is not blank. `skip_rows` data rows are passed over (to resume). Raises
    InvalidInput, PayloadTooLarge or UnsupportedFile with the reason, also after some batches were given.
    Close it (`contextlib.aclosing`) when leaving early: that ends the reader process.
    """
    limits = limits or ReadLimits()
    process = await _start(path, file_kind, limits, skip_rows)
    try:
        assert process.stdout is not None
        header: list[str] = []
        while True:
            frame = await _next_frame(process, process.stdout, limits)
            if "refused" in frame:
                raise _refusal(frame["refused"])
            if "end" in frame:
                return
            if "header" in frame:
                header = _checked_header(frame["header"])
            else:
                yield read_batch(header, frame.get("batch"))
    except BrokenFrame as error:
        raise InvalidInput(_BROKEN) from error
    finally:
        await _stop(process)


async def _start(path: Path, kind: FileKind, limits: ReadLimits, skip_rows: int) -> asyncio.subprocess.Process:
    # The environment is built, not inherited: the reader gets no secret that a hostile file could make it give away.
    return await asyncio.create_subprocess_exec(
        sys.executable, "-B", "-P", "-X", "utf8", "-m", "integrations.spreadsheets.reader",
        kind, str(path), str(skip_rows), orjson.dumps(asdict(limits)).decode(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "MALLOC_ARENA_MAX": "1"},
        start_new_session=True,
    )  # fmt: skip


async def _next_frame(
    process: asyncio.subprocess.Process, pipe: asyncio.StreamReader, limits: ReadLimits
) -> dict[str, Any]:
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


def _checked_header(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise BrokenFrame
    return value


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
    await process.wait()
