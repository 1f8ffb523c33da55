"""A mail server for one machine: takes every mail and keeps it as a file instead of delivering it.

Started as `python -m ops.mailcatcher PORT DIRECTORY`. A mail is acknowledged only after it is on the disk. `index.txt`
lists one mail a line: time, file, recipients, subject.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from datetime import UTC, datetime
from email import message_from_bytes, policy
from itertools import count
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"
LARGEST_MAIL_BYTES = 50_000_000


class FileHandler:
    """Writes each mail into `directory` as `<time>-<number>-<subject>.eml`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = count(1)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep one mail; the name is aiosmtpd's."""
        content = envelope.original_content or b""
        at = datetime.now(UTC)
        subject = str(message_from_bytes(content, policy=policy.default).get("Subject", ""))
        name = f"{at:%Y%m%d-%H%M%S}-{os.getpid()}-{next(self._numbers)}-{_slug(subject)}.eml"
        self._write(name, content)
        line = "\t".join([f"{at:%Y-%m-%d %H:%M:%S}Z", name, ", ".join(envelope.rcpt_tos), " ".join(subject.split())])
        with (self._directory / "index.txt").open("a", encoding="utf-8", errors="replace") as index:
            index.write(line + "\n")
        return "250 OK kept"

    def _write(self, name: str, content: bytes) -> None:
        draft = self._directory / f".{name}.part"
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._directory / name)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "no-subject"


async def serve(port: int, directory: Path, stop: asyncio.Event) -> None:
    """Catch mails until `stop` is set."""
    handler = FileHandler(directory)

    def session() -> SMTP:
        return SMTP(handler, enable_SMTPUTF8=True, data_size_limit=LARGEST_MAIL_BYTES, hostname="localhost")

    server = await asyncio.get_running_loop().create_server(session, HOST, port)
    async with server:
        print(f"Catching mails on {HOST}:{port} into {directory}", flush=True)
        await stop.wait()


async def main(port: int, directory: Path) -> None:
    """Run until the process is asked to end."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(port, directory, stop)


if __name__ == "__main__":
    mails = Path(sys.argv[2])
    mails.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(int(sys.argv[1]), mails))
