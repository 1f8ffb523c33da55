"""What a line of the log says: who asked, nothing secret, and no line that breaks the work it tells of."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import structlog

from core.context import acting_as, request_id, system_scope, tenant_scope
from core.logging import HIDDEN, configure_logging

TENANT, USER = UUID(int=1), UUID(int=2)


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Standard output, with JSON logging from INFO on."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    monkeypatch.setattr(sys, "stdout", stream)
    configure_logging("INFO", "json")
    yield stream
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_line_names_request_tenant_and_user(output: io.StringIO) -> None:
    token = request_id.set("r-1")
    with tenant_scope(TENANT), acting_as(USER):
        structlog.get_logger("some.module").info("saved", cells=3)
    request_id.reset(token)

    (line,) = lines(output)

    assert (line["request_id"], line["tenant_id"], line["user_id"]) == ("r-1", str(TENANT), str(USER))
    assert (line["event"], line["cells"], line["level"], line["logger"]) == ("saved", 3, "info", "some.module")


def test_the_standard_library_writes_the_same_fields(output: io.StringIO) -> None:
    with system_scope("upkeep"):
        logging.getLogger("a.library").warning("slow %s", "query")

    (line,) = lines(output)

    assert (line["event"], line["level"], line["logger"]) == ("slow query", "warning", "a.library")
    assert (line["system_scope"], line["user_id"]) == ("upkeep", "system")


def test_outside_a_context_nobody_is_named(output: io.StringIO) -> None:
    structlog.get_logger("some.module").info("started")

    (line,) = lines(output)

    assert not {"request_id", "tenant_id", "user_id", "system_scope"} & line.keys()


def test_secrets_are_hidden_and_line_breaks_forge_no_line(output: io.StringIO) -> None:
    structlog.get_logger("some.module").info("sign_in", new_password="pw", agent='x\n{"event": "forged"}')

    (line,) = lines(output)

    assert line["new_password"] == HIDDEN


def test_levels_below_the_chosen_one_are_silent(output: io.StringIO) -> None:
    structlog.get_logger("some.module").debug("detail")

    assert lines(output) == []


def test_an_exception_is_written_with_its_stack(output: io.StringIO) -> None:
    try:
        raise ValueError("boom")
    except ValueError:
        structlog.get_logger("some.module").exception("failed")

    (line,) = lines(output)

    assert line["level"] == "error"
    assert "ValueError: boom" in line["exception"]


def test_a_full_disk_under_the_log_fails_nobody(output: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output, "write", full)

    structlog.get_logger("some.module").info("saved")
