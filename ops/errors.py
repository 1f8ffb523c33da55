"""What an operator's command refuses, as one sentence with the remedy: printed without a traceback, exit code 1."""

from __future__ import annotations


class OpsError(Exception):
    """A command can't go on. The message is one sentence for a person and ends in what to do."""
