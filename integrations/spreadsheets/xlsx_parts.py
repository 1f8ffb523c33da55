"""The small parts of a workbook: which sheet is read, which number formats are dates, the shared texts; and the
streaming of a large part in pieces that end between two elements.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO
from xml.etree.ElementTree import Element, ParseError
from xml.parsers import expat

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from core.errors import InvalidInput, PayloadTooLarge
from integrations.spreadsheets.limits import MEBIBYTE, ReadLimits

_SMALL_PART_BYTES = 16 * MEBIBYTE
_MOST_SHEETS = 1_000
_PREAMBLE_BYTES = MEBIBYTE
_PIECE_BYTES = MEBIBYTE
_CARRY_BYTES = 8 * MEBIBYTE

DAMAGED = "The workbook is damaged or holds something that Excel does not write; open it in Excel and save it again."


@dataclass(frozen=True, slots=True)
class SheetEntry:
    """A worksheet: its number among all tabs (from 1), its name, its part."""

    number: int
    name: str
    part: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class BookPlan:
    """The worksheets, per style whether it shows a date, and whether days count from 1904."""

    sheets: list[SheetEntry]
    shared_part: str | None
    date_styles: list[bool]
    from_1904: bool


def plan_book(archive: zipfile.ZipFile) -> BookPlan:
    """What the small parts say; raises InvalidInput when they are damaged."""
    workbook_part = _targets(archive, "").of_kind("officeDocument")
    if workbook_part is None:
        raise InvalidInput(DAMAGED)
    workbook = small_part(archive, workbook_part)
    targets = _targets(archive, workbook_part)
    properties = next(_named(workbook, "workbookPr"), None)
    from_1904 = properties is not None and properties.get("date1904", "").lower() in ("1", "true")
    sheets: list[SheetEntry] = []
    parts: set[str | None] = set()
    for number, sheet in enumerate(_named(workbook, "sheet"), start=1):
        if number > _MOST_SHEETS:
            raise PayloadTooLarge(f"The workbook has more than {_MOST_SHEETS:,} sheets; copy the table into a new one.")
        relation = next((value for name, value in sheet.attrib.items() if name.endswith("}id")), "")
        part = targets.worksheets.get(relation)
        if part in parts:
            # No program writes two sheets into one part; looking at it again and again would cost what it likes.
            raise InvalidInput(DAMAGED)
        if part is not None:
            parts.add(part)
            hidden = sheet.get("state", "visible") != "visible"
            sheets.append(SheetEntry(number, sheet.get("name", ""), part, hidden))
    styles = _date_styles(archive, targets.of_kind("styles"))
    return BookPlan(sheets, targets.of_kind("sharedStrings"), styles, from_1904)


def chosen_sheets(sheets: Sequence[SheetEntry], wanted: str) -> list[SheetEntry]:
    """The visible sheets, or the one that was named: by its name (a hidden one too), or by its place among the visible.

    Raises InvalidInput with the names that there are.
    """
    visible = [sheet for sheet in sheets if not sheet.hidden]
    if not wanted:
        if not visible:
            raise InvalidInput("The workbook has no visible worksheet.")
        return visible
    name = wanted.strip().casefold()
    found = [sheet for sheet in sheets if sheet.name.strip().casefold() == name]
    found = found or [sheet for place, sheet in enumerate(visible, start=1) if str(place) == wanted.strip()]
    if not found:
        names = ", ".join(sheet.name[:31] for sheet in visible[:12])
        raise InvalidInput(f"The workbook has no sheet '{wanted[:31]}'; it has: {names}.")
    return found[:1]


def small_part(archive: zipfile.ZipFile, name: str) -> Element:
    """The parsed part; document types and entities are refused before anything expands."""
    if archive.getinfo(name).file_size > _SMALL_PART_BYTES:
        raise PayloadTooLarge("The workbook's structure is too large; copy the table into a new workbook.")
    try:
        root: Element = fromstring(archive.read(name), forbid_dtd=True)
    except (DefusedXmlException, ParseError, ValueError, LookupError) as error:
        raise InvalidInput(DAMAGED) from error
    return root


@dataclass(frozen=True, slots=True)
class _Targets:
    by_kind: dict[str, str]
    worksheets: dict[str, str]

    def of_kind(self, kind: str) -> str | None:
        return self.by_kind.get(kind)


def _targets(archive: zipfile.ZipFile, part: str) -> _Targets:
    """What a part refers to: by the last word of the relation's type, worksheets by relation id."""
    folder, name = posixpath.split(part)
    by_kind: dict[str, str] = {}
    worksheets: dict[str, str] = {}
    names = set(archive.namelist())
    for relation in small_part(archive, posixpath.join(folder, "_rels", f"{name}.rels")):
        kind = relation.get("Type", "").rpartition("/")[2]
        target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/")
        if relation.get("TargetMode") == "External" or target not in names:
            continue
        by_kind.setdefault(kind, target)
        if kind == "worksheet":
            worksheets[relation.get("Id", "")] = target
    return _Targets(by_kind, worksheets)


def _named(root: Element, name: str) -> Iterator[Element]:
    return (element for element in root.iter() if element.tag.rpartition("}")[2] == name)


_BUILT_IN_DATES = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_NOT_A_FORMAT_LETTER = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)


def _date_styles(archive: zipfile.ZipFile, part: str | None) -> list[bool]:
    if part is None:
        return []
    root = small_part(archive, part)
    dates = set(_BUILT_IN_DATES)
    for entry in _named(root, "numFmt"):
        code = _NOT_A_FORMAT_LETTER.sub("", entry.get("formatCode", "").partition(";")[0])
        number = int(entry.get("numFmtId", "0"))
        is_date = re.search(r"[dmyhs]", code, re.IGNORECASE) is not None and "general" not in code.lower()
        (dates.add if is_date else dates.discard)(number)
    formats = next(_named(root, "cellXfs"), None)
    return [] if formats is None else [int(style.get("numFmtId", "0")) in dates for style in formats]


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole elements of a container, and the prefix (with its colon) that the part writes before names."""

    text: str
    prefix: str


def pieces(stream: IO[bytes], container: str, element: str) -> Iterator[Piece]:
    """The content of `container` cut before some `<element`, about a mebibyte each, until the container ends.

    Raises InvalidInput for a document type, another encoding than UTF-8, or an element without end.
    """
    prefix, carry = _enter(stream, container)
    if prefix is None:
        return
    opening, closing = f"<{prefix}{element}".encode(), f"</{prefix}{container}".encode()
    searched = 0
    while True:
        chunk = stream.read(_PIECE_BYTES)
        carry += chunk
        end = carry.find(closing, searched)
        cut = end if end >= 0 else carry.rfind(opening)
        if cut > 0:
            yield Piece(_decoded(carry[:cut]), prefix)
            carry = carry[cut:]
        if end >= 0:
            return
        searched = max(len(carry) - len(closing), 0)
        if not chunk or len(carry) > _CARRY_BYTES:
            raise InvalidInput(DAMAGED)


def _enter(stream: IO[bytes], container: str) -> tuple[str | None, bytes]:
    """The prefix of the container's tag and the bytes behind it; (None, b"") when the container is empty or absent."""
    tag = re.compile(rb"<((?:[A-Za-z_][\w.-]*:)?)" + container.encode() + rb"(?:\s[^<>]*)?(/?)>")
    head = b""
    while len(head) < _PREAMBLE_BYTES:
        chunk = stream.read(65_536)
        head += chunk
        found = tag.search(head)
        if found or not chunk:
            break
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head or b"\0" in head or _foreign_encoding(head):
        raise InvalidInput(DAMAGED)
    if found is None and len(head) >= _PREAMBLE_BYTES:
        raise InvalidInput(DAMAGED)
    if found is None or found.group(2):
        return None, b""
    return found.group(1).decode("ascii"), head[found.end() :]


def _foreign_encoding(head: bytes) -> bool:
    stated = re.match(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([^"']+)""", head)
    return stated is not None and stated.group(1).lower() not in (b"utf-8", b"us-ascii", b"ascii")


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(DAMAGED) from error


_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_ENTITY = re.compile(r"&(#x[0-9A-Fa-f]{1,6}|#[0-9]{1,7}|[a-z]{2,4});?")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def unescape_xml(text: str) -> str:
    """The five entities and character references of XML; raises InvalidInput for any other."""
    return _ENTITY.sub(_entity, text) if "&" in text else text


def _entity(match: re.Match[str]) -> str:
    name = match.group(1)
    try:
        if name.startswith("#"):
            return chr(int(name[2:], 16) if name[1] in "xX" else int(name[1:]))
        return _ENTITIES[name]
    except (KeyError, ValueError, OverflowError) as error:
        raise InvalidInput(DAMAGED) from error


def unescape_cell(text: str) -> str:
    """`_x000D_` stands for a character that XML cannot hold; what is not a character becomes U+FFFD."""
    if "_x" not in text:
        return text
    plain = _ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text)
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


_PLAIN_SHARED = re.compile(r"<si><t(?: [^<>]*)?>([^<]*)</t></si>|<si><t(?: [^<>]*)?/></si>|<si/>")


def shared_texts(archive: zipfile.ZipFile, part: str | None, limits: ReadLimits) -> list[str]:
    """The table of texts that cells point into; phonetic hints are left out."""
    texts: list[str] = []
    if part is None:
        return texts
    chars = 0
    with archive.open(part) as stream:
        for piece in pieces(stream, "sst", "si"):
            plain = not piece.prefix and "<!" not in piece.text
            found = _PLAIN_SHARED.findall(piece.text) if plain else []
            if plain and len(found) == piece.text.count("<si"):
                fresh = [unescape_cell(unescape_xml(text)) for text in found]
            else:
                fresh = [unescape_cell(text) for text in _rich_texts(piece.text)]
            texts += fresh
            chars += sum(map(len, fresh))
            if len(texts) > limits.shared_texts or chars > limits.shared_chars:
                raise PayloadTooLarge("The workbook holds too much text; split it.")
    return texts


def _rich_texts(xml: str) -> Iterator[str]:
    """Texts of `si` elements, runs joined."""
    texts: list[str] = []
    parts: list[str] = []
    hidden = 0
    parser = fragment_parser()

    def start(name: str, _: object) -> None:
        nonlocal hidden
        local = name.rpartition(":")[2]
        if local == "rPh":
            hidden += 1
        elif local == "t" and not hidden:
            parser.CharacterDataHandler = parts.append

    def end(name: str) -> None:
        nonlocal hidden
        local = name.rpartition(":")[2]
        if local == "rPh":
            hidden -= 1
        elif local == "t":
            parser.CharacterDataHandler = None
        elif local == "si":
            texts.append("".join(parts))
            parts.clear()

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parse_fragment(parser, xml)
    return iter(texts)


def fragment_parser() -> expat.XMLParserType:
    """A parser for pieces; attributes come as a flat list (name, value, name, value …)."""
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.ordered_attributes = True
    return parser


def parse_fragment(parser: expat.XMLParserType, xml: str) -> None:
    """Feed whole elements without a root. A document type cannot stand inside a root, so there are no entities."""
    try:
        parser.Parse(f"<piece>{xml}</piece>".encode(), True)
    except (expat.ExpatError, UnicodeEncodeError) as error:
        raise InvalidInput(DAMAGED) from error
