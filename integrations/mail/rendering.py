"""From a template and its values to subject, text and HTML. Values are data: one line, bounded, escaped in HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from html import escape
from string import Template as Text
from textwrap import fill
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.errors import InvalidInput
from core.text import printable
from integrations.mail.templates import TEMPLATES, Template

LONGEST_VALUE = 300
LONGEST_SUBJECT = 200
WIDTH = 76

_PAGE = Text(
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>$subject</title></head>'
    '<body style="margin:0;padding:24px;font-family:Arial,Helvetica,sans-serif;font-size:15px;line-height:1.5;'
    'color:#1a1a1a"><div style="max-width:600px;margin:0 auto">$body'
    '<p style="margin:28px 0"><a href="$url" style="background:#0b5cad;color:#ffffff;text-decoration:none;'
    'padding:10px 18px;border-radius:4px">$action</a></p>'
    '<p style="font-size:13px;color:#555555">Or copy this address into your browser:<br>$url</p>'
    '<p style="font-size:13px;color:#555555">$footer</p></div></body></html>'
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """`subject` is one line; `text` and `html` say the same."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom it is written to; times are shown in `time_zone` (an IANA name; UTC when it is none)."""

    name: str
    company: str
    time_zone: str


def render(
    template: str, data: Mapping[str, object], reader: Reader, *, app_url: str, link: str | None = None
) -> Rendered:
    """The mail in English. `link` wins over `data["url"]`, which wins over the template's place in the app.

    Raises InvalidInput for a template that does not exist.
    """
    found = TEMPLATES.get(template)
    if found is None:
        raise InvalidInput(f"There is no mail template called '{printable(template, max_length=60)}'.")
    zone = _zone(str(data.get("time_zone") or reader.time_zone))
    values = {name: shown for name, value in data.items() if (shown := _shown(value, zone)) is not None}
    values |= {"company_name": one_line(reader.company)}
    url = _target(found, values, link or data.get("url"), app_url)
    greeting = f"Hello {one_line(reader.name)}," if reader.name.strip() else "Hello,"
    footer = f"Planwright writes this for {values['company_name']}. Replies to this address are not read."
    paragraphs = [paragraph for paragraph in found.paragraphs if _complete(paragraph, values)]
    subject = Text(found.subject).safe_substitute(values) if _complete(found.subject, values) else found.action
    lines = [greeting, *(Text(paragraph).substitute(values) for paragraph in paragraphs)]
    return Rendered(
        subject=one_line(subject, LONGEST_SUBJECT),
        text="\n\n".join([*(fill(line, WIDTH) for line in lines), f"{found.action}:\n{url}", fill(footer, WIDTH)])
        + "\n",
        html=_PAGE.substitute(
            subject=escape(subject),
            body="".join(f"<p>{escape(line)}</p>" for line in lines),
            url=escape(url),
            action=escape(found.action),
            footer=escape(footer),
        ),
    )


def one_line(value: str, max_length: int = LONGEST_VALUE) -> str:
    """The text without line breaks and what else could act instead of being read."""
    return printable(" ".join(value.split()), max_length=max_length)


def _complete(text: str, values: Mapping[str, str]) -> bool:
    return all(name in values for name in Text(text).get_identifiers())


def _shown(value: object, zone: tzinfo) -> str | None:
    """How a value reads: times as `Sat 21 Nov 2026, 17:00 (Europe/London)`; None for what can't be shown."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return f"{aware.astimezone(zone):%a %d %b %Y, %H:%M} ({zone})"
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _target(template: Template, values: Mapping[str, str], url: object, app_url: str) -> str:
    """An absolute http(s) address; anything else leads into the app."""
    if isinstance(url, str) and urlsplit(url).scheme in ("http", "https") and not any(map(str.isspace, url)):
        return url
    path = Text(template.path).safe_substitute(values) if _complete(template.path, values) else ""
    return app_url.rstrip("/") + path
