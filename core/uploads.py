"""Checks of an uploaded file before anything parses it: first bytes, zip directory, sizes, names.

Nothing is unpacked here except the list of content types (capped), so a check costs milliseconds whatever was sent.
What passes is worth opening in the separate reader process, not yet trusted.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Literal
from urllib.parse import quote

from core.errors import InvalidInput, PayloadTooLarge, UnsupportedFile

FileKind = Literal["csv", "xlsx"]

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Bytes unless said otherwise; `ratio` is unpacked : packed of one part larger than `ratio_from_bytes`."""

    file_bytes: int = 100 * MEBIBYTE
    unpacked_bytes: int = 600 * MEBIBYTE
    directory_bytes: int = MEBIBYTE
    entries: int = 2_000
    ratio: int = 100
    ratio_from_bytes: int = 2 * MEBIBYTE


DEFAULT_LIMITS = UploadLimits()

_END_RECORD = struct.Struct("<4sHHHHIIH")
_ZIP_START = b"PK\x03\x04"
_OLE_START = bytes.fromhex("d0cf11e0a1b11ae1")
# Only starts that no table begins with: a first column may well be called "MZ" or "PK".
_FOREIGN_STARTS = (
    _ZIP_START, b"PK\x05\x06", _OLE_START, b"%PDF-", b"\x7fELF", b"GIF8", b"\x89PNG", b"\xff\xd8\xff",
    b"{\\rtf", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!\x1a", b"\xfd7zXZ", b"#!/", b"\xca\xfe\xba\xbe",
)  # fmt: skip
_MARKUP = re.compile(rb"(?:<!doctype|<html|<\?xml|<\?php|<script|<svg)", re.IGNORECASE)
_ARCHIVE_SUFFIXES = frozenset(
    (".zip", ".xlsx", ".xlsm", ".xlsb", ".docx", ".docm", ".pptx", ".pptm", ".jar", ".7z", ".rar", ".gz", ".bz2", ".xz",
     ".tar", ".cab", ".iso", ".exe", ".dll", ".js", ".vbs")
)  # fmt: skip
_FORBIDDEN_PARTS = re.compile(
    r"(?:^|/)(?:vbaProject[^/]*\.bin|vbaData\.xml|macrosheets/|activeX/|embeddings/)", re.IGNORECASE
)
_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, struct.error, RuntimeError)
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


def check_upload(file: BinaryIO, filename: str, *, limits: UploadLimits = DEFAULT_LIMITS) -> FileKind:
    """Which of the two accepted formats this is; leaves the position of `file` (seekable) at its start.

    Raises InvalidInput (empty, damaged), UnsupportedFile (another format, macros, password, a disguise) or
    PayloadTooLarge (bytes, parts, or what it would unpack to).
    """
    suffix = PurePosixPath(filename.replace("\\", "/")).suffix.lower()
    if suffix not in (".csv", ".xlsx"):
        shown = f"Files ending in '{safe_display_name(suffix)}'" if suffix else "Files without an ending"
        raise UnsupportedFile(f"{shown} are not accepted; save the table as .xlsx or .csv and send it again.")
    size = file.seek(0, 2)
    if size == 0:
        raise InvalidInput("The file is empty.")
    if size > limits.file_bytes:
        raise PayloadTooLarge(f"The file is larger than {limits.file_bytes // MEBIBYTE} MB; split it.")
    file.seek(0)
    try:
        if suffix == ".csv":
            _check_csv(file.read(4096))
            return "csv"
        check_workbook(file, limits=limits)
        return "xlsx"
    finally:
        file.seek(0)


def _check_csv(head: bytes) -> None:
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(_BYTE_ORDER_MARKS):
        return
    if body.startswith(_FOREIGN_STARTS) or _MARKUP.match(body):
        raise UnsupportedFile("The name says .csv, but the content is another kind of file.")
    # UTF-16 without a byte order mark has a zero in every second byte; anything else with zeros is not text.
    if b"\0" in head and not _looks_like_utf16(head):
        raise UnsupportedFile("The name says .csv, but the content is not text.")


def _looks_like_utf16(head: bytes) -> bool:
    zeros = (head[0::2].count(0), head[1::2].count(0))
    return min(zeros) == 0 and max(zeros) >= len(head) // 4


def check_workbook(file: BinaryIO, *, limits: UploadLimits = DEFAULT_LIMITS) -> zipfile.ZipFile:
    """The opened zip of an .xlsx whose directory is harmless; errors as in `check_upload`.

    Part sizes are the declared ones, and reading through the returned ZipFile never yields more than was declared.
    """
    file.seek(0)
    start = file.read(8)
    if start == _OLE_START:
        raise UnsupportedFile("The workbook is protected by a password or is an old .xls; "
                              "save it as .xlsx without a password.")  # fmt: skip
    if not start.startswith(_ZIP_START):
        raise UnsupportedFile("The name says .xlsx, but the content is not an Excel workbook.")
    _check_end_record(file, limits)
    try:
        archive = zipfile.ZipFile(file)
        _check_parts(archive.infolist(), limits)
        _check_content_types(archive)
    except _DAMAGES as error:
        raise InvalidInput("The workbook is damaged: its zip directory cannot be read.") from error
    return archive


def _check_end_record(file: BinaryIO, limits: UploadLimits) -> None:
    """The end record is read by hand first: opening the zip would load every entry that the directory lists."""
    size = file.seek(0, 2)
    if size < _END_RECORD.size:
        raise InvalidInput("The workbook is damaged: it ends too early.")
    file.seek(size - _END_RECORD.size)
    magic, disk, _, entries, total, directory_bytes, offset, comment = _END_RECORD.unpack(file.read(_END_RECORD.size))
    if magic != b"PK\x05\x06" or comment != 0:
        raise InvalidInput("The workbook is damaged, or something follows its end.")
    if entries > limits.entries or directory_bytes > limits.directory_bytes:
        raise PayloadTooLarge(f"The workbook has more than {limits.entries:,} parts.")
    if disk != 0 or entries != total or offset + directory_bytes != size - _END_RECORD.size:
        raise InvalidInput("The workbook is damaged, or another file is hidden in it.")


def _check_parts(parts: list[zipfile.ZipInfo], limits: UploadLimits) -> None:
    if len({part.filename.lower() for part in parts}) != len(parts):
        raise InvalidInput("The workbook is damaged: a part appears twice.")
    if sum(part.file_size for part in parts) > limits.unpacked_bytes:
        most = limits.unpacked_bytes // MEBIBYTE
        raise PayloadTooLarge(f"The workbook would unpack to more than {most} MB; split it.")
    for part in parts:
        name = part.filename
        path = PurePosixPath(name)
        if name.startswith("/") or "\\" in name or ".." in path.parts or "\0" in part.orig_filename:
            raise InvalidInput("The workbook holds a part with a forbidden name.")
        if part.flag_bits & 0x1:
            raise UnsupportedFile("The workbook is protected by a password; save it without one.")
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnsupportedFile("The workbook is packed in a way that Excel does not use; save it again in Excel.")
        if _FORBIDDEN_PARTS.search(name) or path.suffix.lower() in _ARCHIVE_SUFFIXES:
            raise UnsupportedFile("The workbook holds macros or embedded files; save it as a plain .xlsx without them.")
        if part.file_size > limits.ratio_from_bytes and part.file_size > limits.ratio * max(part.compress_size, 1):
            size = part.file_size // MEBIBYTE
            raise PayloadTooLarge(
                f"A part of the workbook would unpack to {size} MB, suspiciously more than it takes packed. "
                "Remove empty formatted rows and save it again."
            )


def _check_content_types(archive: zipfile.ZipFile) -> None:
    part = archive.getinfo("[Content_Types].xml")
    if part.file_size > MEBIBYTE:
        raise PayloadTooLarge("The workbook's list of parts is too large.")
    types = archive.read(part).lower()
    if b"macroenabled" in types or b"vbaproject" in types:
        raise UnsupportedFile("The workbook holds macros; save it as a plain .xlsx.")
    if b"spreadsheetml.sheet.main+xml" not in types:
        raise UnsupportedFile("The content is an Office file, but not an Excel workbook (.xlsx).")


_NOT_SHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]")


def safe_display_name(raw: str, *, max_length: int = 120) -> str:
    """A file name fit to be shown: last path component, one line, at most `max_length` characters, suffix kept.

    Never for storage: stored files have generated keys.
    """
    name = " ".join(_NOT_SHOWN.sub("", re.split(r"[/\\]", raw)[-1]).split()).strip(". ")
    if len(name) > max_length:
        suffix = PurePosixPath(name).suffix[:16]
        name = name[: max_length - len(suffix) - 1] + "…" + suffix
    return name or "file"


def content_disposition(name: str) -> str:
    """The header value for a download (RFC 6266): an ASCII name for old clients, the full one percent-encoded."""
    shown = safe_display_name(name)
    ascii_name = re.sub(r'["\\%;]', "_", shown.encode("ascii", "replace").decode("ascii").replace("?", "_"))
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(shown, safe='')}"
