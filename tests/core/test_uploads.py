"""The door for files (T33, T37, T38): what is neither csv nor a plain workbook never reaches a parser."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import PurePosixPath

import pytest

from core.errors import InvalidInput, PayloadTooLarge, PlanwrightError, UnsupportedFile
from core.uploads import UploadLimits, check_upload, content_disposition, safe_display_name
from tests import spreadsheet_files as files


def check(content: bytes, name: str = "table.xlsx", limits: UploadLimits | None = None) -> str:
    return check_upload(io.BytesIO(content), name, limits=limits or UploadLimits())


def test_a_workbook_and_a_csv_pass_and_are_rewound() -> None:
    file = io.BytesIO(files.plain_book())
    assert check_upload(file, "Preise 2026.XLSX") == "xlsx"
    assert file.tell() == 0
    assert check(b"a;b\r\n1;2\r\n", "list.csv") == "csv"
    assert check("ä;b\n1;2".encode("utf-16"), "list.csv") == "csv"
    assert check("code;b\n1;2".encode("utf-16-le"), "list.csv") == "csv"
    assert check(b"MZ;PK\n1;2\n", "list.csv") == "csv"


@pytest.mark.parametrize("name", ["a.xlsm", "a.xls", "a.pdf", "a", "a.csv.exe", "xlsx", "a.zip", "..", ""])
def test_other_endings_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedFile) as refused:
        check(files.plain_book(), name)
    assert refused.value.message.startswith("Files ending in '" if PurePosixPath(name).suffix else "Files without an")


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_an_empty_file_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        check(b"", name)


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7 /JS (app.alert(1))", b"\x7fELF\x02\x01", b"<!DOCTYPE html><html>", b"\xef\xbb\xbf<html>",
        b"  <?xml version='1.0'?>", b"{\\rtf1", b"\x89PNG\r\n", b"a,b\n\x00\x00\x01\x02,c",
        bytes.fromhex("d0cf11e0a1b11ae1"),
        b"PK\x05\x06" + bytes(18), b"#!/bin/sh\n",
    ],
)  # fmt: skip
def test_a_csv_with_other_content_is_refused(content: bytes) -> None:
    with pytest.raises(UnsupportedFile):
        check(content, "a.csv")


def test_a_workbook_named_csv_and_a_csv_named_workbook_are_refused() -> None:
    with pytest.raises(UnsupportedFile):
        check(files.plain_book(), "a.csv")
    with pytest.raises(UnsupportedFile):
        check(b"a,b\n1,2\n", "a.xlsx")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (files.macro_book, UnsupportedFile),
        (files.macro_type_book, UnsupportedFile),
        (files.encrypted_book, UnsupportedFile),
        (files.nested_zip, UnsupportedFile),
        (files.embedded_document, UnsupportedFile),
        (files.word_document, UnsupportedFile),
        (files.plain_zip, InvalidInput),
        (files.many_parts, PayloadTooLarge),
        (files.prefixed_archive, InvalidInput),
        (files.archive_with_a_tail, InvalidInput),
        (files.lying_directory, InvalidInput),
        (files.climbing_part, InvalidInput),
        (files.doubled_part, InvalidInput),
        (files.zip_bomb, PayloadTooLarge),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_hostile_directory_is_refused(make: Callable[[], bytes], error: type[PlanwrightError]) -> None:
    with pytest.raises(error) as refusal:
        check(make())
    assert refusal.value.message.endswith(".")


def test_every_cut_of_a_workbook_is_refused() -> None:
    whole = files.plain_book()
    for length in range(1, len(whole), 7):
        with pytest.raises((InvalidInput, UnsupportedFile)):
            check(whole[:length])


def test_sizes_are_limited_before_anything_is_unpacked() -> None:
    book = files.plain_book()
    with pytest.raises(PayloadTooLarge):
        check(book, limits=UploadLimits(file_bytes=len(book) - 1))
    with pytest.raises(PayloadTooLarge):
        check(book, limits=UploadLimits(unpacked_bytes=100))
    with pytest.raises(PayloadTooLarge):
        check(book, limits=UploadLimits(entries=3))
    with pytest.raises(PayloadTooLarge):
        check(book, limits=UploadLimits(directory_bytes=100))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\Preise.xlsx", "Preise.xlsx"),
        ("a\r\nSet-Cookie: x=1.csv", "aSet-Cookie: x=1.csv"),
        ("Müller & Söhne 価格.xlsx", "Müller & Söhne 価格.xlsx"),
        ("fdp\u202exslx.exe", "fdpxslx.exe"),
        ("\ud800.csv", "csv"),
        ("..", "file"),
        ("", "file"),
        ("a\x00b.csv", "ab.csv"),
    ],
)
def test_names_are_shown_without_paths_and_tricks(raw: str, shown: str) -> None:
    assert safe_display_name(raw) == shown


def test_a_long_name_keeps_its_ending() -> None:
    shown = safe_display_name("x" * 300 + ".xlsx")
    assert len(shown) == 120
    assert shown.endswith("….xlsx")


def test_content_disposition_is_one_ascii_line_with_the_full_name_encoded() -> None:
    header = content_disposition('Pläne "2026"; %41\r\nX-Evil: 1.xlsx')
    assert header.isascii()
    assert "\r" not in header
    assert "\n" not in header
    assert header == (
        'attachment; filename="Pl_ne _2026__ _41X-Evil: 1.xlsx"; '
        "filename*=UTF-8''Pl%C3%A4ne%20%222026%22%3B%20%2541X-Evil%3A%201.xlsx"
    )
