"""Structured logs: one JSON object a line (or coloured text), with the ids of the context and no secret."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, TextIO

import structlog

from core.context import context_ids

SECRET_WORDS = ("password", "token", "secret", "authorization", "cookie", "api_key")
HIDDEN = "[hidden]"


def configure_logging(level: str, fmt: str) -> None:
    """Write structlog's lines and the standard library's to standard output, all with the same fields.

    Our own lines don't pass through the standard library, which would double what a request's line costs.
    """
    shared: list[structlog.types.Processor] = [
        add_context,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_secrets,
    ]
    last: list[structlog.types.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if fmt == "console"
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=partial(_Lines, sys.stdout),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("uvicorn.access", "pymongo", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class _Lines:
    """Writes to a stream, under the name of the module that writes."""

    def __init__(self, stream: TextIO, name: str = "") -> None:
        self.name = name
        self._stream = stream

    def msg(self, line: str) -> None:
        """Write one line. A full disk or a closed pipe under the log fails no request."""
        with suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


def add_context(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Who asked, read when a line is written: most requests write one line and enter many contexts."""
    event.update(context_ids())
    return event


def hide_secrets(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Blank every value whose key sounds like a secret. JSON escapes line breaks, so no value can forge a line."""
    for key in event:
        if _is_secret(key):
            event[key] = HIDDEN
    return event


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in SECRET_WORDS)
