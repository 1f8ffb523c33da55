"""Spreadsheets made for tests: plain ones and hostile ones. Each function says what is special about its file."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping

import openpyxl

CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
ROOT_RELATIONS = (
    f'<Relationships xmlns="{_RELATIONS}">'
    f'<Relationship Id="rId1" Type="{_TYPES}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
BOOK_RELATIONS = (
    f'<Relationships xmlns="{_RELATIONS}">'
    f'<Relationship Id="rId1" Type="{_TYPES}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_TYPES}/styles" Target="styles.xml"/>'
    f'<Relationship Id="rId3" Type="{_TYPES}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
)
BOOK = (
    f'<workbook xmlns="{MAIN}" xmlns:r="{_TYPES}"><workbookPr/>'
    '<sheets><sheet name="Data" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts count="2"><numFmt numFmtId="164" formatCode="dd\\.mm\\.yyyy"/>'
    '<numFmt numFmtId="165" formatCode="[Red]#,##0&quot; days&quot;"/></numFmts>'
    '<cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs>'
    "</styleSheet>"
)


def sheet(rows: str, behind: str = "", before: str = "") -> str:
    """A worksheet part around the XML of its rows."""
    start = f'<?xml version="1.0" encoding="UTF-8"?>{before}<worksheet xmlns="{MAIN}"><sheetData>'
    return f"{start}{rows}</sheetData>{behind}</worksheet>"


def shared(items: str, before: str = "") -> str:
    """A shared-texts part around the XML of its items."""
    return f'<?xml version="1.0" encoding="UTF-8"?>{before}<sst xmlns="{MAIN}">{items}</sst>'


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip of the parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return buffer.getvalue()


def book(sheet_xml: str | bytes, **replaced: str | bytes) -> bytes:
    """A small workbook by hand; `replaced` gives other content to: types, root, workbook, relations, styles, texts."""
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": replaced.get("types", CONTENT_TYPES),
        "_rels/.rels": replaced.get("root", ROOT_RELATIONS),
        "xl/workbook.xml": replaced.get("workbook", BOOK),
        "xl/_rels/workbook.xml.rels": replaced.get("relations", BOOK_RELATIONS),
        "xl/styles.xml": replaced.get("styles", STYLES),
        "xl/sharedStrings.xml": replaced.get("texts", shared("<si><t>name</t></si>")),
        "xl/worksheets/sheet1.xml": sheet_xml,
    }
    return archive(parts)


def text_cell(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


HEADER = f'<row r="1">{text_cell("A1", "code")}{text_cell("B1", "value")}</row>'
PLAIN_ROWS = HEADER + f'<row r="2">{text_cell("A2", "00123")}<c r="B2"><v>2.5499999999999998</v></c></row>'


def plain_book() -> bytes:
    """Nothing special."""
    return book(sheet(PLAIN_ROWS))


# --- hostile -----------------------------------------------------------------------------------------------------


def zip_bomb() -> bytes:
    """About 160 KB that unpack to 68 MB of rows."""
    row = '<row r="{0}"><c r="A{0}"><v>1</v></c></row>'
    return book(sheet(HEADER + "".join(row.format(2) for _ in range(1_600_000))))


def far_cell() -> bytes:
    """5 KB with one more cell in the last corner of the sheet: a reader that builds the rectangle needs 512 GB."""
    workbook = openpyxl.Workbook()
    workbook.active["A1"] = "code"  # type: ignore[index]
    workbook.active["XFD1048576"] = 1  # type: ignore[index]
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def merged_sheet() -> bytes:
    """5 KB in which the whole sheet is one merged cell."""
    return book(sheet(PLAIN_ROWS, '<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'))


_LAUGHS = (
    "<!DOCTYPE lolz [<!ENTITY a0 'lol'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    + "]>"
)
_OUTSIDE = '<!DOCTYPE sst [<!ENTITY file SYSTEM "file:///etc/passwd">]>'


def billion_laughs_in_sheet() -> bytes:
    """Entities that expand to gigabytes, used in a cell."""
    return book(sheet(HEADER + f'<row r="2">{text_cell("A2", "&a9;")}</row>', before=_LAUGHS))


def billion_laughs_in_texts() -> bytes:
    """The same in the shared texts."""
    return book(sheet(PLAIN_ROWS), texts=shared("<si><t>&a9;</t></si>", before=_LAUGHS))


def billion_laughs_in_workbook() -> bytes:
    """The same in the list of sheets."""
    return book(sheet(PLAIN_ROWS), workbook=_LAUGHS + BOOK.replace("Data", "&a9;"))


def outside_entity() -> bytes:
    """An entity that names a file of the server, used in a shared text that a cell shows."""
    rows = HEADER + '<row r="2"><c r="A2" t="s"><v>0</v></c></row>'
    return book(sheet(rows), texts=shared("<si><t>&file;</t></si>", before=_OUTSIDE))


def late_document_type() -> bytes:
    """A document type inside the rows, where a scan of the beginning does not look."""
    return book(sheet(HEADER + _OUTSIDE + f'<row r="2">{text_cell("A2", "&file;")}</row>'))


def utf16_sheet() -> bytes:
    """A sheet in UTF-16, in which a search for "<!DOCTYPE" finds nothing."""
    return book(sheet(PLAIN_ROWS, before=_OUTSIDE).replace("UTF-8", "UTF-16").encode("utf-16"))


def endless_row() -> bytes:
    """A row that does not end for 20 MB, packed hardly at all."""
    cells = "".join(text_cell(f"A{n}", f"{n * 7919 % 999_983}") for n in range(400_000))
    return book(sheet(HEADER + f'<row r="2">{cells}</row>'))


def text_amplifier() -> bytes:
    """One shared text of 32,000 characters, shown by 60,000 cells: 2 GB of text from a small file."""
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(2, 60_000))
    return book(sheet(HEADER + rows), texts=shared(f"<si><t>{'x' * 32_000}</t></si>"))


def million_shared_texts() -> bytes:
    """More shared texts than any table needs."""
    return book(sheet(PLAIN_ROWS), texts=shared("".join(f"<si><t>{n:x}</t></si>" for n in range(1_100_000))))


def backward_rows() -> bytes:
    """Rows that go backwards, so that a reader computing heights underflows."""
    rows = HEADER + '<row r="9"><c r="A9"><v>1</v></c></row><row r="3"><c r="A3"><v>1</v></c></row>'
    return book(sheet(rows))


def broken_checksum() -> bytes:
    """A part that was changed after it was packed."""
    data = bytearray(plain_book())
    at = data.find(b"xl/worksheets/sheet1.xml") + len(b"xl/worksheets/sheet1.xml") + 20
    data[at] ^= 0x55
    return bytes(data)


def wide_title_row() -> bytes:
    """A first row of 300 titles, more than a table may have."""
    workbook = openpyxl.Workbook()
    workbook.active.append([f"title {n}" for n in range(300)])  # type: ignore[union-attr]
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def endless_list_of_sheets() -> bytes:
    """A list of 100,000 sheets."""
    return _book_of_sheets(100_000, sheet(PLAIN_ROWS))


def many_sheets_of_one_part() -> bytes:
    """900 sheets that all point to the same large part of blank cells, so that looking at each is endless."""
    rows = "".join(f'<row r="{n}"><c r="A{n}" s="{n % 4}"/></row>' for n in range(1, 200_000))
    return _book_of_sheets(900, sheet(rows))


def many_large_sheets() -> bytes:
    """20 sheets of 60,000 blank formatted rows each: all fine, and nothing in any of them."""
    rows = "".join(f'<row r="{n}"><c r="A{n}" s="{n % 4}"/></row>' for n in range(1, 60_000))
    listed = "".join(f'<sheet name="S{n}" sheetId="{n + 1}" r:id="w{n}"/>' for n in range(20))
    links = "".join(
        f'<Relationship Id="w{n}" Type="{_TYPES}/worksheet" Target="worksheets/sheet{n + 1}.xml"/>' for n in range(20)
    )
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": ROOT_RELATIONS,
        "xl/workbook.xml": BOOK[: BOOK.index("<sheets>")] + f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": BOOK_RELATIONS[: BOOK_RELATIONS.index("<Relationship Id")]
        + links
        + "</Relationships>",
    }
    return archive({**parts, **{f"xl/worksheets/sheet{n + 1}.xml": sheet(rows) for n in range(20)}})


def _book_of_sheets(count: int, part: str) -> bytes:
    sheets = "".join(f'<sheet name="S{n}" sheetId="{n + 1}" r:id="rId1"/>' for n in range(count))
    return book(part, workbook=BOOK[: BOOK.index("<sheets>")] + f"<sheets>{sheets}</sheets></workbook>")


def endless_title() -> bytes:
    """Titles of 32,000 characters each, in every cell of the first rows."""
    cells = "".join('<c r="{}{}" t="s"><v>0</v></c>'.format("ABCDEFGH"[at], "{0}") for at in range(8))
    rows = "".join(f'<row r="{n}">{cells.format(n)}</row>' for n in range(1, 20_000))
    return book(sheet(rows), texts=shared(f"<si><t>{'x' * 32_000}</t></si>"))


HOSTILE_BOOKS: tuple[Callable[[], bytes], ...] = (
    zip_bomb,
    far_cell,
    merged_sheet,
    billion_laughs_in_sheet,
    billion_laughs_in_texts,
    billion_laughs_in_workbook,
    outside_entity,
    late_document_type,
    utf16_sheet,
    endless_row,
    text_amplifier,
    million_shared_texts,
    backward_rows,
    broken_checksum,
    wide_title_row,
    endless_list_of_sheets,
    many_sheets_of_one_part,
    many_large_sheets,
    endless_title,
)


# --- hostile by their directory, refused at the door --------------------------------------------------------------


def macro_book() -> bytes:
    """A workbook with a macro under an innocent name."""
    return _with_part("xl/vbaProject.bin", b"\xd0\xcf\x11\xe0")


def macro_type_book() -> bytes:
    """A workbook that says in its list of types that it holds macros."""
    kind = CONTENT_TYPES.replace(
        "openxmlformats-officedocument.spreadsheetml.sheet.main", "ms-excel.sheet.macroEnabled.main"
    )
    return book(sheet(PLAIN_ROWS), types=kind)


def encrypted_book() -> bytes:
    """What Excel writes for a workbook with a password: an OLE container."""
    return bytes.fromhex("d0cf11e0a1b11ae1") + bytes(4096)


def nested_zip() -> bytes:
    """A workbook that carries another archive."""
    return _with_part("xl/media/image1.zip", archive({"a": "a"}))


def embedded_document() -> bytes:
    """A workbook with an embedded file."""
    return _with_part("xl/embeddings/oleObject1.bin", b"MZ")


def word_document() -> bytes:
    """A Word document that was renamed."""
    types = CONTENT_TYPES.replace("spreadsheetml.sheet", "wordprocessingml.document")
    return book(sheet(PLAIN_ROWS), types=types)


def plain_zip() -> bytes:
    """A zip of something else."""
    return archive({"readme.txt": "hello"})


def many_parts() -> bytes:
    """Ten thousand empty parts."""
    return archive({"[Content_Types].xml": CONTENT_TYPES, **{f"xl/{n}": "" for n in range(10_000)}})


def prefixed_archive() -> bytes:
    """A program in front of the zip directory's first part: both are valid."""
    return b"PK\x03\x04" + b"MZ program" + plain_book()


def archive_with_a_tail() -> bytes:
    """A web page behind the end of the zip."""
    return plain_book() + b"<html><script>alert(1)</script></html>"


def lying_directory() -> bytes:
    """The directory says there is one part, and lists seven."""
    data = bytearray(plain_book())
    data[-22 + 8 : -22 + 12] = struct.pack("<HH", 1, 7)
    return bytes(data)


def climbing_part() -> bytes:
    """A part whose name climbs out of the archive."""
    return _with_part("xl/../../etc/passwd", b"x")


def doubled_part() -> bytes:
    """Two parts whose names differ by case only."""
    return _with_part("XL/workbook.xml", BOOK.encode())


def _with_part(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO(plain_book())
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr(name, content)
    return buffer.getvalue()
