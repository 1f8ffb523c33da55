"""Mails as they leave: what they say, whom they can reach, and what a refusing server makes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from pydantic import SecretStr

from core.errors import InvalidInput, UpstreamFailed
from core.settings import MailSettings
from integrations.mail.message import compose, one_address, sender_of
from integrations.mail.rendering import Reader, Rendered, render
from integrations.mail.smtp import SmtpConnection
from integrations.mail.templates import TEMPLATES
from ops.embedded import free_port
from tests.mailserver import MailServer, part, running_mail_server

ANN = Reader("Ann Lee", "Acme", "Europe/Berlin")
AT = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
OPENED = {
    "cycle_id": "c1",
    "cycle_name": "December 2026",
    "entry_closes_at": AT,
    "months": "2026-12 – 2028-03",
    "customers": 12,
}
HELLO = Rendered("Hello", "Hello in text.\n", "<p>Hello in HTML.</p>")


def say(template: str, data: dict[str, object], link: str | None = None) -> Rendered:
    return render(template, data, ANN, app_url="https://plan.acme.example/", link=link)


def settings(server: MailServer) -> MailSettings:
    return MailSettings(smtp_port=server.port, smtp_timeout_seconds=5, mail_from="Planwright <plan@acme.example>")


def mail_to(address: str) -> EmailMessage:
    sender = sender_of("Planwright <plan@acme.example>")
    return compose(sender, one_address(address, "Ann"), HELLO, message_id="<1@acme.example>", at=AT)


def test_a_rep_reads_until_when_what_and_where() -> None:
    mail = say("cycle-opened", OPENED)
    assert mail.subject == "December 2026: your forecast is due by Sat 21 Nov 2026, 18:00 (Europe/Berlin)"
    for words in (
        "Hello Ann Lee,",
        "You plan 12 customers.",
        "2026-12 – 2028-03",
        "https://plan.acme.example/cycles/c1",
    ):
        assert words in mail.text
        assert words in mail.html


def test_what_is_not_known_is_left_out() -> None:
    mail = say("cycle-opened", {"cycle_name": "December 2026"})
    assert mail.subject == "Open my forecast"
    assert "$" not in mail.text
    assert "You plan" not in mail.text
    assert "https://plan.acme.example" in mail.text


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_every_template_can_be_shown_without_any_value(template: str) -> None:
    mail = say(template, {})
    assert mail.subject
    assert "$" not in mail.subject + mail.text + mail.html


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_values_never_become_markup(template: str) -> None:
    names = {name for line in (TEMPLATES[template].subject, *TEMPLATES[template].paragraphs) for name in _names(line)}
    mail = say(template, dict.fromkeys(names, "<img src=x onerror=alert(1)>&"))
    assert "<img" not in mail.html


def _names(line: str) -> list[str]:
    return [word.strip("$.,%:") for word in line.split() if word.startswith("$")]


def test_line_breaks_in_values_stay_out_of_the_subject() -> None:
    mail = say("cycle-closed", {"cycle_name": "Dec\r\nBcc: eve@evil.example"})
    assert mail.subject.splitlines() == ["Dec Bcc: eve@evil.example is closed: the plan is frozen"]


def test_only_web_addresses_become_links() -> None:
    assert "javascript:" not in say("cycle-closed", {"cycle_name": "Dec", "url": "javascript:alert(1)"}).html
    assert 'href="https://x.example/a"' in say("cycle-closed", {"url": "https://x.example/a"}).html


def test_a_minted_link_wins() -> None:
    mail = say(
        "password-setup", {"url": "https://evil.example"}, link="https://plan.acme.example/password-setup#token=t"
    )
    assert "https://plan.acme.example/password-setup#token=t" in mail.text
    assert "evil" not in mail.text + mail.html


def test_an_unknown_template_is_refused() -> None:
    with pytest.raises(InvalidInput):
        say("love-letter", {})


@pytest.mark.parametrize(
    "address",
    [
        "a@x.example, b@y.example",
        "a@x.example\r\nBcc: b@y.example",
        "a@x.example b@y.example",
        "Ann <a@x.example>",
        "a@x.example;b@y.example",
        '"a b"@x.example',
        "a@x.example\x00",
        "nobody",
        "",
        "jürgen@x.example",
    ],
)
def test_anything_but_one_plain_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput):
        one_address(address)


@pytest.mark.parametrize("mail_from", ["", "Planwright", "a@x.example, b@y.example", "a@x\r\nBcc: b@y", "Plan <a b@x>"])
def test_an_unfit_sender_is_refused_by_the_settings_name(mail_from: str) -> None:
    with pytest.raises(InvalidInput, match="MAIL_FROM"):
        sender_of(mail_from)


def test_the_default_sender_is_fit() -> None:
    assert sender_of("Planwright <planwright@localhost>").addr_spec == "planwright@localhost"


@pytest.mark.parametrize(
    "name", ["Ann\r\nBcc: eve@evil.example", "Ann, Eve <eve@evil.example>", 'Ann "the boss"', "Ännchen"]
)
def test_a_name_never_becomes_a_header_or_a_recipient(name: str) -> None:
    sender = sender_of("Planwright <plan@acme.example>")
    mail = compose(sender, one_address("ann@acme.example", name), HELLO, message_id="<1@x>", at=AT)
    assert [address.addr_spec for address in mail["To"].addresses] == ["ann@acme.example"]
    assert mail["Bcc"] is None
    assert b"\nBcc:" not in mail.as_bytes()


@pytest.mark.parametrize("message_id", ["", "1@x", "<1@x>\r\nBcc: e@x", "<ä@x>"])
def test_a_malformed_message_id_is_refused(message_id: str) -> None:
    with pytest.raises(InvalidInput):
        compose(sender_of("a@x.example"), one_address("b@x.example"), HELLO, message_id=message_id, at=AT)


async def test_a_mail_arrives_once_with_text_html_and_its_id() -> None:
    async with running_mail_server() as server, SmtpConnection(settings(server)) as connection:
        message = mail_to("ann@acme.example")
        outcome = await connection.send(message, sender="plan@acme.example", recipient="ann@acme.example")
        [mail] = server.mails
        assert outcome.state == "sent"
        assert server.envelopes == [("plan@acme.example", ["ann@acme.example"])]
        assert (mail["Message-ID"], mail["Subject"], mail["Auto-Submitted"]) == (
            "<1@acme.example>",
            "Hello",
            "auto-generated",
        )
        assert (part(mail, "plain").strip(), part(mail, "html").strip()) == ("Hello in text.", "<p>Hello in HTML.</p>")


@pytest.mark.parametrize(("answer", "state"), [("550 no such user", "refused"), ("451 try later", "later")])
async def test_a_refused_address_does_not_stop_the_next(answer: str, state: str) -> None:
    async with running_mail_server() as server, SmtpConnection(settings(server)) as connection:
        server.refusals["bob@acme.example"] = answer
        outcome = await connection.send(
            mail_to("bob@acme.example"), sender="p@acme.example", recipient="bob@acme.example"
        )
        following = await connection.send(
            mail_to("ann@acme.example"), sender="p@acme.example", recipient="ann@acme.example"
        )
        assert (outcome.state, outcome.reason) == (state, answer)
        assert (following.state, server.connections) == ("sent", 1)


@pytest.mark.parametrize(("answer", "state"), [("554 spam", "refused"), ("452 full", "later"), ("", "later")])
async def test_a_refused_content_or_a_lost_connection_is_told(answer: str, state: str) -> None:
    async with running_mail_server() as server, SmtpConnection(settings(server)) as connection:
        server.answers = [answer]
        outcome = await connection.send(
            mail_to("ann@acme.example"), sender="p@acme.example", recipient="ann@acme.example"
        )
        following = await connection.send(
            mail_to("ann@acme.example"), sender="p@acme.example", recipient="ann@acme.example"
        )
        assert (outcome.state, following.state) == (state, "sent")


async def test_a_server_that_is_not_there_is_an_error_of_ours() -> None:
    with pytest.raises(UpstreamFailed):
        async with SmtpConnection(MailSettings(smtp_port=free_port())):
            pass


async def test_a_server_that_wants_another_password_is_an_error_of_ours() -> None:
    async with running_mail_server() as server:
        wrong = MailSettings(smtp_port=server.port, smtp_username="a", smtp_password=SecretStr("b"))
        with pytest.raises(UpstreamFailed):
            async with SmtpConnection(wrong):
                pass
