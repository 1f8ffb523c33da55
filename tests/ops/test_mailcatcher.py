"""The mail catcher keeps what a real SMTP client sends, and acknowledges only what it kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest

from ops.embedded import free_port, port_answers
from ops.mailcatcher import serve
from tests.eventually import eventually


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    number, stop = free_port(), asyncio.Event()
    task = asyncio.create_task(serve(number, tmp_path, stop))

    async def listens() -> bool:
        return port_answers(number)

    await eventually(listens)
    yield number
    stop.set()
    await task


def mail(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "planwright@localhost"
    message["To"] = "rep01@demo.example"
    message["Subject"] = subject
    message.set_content("Die Planung für November ist offen.")
    return message


async def test_a_mail_becomes_a_file_and_a_line_of_the_index(port: int, tmp_path: Path) -> None:
    await aiosmtplib.send(mail("Cycle opened: November"), hostname="127.0.0.1", port=port)
    (path,) = tmp_path.glob("*.eml")
    kept = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert kept["Subject"] == "Cycle opened: November"
    assert "für November" in kept.get_content()
    assert path.name.endswith("-cycle-opened-november.eml")
    index = (tmp_path / "index.txt").read_text()
    assert f"{path.name}\trep01@demo.example\tCycle opened: November" in index


async def test_a_subject_can_not_choose_the_path(port: int, tmp_path: Path) -> None:
    await aiosmtplib.send(mail("../../etc/passwd"), hostname="127.0.0.1", port=port)
    (path,) = tmp_path.glob("*.eml")
    assert path.name.endswith("-etc-passwd.eml")


async def test_many_mails_at_once_are_all_kept(port: int, tmp_path: Path) -> None:
    await asyncio.gather(*(aiosmtplib.send(mail(f"Number {n}"), hostname="127.0.0.1", port=port) for n in range(20)))
    assert len(list(tmp_path.glob("*.eml"))) == 20
    assert len((tmp_path / "index.txt").read_text().splitlines()) == 20
