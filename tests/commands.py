"""The commands that a piece of code sends to MongoDB, for tests that hold the work of two ways against each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo import monitoring


class CommandsListener(monitoring.CommandListener):
    """Notes (command, collection) in the list that is being filled, if one is."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str]] | None = None

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.noted is not None:
            self.noted.append((event.command_name, str(event.command.get(event.command_name))))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to note."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to note."""


COMMANDS = CommandsListener()


@contextmanager
def sent_commands() -> Iterator[list[tuple[str, str]]]:
    """Fills the list with the commands that this process sends inside."""
    COMMANDS.noted = []
    try:
        yield COMMANDS.noted
    finally:
        COMMANDS.noted = None
